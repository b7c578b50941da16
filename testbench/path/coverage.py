"""What a comparison has shown of a path and what not: seeds, masks, prescales, registers, trigger rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.menu.engine.plan import make_plan
from l1forge.emulator.path.prescale import UNIT, PrescaleSettings
from l1forge.emulator.path.registers import MOST_ACCEPTS, RULE_BITS, RULES
from l1forge.firmware.path.generate import PathProject
from l1forge.firmware.path.register_map import MASK_BASE, MASK_PAGE, REASONS, WORD
from l1forge.testbench.path.register_model import OKAY, Access, both_ways

FOLLOWED = (100, 150, 200, 337, 1000, 1234, 10_000)
"""100 times the prescales that are followed phase by phase."""
SHOWN = 8
OBJECTS = {"mu": "mu.pt", "eg": "eg.et", "tau": "tau.et", "jet": "jet.et"}
SEEDS, SHUT, HITS, CHOSEN = (
    "seeds true, and false",
    "seeds true while the bunch-crossing mask shuts them",
    "hits that fire, that wait, that find the prescale off",
    "algorithms that fire in the FinOR, left out of it, as a veto",
)
PHASES, COUNTS, BITS, MASKS = (
    "phases of prescales",
    "numbers of objects",
    "bits of registers, written 0 and 1",
    "bits of both pages of masks, written 0 and 1",
)
CLOSES, IN_FORCE, COUNTERS, HAPPENED = (
    "reasons that close crossings, and lose requests",
    "trigger rules in force, by number of accepts",
    "counters that were read when not 0",
    "what happens on the way",
)
EVENTS = (
    *("a crossing without data", "a reset", "a lost orbit mark", "an orbit that wraps"),
    *("a section that ends by its orbits", "a section that ends on request"),
    *("values taken", "a section that takes none", "an access that is refused"),
)
GAP, RESET, LOST, WRAP, BY_ORBITS, ON_REQUEST, TAKEN, KEPT, REFUSED = EVENTS


@dataclass(frozen=True)
class CoverageRow:
    """One kind of goals: how many there are, how many were reached, and those that were not, in words."""

    kind: str
    goals: int
    reached: int
    holes: tuple[str, ...]


class PathCoverage:
    """Counts over all crossings that were compared. A goal that nothing can reach is not counted."""

    def __init__(self, project: PathProject) -> None:
        registers = project.registers
        self.registers = registers
        self.names = registers.algorithm_names
        self.indices = [algorithm.index for algorithm in registers.menu.algorithms]
        names, plan = self.names, make_plan(project.menu)
        read = {column.partition(".")[0] for column in (atom.column for atom in plan.atoms)}
        read |= {source.partition(".")[0] for part in project.parts for source in part.sources}
        self.objects = {name: column for name, column in OBJECTS.items() if name in read}
        goals: dict[str, list[str]] = {
            SEEDS: [f"{name} {value}" for name in names for value in (True, False)],
            SHUT: list(names),
            HITS: [f"{name} {what}" for name in names for what in ("fires", "waits", "is off")],
            CHOSEN: [f"{name} {what}" for name in names for what in ("in", "left out", "as a veto")],
            COUNTS: [
                f"{count} {name}"
                for name, column in self.objects.items()
                for count in range(COLUMNS[column][0] + 1)
            ],
            BITS: [
                f"{register.name}[{bit}] = {value}"
                for register in registers.registers
                if register.access == "rw"
                for bit, value in both_ways(register).bits
            ],
            MASKS: [f"page {p}, {name} = {value}" for p in (0, 1) for name in names for value in (0, 1)],
            CLOSES: [f"{reason} {what}" for reason in REASONS for what in ("closes", "loses")],
            IN_FORCE: [f"rule_{i}, {n} accepts" for i in range(RULES) for n in range(1, MOST_ACCEPTS + 1)],
            COUNTERS: [r.name for r in registers.registers if r.access == "ro" and r.name != "map_id"],
            HAPPENED: list(EVENTS),
        }
        self.seen = {kind: dict.fromkeys(texts, False) for kind, texts in goals.items()}
        self.phases = {factor: np.zeros(factor // gcd(factor, UNIT), bool) for factor in FOLLOWED}
        """By 100 times the prescale: which values of its counter, in steps, a hit has found."""

    def see(self, kind: str, goal: str) -> None:
        """A goal was reached."""
        assert goal in self.seen[kind], goal
        self.seen[kind][goal] = True

    # what the emulator reports

    def crossings(
        self,
        words: NDArray[np.uint64],
        fired: NDArray[np.uint64],
        bx: NDArray[np.int16],
        settings: PrescaleSettings,
        counters: NDArray[np.int64],
    ) -> None:
        """Crossings with the same registers: bits before and behind prescales (8, n), counters before."""
        for name, index in zip(self.names, self.indices, strict=True):
            word, bit = divmod(index, 64)
            true = (words[word] >> np.uint64(bit) & np.uint64(1)).astype(bool)
            shut = settings.closed[index, bx]
            for value in (True, False):
                if (true == value).any():
                    self.see(SEEDS, f"{name} {value}")
            if (true & shut).any():
                self.see(SHUT, name)
            hits, factor = int(np.count_nonzero(true & ~shut)), int(settings.factors[index])
            fires = int(np.count_nonzero(fired[word] >> np.uint64(bit) & np.uint64(1)))
            if hits and not factor:
                self.see(HITS, f"{name} is off")
            elif hits:
                self._phases(factor, int(counters[index]), hits)
                if hits > fires:
                    self.see(HITS, f"{name} waits")
            if fires:
                self.see(HITS, f"{name} fires")
                self.see(CHOSEN, f"{name} {'in' if settings.finor[index] else 'left out'}")
                if settings.veto[index]:
                    self.see(CHOSEN, f"{name} as a veto")

    def _phases(self, factor: int, counter: int, hits: int) -> None:
        if factor in self.phases:
            seen, step = self.phases[factor], gcd(factor, UNIT)
            seen[(counter + UNIT * np.arange(min(hits, seen.size))) % factor // step] = True

    def access(self, access: Access, word: int, response: int) -> None:
        """The bus answered ``word`` (of a read) and ``response``."""
        if response != OKAY:
            self.see(HAPPENED, REFUSED)
            return
        if access.address >= MASK_BASE:
            self._mask(access)
            return
        register = next(r for r in self.registers.registers if r.address == access.address)
        if access.data is None:
            if word and register.name in self.seen[COUNTERS]:
                self.see(COUNTERS, register.name)
            return
        for bit in range(register.width):
            goal = f"{register.name}[{bit}] = {access.data >> bit & 1}"
            if goal in self.seen[BITS]:
                self.see(BITS, goal)

    def _mask(self, access: Access) -> None:
        if access.data is None:
            return
        page, number = (access.address - MASK_BASE) // MASK_PAGE, access.address % 64 // 4
        for name, index in zip(self.names, self.indices, strict=True):
            if index // WORD == number:
                self.see(MASKS, f"page {page}, {name} = {access.data >> index % WORD & 1}")

    def section(self, counts: Mapping[str, int], words: Mapping[str, int], asked: bool, taken: bool) -> None:
        """A section ended: what it counted, the registers that were in effect, why it ended."""
        self.see(HAPPENED, ON_REQUEST if asked else BY_ORBITS)
        self.see(HAPPENED, TAKEN if taken else KEPT)
        for reason in REASONS:
            if counts[f"dead_{reason}"]:
                self.see(CLOSES, f"{reason} closes")
                if reason.startswith("rule_"):
                    self.see(IN_FORCE, f"{reason}, {(words[reason] >> RULE_BITS) + 1} accepts")
            if counts[f"lost_{reason}"]:
                self.see(CLOSES, f"{reason} loses")

    def stream(
        self, events: Events, valid: NDArray[np.bool_], reset: NDArray[np.bool_], marks: NDArray[np.bool_]
    ) -> None:
        """What was sent: objects, gaps, resets, orbit marks of the crossings that were driven."""
        for what, where in ((GAP, ~valid & ~reset), (RESET, reset), (LOST, marks)):
            if where.any():
                self.see(HAPPENED, what)
        for name, column in self.objects.items():
            for count in np.unique(np.count_nonzero(events.column(column), axis=0)):
                self.see(COUNTS, f"{count} {name}")

    # what people read

    def rows(self) -> list[CoverageRow]:
        """Every kind of goals."""
        found = []
        for kind, goals in self.seen.items():
            holes = tuple(goal for goal, seen in goals.items() if not seen)
            found.append(CoverageRow(kind, len(goals), len(goals) - len(holes), holes))
            if kind == HITS:
                found.append(self._phase_row())
        return found

    def _phase_row(self) -> CoverageRow:
        total = sum(seen.size for seen in self.phases.values())
        reached = sum(int(seen.sum()) for seen in self.phases.values())
        holes = tuple(
            f"prescale {factor / UNIT:g}: {seen.size - int(seen.sum()):,} of {seen.size:,}"
            for factor, seen in sorted(self.phases.items())
            if not seen.all()
        )
        return CoverageRow(PHASES, total, reached, holes)

    def merge(self, other: PathCoverage) -> None:
        """Add what another driver reached on the same path."""
        for kind, goals in other.seen.items():
            for goal, seen in goals.items():
                self.seen[kind][goal] |= seen
        for factor, phases in other.phases.items():
            self.phases[factor] |= phases

    def lines(self, shown: int = SHOWN) -> list[str]:
        """The table for a console, with the holes."""
        lines = []
        for row in self.rows():
            lines.append(f"{row.kind}: {row.reached:,} of {row.goals:,}")
            if row.holes:
                more = f" and {len(row.holes) - shown:,} more" if len(row.holes) > shown else ""
                lines.append(f"    not seen: {', '.join(row.holes[:shown])}{more}")
        return lines

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data for JSON."""
        return [
            {"kind": row.kind, "goals": row.goals, "reached": row.reached, "holes": list(row.holes)}
            for row in self.rows()
        ]


def merged(coverages: Sequence[PathCoverage], project: PathProject) -> PathCoverage:
    """What several drivers reached together."""
    together = PathCoverage(project)
    for coverage in coverages:
        together.merge(coverage)
    return together
