"""The top of a trigger path as the subject of a fault campaign: all but models, menu and memory of masks.

Models and menu are simulated as they are; their faults are campaigns of their own. The crossings are those of
the path's co-simulation: orbits with gaps, resets and register accesses, compared by its scoreboard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.path.path import ScoreStage
from l1forge.firmware.path.generate import VERILOG, PathProject
from l1forge.firmware.rtl.project import RtlProject
from l1forge.testbench.faults.campaign import BUS, CLOCKS, VALUES, Bench
from l1forge.testbench.faults.kinds import Fault, inject
from l1forge.testbench.faults.netlist import REGISTERS, Netlist, read_files
from l1forge.testbench.formal.control import (
    PARTS,
    RULES_MODULE,
    part_netlist,
    prove_part,
    prove_rules_of,
    state_names,
)
from l1forge.testbench.formal.sat import DIFFERS
from l1forge.testbench.path.emulator import PathEmulator, Rows, Scores
from l1forge.testbench.path.harness import PathHarness
from l1forge.testbench.path.register_model import Access
from l1forge.testbench.path.scenario import Scenario
from l1forge.testbench.path.scoreboard import Scoreboard

HISTORY = 5
"""Crossings of the proof of the rules, as in the tests."""
MEMORY = "path_mask.v"
"""Has hardly any logic, and eight thousand words that Yosys would initialise one by one."""


@dataclass(frozen=True)
class PathSubject:
    """A path, what computes the scores of its models, and what is sent through it."""

    name: str
    path: PathProject
    stages: tuple[ScoreStage, ...]
    scenario: Scenario
    feeds_back: bool = field(default=True, init=False)

    @property
    def project(self) -> RtlProject:
        return self.path.rtl

    @property
    def crossings(self) -> int:
        return self.scenario.n

    def _own(self) -> list[Path]:
        """Files of the top and of what stands in it, but models, menu, and the memory of masks."""
        names = {f"{self.project.name}.v", *(file.name for file in VERILOG.glob("*.v"))} - {MEMORY}
        return [source for source in self.project.sources if source.name in names]

    def others(self) -> Sequence[Path]:
        return [source for source in self.project.sources if source not in self._own()]

    def netlist(self, folder: Path) -> Netlist:
        found = read_files(self._own(), self.project.name, folder, "", self.others())
        return replace(found, repeated=frozenset(file.name for file in VERILOG.glob("*.v")))

    def bench(self, project: RtlProject, seed: int) -> Bench:
        return _PathBench(self, replace(self.path, rtl=project), seed)

    def disproven(self, netlist: Netlist, fault: Fault, folder: Path, seconds: int) -> bool:
        cells = [netlist.cells[name] for name in fault.cells]
        sources = {cell["attributes"].get("src", "").split("|")[-1] for cell in cells}
        module = {source.rpartition("/")[2].split(":")[0].removesuffix(".v") for source in sources}
        name = module.pop() if len(module) == 1 else ""
        if name not in (*PARTS, RULES_MODULE):
            return False
        alone = part_netlist(name, VERILOG, folder)
        lines, kinds = {_line(source) for source in sources}, {cell["type"] for cell in cells}
        places = tuple(
            place
            for place, cell in alone.cells.items()
            if cell["type"] in kinds
            and _line(cell["attributes"].get("src", "").split("|")[-1]) in lines
            and fault.bit < len(cell["connections"].get(fault.port, ()))
        )
        if not places:
            return False
        states = state_names(alone)
        inject(alone, replace(fault, cells=places), "1")
        if any(cell["type"] in REGISTERS and place not in states for place, cell in alone.cells.items()):
            return False  # a register more is not a step of the same state
        if name == RULES_MODULE:
            proof = prove_rules_of(alone, folder, HISTORY, seconds, states)
        else:
            proof = prove_part(name, alone, folder, seconds, states)
        return proof.verdict == DIFFERS

    def digest(self) -> bytes:
        state = hashlib.sha256(repr((self.name, self.scenario.accesses)).encode())
        state.update(self.scenario.rows(self.path).tobytes())
        for flags in (self.scenario.valid, self.scenario.reset):
            state.update(flags.tobytes())
        return state.digest()


def _line(source: str) -> str:
    """Line and columns, without the file."""
    return source.rpartition(":")[2]


class _Remembered(PathEmulator):
    """Begins anew with each run, and knows the runs in which the bus took its accesses at the same clocks."""

    def __init__(self, project: PathProject, stages: Sequence[ScoreStage]) -> None:
        super().__init__(project, stages)
        self.runs: dict[tuple[Access, ...], tuple[Rows, list[tuple[int, int]]]] = {}
        self.known: Scores | None = None

    def scores(self, events: Events, given: Scores) -> Scores:
        if self.known is None:
            self.known = super().scores(events, given)
        return {name: values.copy() for name, values in self.known.items()}

    def run(
        self,
        events: Events,
        scores: Scores,
        reset: NDArray[np.bool_],
        orbit_start: NDArray[np.bool_],
        log: Sequence[Access],
        answers: Callable[[int, int], None] = lambda word, response: None,
        margin: int = 0,
    ) -> Rows:
        key = tuple(log)
        if key not in self.runs:
            found: list[tuple[int, int]] = []
            fresh = PathEmulator(self.project, self.stages)
            rows = fresh.run(
                events, scores, reset, orbit_start, log, lambda *answer: found.append(answer), margin
            )
            if len(self.runs) > 8:
                self.runs.popitem()
            self.runs[key] = rows, found
        rows, found = self.runs[key]
        for answer in found:
            answers(*answer)
        return rows


class _PathBench:
    """The simulation of a ``PathSubject``; every fault begins with a new one."""

    def __init__(self, subject: PathSubject, faulty: PathProject, seed: int) -> None:
        self.subject, self.faulty, self.seed = subject, faulty, seed
        self.rows = subject.scenario.rows(subject.path, seed)
        self.emulator = _Remembered(subject.path, subject.stages)

    def caught(self, number: int) -> tuple[str | None, int]:
        scenario = self.subject.scenario
        rows = np.concatenate([self.rows, np.full((len(self.rows), 1), number, np.int64)], axis=1)
        with closing(PathHarness(self.faulty)) as harness:
            observed = harness.run(rows, scenario.valid, scenario.reset, scenario.accesses)
        board = Scoreboard(self.subject.path, self.emulator)
        board.judge(scenario, observed)
        outcome = board.outcome
        kinds: dict[str, Any] = {
            VALUES: sum(outcome.wrong.values()),
            CLOCKS: outcome.misplaced,
            BUS: outcome.wrong_answers + outcome.unanswered,
        }
        return next((kind for kind, count in kinds.items() if count), None), scenario.n
