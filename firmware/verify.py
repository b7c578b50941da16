"""The exactness comparer: integers, all events, all outputs, no tolerance. Every check of ours uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate


@dataclass(frozen=True)
class Differences:
    """Where two integer arrays of one shape (events, elements) differ; ``events`` and ``elements`` by value.

    ``missing``: events that ``found`` has too few or too many (all, if only the elements do not fit); nothing
    else is compared then.
    """

    expected: NDArray[Any]
    found: NDArray[Any]
    events: NDArray[np.int64]
    elements: NDArray[np.int64]
    missing: int = 0

    @property
    def values(self) -> int:
        """Number of values that differ."""
        return len(self.events)

    @property
    def wrong_events(self) -> NDArray[np.int64]:
        """Events in which a value differs, ascending."""
        return np.unique(self.events)

    @property
    def exact(self) -> bool:
        return not (self.values or self.missing)

    def listed(self, most: int) -> Iterator[tuple[int, int, int, int]]:
        """Event, element, expected and found integer of the first ``most`` values that differ."""
        for event, element in zip(self.events[:most].tolist(), self.elements[:most].tolist(), strict=True):
            yield event, element, int(self.expected[event, element]), int(self.found[event, element])


def differences(expected: NDArray[Any], found: NDArray[Any]) -> Differences:
    """Compare integer arrays of shape (n, ...) value by value, their elements flattened.

    Raises
    ------
    TypeError
        If one of them does not hold integers: floating point has no exact equality here.
    """
    a, b = (x.reshape(len(x), prod(x.shape[1:])) for x in map(np.asarray, (expected, found)))
    for array in (a, b):
        if array.dtype.kind not in "biu":
            raise TypeError(f"integers are compared, not {array.dtype}")
    if a.shape != b.shape:
        nothing = np.empty(0, np.int64)
        return Differences(a, b, nothing, nothing, abs(len(b) - len(a)) or max(len(a), 1))
    events, elements = np.nonzero(a != b)
    return Differences(a, b, events, elements)


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
    different = differences(expected, found)
    a, b = different.expected, different.found
    if different.missing:
        return Comparison(output, len(a), max(a.size, b.size), f"shapes {a.shape} and {b.shape}")
    first = None
    for event, element, wanted, got in different.listed(1):
        first = f"event {event}, element {element}: expected {wanted}, found {got}"
    return Comparison(output, len(a), different.values, first)


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
