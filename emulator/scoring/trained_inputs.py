"""What a model's inputs looked like in training, as ranges and coarse histograms, and how others differ.

A network answers for any integers, also for those that it never saw: a column that is all 0, another unit,
another detector. Each trained model therefore keeps a record of its training inputs beside its graph, and
whoever runs the model compares (docs/formats.md, "Inputs that a model was trained on").
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError

Row = NDArray[Any]
FORMAT, VERSION = "l1forge-trained-inputs", 1
BINS = 8
"""Bins of a histogram: as equally filled by the training sample as its integers allow."""
OUTSIDE = 1e-3
"""Share of values beyond the training range above which a feature is reported."""
DISTANCE = 0.3
"""Total variation distance of the histograms above which a feature is reported (0: equal, 1: disjoint)."""
FIRST, LATER = 16_384, 64
"""Events that are compared: the first block's up to this number, evenly spread, then every so many-th one."""
AT_ONCE = 1_024
"""Events that are compared together, as blocks may be small."""


@dataclass(frozen=True)
class Feature:
    """One input in training: smallest and largest integer; ``counts`` in the bins that ``edges`` separate.

    Bin k holds ``edges[k - 1] <= value < edges[k]``; the first and the last one are open.
    """

    name: str
    low: int
    high: int
    edges: tuple[int, ...]
    counts: tuple[int, ...]

    @staticmethod
    def of(name: str, values: Row) -> Feature:
        """Range and histogram of ``values``, shape (n,), integers."""
        quantiles = np.quantile(values, np.arange(1, BINS) / BINS, method="higher")
        edges = np.unique(quantiles[quantiles > values.min()]).astype(np.int64)
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=edges.size + 1)
        low, high = int(values.min()), int(values.max())
        return Feature(name, low, high, tuple(edges.tolist()), tuple(counts.tolist()))


