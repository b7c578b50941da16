"""How often each pattern of algorithm bits was seen: integers from which every rate follows.

A crossing enters a rate study through its 512 algorithm bits only. Counting whole patterns keeps every
correlation between seeds, so that totals, pure rates, overlaps and any prescale column are computed
afterwards; and counts add up exactly, whatever the order and the partition of the crossings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.menu.compiled import ALGORITHMS

WORDS = ALGORITHMS // 64


@dataclass(frozen=True)
class Patterns:
    """``words`` (8, k) uint64: the patterns with any bit, each once, in order; ``counts`` (k,) int64.

    ``crossings``: all that were looked at, also those without a bit.
    """

    words: NDArray[np.uint64]
    counts: NDArray[np.int64]
    crossings: int

    @staticmethod
    def of(words: NDArray[np.uint64], crossings: int | None = None) -> Patterns:
        """Count the columns of (8, n) algorithm words.

        ``crossings``: how many were looked at; None: n. Crossings without a bit may be left out of ``words``.
        """
        n = words.shape[1] if crossings is None else crossings
        fired = np.flatnonzero(np.bitwise_or.reduce(words, axis=0))
        return _counted(words[:, fired], np.ones(fired.size, np.int64), n)

    @staticmethod
    def merged(parts: Iterable[Patterns]) -> Patterns:
        """The sum of ``parts``: the same for any order and grouping of them."""
        found = list(parts)
        if not found:
            return Patterns(np.zeros((WORDS, 0), np.uint64), np.zeros(0, np.int64), 0)
        words = np.concatenate([part.words for part in found], axis=1)
        counts = np.concatenate([part.counts for part in found])
        return _counted(words, counts, sum(part.crossings for part in found))

    def flags(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Is the bit of each of ``indices`` (m,) set in each pattern? Shape (m, k)."""
        shifts = (indices & 63).astype(np.uint64)[:, None]
        found: NDArray[np.bool_] = (self.words[indices >> 6] >> shifts & np.uint64(1)).astype(bool)
        return found


def _counted(words: NDArray[np.uint64], counts: NDArray[np.int64], crossings: int) -> Patterns:
    if not counts.size:
        return Patterns(np.zeros((WORDS, 0), np.uint64), np.zeros(0, np.int64), crossings)
    used = np.flatnonzero(np.bitwise_or.reduce(words, axis=1))  # the others are zero and order nothing
    order = np.lexsort(words[used])
    ordered = words[:, order]
    new = np.ones(counts.size, bool)
    new[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    starts = np.flatnonzero(new)
    return Patterns(
        np.ascontiguousarray(ordered[:, starts]), np.add.reduceat(counts[order], starts), crossings
    )
