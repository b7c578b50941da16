"""Physical values to the integers of a type, with everything that did not fit counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, cast, round_shift

Array = NDArray[Any]


@dataclass(frozen=True)
class Counts:
    """Values that were changed. Those that saturated or wrapped do not count as rounded, too."""

    saturated: int
    wrapped: int
    not_finite: int
    rounded: int = 0


def from_float(
    values: Array, type_: FixedType, *, not_finite_to: float | None = None, field: str = "input"
) -> tuple[NDArray[np.int64], Counts]:
    """Cast floats to ``type_`` with its rounding and overflow mode, exactly.

    Parameters
    ----------
    values
        float32 or float64, any shape, in the unit of the type (one LSB is ``type_.lsb``).
    not_finite_to
        Value that stands for NaN and infinity; None: they are an error.

    Returns
    -------
    Integers of the same shape; counts of saturated (SAT modes), wrapped, non-finite and rounded values.

    Raises
    ------
    InputError
        For NaN or infinity, unless ``not_finite_to`` is given, and for types wider than 53 bits.
    """
    array = np.asarray(values, np.float64)
    if type_.width > 53:
        raise InputError("floats hold at most 53 bits", field=field, value=str(type_))
    strange = ~np.isfinite(array)
    if strange.any():
        if not_finite_to is None:
            raise InputError(
                "value is not finite",
                field=field,
                value=float(array[strange].flat[0]),
                remedy="remove it, or choose a value for it",
            )
        array = np.where(strange, not_finite_to, array)
    result = np.empty(array.shape, np.int64)
    outside = inexact = 0
    flat, out = array.reshape(-1), result.reshape(-1)
    for first in range(0, flat.size, 1 << 20):
        part = flat[first : first + (1 << 20)]
        integers, fraction = _exact(part, type_)
        rounded = round_shift(integers, fraction - type_.fraction, type_.rounding)
        beyond = (rounded < type_.minimum) | (rounded > type_.maximum)
        outside += int(np.count_nonzero(beyond))
        inexact += int(np.count_nonzero((rounded << (fraction - type_.fraction) != integers) & ~beyond))
        out[first : first + len(part)] = cast(integers, fraction, type_).astype(np.int64)
    wraps = type_.overflow in (Overflow.WRAP, Overflow.WRAP_SM)
    not_finite = int(np.count_nonzero(strange))
    return result, Counts(0 if wraps else outside, outside if wraps else 0, not_finite, inexact)


def _exact(values: Array, type_: FixedType) -> tuple[Array, int]:
    """``values`` as integers with a common number of fractional bits; int64 where that is enough.

    Bits below a quarter of the LSB only decide on which side of a tie a value lies: they are folded
    into one sticky bit, which keeps every rounding mode exact.
    """
    fraction = type_.fraction + 2
    scaled = np.ldexp(values, fraction)
    floor = np.floor(scaled)
    sticky = scaled != floor
    if np.abs(floor).max(initial=0.0) < 2.0**60:
        return (floor.astype(np.int64) << 1) | sticky, fraction + 1
    exact = np.array([int(v) for v in floor], dtype=object)
    return (exact << 1) | sticky.astype(np.int64).astype(object), fraction + 1
