"""Counts of luminosity sections: crossings, accepted ones, and how often each algorithm fired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.menu.compiled import ALGORITHMS


def _keys() -> NDArray[np.uint64]:
    return np.zeros(0, np.uint64)


def _counts() -> NDArray[np.int64]:
    return np.zeros((0, ALGORITHMS + 1), np.int64)


@dataclass(frozen=True)
class LumiCounts:
    """``sections`` (k,): run << 32 | section, in order; ``counts`` (k, 513): of algorithms, crossings."""

    sections: NDArray[np.uint64] = field(default_factory=_keys)
    counts: NDArray[np.int64] = field(default_factory=_counts)

    @staticmethod
    def of(
        words: NDArray[np.uint64],
        places: NDArray[np.int64],
        run: NDArray[np.generic],
        lumi: NDArray[np.generic],
        good: NDArray[np.bool_],
    ) -> LumiCounts:
        """Of a block of crossings of runs and sections (n,), those that are ``good`` (n,).

        ``words`` (8, k): algorithm words of the crossings at ``places`` (k,), good ones; others have no bit.
        """
        keys = run.astype(np.uint64) << np.uint64(32) | lumi.astype(np.uint64)
        sections, where = np.unique(keys[good], return_inverse=True)
        counts = np.zeros((len(sections), ALGORITHMS + 1), np.int64)
        counts[:, ALGORITHMS] = np.bincount(where, minlength=len(sections))
        bits = words[:, None, :] >> np.arange(64, dtype=np.uint64)[None, :, None] & np.uint64(1)
        flags = bits.reshape(ALGORITHMS, places.size)
        at = np.searchsorted(sections, keys[places])
        np.add.at(counts[:, :ALGORITHMS], at, flags.T.astype(np.int64))
        return LumiCounts(sections, counts)

    @staticmethod
    def merged(parts: Iterable[LumiCounts]) -> LumiCounts:
        """The sum of ``parts``: the same for any order and grouping of them."""
        found = [part for part in parts if part.sections.size]
        if not found:
            return LumiCounts()
        sections, where = np.unique(np.concatenate([part.sections for part in found]), return_inverse=True)
        counts = np.zeros((len(sections), ALGORITHMS + 1), np.int64)
        np.add.at(counts, where, np.concatenate([part.counts for part in found]))
        return LumiCounts(sections, counts)
