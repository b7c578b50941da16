"""What a study runs on: files by name, or what a notebook holds in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import EventSource
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.scoring.arrays import NonFinite, array_source
from l1forge.emulator.scoring.feeds import ArrayFeed, Feed, event_feed, open_feed

if TYPE_CHECKING:
    from l1forge.emulator.kernel import Kernel

Arrays = np.ndarray[Any, Any]
Source = str | Path | EventSource | Events | Arrays | Mapping[str, Arrays]
"""A file, an open source, a block of events, an array of a model's inputs, or one array for each input."""
IN_MEMORY = Path("in memory")
"""Stands where messages name a file."""


def load_graph(model: str | Path) -> Graph:
    """Load the fixed-point graph of a model, by the name of a shipped model or the path of a graph file.

    Raises
    ------
    InputError
        If there is neither such a model nor such a file, or the file is not a valid graph.

    Examples
    --------
    >>> import l1forge
    >>> graph = l1forge.load_graph("vae")
    >>> graph.name, graph.outputs
    ('vae', ['mu2_score'])
    """
    from l1forge.models import graph_path

    return Graph.load(graph_path(str(model)))


def sample(name: str = "zerobias") -> Path:
    """Path of a committed event file, by the name of its process (simulation/sample/README.md).

    Raises
    ------
    InputError
        If there is no such process; names all of them.

    Examples
    --------
    >>> import l1forge
    >>> l1forge.open_events(l1forge.sample("ttbar")).format
    'parquet'
    """
    from l1forge.simulation import SAMPLE

    path = SAMPLE / f"{name}.parquet"
    if not path.is_file():
        files = sorted(SAMPLE.rglob("*.parquet"))
        names = [file.relative_to(SAMPLE).with_suffix("").as_posix() for file in files]
        raise InputError("no such sample", field="name", value=name, remedy=f"samples: {', '.join(names)}")
    return path


def graph_of(model: str | Path | Graph) -> tuple[Graph, Path | None]:
    """A model's graph, and the file it came from; None for graphs made in memory."""
    if not isinstance(model, Graph):
        graph = load_graph(model)
        return graph, Path(graph.file) if graph.file else None
    return model, Path(model.file) if model.file and Path(model.file).is_file() else None


def source_name(source: Source) -> Path:
    """The file of ``source`` for messages and records."""
    if isinstance(source, EventSource):
        return source.path
    return Path(source) if isinstance(source, str | Path) else IN_MEMORY


def event_source(events: Events) -> EventSource:
    """Events in memory as a source that can be streamed any number of times."""

    def read(columns: Iterable[str] | None, block: int) -> Iterator[Events]:
        names = tuple(events) if columns is None else tuple(columns)
        lacking = [name for name in names if name not in events]
        if lacking:
            raise InputError("has no such column", file=IN_MEMORY, field=lacking[0])
        chosen = Events.of_rows({name: events[name] for name in names}, events.n)
        for first in range(0, events.n, block):
            yield chosen.rows(first, min(first + block, events.n))

    return EventSource(IN_MEMORY, "events", f"{events.n} crossings in memory", tuple(events), events.n, read)


def feed_of(source: Source, kernel: Kernel, non_finite: NonFinite = "error", weighted: bool = False) -> Feed:
    """``source`` as blocks that ``kernel`` can score; ``weighted``: events may have weights.

    Raises
    ------
    InputError
        If it cannot be read or does not hold what the graph reads.
    """
    if isinstance(source, str | Path):
        return open_feed(Path(source), kernel, non_finite, weighted)
    if isinstance(source, EventSource):
        return event_feed(source, kernel)
    if isinstance(source, Events):
        return event_feed(event_source(source), kernel)
    inputs = kernel.graph.inputs
    if not isinstance(source, Mapping):
        if len(inputs) != 1:
            names = [node.name for node in inputs]
            raise InputError(
                "one array, but the graph has several inputs", value=names, remedy="give a mapping of arrays"
            )
        source = {inputs[0].name: source}
    arrays = {name: np.asarray(array) for name, array in source.items()}
    for node in inputs:
        if node.name not in arrays:
            raise InputError("array is missing", field=node.name, value=list(arrays))
    return ArrayFeed(array_source(arrays, kernel.graph, IN_MEMORY, non_finite), kernel)
