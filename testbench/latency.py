"""The latency of a design that nobody tells: the one shift at which its results are those of the graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import RtlProject
from l1forge.testbench.cosim import emulator_of
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import Harness
from l1forge.testbench.stimuli import Block

LONGEST = 256
"""Clocks that are tried."""
EVENTS = 1024


def find_latency(graph: Graph, wrap: Callable[[int], RtlProject], block: Block) -> int:
    """Clocks from input to result of foreign RTL.

    Parameters
    ----------
    graph
        What the RTL should compute.
    wrap
        Makes the project that expects results after so many clocks.
    block
        Input rows (n, input ports); their first ``EVENTS`` are sent, one per clock.

    Raises
    ------
    InputError
        If the results are those of the graph at no shift, or at several (results that hardly change).
    """
    rows = block[:EVENTS]
    sent = np.concatenate([rows, np.repeat(rows[-1:], LONGEST, axis=0)])
    project = wrap(1)
    bench = Harness(verilate(project), seed=1)
    try:
        found = bench.stream(sent, gaps=0.0).outputs
    finally:
        bench.close()
    expected = emulator_of(graph)(rows)
    fits = [shift for shift in range(LONGEST + 1) if _same(found[shift : shift + len(rows)], expected)]
    if not fits:
        near = max(range(LONGEST + 1), key=lambda s: _agreement(found[s : s + len(rows)], expected))
        part = _agreement(found[near : near + len(rows)], expected)
        raise InputError(
            f"at no latency up to {LONGEST} clocks all results are those of the graph",
            field=project.name,
            value=f"best: {100 * part:.2f} % of {len(rows)} results at {near + 1} clocks",
            remedy="state the latency to see what differs",
        )
    if len(fits) > 1:
        raise InputError(
            "the results fit at several latencies: they hardly change",
            field=project.name,
            value=f"{[shift + 1 for shift in fits[:5]]} clocks",
            remedy="state the latency, or give --events that differ",
        )
    return fits[0] + 1


def _same(found: NDArray[np.int64], expected: NDArray[np.int64]) -> bool:
    return len(found) == len(expected) and bool((found == expected).all())


def _agreement(found: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    return float((found == expected[: len(found)]).all(axis=1).mean()) if len(found) else 0.0
