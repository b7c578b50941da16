"""Rate against threshold of a score, and what each target rate buys in signal efficiency."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import append_line, atomic_files, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import EventSource
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import Kernel, compile_graph
from l1forge.emulator.rates.intervals import Fraction
from l1forge.emulator.rates.plot import draw, plot, style
from l1forge.emulator.rates.study import study
from l1forge.models.registry import Samples, models
from l1forge.simulation.sample import N_TRAIN
from l1forge.studies.defaults import ZERO_BIAS, default_signals, default_zero_bias
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_table
from l1forge.studies.sources import Source, feed_of, graph_of, source_name

HISTORY = "history.jsonl"
TARGETS_KHZ = (1.0, 10.0, 30.0)

Track = Callable[[Sequence[Source]], Iterable[Source]]
"""Goes through samples; commands show a bar."""


@dataclass(frozen=True)
class CurvePoint:
    """Rate of ``score >= threshold`` on zero bias in kHz, with its central 68.3 % interval."""

    threshold: int
    rate_khz: float
    rate_low_khz: float
    rate_high_khz: float


@dataclass(frozen=True)
class Target:
    """The lowest raw threshold whose rate stays within ``target_khz``, and each signal's efficiency there."""

    target_khz: float
    threshold: int
    rate_khz: float
    rate_low_khz: float
    rate_high_khz: float
    passed: int
    efficiency: Mapping[str, Fraction]


