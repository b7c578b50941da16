"""Directed crossings of menus: every seed true and false by each of its conditions, for any menu."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.menu.checks.reference import Reference
from l1forge.emulator.menu.compiled import CompiledMenu, Limit
from l1forge.emulator.menu.language.load import load_menu
from l1forge.firmware.menu import generate_menu
from l1forge.firmware.rtl.project import RtlProject
from l1forge.testbench.crossings import events_of
from l1forge.testbench.directed.menu import MenuCoverage, directed_menu
from l1forge.testbench.directed.menu.pairs import Thing, measure, within
from l1forge.testbench.menu import cosimulate_menu, menu_stimuli
from l1forge.testbench.stimuli import DIRECTED, Plan

HEAD = """
menu: L1Menu_directed
externals: {ZeroBias_BPTX_AND_VME: 4}
scores: {vae: {type: "ufixed<18,14>"}, muon_pt.pt: {type: "ufixed<9,9>"}}
algorithms:
"""
SEEDS = (
    "MU22[MU-QLTY_SNGL] AND NOT MU25",
    "dist{MU4[MU-QLTY_SNGL],MU4[MU-QLTY_SNGL]}[CHGCOR_OS,DR_MAX_1p2] AND EXT_ZeroBias_BPTX_AND_VME",
    "mass_inv{JET40,JET40}[MASS_MIN_620] XOR HTT300",
    "mass_inv_3{MU3,MU2p5,MU0}[MASS_MAX_12]",
    "comb_orm{TAU28[TAU-ISO_0xE,ER2p1],TAU28[TAU-ISO_0xE,ER2p1],JET60}[ORMDR_0p5]",
    "mass_trans{EG32[EG-ISO_0xA,ER2p5],ETM10}[MASS_MIN_40]",
    "SCORE(vae) >= 3062 AND NOT SCORE(vae) >= 3233",
    "muon_pt.pt >= 45 AND MU3-1 AND NOT MU3",
    "JET20 OR NOT JET20",
)


def menu_of(folder: Path, seeds: Sequence[str] = SEEDS) -> tuple[CompiledMenu, RtlProject]:
    rows = [f'  - {{name: L1_Seed{i}, seed: "{seed}"}}\n' for i, seed in enumerate(seeds)]
    (folder / "menu.yaml").write_text(HEAD + "".join(rows))
    menu = load_menu(folder / "menu.yaml")
    return menu, generate_menu(menu, folder / "rtl", score_slots={"muon_pt.pt": 8})


def test_every_seed_is_true_and_false_by_each_condition(tmp_path: Path) -> None:
    menu, project = menu_of(tmp_path)
    found = directed_menu(menu, project)
    coverage = found.coverage()
    coverage.watch(found.rows[: found.base])
    assert [goal.text(menu) for goal in coverage.holes] == []
    table = {label: numbers for label, *numbers in coverage.table()}
    # never false, and its condition decides nothing
    assert table["seeds true, and false"] == [18, 17, 1]
    assert table["conditions that decide a seed, true and false"] == [30, 28, 2]
    # mu, eg, tau and jet, and none of them
    assert table["numbers of objects"] == [9 + 3 * 13, 9 + 3 * 13, 0]


def test_the_second_evaluation_agrees_that_seeds_were_seen(tmp_path: Path) -> None:
    menu, project = menu_of(tmp_path)
    found = directed_menu(menu, project, variations=False)
    assert found.span == 3  # one seed looks at the crossing before
    events, scores = events_of(found.rows[: found.base], project.inputs)
    seen = Reference(menu)(events, scores)
    assert seen[:-1].any(axis=1).all()
    assert (~seen[:-1]).any(axis=1).all()


def test_same_seed_same_rows(tmp_path: Path) -> None:
    menu, project = menu_of(tmp_path, SEEDS[:3])
    first, again, other = (directed_menu(menu, project, seed).rows for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_what_never_happens_is_proven_or_listed(tmp_path: Path) -> None:
    seeds = ["MU20", "JET30 AND NOT JET20"]  # the second is never true, but not by its form
    menu, project = menu_of(tmp_path, seeds)
    coverage = directed_menu(menu, project).coverage()
    assert not coverage.unreachable.any()
    coverage.watch(np.zeros((4, len(project.inputs)), np.int64))
    text = " ".join(coverage.lines())
    assert "seeds true, and false: 2 of 4" in text
    assert "not seen: L1_Seed0 True, L1_Seed1 True" in text
    assert "L1_Seed1 True" in coverage.to_dict()["holes"]


def test_no_row_of_another_kind_is_counted_twice(tmp_path: Path) -> None:
    menu, project = menu_of(tmp_path, SEEDS[:1])
    one, two = MenuCoverage(menu, project), MenuCoverage(menu, project)
    rows = directed_menu(menu, project).rows
    one.watch(rows[: len(rows) // 2])
    two.watch(rows[len(rows) // 2 :])
    one.merge(two)
    whole = MenuCoverage(menu, project)
    whole.watch(rows)
    assert one.to_dict() == whole.to_dict()
    assert one.crossings == len(rows)


def test_cosimulation_drives_them_and_a_fault_is_found(tmp_path: Path) -> None:
    menu, project = menu_of(tmp_path, SEEDS[:2])
    found = directed_menu(menu, project)
    stimuli = menu_stimuli(menu, project, Plan(100), {}, 1, found)
    outcome = cosimulate_menu(menu, project, stimuli, coverage=found.coverage())
    assert outcome.passed
    assert outcome.crossings == {DIRECTED: max(found.base, 100), "around the limits": 100}
    assert outcome.coverage is not None
    assert outcome.holes == []
    file = project.folder / f"{project.name}.v"
    text = file.read_text()
    assert "c0 <= |" in text
    file.write_text(text.replace("c0 <= |", "c0 <= ~|", 1))
    again = cosimulate_menu(menu, project, {DIRECTED: [found.rows]})
    assert not again.passed


CALO = {"et": 100, "eta": 20, "phi": 3}
MUON = {"pt": 41, "eta": -100, "phi": 570, "upt": 30}


@pytest.mark.parametrize(
    ("name", "a", "b", "expected"),
    [
        # |20 - 10| * 0.0435 = 0.435; 3 - 141 = 6 bins over phi = 0 of 2 pi / 144 = 0.262
        ("deta", ("jet", CALO), ("eg", {"et": 9, "eta": 10, "phi": 141}), 435),
        ("dphi", ("jet", CALO), ("eg", {"et": 9, "eta": 10, "phi": 141}), 262),
        ("dr2", ("jet", CALO), ("eg", {"et": 9, "eta": 10, "phi": 141}), 435**2 + 262**2),
        # the jet on muon bins: eta 82, phi 14; 14 - 570 = 20 bins of 2 pi / 576 over phi = 0
        ("deta", ("jet", CALO), ("mu", MUON), 1979),
        ("dphi", ("mu", MUON), ("jet", CALO), 218),
    ],
)
def test_measures(name: str, a: Any, b: Any, expected: int) -> None:
    assert int(measure(name, Thing(*a), Thing(*b))) == expected
    at, above = (Limit.model_validate({"measure": name, "lower": low}) for low in (expected, expected + 1))
    assert within(at, Thing(*a), Thing(*b))
    assert not within(above, Thing(*a), Thing(*b))
