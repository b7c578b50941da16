"""Directed crossings of a path: every seed of its menu true and false, in fixed places of orbits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import ORBIT
from l1forge.firmware.menu import generate_menu
from l1forge.firmware.path.generate import PathProject
from l1forge.testbench.crossings import events_of
from l1forge.testbench.directed.menu import directed_menu

FIRST, LENGTH = 2400, 600
"""Where directed crossings stand in an orbit, and how many."""
KEPT = LENGTH // 2
"""Of these, as many are the same in every orbit: seeds true and false, then their conditions."""


@dataclass(frozen=True)
class Planted:
    """``events`` (rows) and ``scores`` (objects, rows); ``span``: crossings that belong together."""

    events: Events
    scores: Mapping[str, NDArray[np.int64]]
    span: int

    def choice(self, orbit: int) -> NDArray[np.int64]:
        """Rows for an orbit: the first ones always, the others in turn."""
        length = min(LENGTH, self.events.n)
        kept = min(KEPT - KEPT % self.span, self.events.n)
        rest = self.events.n - kept
        turn = np.arange(length - kept - (length - kept) % self.span)
        first = orbit * len(turn) % rest if rest else 0
        first -= first % self.span
        others = kept + (first + turn) % rest if rest else np.zeros(0, np.int64)
        return np.concatenate([np.arange(kept), others])


def planted(project: PathProject, seed: int = 1) -> Planted:
    """Crossings that reach what can be reached of the path's menu; the same seed gives the same."""
    slots = {score.name: len(score.ports) for part in project.parts for score in part.scores}
    with TemporaryDirectory() as folder:
        menu = generate_menu(project.menu, Path(folder) / "menu", score_slots=slots)
    found = directed_menu(project.menu, menu, seed)
    events, scores = events_of(found.rows, menu.inputs)
    return Planted(events, scores, found.span)


def crossing_numbers(reset: NDArray[np.bool_], marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The number in its orbit of every crossing of a run, (n,); resets and orbit marks begin an orbit."""
    places = np.arange(len(reset))
    again = marks.copy()
    again[1:] |= reset[:-1] & ~reset[1:]
    again[:1] = True
    begins = np.maximum.accumulate(np.where(again, places, 0))
    return (places - begins) % ORBIT
