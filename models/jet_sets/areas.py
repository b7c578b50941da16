"""Area under the ROC curve of one class against the others; its error takes jets of one collision together.

Source of the error: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837; terms of jets of one
collision are added before they are squared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Area:
    """An area, its standard error, and what each jet adds to the deviation of the area, (n,)."""

    value: float
    error: float
    influence: Values


def area(score: Values, signal: NDArray[np.bool_], event: NDArray[np.integer]) -> Area:
    """The area of ``score`` (n,), larger for ``signal`` (n,); ``event`` (n,) numbers the collisions.

    Raises
    ------
    ValueError
        If there is no jet of one of the two kinds.
    """
    m, n = int(signal.sum()), int((~signal).sum())
    if not m or not n:
        raise ValueError("both kinds of jets are needed")
    ranks = rankdata(score)
    own = np.empty(len(score))
    own[signal] = (ranks[signal] - rankdata(score[signal])) / n  # share of the others below this jet
    own[~signal] = 1 - (ranks[~signal] - rankdata(score[~signal])) / m  # share of the signal above it
    value = float(own[signal].mean())
    influence = (own - value) / np.where(signal, m, n)
    return Area(value, spread(influence, event), influence)


def spread(influence: Values, event: NDArray[np.integer]) -> float:
    """Standard error of a sum of deviations, those of one collision together."""
    _, place = np.unique(event, return_inverse=True)
    return float(np.sqrt(np.square(np.bincount(place, influence)).sum()))


def probabilities(logits: Values) -> Values:
    """Softmax over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
