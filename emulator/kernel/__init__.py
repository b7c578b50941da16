"""Fixed-point graphs compiled to vector kernels: exact, fast, independent of threads and block size."""

from __future__ import annotations

from collections.abc import Iterable

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel.kernel import Backend, Kernel

__all__ = ["Kernel", "compile_graph"]


def compile_graph(
    graph: Graph, outputs: Iterable[str] | None = None, backend: Backend | None = None
) -> Kernel:
    """The kernel that computes ``outputs`` (default: the graph's outputs) and nothing else."""
    return Kernel(graph, outputs, backend)
