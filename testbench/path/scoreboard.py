"""Compares what a path gave with what the emulator says: outputs, answers of registers, the latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.path.generate import PathProject
from l1forge.firmware.verify import differences
from l1forge.testbench.path.coverage import PathCoverage
from l1forge.testbench.path.emulator import PathEmulator
from l1forge.testbench.path.harness import Observed
from l1forge.testbench.path.scenario import Scenario

SHOWN = 8


@dataclass
class PathOutcome:
    """What a comparison found.

    ``compared``: values by output; ``wrong``: those that differ. ``crossings``: decisions compared.
    ``misplaced``: clocks whose ``out_valid`` is not ``in_valid`` of ``latency`` clocks before. ``registers``:
    answers compared, ``wrong_answers`` of them. ``before``, ``after``: crossings in which each algorithm was
    true before and behind the prescale. ``coverage``: what the crossings have shown.
    """

    path: str
    circuit: str
    latency: int
    compared: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    crossings: int = 0
    gaps: int = 0
    resets: int = 0
    sections: int = 0
    accepts: int = 0
    misplaced: int = 0
    registers: int = 0
    wrong_answers: int = 0
    unanswered: int = 0
    before: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    after: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    examples: list[str] = field(default_factory=list)
    coverage: PathCoverage | None = None

    @property
    def total(self) -> int:
        """Values compared."""
        return sum(self.compared.values()) + self.registers

    @property
    def mismatches(self) -> int:
        """Everything that is not as it must be."""
        return sum(self.wrong.values()) + self.misplaced + self.wrong_answers + self.unanswered

    @property
    def passed(self) -> bool:
        """Something was compared and all of it agreed."""
        return bool(self.crossings) and not self.mismatches

    def note(self, text: str) -> None:
        """Keep one of the first differences."""
        if len(self.examples) < SHOWN:
            self.examples.append(text)


class Scoreboard:
    """Judges the outputs of one simulation of ``project``, part by part, in order."""

    def __init__(self, project: PathProject, emulator: PathEmulator) -> None:
        self.project, self.emulator = project, emulator
        self.names = [port.name for port in project.rtl.outputs if port.node != "axi"]
        self.outcome = PathOutcome(project.rtl.name, project.rtl.circuit, project.latency)
        self.outcome.coverage = emulator.coverage
        self.outcome.before = np.zeros(len(project.menu.algorithms), np.int64)
        self.outcome.after = np.zeros_like(self.outcome.before)
        self.delay = project.latency - 1
        self._expected = np.zeros((0, len(self.names)), np.int64)
        self._valid = np.zeros(0, bool)
        self._reset = np.zeros(0, bool)
        self._started = False

    def judge(self, scenario: Scenario, observed: Observed, margin: int = 0) -> None:
        """Compare one part; the crossings still inside the design are compared with the next.

        ``margin``: crossings at both ends of the scenario that are context only and were not driven.
        """
        outcome = self.outcome
        inner = slice(margin, scenario.n - margin)
        valid, reset = scenario.valid[inner], scenario.reset[inner]
        expected_answers: list[tuple[int, int]] = []
        scores = self.emulator.scores(scenario.events, dict(scenario.scores))
        for values in scores.values():
            values[:, scenario.reset] = 0
        expected = self.emulator.run(
            scenario.events,
            scores,
            reset,
            scenario.orbit_start[inner],
            observed.log,
            lambda word, response: expected_answers.append((word, response)),
            margin,
        )
        if outcome.coverage is not None:
            seen = scenario.events.select(inner)
            outcome.coverage.stream(seen, valid, reset, scenario.orbit_start[inner])
        self._answers(scenario, observed, expected_answers)
        self._expected = np.concatenate([self._expected, expected])
        self._valid, self._reset = np.concatenate([self._valid, valid]), np.concatenate([self._reset, reset])
        late = 0 if self._started else self.delay
        self._started = True
        self._compare(observed.outputs[late:], observed.valid[late:])
        outcome.gaps += int(np.count_nonzero(~valid & ~reset))
        outcome.resets += int(np.count_nonzero(np.diff(reset.astype(np.int8), prepend=0) == 1))
        outcome.sections = len(self.emulator.sections)

    def _compare(self, outputs: NDArray[np.int64], came: NDArray[np.bool_]) -> None:
        n, outcome = len(outputs), self.outcome
        # what a reset finds inside the design never comes out
        cut = np.convolve(self._reset, np.ones(self.delay + 1, int))[self.delay :][:n] > 0
        wanted = self._valid[:n] & ~cut
        outcome.misplaced += int(np.count_nonzero(wanted != came))
        places = np.flatnonzero(~cut)
        expected, found = self._expected[:n][places], outputs[places]
        compared = differences(expected, found)
        for name in self.names:
            outcome.compared[name] = outcome.compared.get(name, 0) + len(places)
        for element, count in zip(*np.unique(compared.elements, return_counts=True), strict=True):
            name = self.names[int(element)]
            outcome.wrong[name] = outcome.wrong.get(name, 0) + int(count)
        for row, element, must, was in compared.listed(SHOWN):
            outcome.note(
                f"crossing {outcome.crossings + row}: {self.names[element]} is {was}, expected {must}"
            )
        outcome.crossings += len(places)
        outcome.accepts += int(expected[:, self.names.index("accept")].sum())
        for place, algorithm in enumerate(self.project.menu.algorithms):
            word, bit = divmod(algorithm.index, 64)
            for kind, counts in (("algo_before", outcome.before), ("algo_after", outcome.after)):
                counts[place] += int((expected[:, self.names.index(f"{kind}_{word}")] >> bit & 1).sum())
        self._expected, self._valid, self._reset = self._expected[n:], self._valid[n:], self._reset[n:]

    def _answers(self, scenario: Scenario, observed: Observed, expected: Sequence[tuple[int, int]]) -> None:
        outcome = self.outcome
        outcome.unanswered += len(scenario.accesses) - len(observed.log) - observed.skipped
        outcome.registers += len(expected)
        outcome.wrong_answers += len(observed.faults)
        for fault in observed.faults:
            outcome.note(f"bus: {fault}")
        for access, must, was in zip(observed.log, expected, observed.answers, strict=True):
            if must != was:
                outcome.wrong_answers += 1
                kind = "read" if access.data is None else f"write of {access.data}"
                outcome.note(
                    f"clock {access.clock}: {kind} at 0x{access.address:05x} answers {was}, expected {must}"
                )
