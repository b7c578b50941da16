"""How often each pattern of algorithm bits was seen: integers from which every rate follows.

A crossing enters a rate study through its 512 algorithm bits and its weight only. Counting whole patterns
keeps every correlation between seeds, so that totals, pure rates, overlaps and any prescale column are
computed afterwards; and counts add up exactly, whatever the order and the partition of the crossings. Events
of different weights are counted apart, so that this holds for weighted samples too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.menu.compiled import ALGORITHMS

WORDS = ALGORITHMS // 64


def _no_weights() -> NDArray[np.float64]:
    return np.zeros(0)


@dataclass(frozen=True)
class Patterns:
    """``words`` (8, k) uint64: the patterns with any bit, each once, in order; ``counts`` (k,) int64.

    ``crossings``: all that were looked at, also those without a bit. ``weights`` (k,) float64: the weight of
    each crossing of the pattern; of length 0: all are 1. In a weighted sample a pattern is there once for
    each of its weights, and the pattern without any bit too.
    """

    words: NDArray[np.uint64]
    counts: NDArray[np.int64]
    crossings: int
    weights: NDArray[np.float64] = field(default_factory=_no_weights)

    @staticmethod
    def of(
        words: NDArray[np.uint64], crossings: int | None = None, weights: NDArray[np.float64] | None = None
    ) -> Patterns:
        """Count the columns of (8, n) algorithm words, of weights (n,) if they have some.

        ``crossings``: how many were looked at; None: n. Without weights, crossings without a bit may be left
        out of ``words``.
        """
        n = words.shape[1] if crossings is None else crossings
        if weights is not None:
            return _counted(words, np.ones(words.shape[1], np.int64), n, weights)
        fired = np.flatnonzero(np.bitwise_or.reduce(words, axis=0))
        return _counted(words[:, fired], np.ones(fired.size, np.int64), n, _no_weights())

    @staticmethod
    def merged(parts: Iterable[Patterns]) -> Patterns:
        """The sum of ``parts``: the same for any order and grouping of them; all weighted, or none."""
        found = [part for part in parts if part.crossings]
        if not found:
            return Patterns(np.zeros((WORDS, 0), np.uint64), np.zeros(0, np.int64), 0)
        if len({part.is_weighted for part in found}) > 1:
            raise ValueError("weighted and plain crossings do not add up")
        words = np.concatenate([part.words for part in found], axis=1)
        counts = np.concatenate([part.counts for part in found])
        weights = np.concatenate([part.weights for part in found])
        return _counted(words, counts, sum(part.crossings for part in found), weights)

    @property
    def is_weighted(self) -> bool:
        """Do the crossings have weights of their own?"""
        return self.weights.size > 0

    @property
    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum of the weights and of their squares, of each pattern, (k,) each."""
        counts = self.counts.astype(np.float64)
        return (counts * self.weights, counts * self.weights**2) if self.is_weighted else (counts, counts)

    @property
    def exposure(self) -> float:
        """Plain crossings that the sample stands for: the sum of all weights."""
        return float(self.moments[0].sum()) if self.is_weighted else float(self.crossings)

    @property
    def squares(self) -> float:
        """Sum of the squares of all weights."""
        return float(self.moments[1].sum()) if self.is_weighted else float(self.crossings)

    @property
    def effective(self) -> float:
        """Effective number of crossings, (sum of weights)^2 / sum of squared weights."""
        return self.exposure**2 / self.squares if self.squares else 0.0

    def flags(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Is the bit of each of ``indices`` (m,) set in each pattern? Shape (m, k)."""
        shifts = (indices & 63).astype(np.uint64)[:, None]
        found: NDArray[np.bool_] = (self.words[indices >> 6] >> shifts & np.uint64(1)).astype(bool)
        return found

    def part(self, start: int, stop: int) -> Patterns:
        """Patterns ``start .. stop - 1`` and their crossings."""
        counts = self.counts[start:stop]
        return Patterns(self.words[:, start:stop], counts, int(counts.sum()), self.weights[start:stop])


def _counted(
    words: NDArray[np.uint64], counts: NDArray[np.int64], crossings: int, weights: NDArray[np.float64]
) -> Patterns:
    if not counts.size:
        return Patterns(np.zeros((WORDS, 0), np.uint64), np.zeros(0, np.int64), crossings)
    used = np.flatnonzero(np.bitwise_or.reduce(words, axis=1))  # the others are zero and order nothing
    # bits of a float that is not negative are in the order of its values
    rows = [words[used], *([weights.view(np.uint64)[None, :]] if weights.size else [])]
    keys = np.concatenate(rows)
    order = np.lexsort(keys) if len(keys) else np.arange(counts.size)
    ordered = keys[:, order]
    new = np.ones(counts.size, bool)
    new[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    starts = np.flatnonzero(new)
    first = order[starts]
    return Patterns(
        np.ascontiguousarray(words[:, first]),
        np.add.reduceat(counts[order], starts),
        crossings,
        np.ascontiguousarray(weights[first]) if weights.size else weights,
    )
