"""Exact comparison of integers, for tests and ``l1forge firmware``: all events, all outputs, no tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate


@dataclass(frozen=True)
class Comparison:
    """Outcome for one output: how many values differ, and the first that does."""

    output: str
    events: int
    mismatches: int
    first: str | None

    @property
    def exact(self) -> bool:
        return self.mismatches == 0

    def __str__(self) -> str:
        first = f" ({self.first})" if self.first else ""
        return f"{self.output}: {self.mismatches} mismatches in {self.events:,} events{first}"


def compare(output: str, expected: NDArray[Any], found: NDArray[Any]) -> Comparison:
    """Compare integer arrays of shape (n, ...) element by element."""
    a = np.asarray(expected).reshape(len(expected), -1)
    b = np.asarray(found).reshape(len(found), -1)
    if a.shape != b.shape:
        return Comparison(output, len(a), max(a.size, b.size), f"shapes {a.shape} and {b.shape}")
    different = np.argwhere(a != b)
    if not len(different):
        return Comparison(output, len(a), 0, None)
    event, element = (int(i) for i in different[0])
    first = f"event {event}, element {element}: expected {a[event, element]}, found {b[event, element]}"
    return Comparison(output, len(a), len(different), first)


def compare_with_graph(
    graph: Graph, inputs: Sequence[NDArray[Any]] | NDArray[Any], found: Sequence[NDArray[Any]]
) -> list[Comparison]:
    """Compare ``found`` (one array per output of ``graph``) with the reference evaluation of the graph."""
    arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    fed: Mapping[str, NDArray[Any]] = {
        node.name: np.asarray(array).reshape(len(array), *node.shape)
        for node, array in zip(graph.inputs, arrays, strict=True)
    }
    expected = evaluate(graph, fed)
    return [compare(name, expected[name], values) for name, values in zip(graph.outputs, found, strict=True)]
