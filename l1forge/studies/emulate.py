"""Events through a model: every score as the firmware computes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import Kernel, compile_graph
from l1forge.emulator.scoring.arrays import NonFinite
from l1forge.emulator.scoring.feeds import Feed
from l1forge.emulator.scoring.files import Distribution, check_format, open_writer
from l1forge.emulator.scoring.trained_inputs import Comparison, Recorder, record_beside
from l1forge.screen.outputs import check_outputs
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_lines, html_table
from l1forge.studies.sources import Source, feed_of, graph_of, source_name
from l1forge.studies.trained_inputs import comparison

QUANTILES = (0.5, 0.9, 0.99, 0.999)
WIDEST = 62
"""Bits of the widest score whose distribution is counted."""

Scores = Mapping[str, NDArray[Any]]
Progress = Callable[[int], object]
"""Called with the number of events done so far."""


@dataclass(frozen=True)
class Emulation:
    """The scores of one file, and what was found on the way.

    ``scores``: raw integers in LSBs of ``types``, shape (n,) or (size, n), events along the last axis; empty
    if they were not kept. ``distributions``: counts of the values of every scalar score. ``notes``,
    ``casts``: what did not fit or was changed, counted. ``compared``: inputs against those of the training,
    None without a record of these.
    """

    model: str
    graph: str
    input: str
    crossings: int
    scores: Scores
    types: Mapping[str, FixedType]
    distributions: Mapping[str, Distribution]
    notes: Mapping[str, int]
    casts: Mapping[str, Mapping[str, int]]
    compared: Comparison | None
    plan: Any
    ready_s: float
    kernel_s: float
    total_s: float
    output: Path | None = None
    recorded: Path | None = None
    replaced: bool = False
    """Whether ``recorded`` was there before."""

    @property
    def kernel_events_per_s(self) -> float | None:
        """Speed of the kernel alone; None if it did not run."""
        return self.crossings / self.kernel_s if self.kernel_s else None

    @property
    def events_per_s(self) -> float:
        """Speed with reading, writing and start-up."""
        return self.crossings / self.total_s

    def physical(self, score: str) -> NDArray[np.float64]:
        """Values of one score: raw integers times the LSB of its type, float64."""
        return np.asarray(self.scores[score] * self.types[score].lsb, np.float64)

    def quantiles(self) -> dict[str, dict[str, int]]:
        """For every scalar score its quantiles and largest value, raw integers; empty without events."""
        if not self.crossings:
            return {}
        return {
            name: {f"{q:g}": counts.quantile(q) for q in QUANTILES} | {"max": counts.maximum()}
            for name, counts in self.distributions.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; what ``l1forge emulate --json`` writes."""
        inputs: dict[str, Any] = {"compared": 0, "differ": None}
        return {
            "model": self.model,
            "input": self.input,
            "crossings": self.crossings,
            "kernel_ready_s": self.ready_s,
            "kernel_events_per_s": self.kernel_events_per_s,
            "events_per_s": self.events_per_s,
            "notes": dict(self.notes),
            "casts": {name: dict(counts) for name, counts in self.casts.items()},
            "inputs": self.compared.to_dict() if self.compared else inputs,
            "scores": {
                name: {"type": str(self.types[name]), **values} for name, values in self.quantiles().items()
            },
        }

    def plot(self) -> Picture:
        """Distribution of every scalar score in its physical value, on a logarithmic axis."""
        count = max(len(self.distributions), 1)
        figure = Picture(figsize=(6 * count, 4), layout="constrained")
        panels = figure.subplots(1, count, squeeze=False)[0]
        for axis, name in zip(panels, self.distributions, strict=False):
            counts, edges = self._histogram(name)
            axis.stairs(counts, edges * self.types[name].lsb, fill=True)
            axis.set(xlabel=name, ylabel="events", yscale="log")
        figure.suptitle(f"{self.model}: {self.crossings:,} events")
        return figure

    def _histogram(self, name: str, bins: int = 100) -> tuple[NDArray[Any], NDArray[Any]]:
        """Counts of one score, and edges in raw integers; of the distribution where scores are not kept."""
        if name in self.scores:
            return np.histogram(self.scores[name], bins)
        counts = self.distributions[name]
        centres = (np.arange(len(counts.counts)) + counts.origin) * 2.0**counts.shift
        filled = np.flatnonzero(counts.counts)
        inside = slice(filled[0], filled[-1] + 1) if filled.size else slice(0, 1)
        return np.histogram(centres[inside], bins, weights=counts.counts[inside])

    def _repr_html_(self) -> str:
        rows = [
            (name, f"{self.types[name].lsb:g}", *values.values()) for name, values in self.quantiles().items()
        ]
        headings = ("score", "LSB", *(f"{100 * q:g} %" for q in QUANTILES), "max")
        title = f"{self.model}: {self.crossings} crossings of {self.input}"
        return html_table(title, headings, rows) + html_lines(
            f"{note}: {count:,}" for note, count in self.notes.items()
        )


