"""Figures of merit of scores: efficiency at total and at pure rates, with joint errors.

Errors are those of replicas (bootstrap): every zero-bias and every signal crossing gets a Poisson weight of
mean 1, the threshold is found again, and the efficiency with it. All scores see the same replicas, so that
differences between scores have the errors of differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ZERO_BIAS = "zerobias"
TOTAL, PURE = "total", "pure"


@dataclass(frozen=True)
class ScoredSample:
    """Crossings: scores (n,) by name, what the cut menu ``accepted`` (n,), ``weights`` (n,)."""

    scores: Mapping[str, NDArray[np.floating | np.integer]]
    accepted: NDArray[np.bool_]
    weights: Floats

    @property
    def n(self) -> int:
        """How many crossings."""
        return len(self.accepted)


@dataclass(frozen=True)
class Efficiency:
    """Of one score on one signal: the value, then one for each replica, in parts of 1.

    ``kind``: at a ``total`` rate of the score alone, or the gain at a ``pure`` rate: what the cut menu
    rejects and the score accepts, of zero bias and of the signal.
    """

    score: str
    signal: str
    kind: str
    rate_khz: float
    values: Floats

    @property
    def value(self) -> float:
        """Without replicas."""
        return float(self.values[0])

    @property
    def error(self) -> float:
        """Standard deviation over the replicas: signal and threshold."""
        return float(self.values[1:].std())


def efficiencies(
    zero_bias: ScoredSample,
    signals: Mapping[str, ScoredSample],
    rates_khz: Mapping[str, Sequence[float]],
    full_khz: float,
    replicas: int,
    seed: int,
) -> list[Efficiency]:
    """Every score, signal, kind and rate; ``full_khz`` is the rate of all colliding crossings."""
    rng = np.random.default_rng(seed)
    background = _poisson(rng, replicas, zero_bias.n)
    drawn = {name: _poisson(rng, replicas, sample.n) for name, sample in signals.items()}
    exposure = float(zero_bias.weights.sum())
    found = []
    for score, values in zero_bias.scores.items():
        curves = {
            (name, kind): _Curve(signal, signal.scores[score], drawn[name], kind)
            for name, signal in signals.items()
            for kind in rates_khz
        }
        for kind, rates in rates_khz.items():
            keep = np.flatnonzero(~zero_bias.accepted) if kind == PURE else np.arange(zero_bias.n)
            allowed = [rate / full_khz * exposure for rate in rates]
            cuts = _thresholds(values[keep], zero_bias.weights[keep], background, keep, allowed)
            for rate, cut in zip(rates, cuts, strict=True):
                found += [
                    Efficiency(score, name, kind, rate, curves[name, kind].above(cut)) for name in signals
                ]
    return found


def _poisson(rng: np.random.Generator, replicas: int, n: int) -> NDArray[np.uint8]:
    """Weights (1 + replicas, n), the first row all 1."""
    weights = np.empty((1 + replicas, n), np.uint8)
    weights[0] = 1
    for row in weights[1:]:
        row[:] = rng.poisson(1.0, n)
    return weights


def _thresholds(
    values: NDArray[np.floating | np.integer],
    weights: Floats,
    drawn: NDArray[np.uint8],
    places: NDArray[np.int64],
    allowed: Sequence[float],
) -> list[Floats]:
    """For each allowed sum of weights and replica the largest score that does not pass: ``score > cut``."""
    # as floats: the negative of an unsigned integer wraps
    order = np.argsort(-values.astype(np.float64), kind="stable")
    cumulated = np.cumsum(weights[order])
    last = int(np.searchsorted(cumulated, 2 * max(allowed) + 30 * float(weights.max()))) + 1
    order = order[: min(last, len(order))]
    sums = np.cumsum(drawn[:, places[order]] * weights[order], axis=1)
    ranked = values[order].astype(np.float64)
    cuts = []
    for limit in allowed:
        first = np.minimum((sums <= limit).sum(axis=1), len(order) - 1)
        cuts.append(ranked[first])
    return cuts


class _Curve:
    """Efficiency of a signal above a score, for all replicas."""

    def __init__(
        self,
        sample: ScoredSample,
        values: NDArray[np.floating | np.integer],
        drawn: NDArray[np.uint8],
        kind: str,
    ) -> None:
        weights = drawn * sample.weights
        self._totals = np.maximum(weights.sum(axis=1), 1e-300)  # a replica of few events may have none
        counted = weights * ~sample.accepted if kind == PURE else weights
        order = np.argsort(-values.astype(np.float64), kind="stable")
        self._negative = -values[order].astype(np.float64)
        self._sums = np.zeros((len(weights), sample.n + 1))
        np.cumsum(counted[:, order], axis=1, out=self._sums[:, 1:])

    def above(self, cuts: Floats) -> Floats:
        """One efficiency for each replica's cut."""
        places = np.searchsorted(self._negative, -cuts, side="left")
        result: Floats = self._sums[np.arange(len(cuts)), places] / self._totals
        return result


@dataclass(frozen=True)
class Comparison:
    """``score`` minus ``other`` on one signal: difference and its error, and the part of replicas above 0."""

    score: str
    other: str
    signal: str
    kind: str
    rate_khz: float
    difference: float
    error: float
    probability: float


def compare(found: Sequence[Efficiency], scores: Sequence[str], others: Sequence[str]) -> list[Comparison]:
    """Each of ``scores`` against each of ``others``, where both were measured."""
    by = {(e.score, e.signal, e.kind, e.rate_khz): e.values for e in found}
    rows = []
    for (score, signal, kind, rate), values in by.items():
        if score not in scores:
            continue
        for other in others:
            if other == score or (other, signal, kind, rate) not in by:
                continue
            difference = values - by[other, signal, kind, rate]
            better = float((difference[1:] > 0).mean() + (difference[1:] == 0).mean() / 2)
            rows.append(
                Comparison(
                    score, other, signal, kind, rate,
                    float(difference[0]), float(difference[1:].std()), better,
                )
            )  # fmt: skip
    return rows


def auc(zero_bias: ScoredSample, signal: ScoredSample, score: str) -> tuple[float, float]:
    """Area under the ROC curve, ties as halves; its error: Hanley and McNeil, Radiology 143 (1982) 29."""
    background, weights = zero_bias.scores[score].astype(np.float64), zero_bias.weights
    order = np.argsort(background, kind="stable")
    ranked, sums = background[order], np.concatenate([[0.0], np.cumsum(weights[order])])
    values = signal.scores[score].astype(np.float64)
    below, upto = (np.searchsorted(ranked, values, side=side) for side in ("left", "right"))
    share = (sums[below] + sums[upto]) / 2 / sums[-1]
    area = float(np.average(share, weights=signal.weights))
    n = zero_bias.weights.sum() ** 2 / np.square(zero_bias.weights).sum()
    m = signal.weights.sum() ** 2 / np.square(signal.weights).sum()
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n)
    return area, float(np.sqrt(max(variance, 0.0)))
