"""A graph on a batch of events, without machine code of its own: many graphs are run once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph


def run_rows(graph: Graph, integers: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The outputs for integers of shape (n, *shape) by input, equal to those of the reference bit for bit."""
    try:
        kernel = compile_graph(graph, backend="interpreter")
    except OverflowError:  # wide types: the interpreter's program has words of 64 bits
        kernel = compile_graph(graph, backend="reference")
    return kernel.run_rows(integers)
