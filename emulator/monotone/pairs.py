"""Bounds of a value and of its change: what is known of two inputs that differ in one element.

Of a set of inputs x (a *box*: a range for every element) and their partners x', a tensor of the graph has
values between ``low`` and ``high`` on x, and changes by ``down`` to ``up`` from x to x'. All bounds hold for
every x of the box; where they are exact on single points, splitting boxes decides every question in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, round_shift

Array = NDArray[np.int64]
LARGEST = 1 << 60
"""Magnitudes beyond are not followed: bounds are 64-bit integers."""
INVARIANT = (Rounding.TRN, Rounding.RND)
"""Rounding modes that treat a value and the same value plus an integer alike."""


class TooWide(Exception):
    """A sum that 64-bit bounds do not hold."""


@dataclass(frozen=True)
class Pair:
    """Bounds in LSBs of the tensor's type, each of shape (boxes, elements) int64."""

    low: Array
    high: Array
    down: Array
    up: Array

    @staticmethod
    def constant(value: Array, boxes: int) -> Pair:
        """A tensor that is the same on all inputs."""
        data = np.broadcast_to(value.reshape(1, -1).astype(np.int64), (boxes, value.size))
        zero = np.zeros_like(data)
        return Pair(data, data, zero, zero)

    @property
    def low_after(self) -> Array:
        """Smallest value on x'."""
        return self.low + self.down

    @property
    def high_after(self) -> Array:
        """Largest value on x'."""
        return self.high + self.up

    def map(self, function: Callable[[Array], Array]) -> Pair:
        """Every bound through an element-wise or rearranging function."""
        return Pair(*(function(bound) for bound in (self.low, self.high, self.down, self.up)))

    def shifted_left(self, bits: int) -> Pair:
        """In LSBs that are ``2**bits`` times finer.

        Raises
        ------
        TooWide
            If 64 bits are not enough.
        """
        if bits == 0:
            return self
        check(
            max(float(np.abs(part).max(initial=0)) for part in (self.low, self.high, self.down, self.up))
            * 2.0**bits
        )
        return self.map(lambda bound: bound << bits)


def check(magnitude: float) -> None:
    """Raise TooWide if ``magnitude`` is beyond what the bounds can hold."""
    if magnitude > LARGEST:
        raise TooWide


def unknown(target: FixedType, still: Array, size: int) -> Pair:
    """All that ``target`` can hold; no change where ``still`` (boxes,) says that no input changes."""
    low = np.full((len(still), size), max(target.minimum, -LARGEST), np.int64)
    high = np.full((len(still), size), min(target.maximum, LARGEST), np.int64)
    moving = ~still[:, None]
    return Pair(low, high, (low - high) * moving, (high - low) * moving)


def rounded(x: Pair, shift: int, rounding: Rounding) -> Pair:
    """``x / 2**shift`` rounded; rounding never turns a rise into a fall."""
    if shift <= 0:
        return x.shifted_left(-shift)
    floor, ceil = x.down >> shift, -((-x.up) >> shift)
    if rounding not in INVARIANT:  # nearest with special ties, or towards zero: up to one or two more
        slack = 1 if rounding is not Rounding.TRN_ZERO else 2
        floor, ceil = -((-x.down) >> shift) - slack, (x.up >> shift) + slack
    return _through(x, lambda v: round_shift(v, shift, rounding), floor, ceil)


def clipped(x: Pair, least: int, most: int) -> Pair:
    """``x`` held between ``least`` and ``most``."""
    least, most = max(least, -LARGEST), min(most, LARGEST)

    def clip(value: Array) -> Array:
        return np.clip(value, least, most)

    rise = np.minimum(clip(x.low + x.down) - clip(x.low), clip(x.high + x.down) - clip(x.high))
    fall = np.maximum(clip(x.low + x.up) - clip(x.low), clip(x.high + x.up) - clip(x.high))
    return _through(x, clip, np.where(x.down >= 0, rise, x.down), np.where(x.up <= 0, fall, x.up))


def _through(x: Pair, function: Callable[[Array], Array], down: Array, up: Array) -> Pair:
    """A function that never falls: change bounded by its ends, by ``down``..``up``, and by its sign."""
    low, high = function(x.low), function(x.high)
    down = np.maximum(down, function(x.low_after) - high)
    up = np.minimum(up, function(x.high_after) - low)
    down = np.where(x.down >= 0, np.maximum(down, 0), down)
    up = np.where(x.up <= 0, np.minimum(up, 0), up)
    return Pair(low, high, down, up)


def cast_pair(x: Pair, fraction: int, target: FixedType) -> Pair:
    """``cast(x, fraction, target)`` of docs/graph.md."""
    x = rounded(x, fraction - target.fraction, target.rounding)
    least, most = target.minimum, target.maximum
    if target.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        return clipped(x, least, most)
    inside = (np.minimum(x.low, x.low_after) >= least) & (np.maximum(x.high, x.high_after) <= most)
    if inside.all():
        return x
    still = (x.down == 0) & (x.up == 0)
    low = np.where(inside, x.low, max(least, -LARGEST))
    high = np.where(inside, x.high, min(most, LARGEST))
    down = np.where(inside, x.down, np.where(still, 0, low - high))
    up = np.where(inside, x.up, np.where(still, 0, high - low))
    return Pair(low, high, down, up)
