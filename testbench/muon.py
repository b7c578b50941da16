"""Co-verification of the muon firmware: patterns, both networks, on muons, corners and random codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.muon.folded import Folded, generate_folded
from l1forge.firmware.muon.patterns import PatternTables, generate_patterns
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.verify import differences
from l1forge.testbench.cosim import Implementation, cosimulate
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import opened
from l1forge.testbench.drivers.interval_driver import opened_spaced
from l1forge.testbench.outcome import Report
from l1forge.testbench.stimuli import Block, Plan

Rows = NDArray[np.int64]
PatternEmulator = Callable[[Rows], Rows]
BLOCK = 20_000


def verify_patterns(
    tables: PatternTables, emulate: PatternEmulator, blocks: Iterator[Rows], folder: Path
) -> tuple[RtlProject, int, int, str | None]:
    """Stream stub rows (n, 72: all values, then all qualities) through the pattern RTL, one a clock.

    Returns the project, the events, the number of events that differ from ``emulate`` (rows to pattern,
    layers, score) or came at the wrong clock, and the first difference in words.
    """
    project = generate_patterns(tables, folder)
    events = wrong = 0
    first = None
    with opened(verilate(project)) as bench:
        for block in blocks:
            got, expected = bench.stream(block), emulate(block)
            rows = differences(expected, got.outputs).wrong_events
            wrong += len(rows) + got.misplaced + abs(got.results - len(block))
            if len(rows) and first is None:
                row = int(rows[0])
                found = got.outputs[row].tolist()
                first = f"event {events + row}: emulator {expected[row].tolist()}, RTL {found}"
            events += len(block)
    return project, events, wrong, first


def verify_folded(
    graph: Graph,
    muons: Rows,
    folder: Path,
    *,
    inputs_per_clock: int = 8,
    extra: dict[str, Implementation] | None = None,
    extra_limit: int = sys.maxsize,
    seed: int = 1,
) -> tuple[Folded, Report]:
    """Co-verify the folded RTL of ``graph`` and ``extra`` implementations with the emulator.

    Stimuli: ``muons`` (n, inputs) and a tenth as many corners and random codes; events follow each other at
    the design's own interval. Each of ``extra`` sees ``extra_limit`` events at most.
    """
    folded = generate_folded(graph, folder, inputs_per_clock)
    few = max(len(muons) // 10, 100)
    edges = Plan(2 * few, real=0.0, corner=0.5).stimuli(graph, [], seed)
    stimuli: dict[str, Iterator[Block]] = {"muons": iter(_blocks(muons)), **edges}
    with opened_spaced(verilate(folded.project), folded.interval, seed) as bench:
        return folded, cosimulate(
            folded.project, graph, stimuli, extra=extra, extra_limit=extra_limit, driver=bench
        )


def _blocks(rows: Rows) -> list[Rows]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