@dataclass(frozen=True)
class RateStudy:
    """Rate curve, thresholds and efficiencies of one score; intervals are binomial (Clopper-Pearson).

    ``lsb``: physical value of one count. ``full_rate_khz``: rate of a selection that every colliding crossing
    passes. ``left_out_crossings``: crossings of the sample that trained the models and are not used.
    """

    model: str
    graph: str
    when: str
    score: str
    type: str
    zero_bias: str
    left_out_crossings: int
    signals: tuple[str, ...]
    trained_on: bool
    zero_bias_crossings: int
    full_rate_khz: float
    lsb: float
    curve: tuple[CurvePoint, ...]
    targets: tuple[Target, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the content of rates.json."""
        return asdict(self) | {"signals": list(self.signals)}

    def plot(self) -> Picture:
        """Rate against threshold with its interval, the targets marked."""
        figure = Picture(figsize=(8, 6), style=style)
        draw(self.to_dict(), f"{self.model}: {self.score}", figure)
        return figure

    def save(self, folder: Path) -> str | None:
        """Write rates.json and rates.png, append to history.jsonl; returns what they replaced."""
        earlier, report = _earlier(folder), self.to_dict()
        with atomic_files(folder) as work:
            plot(report, f"{self.model}: {self.score}", work / "rates.png")
            write_text(work / "rates.json", json.dumps(report, indent=1) + "\n")
        append_line(folder / HISTORY, json.dumps({k: v for k, v in report.items() if k != "curve"}))
        return earlier

    def _repr_html_(self) -> str:
        headings = ("target rate", *(f"{target.target_khz:g} kHz" for target in self.targets))
        rows: list[tuple[str, ...]] = [
            ("score ≥", *(str(target.threshold) for target in self.targets)),
            ("rate in kHz", *(_with_errors(target) for target in self.targets)),
        ]
        for name in self.targets[0].efficiency if self.targets else ():
            found = [target.efficiency[name] for target in self.targets]
            cells = (f"{100 * part.value:.1f} ± {50 * (part.high - part.low):.1f}" for part in found)
            rows.append((f"{name} in %", *cells))
        title = f"{self.model} {self.score}, {self.zero_bias_crossings:,} zero-bias crossings"
        return html_table(title, headings, rows)


def rates(
    model: str | Path | Graph,
    *,
    score: str | None = None,
    zero_bias: Source | None = None,
    signals: Mapping[str, Source] | Sequence[str | Path] | None = None,
    targets_khz: Sequence[float] = TARGETS_KHZ,
    trained_on: bool = False,
    track: Track = iter,
) -> RateStudy:
    """Find the rate of a score against its threshold, and the signal efficiency at target rates.

    Parameters
    ----------
    model
        Name of a shipped model, path of a graph file, or a ``Graph``.
    score
        Output of the graph; None: the first.
    zero_bias
        Zero-bias events, or arrays of inputs, of any kind that ``emulate`` takes; None: the committed sample.
    signals
        Signals by name, or their files (named by the file); None: those of the committed sample.
    targets_khz
        Rates to find thresholds for, in kHz.
    trained_on
        Also use the crossings of the committed sample that trained the shipped models.
    track
        Wraps the samples while they are scored, for a progress bar.

    Raises
    ------
    InputError
        If the score, a rate or a file cannot be used.

    Examples
    --------
    >>> import l1forge
    >>> signals = {"ttbar": l1forge.sample("ttbar")}
    >>> study = l1forge.rates("vae", score="mu2_score", signals=signals, targets_khz=[10.0])
    >>> study.targets[0].threshold
    512
    """
    graph, file = graph_of(model)
    name = check_score(graph, score)
    samples_of = _samples(graph, file)
    given = _signals(samples_of.signals if signals is None and samples_of else signals)
    for target in targets_khz:
        if not 0 < target < math.inf:
            raise InputError("is not a rate in kHz", field="--rate", value=target, remedy="such as 10")
    source = zero_bias
    if source is None:
        source = samples_of.zero_bias if samples_of else default_zero_bias()
    kernel = compile_graph(graph, [name])
    samples: list[Source] = [source, *given.values()]
    found = [_scores(kernel, name, part) for part in track(samples)]
    path = source_name(source)
    committed, trained = (samples_of.zero_bias, samples_of.trained) if samples_of else (ZERO_BIAS, N_TRAIN)
    own = path.exists() and committed.exists() and path.samefile(committed)
    skipped = source.first if isinstance(source, EventSource) else 0
    left_out = max(trained - skipped, 0) if own and not trained_on else 0
    background, by_name = found[0][left_out:], dict(zip(given, found[1:], strict=True))
    if not len(background):
        raise InputError("holds no zero-bias crossing", file=path, remedy="give at least two events")
    for label, values in by_name.items():
        if not len(values):
            raise InputError("holds no crossing", file=source_name(given[label]), remedy="leave it out")
    report = study(background, by_name, targets_khz or TARGETS_KHZ, graph[name].type.lsb)
    return RateStudy(
        graph.name,
        str(file or "in memory"),
        datetime.now(UTC).isoformat(timespec="seconds"),
        name,
        str(graph[name].type),
        str(path),
        left_out,
        tuple(str(source_name(signal)) for signal in given.values()),
        trained_on,
        report["zero_bias_crossings"],
        report["full_rate_khz"],
        report["lsb"],
        tuple(CurvePoint(**point) for point in report["curve"]),
        tuple(_target(row) for row in report["targets"]),
    )


def check_score(graph: Graph, score: str | None) -> str:
    """The output of ``graph`` to study; None: its first.

    Raises
    ------
    InputError
        If it is not one number per event.
    """
    name = score or graph.outputs[0]
    bare = [node.name for node in graph.inputs if "source" not in node.attributes]
    if name in graph.outputs and graph[name].size != 1 and bare:
        raise InputError(
            f"{graph.name} has no rate on event files: its input {bare[0]} is not an event column",
            field="MODEL",
            value=graph.name,
            remedy="its own measure: l1forge evaluate, if it has one",
        )
    if name not in graph.outputs or graph[name].size != 1:
        raise InputError(
            "is not a score of this graph", field="--score", value=name, remedy=f"scores: {graph.outputs}"
        )
    return name


def _samples(graph: Graph, file: Path | None) -> Samples | None:
    """The files of a shipped model that event files do not feed; None for all others."""
    found = models().get(graph.name)
    if found is None or found.samples is None or found.graph is None or file is None:
        return None
    return found.samples() if file.samefile(found.graph) else None


def _signals(given: Mapping[str, Source] | Sequence[str | Path] | None) -> dict[str, Source]:
    """Signals by name; files are called by their names without the suffix."""
    if isinstance(given, Mapping):
        return dict(given)
    files = list(default_signals()) if given is None else [Path(path) for path in given]
    named: dict[str, Source] = {path.stem: path for path in files}
    if len(named) < len(files):
        raise InputError(
            "two signals have one name", field="--signal", remedy="tables list them by file name: rename one"
        )
    return named


def _scores(kernel: Kernel, name: str, source: Source) -> NDArray[Any]:
    parts = [scores[name] for scores, _, _ in feed_of(source, kernel).scores(None, None)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _target(row: Mapping[str, Any]) -> Target:
    efficiency = {name: Fraction(**found) for name, found in row["efficiency"].items()}
    return Target(**{**row, "efficiency": efficiency})


def _with_errors(target: Target) -> str:
    up, down = target.rate_high_khz - target.rate_khz, target.rate_khz - target.rate_low_khz
    return f"{target.rate_khz:.2f} +{up:.2f} -{down:.2f}"


def _earlier(folder: Path) -> str | None:
    """What the study in ``folder`` was about, None if there is none."""
    try:
        old = json.loads((folder / "rates.json").read_text(encoding="utf-8"))
        return f"{old['model']} {old['score']} ({old.get('graph', 'graph not recorded')}, {old['zero_bias']})"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
