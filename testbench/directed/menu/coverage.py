"""What crossings have shown of a menu: seeds both ways, conditions that decide them, objects, window ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS
from l1forge.emulator.menu.compiled import CompiledMenu, condition_names
from l1forge.emulator.menu.engine.plan import make_plan
from l1forge.emulator.menu.quantities import OBJECTS
from l1forge.firmware.rtl.project import RtlProject
from l1forge.testbench.crossings import events_of
from l1forge.testbench.directed.menu.expressions import Bools, ConditionValues, value
from l1forge.testbench.directed.menu.objects import codes_of
from l1forge.testbench.stimuli import Block

SEED, DECIDES, OBJECTS_SEEN, ENDS = "seed", "decides", "objects", "end"
KINDS = {
    SEED: "seeds true, and false",
    DECIDES: "conditions that decide a seed, true and false",
    OBJECTS_SEEN: "numbers of objects",
    ENDS: "ends of windows, by slot",
}
SHOWN = 20


@dataclass(frozen=True)
class MenuGoal:
    """Something to see. ``seed``: number of an algorithm; ``condition``: its value decides the seed's."""

    kind: str
    seed: int = -1
    condition: str = ""
    value: bool = False
    column: str = ""
    """Of objects: their momentum; of an end: the field."""
    slot: int = 0
    code: int = 0
    """A code of the field, or a number of objects."""

    def text(self, menu: CompiledMenu) -> str:
        """For people."""
        if self.kind in (SEED, DECIDES):
            name = menu.algorithms[self.seed].name
            return (
                f"{name} {self.value}" if self.kind == SEED else f"{name} by {self.condition}: {self.value}"
            )
        if self.kind == OBJECTS_SEEN:
            return f"{self.code} {self.column.partition('.')[0]}"
        return f"{self.column}[{self.slot}] = {self.code}"


def goals_of(menu: CompiledMenu, project: RtlProject) -> list[MenuGoal]:
    """Everything that is to be seen of a menu whose ports the project has."""
    goals = [
        MenuGoal(SEED, seed, "", wanted) for seed in range(len(menu.algorithms)) for wanted in (True, False)
    ]
    for seed, algorithm in enumerate(menu.algorithms):
        for name in dict.fromkeys(condition_names(algorithm.expression)):
            goals += [MenuGoal(DECIDES, seed, name, wanted) for wanted in (True, False)]
    nodes = {port.node for port in project.inputs}
    for kind in dict.fromkeys((k.collection, k.transverse, k.slots) for k in OBJECTS.values() if k.has_eta):
        if (column := f"{kind[0]}.{kind[1]}") in nodes:
            goals += [MenuGoal(OBJECTS_SEEN, column=column, code=count) for count in range(kind[2] + 1)]
    ends: dict[tuple[str, int, int], None] = {}
    plan = make_plan(menu)
    for members, mask in plan.requirements:
        for member in members:
            atom = list(plan.atoms)[member]
            collection, name = atom.column.split(".")
            codes = codes_of(collection, name)
            least, most = int(codes[0]), int(codes[-1])
            for low, high in atom.windows:
                near = {low - 1, low} if low > least else set()
                near |= {high, high + 1} if high < most else set()
                for slot in range(COLLECTIONS[collection].slots):
                    if mask >> slot & 1:
                        ends |= {(atom.column, slot, c): None for c in sorted(near) if least <= c <= most}
    return goals + [MenuGoal(ENDS, column=column, slot=slot, code=code) for column, slot, code in ends]


