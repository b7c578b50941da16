"""Which crossings fired, by row of their file: what is needed to compare two studies event by event.

Of very many crossings a part is kept: those whose row's hash ends with enough zero bits. Which ones does not
depend on the order or partition of the crossings, and two studies of the same file keep the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.rates.patterns import WORDS

MOST = 1 << 16
"""Crossings that are kept of a file, and of a study."""


@dataclass(frozen=True)
class Fired:
    """Crossings with any algorithm bit: ``rows`` (k,) of their file, in order, ``words`` (8, k) uint64.

    ``weights`` (k,): of weighted events, else empty. ``halvings``: only one of 2^halvings was kept.
    """

    rows: NDArray[np.int64]
    words: NDArray[np.uint64]
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    halvings: int = 0

    @staticmethod
    def merged(parts: Iterable[Fired]) -> Fired:
        """All of ``parts`` of one file, thinned if there are too many."""
        found = list(parts)
        if not found:
            return Fired(np.zeros(0, np.int64), np.zeros((WORDS, 0), np.uint64))
        level = max(part.halvings for part in found)
        found = [part.thinned(level) for part in found]
        rows = np.concatenate([part.rows for part in found])
        order = np.argsort(rows, kind="stable")
        weights = np.concatenate([part.weights for part in found])
        whole = Fired(
            rows[order],
            np.concatenate([part.words for part in found], axis=1)[:, order],
            weights[order] if weights.size else weights,
            level,
        )
        while whole.rows.size > MOST:
            whole = whole.thinned(whole.halvings + 1)
        return whole

    def thinned(self, halvings: int) -> Fired:
        """The crossings that are kept after that many halvings."""
        if halvings <= self.halvings:
            return self
        keep = keeps(self.rows, halvings)
        weights = self.weights[keep] if self.weights.size else self.weights
        return Fired(self.rows[keep], np.ascontiguousarray(self.words[:, keep]), weights, halvings)


def keeps(rows: NDArray[np.int64], halvings: int) -> NDArray[np.bool_]:
    """Which rows stay if one of 2^halvings is kept, (k,)."""
    stay: NDArray[np.bool_] = (_hashed(rows) & np.uint64((1 << halvings) - 1)) == 0
    return stay


def _hashed(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): every bit depends on every bit."""
    x = rows.astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
