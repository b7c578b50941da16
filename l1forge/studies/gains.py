"""What the studies of anomaly scores share: results by score and signal, areas, spreads over trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from l1forge.models.anomaly.merit import Comparison, Efficiency
from l1forge.models.anomaly.samples import BLIND_SIGNALS, VALIDATION_SIGNALS


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve of a score on a signal."""

    score: str
    signal: str
    value: float
    error: float


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over the trainings from ``seeds`` of one efficiency."""

    signal: str
    kind: str
    rate_khz: float
    mean: float
    spread: float
    seeds: tuple[int, ...]


class GainStudy:
    """A frozen dataclass of results becomes a study of gains; ``groups``: what each signal was used for.

    ``seed_row`` is the row of one training, with ``{}`` for its seed. ``not_in_json``: fields that stay out.
    """

    seed_row: ClassVar[str]
    not_in_json: ClassVar[tuple[str, ...]] = ()
    groups: Mapping[str, str]
    efficiencies: tuple[Efficiency, ...]
    areas: tuple[Area, ...]
    spreads: tuple[Spread, ...]
    comparisons: tuple[Comparison, ...]

    def of(self, score: str, signal: str, kind: str, rate_khz: float) -> Efficiency:
        """One efficiency."""
        wanted = (score, signal, kind, rate_khz)
        return next(e for e in self.efficiencies if (e.score, e.signal, e.kind, e.rate_khz) == wanted)

    @property
    def signals(self) -> tuple[str, ...]:
        """In the order of the tables."""
        return tuple(self.groups)

    @property
    def scores(self) -> tuple[str, ...]:
        """In the order of the tables, without single seeds."""
        seen = dict.fromkeys(e.score for e in self.efficiencies)
        return tuple(name for name in seen if not name.startswith(self.seed_row.format("")))

    def document(self, form: str, version: int) -> dict[str, Any]:
        """Plain data for JSON; of the replicas only their standard deviation."""
        tables = ("areas", "spreads", "comparisons")
        plain = {
            key: value
            for key, value in vars(self).items()
            if key not in ("efficiencies", *tables, *self.not_in_json)
        }
        rows = [
            {
                "score": e.score,
                "signal": e.signal,
                "kind": e.kind,
                "rate_khz": e.rate_khz,
                "efficiency": e.value,
                "error": e.error,
            }
            for e in self.efficiencies
        ]
        listed = {name: [asdict(row) for row in getattr(self, name)] for name in tables}
        return {"format": form, "version": version, **plain, "efficiencies": rows, **listed}


def group_of(name: str, blind: Mapping[str, Path]) -> str:
    """What a signal is used for: ``blind``, ``validation`` or ``test``."""
    if name in blind or name in BLIND_SIGNALS:
        return "blind"
    return "validation" if name in VALIDATION_SIGNALS else "test"


def spreads_of(rows: Sequence[Efficiency], seed_row: str) -> list[Spread]:
    """Mean and spread of the rows of single trainings, which are named as ``seed_row`` says."""
    prefix = seed_row.format("")
    groups: dict[tuple[str, str, float], dict[int, float]] = {}
    for row in rows:
        if row.score.startswith(prefix):
            seed = int(row.score.removeprefix(prefix))
            groups.setdefault((row.signal, row.kind, row.rate_khz), {})[seed] = row.value
    found = []
    for key, by_seed in groups.items():
        values = list(by_seed.values())
        spread = float(np.std(values, ddof=min(1, len(values) - 1)))
        found.append(Spread(*key, float(np.mean(values)), spread, tuple(by_seed)))
    return found
