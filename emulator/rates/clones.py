"""Copies of one generated collision in the tail of a rate: how many distinct ones a rate stands on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clones:
    """What selected events owe to generated collisions.

    ``largest``: part of the sum of weights that the most frequent collision has. ``distinct``: effective
    number of collisions, (sum of weights)^2 / sum over collisions of their squared sums. ``error``:
    relative error if every collision counts as one event, 1 / sqrt(distinct).
    """

    largest: float
    distinct: float

    @property
    def error(self) -> float:
        return float(self.distinct**-0.5) if self.distinct else 0.0


def clones(collision: NDArray[np.uint32], weight: NDArray[np.float64]) -> Clones:
    """Clones of selected events.

    Parameters
    ----------
    collision
        (2, n): the hardest collision of each event, and that of its hardest muon; 0: none. The grouping of
        the two that leaves fewer distinct collisions is taken: it says more about what made the events pass.
    weight
        (n,)
    """
    if not weight.sum():
        return Clones(0.0, 0.0)
    found = [_grouped(row, weight) for row in collision]
    return min(found, key=lambda of: of.distinct)


def _grouped(collision: NDArray[np.uint32], weight: NDArray[np.float64]) -> Clones:
    """Events without a collision of that kind stand for themselves."""
    names, place = np.unique(collision, return_inverse=True)
    sums = np.bincount(place, weight, names.size)
    alone = weight[collision == 0]
    if names[0] == 0:
        sums = sums[1:]
    squares = float((sums**2).sum() + (alone**2).sum())
    total = float(weight.sum())
    largest = max(float(sums.max(initial=0.0)), float(alone.max(initial=0.0)))
    return Clones(largest / total, total**2 / squares)
