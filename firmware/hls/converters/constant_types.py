"""Types for constants that are made here: exact, or with as many bits as matter."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, holding

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

EXACT_FRACTION = 24
SIGNIFICANT = 18
"""Bits of a scale that is no power of two."""


def exact_type(values: ArrayLike) -> FixedType | None:
    """The narrowest type that holds all ``values``, or None beyond ``EXACT_FRACTION`` fractional bits."""
    exact = [Fraction(v) for v in np.ravel(values).tolist()]
    fraction = max(v.denominator for v in exact).bit_length() - 1
    if fraction > EXACT_FRACTION:
        return None
    integers = [int(v * 2**fraction) for v in exact]
    return holding(min(integers), max(integers), fraction)


def scale_type(values: ArrayLike) -> FixedType:
    """The exact type of finite ``values``, or one with ``SIGNIFICANT`` bits where that is wider."""
    kind = exact_type(values)
    if kind is not None and kind.width <= SIGNIFICANT:
        return kind
    signed = bool((np.asarray(values) < 0).any())
    integer = math.frexp(float(np.abs(values).max()))[1] + signed
    return FixedType(SIGNIFICANT, integer, signed, Rounding.RND, Overflow.SAT)


def rounding_error(values: ArrayLike, kind: str | FixedType) -> str:
    """How constants of a type differ from ``values``, in words; empty where they do not.

    The constants are whole multiples of the type's LSB, rounded to the nearest.
    """
    fraction = FixedType.parse(str(kind)).fraction
    exact = np.asarray(values, dtype=np.float64).ravel()
    if not exact.size or not np.isfinite(exact).all():
        return ""
    integers = np.rint(np.ldexp(exact, fraction))
    taken = np.ldexp(integers, -fraction)
    relative = np.abs(taken - exact) / np.where(exact == 0, 1, np.abs(exact))
    if not relative.any():
        return ""
    worst = int(relative.argmax())
    return (
        f"{'' if exact.size == 1 else 'of one channel '}{exact[worst]:.9g} is taken as"
        f" {int(integers[worst])}/2^{fraction}, relative error {relative[worst]:.1e}"
    )
