"""An export for the global trigger, simulated by GHDL: its score and decision against the emulator's."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.object_words import pack
from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, Events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.tools.ghdl import Ghdl, find_ghdl
from l1forge.firmware.ugt import UgtProject
from l1forge.firmware.ugt.entities import OBJECTS, SUMS
from l1forge.firmware.verify import Comparison, compare


@dataclass(frozen=True)
class UgtVerification:
    """Score and decision of every crossing, compared as integers at the declared latency.

    ``same_graph``: the folder was exported from this graph.
    """

    name: str
    crossings: int
    latency: int
    score: Comparison
    decision: Comparison
    fired: int
    same_graph: bool

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return self.same_graph and self.score.exact and self.decision.exact

    @property
    def verdict(self) -> str:
        """One line: numbers, and the first difference."""
        wrong = self.score.mismatches + self.decision.mismatches
        text = f"{wrong} mismatches in {self.crossings:,} crossings × score and decision"
        text += f" at {self.latency} clocks"
        first = self.score.first or self.decision.first
        text += f"; {first}" if first else f"; {self.fired:,} crossings fire"
        return text if self.same_graph else f"{text}; exported from another graph: export again"


def random_events(n: int, seed: int) -> Events:
    """Crossings of random codes: every field over its whole range, half of the objects absent."""
    rng = np.random.default_rng(seed)
    present = {name: rng.random((c.slots, n)) < 0.5 for name, c in COLLECTIONS.items()}
    columns = {}
    for name, (slots, field) in COLUMNS.items():
        drawn = rng.integers(field.minimum, field.maximum, (slots, n), endpoint=True)
        columns[name] = np.where(present[name.partition(".")[0]], drawn, 0).astype(np.int16)
    return Events.of_rows(columns, n)


def simulate(project: UgtProject, events: Events) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Score and decision of every crossing as GHDL's simulation gives them, each (n,).

    Raises
    ------
    InputError
        If GHDL is missing or refuses a file, or the simulation writes another number of results.
    """
    ghdl = find_ghdl()
    with tempfile.TemporaryDirectory(prefix="l1forge-ghdl-") as folder:
        work = Path(folder)
        stimuli, results = work / "stimuli.hex", work / "results.txt"
        extra = project.latency - 1
        stimuli.write_text(_lines(events, extra), encoding="ascii")
        root = project.folder.resolve()
        files = ["sim/gtl_pkg.vhd", *project.sources, f"sim/{project.bench}.vhd"]
        common = ["--std=08", f"--workdir={work}"]
        ghdl.run(["-a", *common, *(str(root / file) for file in files)], work)
        _run(ghdl, common, project.bench, stimuli, results, work)
        rows = [line.split() for line in results.read_text(encoding="ascii").splitlines()]
    if len(rows) != events.n + extra or any(len(row) != 2 for row in rows):
        raise InputError(
            "the simulation gave another number of results", file=project.folder, value=f"{len(rows)} rows"
        )
    rows = rows[extra:]
    undefined = [i for i, row in enumerate(rows) if not all(c in "0123456789ABCDEFabcdef" for c in row[0])]
    if undefined:
        raise InputError(
            "the score is undefined",
            file=project.folder,
            field=f"crossing {undefined[0]}",
            value=rows[undefined[0]][0],
        )
    score = np.array([int(row[0], 16) for row in rows], np.int64)
    return score, np.array([row[1] == "1" for row in rows], np.int64)


def _run(ghdl: Ghdl, common: list[str], bench: str, stimuli: Path, results: Path, work: Path) -> None:
    given = [f"-gstimuli={stimuli}", f"-gresults={results}"]
    ghdl.run(["--elab-run", *common, bench, *given, "--ieee-asserts=disable-at-0"], work)


def _lines(events: Events, extra: int) -> str:
    """One line of hexadecimal words per crossing, objects first; the last crossing again to drain results."""
    columns: list[NDArray[np.uint64]] = []
    digits: list[int] = []
    for name in (*OBJECTS, *SUMS):
        words = pack(events, name)
        for slot in range(COLLECTIONS[name].slots):
            word = words[slot]
            if name in SUMS:
                word = word & np.uint64(0xFFFFF)
            columns.append(word)
            digits.append(COLLECTIONS[name].word_bits // 4)
    rows = [
        " ".join(f"{int(column[i]):0{count}x}" for column, count in zip(columns, digits, strict=True))
        for i in range(events.n)
    ]
    return "\n".join([*rows, *rows[-1:] * extra]) + "\n"


def verify_ugt(project: UgtProject, graph: Graph, events: Events) -> UgtVerification:
    """Simulate ``events`` and compare score and decision with ``graph``'s emulator; tolerance 0.

    Raises
    ------
    InputError
        As ``simulate``; if the graph has no such output.
    """
    part = graph.subgraph([project.score])
    kernel = compile_graph(graph, [project.score])
    expected = kernel.run(events, 1)[project.score].reshape(-1).astype(np.int64)
    score, decision = simulate(project, events)
    fires = (expected >= project.threshold).astype(np.int64)
    return UgtVerification(
        project.base,
        events.n,
        project.latency,
        compare(project.score, expected, score),
        compare("adt_out", fires, decision),
        int(fires.sum()),
        project.is_of(part),
    )