@dataclass(frozen=True)
class Scoring:
    """A model that is compiled and a file that is open: ``run`` scores it."""

    graph: Graph
    graph_file: Path | None
    source: Path
    kernel: Kernel
    feed: Feed
    outputs: tuple[str, ...]
    compared: Comparison | None
    recorder: Recorder | None
    strict: bool
    started: float
    ready_s: float

    def run(
        self,
        output: Path | None = None,
        *,
        keep: bool = True,
        block: int | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Emulation:
        """Score everything; see ``emulate``."""
        state = _State(self)
        note = {
            "model": self.graph.name,
            "first": self.graph.outputs[0],  # what a menu's seed means that names the model alone
            "graph": str(self.graph_file or "in memory"),
            "input": str(self.source),
        }
        types = {name: (self.graph[name].type, self.graph[name].size) for name in self.outputs}
        with open_writer(output, types, note) if output else _nowhere() as writer:
            for scores, count, seconds in self.feed.scores(block, threads):
                state.add(scores, count, seconds, keep)
                if writer is not None:
                    writer.append(scores)
                if progress is not None:
                    progress(state.done)
            if self.compared is not None and self.strict:  # before a file of scores is complete
                self.compared.demand_same(self.source)
        total = time.perf_counter() - self.started
        recorded, replaced = self._record()
        return Emulation(
            self.graph.name,
            note["graph"],
            str(self.source),
            state.done,
            state.scores(),
            {name: type_ for name, (type_, _) in types.items()},
            state.distributions,
            self.feed.notes(),
            self.feed.casts(),
            self.compared,
            self.kernel.plan,
            self.ready_s,
            state.busy,
            total,
            output,
            recorded,
            replaced,
        )

    def _record(self) -> tuple[Path | None, bool]:
        """Write the record of the inputs beside the graph, if that was asked for."""
        if self.recorder is None or self.graph_file is None:
            return None, False
        path = record_beside(self.graph_file)
        record, replaced = self.recorder.record(self.graph.name, str(self.source)), path.exists()
        record.save(path)
        return path, replaced


@dataclass
class _State:
    """What is gathered block by block."""

    scoring: Scoring
    done: int = 0
    busy: float = 0.0
    kept: list[Scores] = field(default_factory=list)
    distributions: dict[str, Distribution] = field(init=False)

    def __post_init__(self) -> None:
        nodes = {name: self.scoring.graph[name] for name in self.scoring.outputs}
        self.distributions = {
            name: Distribution(node.type)
            for name, node in nodes.items()
            if node.size == 1 and node.type.width <= WIDEST
        }

    def add(self, scores: Scores, count: int, seconds: float, keep: bool) -> None:
        self.busy += seconds
        self.done += count
        for name, distribution in self.distributions.items():
            distribution.add(scores[name])
        if keep:
            self.kept.append(scores)

    def scores(self) -> Scores:
        if not self.kept:
            return {}
        return {
            name: np.concatenate([part[name] for part in self.kept], axis=-1) for name in self.scoring.outputs
        }


@contextmanager
def _nowhere() -> Iterator[None]:
    yield None


def prepare(
    model: str | Path | Graph,
    source: Source,
    *,
    outputs: Sequence[str] | None = None,
    non_finite: NonFinite = "error",
    strict: bool = False,
    record_inputs: bool = False,
    output: Path | None = None,
    summary: Path | None = None,
) -> Scoring:
    """Compile the model and open the file: ``emulate`` without the scoring.

    ``output``, ``summary``: files that will be written, looked at first.

    Raises
    ------
    InputError
        As ``emulate``.
    """
    file = source_name(source)
    check_outputs(output, summary, inputs=[file])
    if output is not None:
        check_format(output)
    graph, path = graph_of(model)
    started = time.perf_counter()
    kernel = compile_graph(graph, list(outputs) if outputs else None)
    if path is None and (strict or record_inputs):
        raise InputError("is not in a file, so no record of training inputs is beside it", field="model")
    compared = None if record_inputs or path is None else comparison(path, strict)
    recorder = Recorder() if record_inputs else None
    if record_inputs and path is not None:
        check_outputs(record_beside(path), output, summary, inputs=[file])
    feed = feed_of(source, kernel, non_finite, weighted=True)
    if compared is not None:
        feed.watchers.append(compared.add)
    if recorder is not None:
        feed.watchers.append(recorder.add)
    ready = time.perf_counter() - started
    names = tuple(outputs or graph.outputs)
    return Scoring(graph, path, file, kernel, feed, names, compared, recorder, strict, started, ready)


def emulate(
    model: str | Path | Graph,
    source: Source,
    *,
    outputs: Sequence[str] | None = None,
    output: str | Path | None = None,
    non_finite: NonFinite = "error",
    strict: bool = False,
    keep: bool = True,
    threads: int | None = None,
    block: int | None = None,
    progress: Progress | None = None,
) -> Emulation:
    """Score events with a model, bit for bit as the firmware does.

    Parameters
    ----------
    model
        Name of a shipped model, path of a graph file, or a ``Graph``.
    source
        Event file, or arrays of the model's inputs (.npy, .npz, parquet); also an open ``EventSource``, a
        block of ``Events``, an array of shape (n, *shape of the input*), or one such array for each input by
        name. Integers count LSBs of the input's type; floats are physical values and are cast with that type.
    outputs
        Only these outputs of the graph.
    output
        Also write the scores to this file, .parquet or .npz.
    non_finite
        NaN and infinity in float arrays: ``"error"``, ``"zero"``, or ``"saturate"`` (the ends of the range).
    strict
        Refuse inputs that differ from those of the training.
    keep
        Keep the scores in memory; False for files larger than it.
    threads, block
        Threads of the kernel (None: all cores), events at a time (None: as suits the file).
    progress
        Called with the number of events done, block by block.

    Raises
    ------
    InputError
        If the model, the file or an array cannot be used, or with ``strict`` if inputs differ from training.

    Examples
    --------
    >>> import l1forge
    >>> result = l1forge.emulate("vae", l1forge.sample("ttbar"), outputs=["mu2_score"])
    >>> result.crossings, result.scores["mu2_score"].shape, str(result.types["mu2_score"])
    (10000, (10000,), 'ufixed<15,21>')
    """
    target = Path(output) if output is not None else None
    scoring = prepare(model, source, outputs=outputs, non_finite=non_finite, strict=strict, output=target)
    return scoring.run(target, keep=keep, block=block, threads=threads, progress=progress)
