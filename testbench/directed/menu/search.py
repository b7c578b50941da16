"""The search for crossings that reach the goals of a menu, and variations of what was found.

A try is a scene: objects drawn so that the wanted conditions hold (``scene``); the emulator says whether it
reaches its goal. Goals that no assignment of the conditions reaches are proven unreachable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.menu.compiled import CompiledMenu, condition_names
from l1forge.emulator.menu.engine.plan import make_plan
from l1forge.firmware.rtl.project import RtlProject
from l1forge.testbench.crossings import events_of
from l1forge.testbench.directed.menu.coverage import (
    DECIDES,
    ENDS,
    OBJECTS_SEEN,
    SEED,
    MenuCoverage,
    MenuGoal,
    decided,
)
from l1forge.testbench.directed.menu.expressions import assignments, constant, some, value
from l1forge.testbench.directed.menu.scene import Scene, SceneMaker, rows_of_scenes
from l1forge.testbench.directed.menu.variations import Variations
from l1forge.testbench.stimuli import Block

ROUNDS = (2, 8, 32, 128)
"""Tries for a goal in each round; the last one is for seeds only."""
ASSIGNMENTS = 6
"""Assignments of conditions that are tried for a goal."""
CHUNK = 4096
"""Scenes that the emulator looks at together."""


@dataclass
class DirectedMenu:
    """Rows (n, input ports) of consecutive crossings: the first ``base`` reach goals, others vary them."""

    menu: CompiledMenu
    project: RtlProject
    rows: Block
    base: int
    unreachable: NDArray[np.bool_]
    span: int = 1
    """Crossings of one scene: those that a seed looks at."""

    def coverage(self) -> MenuCoverage:
        """A new, empty count."""
        return MenuCoverage(self.menu, self.project, self.unreachable.copy())


def directed_menu(
    menu: CompiledMenu, project: RtlProject, seed: int = 1, *, variations: bool = True
) -> DirectedMenu:
    """Crossings that make every seed true and false, by each of its conditions.

    Parameters
    ----------
    menu, project
        A compiled menu and its Verilog, whose ports are the columns.
    seed
        Of every draw: the same menu and seed give the same rows.
    variations
        Also the found objects in all slots, and at the ends of the menu's windows and limits.
    """
    return _Search(menu, project, np.random.default_rng(seed)).run(variations)


class _Search:
    def __init__(self, menu: CompiledMenu, project: RtlProject, rng: np.random.Generator) -> None:
        self.menu, self.project, self.rng = menu, project, rng
        self.halo = make_plan(menu).halo
        self.coverage = MenuCoverage(menu, project)
        self.maker = SceneMaker(menu, project.inputs, rng)
        drawer = self.maker.drawer
        values = {name: constant(c, menu, drawer) for name, c in menu.conditions.items()}
        self.constants = {name: known for name, known in values.items() if known is not None}
        self.wanted = [self._wanted(goal) for goal in self.coverage.goals]
        self.found: dict[int, Scene] = {}

    def run(self, variations: bool) -> DirectedMenu:
        goals = self.coverage.goals
        never = np.array([wanted == [] for wanted in self.wanted], bool)
        for tries in ROUNDS:
            pending = [i for i in range(len(goals)) if not never[i] and i not in self.found]
            if tries == ROUNDS[-1]:
                pending = [i for i in pending if goals[i].kind == SEED]
            for scenes, owners in self._batches(pending, tries):
                self._look(scenes, owners)
        base, span = list(self.found.values()), 2 * self.halo + 1
        rows = rows_of_scenes(base, self.project.inputs, self.halo)
        if variations:
            deciding = {i: s for i, s in self.found.items() if goals[i].kind == DECIDES and goals[i].value}
            more = Variations(self.menu, self.maker, self.rng).of(
                [(goals[i].condition, scene) for i, scene in deciding.items()]
            )
            more = [more[i] for i in self.rng.permutation(len(more))]  # so that any part is a fair one
            rows = np.concatenate([rows, rows_of_scenes(more, self.project.inputs, self.halo)])
        return DirectedMenu(self.menu, self.project, rows, len(base) * span, never, span)

    def _wanted(self, goal: MenuGoal) -> list[dict[str, bool]] | None:
        """Assignments that give the goal: none, if it is unreachable; None: not a matter of conditions."""
        if goal.kind not in (SEED, DECIDES):
            return None
        expression = self.menu.algorithms[goal.seed].expression
        names = tuple(dict.fromkeys(condition_names(expression)))
        known = assignments(expression, names, self.constants, self.rng)
        now = value(expression, known)
        good = now == goal.value
        if goal.kind == DECIDES:
            good = decided(expression, goal.condition, known, now) & (known[goal.condition] == goal.value)
        return [{name: bool(known[name][row]) for name in names} for row in some(good, ASSIGNMENTS)]

    def _batches(self, pending: list[int], tries: int) -> Iterator[tuple[list[Scene], list[int]]]:
        scenes: list[Scene] = []
        owners: list[int] = []
        for number in pending:
            wanted = self.wanted[number]
            for attempt in range(tries if wanted is not None else 1):
                scene = (
                    self._plain(self.coverage.goals[number])
                    if wanted is None
                    else self.maker.scene(wanted[attempt % len(wanted)])
                )
                if scene is not None:
                    scenes.append(scene)
                    owners.append(number)
            if len(scenes) >= CHUNK:
                yield scenes, owners
                scenes, owners = [], []
        if scenes:
            yield scenes, owners

    def _plain(self, goal: MenuGoal) -> Scene:
        """A scene for a goal that needs no condition."""
        if goal.kind == OBJECTS_SEEN:
            return {(goal.column, slot, 0): 1 for slot in range(goal.code)}
        return {(goal.column, goal.slot, 0): goal.code} if goal.kind == ENDS else {}

    def _look(self, scenes: list[Scene], owners: list[int]) -> None:
        """Keep for each goal its first scene that reaches it."""
        span = 2 * self.halo + 1
        block = rows_of_scenes(scenes, self.project.inputs, self.halo)
        owner_of = np.array(owners)
        for number, centre in self._reached(block, owner_of, span):
            self.found.setdefault(number, scenes[centre])

    def _reached(self, block: Block, owners: NDArray[np.int64], span: int) -> Iterator[tuple[int, int]]:
        events, scores = events_of(block, self.project.inputs)
        known = {n: v[self.halo :: span] for n, v in self.coverage.conditions(events, scores).items()}
        for number in np.unique(owners):
            goal, mine = self.coverage.goals[number], np.flatnonzero(owners == number)
            if goal.kind not in (SEED, DECIDES):
                yield int(number), int(mine[0])
                continue
            part = {name: known[name][mine] for name in known}
            expression = self.menu.algorithms[goal.seed].expression
            now = value(expression, part)
            good = now == goal.value
            if goal.kind == DECIDES:
                good = decided(expression, goal.condition, part, now) & (part[goal.condition] == goal.value)
            if good.any():
                yield int(number), int(mine[int(np.argmax(good))])
