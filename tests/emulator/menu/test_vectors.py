"""Official test vectors: all of them where they are at hand, and a committed piece of one everywhere."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.menu.checks.bench import measure
from l1forge.emulator.menu.checks.check import INCOMPLETE, MATCH, PASS, UNSCORED, check_menu, read_orbit
from l1forge.emulator.menu.checks.numpy_peer import NumpyMenu
from l1forge.emulator.menu.checks.reference import Reference
from l1forge.emulator.menu.compiled import load_compiled
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.language.load import KNOWN_VECTORS, load_menu
from l1forge.emulator.menu.language.yaml_menu import read_known
from l1forge.emulator.menu.language.yaml_tree import read_yaml

DATA = Path(__file__).parent / "data"
SHARED = Path("/work/shared/data/ugt")
CDC = "L1_CDC_SingleMu_3_er1p2_TOP120_DPHI2p618_3p142"


def _menu_of(vectors: Path) -> Path:
    """The menu whose name the vector file's name begins with."""
    stems = {path: path.name.split(".")[0] for path in SHARED.glob("*.menu.*")}
    return next(path for path, stem in stems.items() if vectors.name.startswith(stem))


@pytest.mark.parametrize("vectors", sorted(SHARED.glob("*.txt")), ids=lambda path: path.stem)
def test_official_vectors(vectors: Path) -> None:
    menu = load_menu(_menu_of(vectors))
    result = check_menu(menu, vectors, read_known(read_yaml(KNOWN_VECTORS)))
    assert result.verdict == (INCOMPLETE if "2024" in vectors.name else PASS)  # its 5 AXO seeds: no scores
    others = [item for item in result.algorithms if item.status not in (MATCH, UNSCORED)]
    assert [item.name for item in others] == ([CDC] if fnmatch(vectors.name, "*2024*data*") else [])
    assert result.count(UNSCORED) == (5 if "2024" in vectors.name else 0)
    assert result.finor_differences == 0


def test_committed_piece_of_the_2024_menu_and_its_vectors() -> None:
    """385 algorithms on 120 crossings of tt̄; shorter than an orbit, yet its ends are neighbours."""
    result = check_menu(load_compiled(DATA / "collisions2024.json"), DATA / "ttbar_120.txt")
    assert result.verdict == INCOMPLETE  # for want of scores, nothing else
    assert result.finor_differences == 0
    assert (result.count(MATCH), result.count(UNSCORED)) == (385, 5)
    compared = [item for item in result.algorithms if item.status == MATCH]
    assert sum(item.expected > 0 for item in compared) == 231


def test_numpy_peer_agrees_on_the_committed_piece() -> None:
    menu, events = load_compiled(DATA / "collisions2024.json"), read_orbit(DATA / "ttbar_120.txt")
    scores = {name: np.arange(events.n) * 300 for name in menu.scores}
    words = MenuEvaluator(menu)(events, scores)
    ours = np.array([algorithm_bit(words, a.index) for a in menu.algorithms])
    np.testing.assert_array_equal(ours, NumpyMenu(menu)(events, scores))


def test_bench_reports_both_speeds_and_no_difference() -> None:
    result = measure(load_compiled(DATA / "collisions2024.json"), DATA / "ttbar_120.txt", 1000, 1)
    assert result.differences == 0
    assert result.kernels > result.peer > 0


def test_reference_agrees_on_the_committed_piece() -> None:
    menu = load_compiled(DATA / "collisions2024.json")
    events = read_orbit(DATA / "ttbar_120.txt").select(slice(0, 6))
    scores = {name: np.arange(events.n) * 9000 for name in menu.scores}
    words = MenuEvaluator(menu)(events, scores)
    ours = np.array([algorithm_bit(words, a.index) for a in menu.algorithms])
    np.testing.assert_array_equal(ours, Reference(menu)(events, scores))