@dataclass
class MenuCoverage:
    """Goals of a menu, counted over the crossings that were driven.

    ``reached`` and ``unreachable`` (proven: no assignment of the conditions that can change gives it) are
    per goal.
    """

    menu: CompiledMenu
    project: RtlProject
    unreachable: NDArray[np.bool_] | None = None
    crossings: int = 0
    goals: list[MenuGoal] = field(init=False)
    reached: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.goals = goals_of(self.menu, self.project)
        self.reached = np.zeros(len(self.goals), bool)
        if self.unreachable is None:
            self.unreachable = np.zeros(len(self.goals), bool)
        self.conditions = ConditionValues(self.menu)
        self.columns = {(port.node, port.element): i for i, port in enumerate(self.project.inputs)}

    def watch(self, block: Block) -> None:
        """Enter consecutive crossings (n, input ports)."""
        places = self.places(block, ~self.reached)
        self.reached |= places >= 0
        self.crossings += len(block)

    def places(self, block: Block, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """For every wanted goal a crossing of ``block`` that reaches it, else -1."""
        found = np.full(len(self.goals), -1, np.int64)
        if not len(block):
            return found
        events, scores = events_of(block, self.project.inputs)
        known = self.conditions(events, scores)
        values: dict[int, Bools] = {}
        counts: dict[str, NDArray[np.int64]] = {}
        for number in np.flatnonzero(wanted):
            goal = self.goals[number]
            if goal.kind in (SEED, DECIDES):
                expression = self.menu.algorithms[goal.seed].expression
                if goal.seed not in values:
                    values[goal.seed] = value(expression, known)
                seen = values[goal.seed] == goal.value
                if goal.kind == DECIDES:
                    seen = decided(expression, goal.condition, known, values[goal.seed])
                    seen = seen & (known[goal.condition] == goal.value)
            elif goal.kind == OBJECTS_SEEN:
                if goal.column not in counts:
                    slots = range(COLUMNS[goal.column][0])
                    chosen = [self.columns[goal.column, slot] for slot in slots]
                    counts[goal.column] = np.count_nonzero(block[:, chosen], axis=1)
                seen = counts[goal.column] == goal.code
            else:
                seen = block[:, self.columns[goal.column, goal.slot]] == goal.code
            first = int(np.argmax(seen))
            if seen[first]:
                found[number] = first
        return found

    def merge(self, other: MenuCoverage) -> None:
        """Add what other crossings of the same menu reached."""
        self.reached |= other.reached
        self.crossings += other.crossings

    @property
    def holes(self) -> list[MenuGoal]:
        """Goals neither reached nor proven unreachable."""
        assert self.unreachable is not None
        return [self.goals[i] for i in np.flatnonzero(~self.reached & ~self.unreachable)]

    def table(self) -> list[tuple[str, int, int, int]]:
        """Kind, goals, reached, proven unreachable."""
        assert self.unreachable is not None
        total, reached = Counter(g.kind for g in self.goals), Counter[str]()
        never = Counter[str]()
        for goal, seen, not_possible in zip(self.goals, self.reached, self.unreachable, strict=True):
            reached[goal.kind] += bool(seen)
            never[goal.kind] += bool(not_possible and not seen)
        return [(KINDS[k], total[k], reached[k], never[k]) for k in KINDS if total[k]]

    def lines(self, shown: int = SHOWN) -> list[str]:
        """The table for a console, holes listed."""
        lines = []
        for label, total, reached, never in self.table():
            note = f"; {never:,} proven unreachable" if never else ""
            lines.append(f"{label}: {reached:,} of {total - never:,}{note}")
        holes = self.holes
        if holes:
            listed = ", ".join(goal.text(self.menu) for goal in holes[:shown])
            lines.append(
                f"not seen: {listed}{f' and {len(holes) - shown:,} more' if len(holes) > shown else ''}"
            )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "crossings": self.crossings,
            "table": {
                label: {"goals": total, "reached": reached, "unreachable": never}
                for label, total, reached, never in self.table()
            },
            "holes": [goal.text(self.menu) for goal in self.holes],
        }


def decided(expression: Any, condition: str, known: Mapping[str, Bools], now: Bools) -> Bools:
    """Where the value of ``condition`` decides that of ``expression``, whose value is ``now``."""
    other = value(expression, {**known, condition: ~known[condition]})
    return np.asarray(other != now)