@dataclass(frozen=True)
class TrainedInputs:
    """The record of one model: ``sample`` says in words what was trained on, ``events`` how many of it."""

    model: str
    sample: str
    events: int
    features: tuple[Feature, ...]

    @staticmethod
    def of(model: str, sample: str, names: Sequence[str], values: NDArray[Any]) -> TrainedInputs:
        """The record of a training sample; ``values`` has shape (events, features), integers.

        Inputs called ``0`` are constants and not recorded.

        Raises
        ------
        ValueError
            If there is no event, or not one name for each feature.
        """
        if len(values) == 0 or values.shape[1] != len(names):
            raise ValueError(f"{len(names)} names for inputs of shape {values.shape}")
        features = tuple(Feature.of(name, values[:, i]) for i, name in enumerate(names) if name != "0")
        return TrainedInputs(model, sample, len(values), features)

    def save(self, path: str | Path) -> None:
        """Write as JSON, one line for each feature."""
        head = {
            "format": FORMAT, "version": VERSION, "model": self.model, "sample": self.sample,
            "events": self.events,
        }  # fmt: skip
        rows = ",\n".join("  " + json.dumps(vars(feature)) for feature in self.features)
        text = json.dumps(head)[:-1] + ', "features": [\n' + rows + "\n]}\n"
        write_text(path, text)

    @staticmethod
    def load(path: str | Path) -> TrainedInputs:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file cannot be read or is not such a record.
        """
        remedy = "l1forge train inputs writes those of this repository's models"
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            if (data["format"], data["version"]) != (FORMAT, VERSION):
                raise ValueError
            features = tuple(
                Feature(
                    str(row["name"]), int(row["low"]), int(row["high"]),
                    tuple(map(int, row["edges"])), tuple(map(int, row["counts"])),
                )
                for row in data["features"]
            )  # fmt: skip
            record = TrainedInputs(str(data["model"]), str(data["sample"]), int(data["events"]), features)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError("not a record of training inputs", file=path, remedy=remedy) from error
        for feature in features:
            good = len(feature.counts) == len(feature.edges) + 1 and sum(feature.counts) == record.events > 0
            if not good or list(feature.edges) != sorted(set(feature.edges)):
                raise InputError(
                    "histogram does not fit its edges and the number of events",
                    file=path,
                    field=feature.name,
                    remedy=remedy,
                )
        return record


def record_beside(graph: str | Path) -> Path:
    """``inputs.json`` beside a graph called ``graph.json``, else ``x.inputs.json`` beside ``x.json``."""
    graph = Path(graph)
    return graph.with_name("inputs.json" if graph.name == "graph.json" else f"{graph.stem}.inputs.json")


@dataclass(frozen=True)
class Finding:
    """An input that is not as in training: ``outside`` share beyond its range, ``distance`` of histograms."""

    feature: str
    outside: float
    distance: float
    trained: tuple[int, int]
    seen: tuple[int, int]

    def __str__(self) -> str:
        words = []
        if self.outside > OUTSIDE:
            seen = " .. ".join(map(str, dict.fromkeys(self.seen)))
            trained = " .. ".join(map(str, dict.fromkeys(self.trained)))
            words.append(f"{100 * self.outside:.3g} % of the values outside {trained} (here {seen})")
        if self.distance > DISTANCE:
            words.append(
                f"distributed differently ({100 * self.distance:.0f} % of the values would have to move)"
            )
        return f"{self.feature}: {', '.join(words)}"


class Recorder:
    """Collects the integers that a model reads, to make a record of them: at most ``most`` events."""

    def __init__(self, most: int = 1 << 18) -> None:
        self._left = self._most = most
        self._blocks: list[dict[str, Row]] = []

    def add(self, rows: Mapping[str, Row]) -> None:
        """Keep a block: name of each input to its integers, shape (n,) each."""
        n = min(self._left, len(next(iter(rows.values()), ())))
        if n:
            self._blocks.append({name: np.array(row[:n]) for name, row in rows.items()})
            self._left -= n

    @property
    def events(self) -> int:
        """Events kept so far."""
        return self._most - self._left

    def record(self, model: str, sample: str) -> TrainedInputs:
        """The record of what was collected.

        Raises
        ------
        InputError
            If that is nothing.
        """
        if not self._blocks:
            raise InputError("there are no events to record", file=sample)
        names = list(self._blocks[0])
        values = np.stack([np.concatenate([b[name] for b in self._blocks]) for name in names], axis=1)
        return TrainedInputs.of(model, sample, names, values)


class Comparison:
    """Compares inputs, block by block, with those that a model was trained on."""

    def __init__(self, trained: TrainedInputs) -> None:
        self.trained = trained
        self.events = 0
        self._due = 0.0
        self._waiting: list[dict[str, Row]] = []
        self._held = 0
        self._counts = {feature.name: np.zeros(len(feature.counts), np.int64) for feature in trained.features}
        self._outside = dict.fromkeys(self._counts, 0)
        self._seen: dict[str, tuple[int, int]] = {}

    def add(self, rows: Mapping[str, Row]) -> None:
        """Compare a block: name of each input to its integers, shape (n,) each; every block the same inputs.

        Inputs that were not recorded and recorded inputs that are not given are left out.
        """
        n = len(next(iter(rows.values()), ()))
        if not n:
            return
        self._due = FIRST - self.events if self.events < FIRST else self._due + n / LATER
        if self._due < 1:
            return
        step = max(1, math.ceil(n / int(self._due)))
        taken = len(range(0, n, step))
        self._due -= taken
        self.events += taken
        self._waiting.append({name: np.array(row[::step]) for name, row in rows.items()})
        self._held += taken
        if self._held >= AT_ONCE:
            self._compare()

    def _compare(self) -> None:
        """Count what waits."""
        waiting, self._waiting, self._held = self._waiting, [], 0
        for feature in self.trained.features if waiting else ():
            if feature.name not in waiting[0]:
                continue
            values = np.concatenate([rows[feature.name] for rows in waiting])
            places = np.searchsorted(np.array(feature.edges, np.int64), values, side="right")
            self._counts[feature.name] += np.bincount(places, minlength=len(feature.counts))
            self._outside[feature.name] += int(((values < feature.low) | (values > feature.high)).sum())
            low, high = int(values.min()), int(values.max())
            before = self._seen.get(feature.name, (low, high))
            self._seen[feature.name] = min(low, before[0]), max(high, before[1])

    def findings(self) -> list[Finding]:
        """The inputs that differ by more than chance, the farthest first.

        Two of ``events + 1`` values of the same distribution lie beyond the extremes of a training sample;
        histograms of few events differ by chance, which is added to the limit.
        """
        self._compare()
        found = []
        for feature in self.trained.features:
            if feature.name not in self._seen:
                continue
            counts, outside = self._counts[feature.name], self._outside[feature.name]
            expected = 2 * self.events / (self.trained.events + 1)
            share = outside / self.events
            if share <= OUTSIDE or outside < min(3, self.events) or outside <= expected + 5 * expected**0.5:
                share = 0.0
            given, trained = counts / self.events, np.array(feature.counts) / self.trained.events
            distance = float(np.abs(given - trained).sum() / 2)
            chance = math.sqrt(len(counts) / self.events) + math.sqrt(len(counts) / self.trained.events)
            if len(counts) == 1 or distance <= DISTANCE + chance:
                distance = 0.0
            if share or distance:
                seen = self._seen[feature.name]
                found.append(Finding(feature.name, share, distance, (feature.low, feature.high), seen))
        return sorted(found, key=lambda finding: -max(finding.outside, finding.distance))

    def demand_same(self, source: object) -> None:
        """Demand that nothing differs; ``source`` names the inputs in the message.

        Raises
        ------
        InputError
            Naming the input that differs most.
        """
        findings = self.findings()
        if findings:
            more = f", and {len(findings) - 1} more inputs" if len(findings) > 1 else ""
            raise InputError(
                f"inputs differ from those {self.trained.model} was trained on: {findings[0]}{more}",
                file=str(source),
                remedy="leave --strict out to continue",
            )

    def to_dict(self) -> dict[str, Any]:
        """Events compared, the training sample, and every finding, for JSON."""
        differ = [vars(finding) for finding in self.findings()]
        return {"compared": self.events, "trained_on": self.trained.sample, "differ": differ}
