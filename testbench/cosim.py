"""Co-verification: every output of every crossing, from every implementation, compared as integers.

The emulator is the one the others are compared with; any further implementation (the compiled HLS C++, RTL
made by another route) is a function from input rows to output rows, in the order of the project's ports.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.verify import differences
from l1forge.testbench.directed import Directed
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import Stream, Toggles, opened
from l1forge.testbench.outcome import SHOWN, Mismatch, Report
from l1forge.testbench.stimuli import DIRECTED, Block, as_inputs

Implementation = Callable[[Block], NDArray[np.int64]]
Progress = Callable[[int], None]
Result = TypeVar("Result")


class Driver(Protocol):
    """Something that streams rows through the simulated design."""

    def stream(self, inputs: Block, *, watch: bool = False) -> Stream: ...

    def toggles(self) -> list[Toggles]: ...


def emulator_of(graph: Graph) -> Implementation:
    """The graph's kernel as a function from input rows to output rows."""
    kernel = compile_graph(graph)

    def run(block: Block) -> NDArray[np.int64]:
        results = kernel.run_rows(as_inputs(graph, block))
        flat = [results[name].reshape(len(block), -1) for name in graph.outputs]
        return np.concatenate(flat, axis=1).astype(np.int64)

    return run


def cosimulate(
    project: RtlProject,
    graph: Graph,
    stimuli: Mapping[str, Iterable[Block]],
    *,
    extra: Mapping[str, Implementation] | None = None,
    extra_limit: int = sys.maxsize,
    driver: Driver | None = None,
    label: str = "harness",
    threads: int = 1,
    seed: int = 1,
    watch: int = 100_000,
    directed: Directed | None = None,
    progress: Progress | None = None,
) -> Report:
    """Stream ``stimuli`` through the RTL and compare with the emulator and ``extra`` implementations.

    Parameters
    ----------
    stimuli
        Name of each kind to its blocks of rows (n, input elements).
    extra_limit
        Each extra implementation is run on so many crossings at most (csim is a hundred times slower).
    driver, label
        How to simulate, and its name; the compiled harness with random gaps if not given.
    threads
        Instances of the compiled harness that share every block.
    watch
        Toggle coverage is counted on the first so many crossings (it slows the simulation).
    directed
        What to count behind the inputs, on the same crossings as the toggles.
    progress
        Called with the number of crossings done since the last call.

    Raises
    ------
    InputError
        If a tool is missing or the design does not build: a check that cannot run has failed.
    """
    wanted = [port.node for port in project.outputs]
    graph = graph.subgraph(dict.fromkeys(wanted))
    emulate = emulator_of(graph)
    report = Report(project.name, project.circuit, label, project.latency, project.clock_period_ns)
    report.directed = directed.coverage() if directed is not None else None
    seconds: dict[str, float] = defaultdict(float)
    with opened(verilate(project), seed, threads) if driver is None else nullcontext(driver) as bench:
        try:
            for kind, blocks in stimuli.items():
                for block in blocks:
                    if not len(block):
                        continue
                    expected = _timed(seconds, "emulator", partial(emulate, block))
                    watching = report.crossings < watch
                    got = _timed(seconds, "rtl", partial(bench.stream, block, watch=watching))
                    if directed is not None and report.directed is not None and watching:
                        directed.watch(report.directed, block)
                        report.directed.rows_driven += len(block) if kind == DIRECTED else 0
                    results, asked = {"rtl": got.outputs}, {"rtl": len(block)}
                    for name, implementation in (extra or {}).items():
                        part = block[: max(extra_limit - report.checked.get(name, 0), 0)]
                        if len(part):
                            asked[name] = len(part)
                            results[name] = _timed(seconds, name, partial(implementation, part))
                    _count(report, kind, expected, got, results, asked)
                    if progress is not None:
                        progress(len(block))
        except KeyboardInterrupt:  # what was compared so far is reported
            report.interrupted = True
        report.toggles = bench.toggles()
    report.seconds = dict(seconds)
    report.examples = [replace(e, port=project.outputs[int(e.port)].name) for e in report.examples]
    return report


def _timed(seconds: dict[str, float], name: str, action: Callable[[], Result]) -> Result:
    start = time.perf_counter()
    result = action()
    seconds[name] += time.perf_counter() - start
    return result


def _count(
    report: Report,
    kind: str,
    expected: Block,
    got: Stream,
    results: Mapping[str, NDArray[np.int64]],
    asked: Mapping[str, int],
) -> None:
    """Enter one block into the report; ``asked``: how many of its crossings each implementation was given."""
    report.clocks += got.clocks
    report.misplaced += got.misplaced
    report.missing += abs(got.results - len(expected))
    for name, values in results.items():
        _compare(report, name, expected[: asked[name]], values)
    report.crossings += len(expected)
    report.stimuli[kind] = report.stimuli.get(kind, 0) + len(expected)


def _compare(report: Report, name: str, expected: NDArray[np.int64], got: NDArray[np.int64]) -> None:
    report.compared += expected.size
    report.checked[name] = report.checked.get(name, 0) + len(expected)
    different = differences(expected, got)
    report.missing += different.missing
    report.mismatches += different.values
    for row, column, wanted, found in different.listed(SHOWN - len(report.examples)):
        report.examples.append(Mismatch(name, report.crossings + row, str(column), wanted, found))
