"""The default menu: realistic, and within the accept rate that the readout can take."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT_FREQUENCY
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, finor
from l1forge.emulator.menu.language.load import DEFAULT, load_menu

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "simulation" / "sample" / "zerobias.parquet"
LIMIT_HZ = 100e3
MODELS_HZ = 8e3
"""Left for the seeds on model scores, whose rates `l1forge path` reports."""


def _without_scores(menu: CompiledMenu) -> CompiledMenu:
    kept = tuple(a for a in menu.algorithms if not menu.needs(a))
    conditions = {name: c for name, c in menu.conditions.items() if c.kind != "score"}
    return CompiledMenu(name=menu.name, judge=menu.judge, conditions=conditions, algorithms=kept)


def test_enough_seeds_of_every_kind() -> None:
    menu = load_menu(DEFAULT)
    assert len(menu.algorithms) >= 40
    assert {"vae", "tail_pairs"} <= {score.partition(".")[0] for score in menu.scores}
    assert {c.kind for c in menu.conditions.values()} >= {
        "combination",
        "correlation",
        "triple",
        "value",
        "score",
    }


def test_rate_on_the_committed_sample() -> None:
    """Seeds on objects alone, 450 000 zero-bias crossings at 2e34: one crossing is 69 Hz."""
    menu = _without_scores(load_menu(DEFAULT))
    events = Events.concatenate(list(open_events(SAMPLE).blocks()))
    fired = int(np.count_nonzero(finor(MenuEvaluator(menu)(events))))
    rate = fired / events.n * ORBIT_FREQUENCY * COLLIDING_BUNCHES
    assert 0.5 * LIMIT_HZ < rate < LIMIT_HZ - MODELS_HZ
