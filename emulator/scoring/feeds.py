"""What `l1forge emulate` runs a model on: an event file, or arrays of its inputs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import BLOCK_SIZE
from l1forge.emulator.events.objects import WEIGHT, Events
from l1forge.emulator.events.source import EventSource, open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import Kernel
from l1forge.emulator.scoring.arrays import ArraySource, NonFinite, element_names, holds_arrays, open_arrays

Scored = tuple[dict[str, Any], int, float]
"""Outputs of a block, its number of events, seconds in the kernel."""
Watcher = Callable[[Mapping[str, Any]], None]
"""Sees every block before it is scored: name of each input to its integers, shape (n,)."""


def input_names(graph: Graph) -> list[str]:
    """Names of all inputs of a graph in order: event columns (``jet.et[0]``), features, or ``x[0]`` ...; an
    input that is constant 0 is called ``0``."""
    names: list[str] = []
    for node in graph.inputs:
        names += node.attributes.get("source") or element_names(node, graph)
    return names


def event_rows(graph: Graph, events: Events, absent: bool = False) -> dict[str, Any]:
    """The inputs that ``events`` hold, with ``absent`` also the others as 0: name to integers, shape (n,)."""
    rows = {}
    for name in input_names(graph):
        column, _, slot = name.removesuffix("]").partition("[")
        if column in events or (absent and name != "0"):
            rows[name] = events.column(column)[int(slot or 0)]
    return rows


def array_rows(graph: Graph, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs in ``arrays`` (input name to (size, n)): name to integers, shape (n,)."""
    rows = [row for node in graph.inputs for row in arrays[node.name]]
    return {name: row for name, row in zip(input_names(graph), rows, strict=True) if name != "0"}


@dataclass(frozen=True)
class Feed(ABC):
    """A file whose events a kernel can score."""

    source: EventSource | ArraySource
    kernel: Kernel
    watchers: list[Watcher] = field(default_factory=list)

    @property
    def description(self) -> str:
        """What the file holds."""
        return self.source.description

    @property
    def n(self) -> int | None:
        """Number of events, None where only reading tells."""
        return self.source.n

    @abstractmethod
    def scores(self, block: int | None, threads: int | None) -> Iterator[Scored]:
        """The outputs of all events, ``block`` at a time (None: as is best for the file)."""

    @abstractmethod
    def notes(self) -> dict[str, int]:
        """What did not fit or was left out while reading."""

    @abstractmethod
    def casts(self) -> dict[str, dict[str, int]]:
        """For each input given as floats: values, saturated, wrapped, NaN, infinite."""


@dataclass(frozen=True)
class EventFeed(Feed):
    """Crossings of an event file."""

    source: EventSource

    def scores(self, block: int | None, threads: int | None) -> Iterator[Scored]:
        for events in self.source.blocks(columns=self.kernel.columns, block_size=block):
            for watch in self.watchers:
                watch(event_rows(self.kernel.graph, events))
            start = time.perf_counter()
            try:
                scores = self.kernel.run(events, threads=threads)
            except InputError as error:  # the kernel knows the column, not the file it came from
                raise InputError(
                    error.problem,
                    file=error.file or self.source.path,
                    field=error.field,
                    value=error.value,
                    remedy=error.remedy or "give the model's input a wider type",
                ) from error
            yield scores, events.n, time.perf_counter() - start

    def notes(self) -> dict[str, int]:
        return dict(self.source.notes)

    def casts(self) -> dict[str, dict[str, int]]:
        return {}


@dataclass(frozen=True)
class ArrayFeed(Feed):
    """Rows of arrays, one for each input of the graph."""

    source: ArraySource

    def scores(self, block: int | None, threads: int | None) -> Iterator[Scored]:
        for arrays in self.source.blocks(block or BLOCK_SIZE):
            for watch in self.watchers:
                watch(array_rows(self.kernel.graph, arrays))
            start = time.perf_counter()
            scores = self.kernel.run_array(arrays, threads=threads)
            count = next(array.shape[1] for array in arrays.values())
            yield scores, count, time.perf_counter() - start

    def notes(self) -> dict[str, int]:
        return {}

    def casts(self) -> dict[str, dict[str, int]]:
        return {name: asdict(counts) for name, counts in self.source.counts.items()}


def open_feed(path: Path, kernel: Kernel, non_finite: NonFinite = "error", weighted: bool = False) -> Feed:
    """Recognise ``path`` by its content; ``weighted``: events may have weights, which a note counts.

    Raises
    ------
    InputError
        If the file cannot be read or does not hold what the graph reads.
    """
    graph = kernel.graph
    if holds_arrays(path, graph):
        return ArrayFeed(open_arrays(path, graph, non_finite), kernel)
    source = open_events(path, weighted=weighted)
    if WEIGHT in source.optional:
        source.notes["events with weights, which scores and their counts do not use"] = source.n or 0
    return event_feed(source, kernel)


def event_feed(source: EventSource, kernel: Kernel) -> EventFeed:
    """The crossings of ``source`` for a model whose inputs are event columns.

    Raises
    ------
    InputError
        If one of the model's inputs is none.
    """
    bare = [node.name for node in kernel.graph.inputs if "source" not in node.attributes]
    if bare:
        raise InputError(
            f"the model's input {bare[0]} is not an event column, so the model cannot run on event files",
            file=source.path,
            remedy="import it with --source, one event column for each input element, or give an array of its"
            " inputs: .npy, .npz or parquet, see docs/formats.md",
        )
    return EventFeed(source, kernel)
