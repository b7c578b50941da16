"""Interval arithmetic on Python integers: the proof behind every choice of carrier.

All functions take object arrays of Python integers, so that a proof never overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, round_shift

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Exact = NDArray[Any]  # object dtype: Python integers


def exact(values: ArrayLike, shape: tuple[int, ...] | None = None) -> Exact:
    """``values`` as a (broadcast) array of Python integers."""
    array = np.asarray(values).astype(object)
    return np.broadcast_to(array, shape).copy() if shape is not None else array


@dataclass(frozen=True)
class Interval:
    """Smallest and largest value of every row (element) of a tensor, in its LSBs."""

    low: Exact
    high: Exact

    @staticmethod
    def of_type(type_: FixedType, rows: int) -> Interval:
        """All that ``type_`` can hold, for each of ``rows`` rows."""
        return Interval(exact(type_.minimum, (rows,)), exact(type_.maximum, (rows,)))

    @property
    def rows(self) -> int:
        """Number of rows (elements)."""
        return len(self.low)

    def bits(self) -> int:
        """Width of the narrowest two's complement integer that holds every row."""
        if not self.rows:
            return 1
        low, high = min(self.low), max(self.high)
        return max(int(high).bit_length(), int(-low - 1).bit_length() if low < 0 else 0) + 1

    def any(self) -> bool:
        """Whether a row can be other than zero."""
        return bool((self.low != 0).any() or (self.high != 0).any())

    def take(self, index: NDArray[np.int64]) -> Interval:
        """The intervals of the rows ``index``."""
        return Interval(self.low[index], self.high[index])

    def affine(self, multiplier: Exact, offset: Exact) -> Interval:
        """Of ``x * multiplier + offset``, row by row; exact, as both ends are reached."""
        a, b = self.low * multiplier, self.high * multiplier
        return Interval(np.minimum(a, b) + offset, np.maximum(a, b) + offset)

    def union(self, other: Interval) -> Interval:
        """The narrowest that holds both, row by row."""
        return Interval(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def magnitude(*intervals: Interval) -> int:
    """Bits that hold every bound of ``intervals``, sign included."""
    return max(interval.bits() for interval in intervals)


def accumulate(terms: Interval, start: Exact, groups: NDArray[np.int64]) -> tuple[Interval, Interval]:
    """Sums of ``terms`` grouped by result row (``groups[t]`` = row of term t), begun at ``start``.

    Returns
    -------
    The interval of the complete sums, and the interval that holds every partial sum in any order.
    """
    low, high = start.copy(), start.copy()
    least, most = np.minimum(start, 0), np.maximum(start, 0)
    np.add.at(low, groups, terms.low)
    np.add.at(high, groups, terms.high)
    np.add.at(least, groups, np.minimum(terms.low, 0))
    np.add.at(most, groups, np.maximum(terms.high, 0))
    return Interval(low, high), Interval(least, most)


@dataclass(frozen=True)
class Cast:
    """Rounding shift and overflow of one row, simplified by what the interval proves.

    ``shift > 0`` drops bits with ``rounding``, ``shift <= 0`` shifts left; ``overflow`` is None where the
    result cannot leave ``low .. high``; ``post`` shifts left at the end (mixed types with one LSB).
    """

    shift: int
    rounding: Rounding
    overflow: Overflow | None
    low: int
    high: int
    width: int
    signed: bool
    post: int = 0

    @property
    def is_copy(self) -> bool:
        """Whether the row stays as it is."""
        return self.shift == 0 and self.overflow is None and self.post == 0


def plan_cast(
    low: int, high: int, fraction: int, target: FixedType, post: int = 0
) -> tuple[Cast, int, int] | None:
    """The cast of ``low .. high`` (with ``fraction`` fractional bits) and the bounds of its result.

    None if the overflow mode is one the kernels do not have.
    """
    if low == high == 0:  # zero in every mode; a shift could be wider than the word that holds it
        return (
            Cast(0, Rounding.TRN, None, target.minimum, target.maximum, target.width, target.signed),
            0,
            0,
        )
    shift = fraction - target.fraction
    least, most = (int(v) for v in round_shift(np.array([low, high], dtype=object), shift, target.rounding))
    mode: Overflow | None = target.overflow
    if least >= target.minimum and most <= target.maximum:
        mode = None
    elif mode in (Overflow.SAT, Overflow.SAT_SYM):
        mode = Overflow.SAT
        least, most = (min(max(v, target.minimum), target.maximum) for v in (least, most))
    elif mode is Overflow.SAT_ZERO:
        least, most = max(min(least, 0), target.minimum), min(max(most, 0), target.maximum)
    elif mode is Overflow.WRAP and target.saturation_bits == 0:
        least, most = target.minimum, target.maximum
    else:
        return None
    rounding = target.rounding if shift > 0 else Rounding.TRN
    cast = Cast(shift, rounding, mode, target.minimum, target.maximum, target.width, target.signed, post)
    return cast, least << post, most << post
