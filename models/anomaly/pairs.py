"""Which pairs of quantities a score looks at, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from l1forge.models.anomaly.quantities import QUANTITIES, Quantity
from l1forge.models.anomaly.tails import Floats, Integers, Tail, joint_decades, tail

Pair = tuple[str, str]

SAME_KIND: tuple[Pair, ...] = (
    ("mu0", "mu1"),
    ("mu1", "mu2"),
    ("eg_iso0", "eg_iso1"),
    ("tau_iso0", "tau_iso1"),
)
"""Pairs of one kind in the lists with a leading object: the objects that a resonance gives."""
_ISOLATED = ("eg_iso0", "eg_iso1", "eg2", "tau_iso0", "tau_iso1")
_NINE = ("etm", "mu0", "mu1", "mu2", *_ISOLATED)
_TEN = ("etm", "mu0", "mu1", "mu2", "mu_good", *_ISOLATED)
_SEVEN = ("etm", "mu0", "mu1", "mu2", "eg0", "eg1", "eg2")


def _leading(names: tuple[str, ...]) -> tuple[Pair, ...]:
    """Pairs of different kinds with a leading object, and those of SAME_KIND."""

    def wanted(a: Quantity, b: Quantity) -> bool:
        return (a.kind != b.kind and (a.leading or b.leading)) or (a.name, b.name) in SAME_KIND

    return tuple((a, b) for a, b in combinations(names, 2) if wanted(QUANTITIES[a], QUANTITIES[b]))


PAIR_LISTS: dict[str, tuple[Pair, ...]] = {
    "slim": _leading(_TEN),
    "ten": tuple(combinations(_TEN, 2)),
    "nine": tuple(combinations(_NINE, 2)),
    "seven": tuple(combinations(_SEVEN, 2)),
}
"""Lists to choose from: 31 pairs of ten quantities, all 45 of them, all 36 without the muon of good quality,
all 21 of quantities without isolation and quality."""
DEFAULT_PAIRS = "slim"


def quantities_of(pairs: Iterable[Pair]) -> list[Quantity]:
    """The quantities of ``pairs``, each once, in the order of QUANTITIES."""
    used = {name for pair in pairs for name in pair}
    return [quantity for name, quantity in QUANTITIES.items() if name in used]


@dataclass(frozen=True)
class PairTables:
    """Tail tables by quantity and, by pair, the joint rarity q of two codes, shape (16, 16), in decades.

    ``counted``: share of a pair's cells that were counted and not continued from their diagonal neighbour.
    ``crossings``: how many were counted.
    """

    tails: Mapping[str, Tail]
    decades: Mapping[Pair, Floats]
    counted: Mapping[Pair, float]
    crossings: int

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """In the order of the circuit."""
        return tuple(self.decades)

    def codes(self, values: Mapping[str, Integers]) -> dict[str, NDArray[np.int64]]:
        """The 4-bit code of every quantity's integers, shape (n,) each."""
        return {
            name: found.code[np.minimum(values[name], len(found.code) - 1)]
            for name, found in self.tails.items()
        }


def count(values: Mapping[str, Integers], pairs: Iterable[Pair], weights: Floats | None = None) -> PairTables:
    """Count the tables of ``pairs`` on the crossings ``values`` (arrays of shape (n,) by quantity)."""
    chosen = tuple(pairs)
    used = quantities_of(chosen)
    tails = {q.name: tail(values[q.name], q.size, weights) for q in used}
    empty = PairTables(tails, {}, {}, len(values[used[0].name]))
    codes = empty.codes(values)
    decades, counted = {}, {}
    for a, b in chosen:
        decades[a, b], cells = joint_decades(codes[a], codes[b], (tails[a], tails[b]), weights)
        counted[a, b] = float(cells.mean())
    return PairTables(tails, decades, counted, empty.crossings)
