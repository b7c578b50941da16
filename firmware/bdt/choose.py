"""Types chosen from data: the narrowest that keep the decision within a stated loss.

The loss of a precision is the share of events whose decision differs from that of the float ensemble: which
side of the cut on the raw score they are (one score), or which score is largest (several).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.firmware.bdt.ensemble import LEAF, Ensemble
from l1forge.firmware.bdt.fold import grid_threshold
from l1forge.firmware.bdt.to_graph import Precision, rounded

FINEST = 24  # fractional bits beyond which a grid of float32 features is not refined


@dataclass(frozen=True)
class Loss:
    """``loss`` of one precision; ``feature_bits`` is the widest feature, ``score_bits`` the leaves' width."""

    precision: Precision
    feature_bits: int
    score_bits: int
    loss: float


def decisions(scores: NDArray[Any], cut: float) -> NDArray[Any]:
    """Passes the cut (one score) or number of the largest score (several); shape (n,)."""
    return scores[:, 0] > cut if scores.shape[1] == 1 else scores.argmax(axis=1)


def quantised_margin(ensemble: Ensemble, precision: Precision, x: ArrayLike) -> NDArray[np.float64]:
    """Raw scores of the quantised ensemble, shape (n, n_scores): what its graph computes, in units.

    Features are rounded and saturated by their types, thresholds by the split's rule, leaves to nearest.
    """
    columns = np.asarray(x, np.float64)
    grid = np.empty_like(columns)
    for i, kind in enumerate(precision.features):
        scaled = columns[:, i] * 2.0**kind.fraction
        steps = np.floor(scaled + 0.5) if kind.rounding is Rounding.RND else np.floor(scaled)
        grid[:, i] = np.clip(steps, kind.minimum, kind.maximum) * kind.lsb
    scale = 2.0**precision.score.fraction
    trees = []
    for tree in ensemble.trees:
        threshold = tree.threshold.copy()
        for node in np.flatnonzero(tree.feature != LEAF):
            fraction = precision.features[tree.feature[node]].fraction
            if precision.threshold is not None:
                fraction = min(fraction, precision.threshold.fraction)
            threshold[node] = (
                grid_threshold(float(threshold[node]), ensemble.split, fraction) * 2.0**-fraction
            )
        value = rounded(tree.value / ensemble.divisor * scale) / scale
        trees.append(replace(tree, threshold=threshold, value=value))
    base = tuple(float(v) for v in rounded(np.array(ensemble.base) * scale) / scale)
    exact = replace(
        ensemble, trees=tuple(trees), base=base, divisor=1.0, feature_dtype="float64", sum_dtype="float64"
    )
    return exact.margin(grid)


def data_types(ensemble: Ensemble, x: ArrayLike) -> tuple[FixedType, ...]:
    """For each feature the narrowest type that holds its data exactly, or ``FINEST`` fractional bits.

    Types round to nearest and saturate, for data beyond those seen.
    """
    columns = np.asarray(x, np.float64)
    if not np.isfinite(columns).all():
        raise InputError("features must be finite to choose types", field="x", remedy="fill missing values")
    types = []
    for column in columns.T:
        fraction = _fraction(column)
        scaled = column * 2.0**fraction
        bare = FixedType.integers(math.floor(scaled.min()), math.ceil(scaled.max()))
        types.append(_feature_type(bare.width, bare.width - fraction, bare.signed))
    return tuple(types)


def _feature_type(width: int, integer: int, signed: bool) -> FixedType:
    return FixedType(width, integer, signed, Rounding.RND, Overflow.SAT)


def _fraction(column: NDArray[np.float64]) -> int:
    """Fractional bits of the finest grid the values need; negative if all are multiples of 2, 4, …"""
    used = column[column != 0]
    if not used.size:
        return 0
    for fraction in range(-FINEST, FINEST):
        if (np.floor(used * 2.0**fraction) == used * 2.0**fraction).all():
            return fraction
    return FINEST


def narrowed(kind: FixedType, width: int) -> FixedType:
    """The type with the same range and at most ``width`` bits."""
    keep = min(width, kind.width)
    return _feature_type(keep, kind.integer, kind.signed)


def score_type(ensemble: Ensemble, fraction: int) -> FixedType:
    """The narrowest signed type for leaves and start values with ``fraction`` fractional bits."""
    leaves = [tree.value[tree.feature == LEAF] / ensemble.divisor for tree in ensemble.trees]
    steps = rounded(np.concatenate([*leaves, np.array(ensemble.base)]) * 2.0**fraction)
    bare = FixedType.integers(min(int(steps.min()), -1), int(steps.max()))
    return FixedType(bare.width, bare.width - fraction)


Judge = Callable[[NDArray[Any]], float]
"""From quantised scores (n, n_scores) to the loss."""


def _loss(ensemble: Ensemble, precision: Precision, x: ArrayLike, judge: Judge) -> Loss:
    widest = max(kind.width for kind in precision.features)
    lost = judge(quantised_margin(ensemble, precision, x))
    return Loss(precision, widest, precision.score.width, lost)


def changed_decisions(ensemble: Ensemble, x: ArrayLike, cut: float) -> Judge:
    """The share of events whose decision is another one than that of the float ensemble."""
    reference = decisions(ensemble.margin(x), cut)
    return lambda scores: float((decisions(scores, cut) != reference).mean())


def choose(
    ensemble: Ensemble,
    x: ArrayLike,
    cut: float,
    loss: float,
    judge: Judge | None = None,
    tried: Callable[[Loss], None] = lambda _: None,
) -> Loss:
    """The narrowest types whose loss on the sample ``x`` is at most ``loss``.

    ``judge`` measures the loss in another way than ``changed_decisions``, without ``cut``; ``tried`` is
    called with every candidate. First the scores (coarsest with half the loss, on exact features), then one
    feature after another, the widest first, each as narrow as the whole loss allows.

    Raises
    ------
    InputError
        If even the finest types lose more; ``loss`` or ``cut`` is then unreasonable for the sample.
    """
    judge = judge or changed_decisions(ensemble, x, cut)
    features = data_types(ensemble, x)
    for fraction in range(FINEST + 1):
        best = _loss(ensemble, Precision(features, score_type(ensemble, fraction)), x, judge)
        tried(best)
        if best.loss <= loss / 2:
            break
    else:
        raise InputError(
            f"even {FINEST} fractional bits lose more", field="loss", value=loss, remedy="allow more loss"
        )
    for index in sorted(range(len(features)), key=lambda i: -features[i].width):
        while best.precision.features[index].width > 1 + features[index].signed:
            types = list(best.precision.features)
            types[index] = narrowed(types[index], types[index].width - 1)
            trial = _loss(ensemble, replace(best.precision, features=tuple(types)), x, judge)
            tried(trial)
            if trial.loss > loss:
                break
            best = trial
    return best
