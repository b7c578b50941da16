"""Model scores that were computed elsewhere, brought to the crossings of a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""From crossings since the start of a stream to rows of its source; -1: the crossing holds none of them."""


class GivenScores:
    """Raw scores by the menu's names, (n,) or (objects, n) for the n rows of the stream's source.

    Crossings that hold no row of the source (empty ones, noise) have no score: there the value is 0 and not
    known, and no seed on such a score counts as fired.
    """

    def __init__(self, scores: Mapping[str, NDArray[Any]]) -> None:
        self.scores = {name: np.asarray(values) for name, values in scores.items()}
        self._rows: Rows | None = None

    def follow(self, rows: Rows) -> None:
        """Take the rows of crossings from the stream: its ``source_rows``."""
        self._rows = rows

    def __call__(self, crossings: NDArray[np.int64]) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Scores of these crossings, (k,) or (objects, k), and which of the crossings (k,) have any."""
        if self._rows is None:
            raise ValueError("the scores do not know their stream: call follow first")
        rows = self._rows(crossings)
        known = rows >= 0
        found = {name: np.where(known, values[..., rows], 0) for name, values in self.scores.items()}
        return found, known
