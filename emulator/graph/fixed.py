"""Fixed-point types in ap_fixed's notation, and the exact cast between them.

A value of type ``fixed<W,I>`` is the integer ``v`` of ``W`` bits read as ``v * 2**-(W - I)``; ``I`` counts
the sign bit. Rounding and overflow modes are those of ap_fixed (AMD UG1399, "Arbitrary Precision
Fixed-Point Data Types"); docs/graph.md writes each of them out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError

Integers = NDArray[Any]  # int64, or object (Python integers) where 62 bits are not enough


class Rounding(StrEnum):
    """What happens to fractional bits that do not fit."""

    TRN = "TRN"  # towards minus infinity
    TRN_ZERO = "TRN_ZERO"  # towards zero
    RND = "RND"  # nearest, ties towards plus infinity
    RND_ZERO = "RND_ZERO"  # nearest, ties towards zero
    RND_INF = "RND_INF"  # nearest, ties away from zero
    RND_MIN_INF = "RND_MIN_INF"  # nearest, ties towards minus infinity
    RND_CONV = "RND_CONV"  # nearest, ties to even


class Overflow(StrEnum):
    """What happens to values outside the range."""

    WRAP = "WRAP"
    SAT = "SAT"
    SAT_ZERO = "SAT_ZERO"
    SAT_SYM = "SAT_SYM"
    WRAP_SM = "WRAP_SM"


_PATTERN = re.compile(r"(?:ap_)?(u?)(fixed|int)<([-A-Z0-9_,]*)>")
_NUMBER = re.compile(r"-?[0-9]+")
FARTHEST = 1024
"""Largest distance of the binary point from the bits of a type."""


@dataclass(frozen=True)
class FixedType:
    """``fixed<width,integer,rounding,overflow,saturation_bits>``, signed or unsigned.

    Examples
    --------
    >>> import l1forge
    >>> kind = l1forge.FixedType.parse("ufixed<8,4,RND,SAT>")
    >>> kind.minimum, kind.maximum, kind.lsb
    (0, 255, 0.0625)
    """

    width: int
    integer: int
    signed: bool = True
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP
    saturation_bits: int = 0

    @property
    def fraction(self) -> int:
        """Number of fractional bits; may be negative or exceed the width."""
        return self.width - self.integer

    @property
    def minimum(self) -> int:
        """Smallest integer value (an LSB count)."""
        if not self.signed:
            return 0
        symmetric = self.overflow is Overflow.SAT_SYM and self.width > 1  # one bit has no symmetric range
        return -(1 << (self.width - 1)) + symmetric

    @property
    def maximum(self) -> int:
        """Largest integer value (an LSB count)."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def lsb(self) -> float:
        """Value of one count: ``2**-fraction``."""
        return 2.0**-self.fraction

    def __str__(self) -> str:
        parts = [str(self.width), str(self.integer)]
        if (self.rounding, self.overflow, self.saturation_bits) != (Rounding.TRN, Overflow.WRAP, 0):
            parts += [self.rounding.value, self.overflow.value]
        if self.saturation_bits:
            parts.append(str(self.saturation_bits))
        return f"{'' if self.signed else 'u'}fixed<{','.join(parts)}>"

    @staticmethod
    def parse(text: str, *, file: object = None, field: str | None = None) -> FixedType:
        """Read ``fixed<16,6,RND_CONV,SAT>``, ``ufixed<8,4>``, ``int<8>``, with or without ``ap_``/``AP_``.

        Raises
        ------
        InputError
            If the text is not such a type, its width is not in 1 .. 256 or its integer bits are beyond 1024.
        """
        place = {"file": str(file) if file is not None else None, "field": field, "value": text}
        remedy = "write a type such as fixed<16,6>, ufixed<8,4,RND_CONV,SAT> or uint<9>"
        match = _PATTERN.fullmatch(text.replace(" ", ""))
        if match is None:
            raise InputError("is not a fixed-point type", remedy=remedy, **place)
        unsigned, kind, arguments = match.groups()
        words = [word.removeprefix("AP_") for word in arguments.split(",")]
        try:
            width = _number(words[0])
            integer = _number(words[1]) if kind == "fixed" else width
            rest = words[2:] if kind == "fixed" else words[1:]
            rounding = Rounding(rest[0]) if rest else Rounding.TRN
            overflow = Overflow(rest[1]) if len(rest) > 1 else Overflow.WRAP
            bits = _number(rest[2]) if len(rest) > 2 else 0
            if len(rest) > 3 or not 1 <= width <= 256 or not 0 <= bits <= width or abs(integer) > FARTHEST:
                raise ValueError(text)
            if unsigned and overflow is Overflow.WRAP_SM:  # the ap_fixed headers stop at this
                raise ValueError(text)
        except (ValueError, IndexError) as error:
            raise InputError("is not a fixed-point type", remedy=remedy, **place) from error
        return FixedType(width, integer, not unsigned, rounding, overflow, bits)

    @staticmethod
    def integers(minimum: int, maximum: int) -> FixedType:
        """The narrowest integer type that holds ``minimum .. maximum``."""
        signed = minimum < 0
        width = max(maximum.bit_length(), (-minimum - 1).bit_length() if signed else 0) + signed
        return FixedType(max(width, 1), max(width, 1), signed)


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):  # int() would also take 1_6 and digits of other scripts
        raise ValueError(word)
    return int(word)


def holding(minimum: int, maximum: int, fraction: int) -> FixedType:
    """The narrowest type with ``fraction`` fractional bits that holds the integers ``minimum .. maximum``."""
    width = FixedType.integers(minimum, maximum)
    return FixedType(width.width, width.width - fraction, width.signed)


def widest(first: FixedType, second: FixedType) -> FixedType:
    """A type that holds every value of both, exactly."""
    fraction = max(first.fraction, second.fraction)
    ends = [
        end << (fraction - kind.fraction) for kind in (first, second) for end in (kind.minimum, kind.maximum)
    ]
    return holding(min(ends), max(ends), fraction)


def round_shift(values: Integers, shift: int, rounding: Rounding) -> Integers:
    """``values / 2**shift`` rounded to integers; ``shift <= 0`` shifts left and is exact."""
    if shift <= 0:
        return values << -shift
    floor = values >> shift
    if rounding is Rounding.TRN:
        return floor
    rest = values - (floor << shift)
    half = 1 << (shift - 1)
    negative = values < 0
    if rounding is Rounding.TRN_ZERO:
        up = negative & (rest != 0)
    elif rounding is Rounding.RND:
        up = rest >= half
    elif rounding is Rounding.RND_ZERO:
        up = (rest > half) | ((rest == half) & negative)
    elif rounding is Rounding.RND_INF:
        up = (rest > half) | ((rest == half) & ~negative)
    elif rounding is Rounding.RND_MIN_INF:
        up = rest > half
    else:
        up = (rest > half) | ((rest == half) & ((floor & 1) == 1))
    rounded: Integers = floor + up.astype(bool)
    return rounded


def wrap(values: Integers, width: int, signed: bool) -> Integers:
    """The low ``width`` bits of ``values``, read as signed or unsigned."""
    low = -(1 << (width - 1)) if signed else 0
    wrapped: Integers = ((values - low) & ((1 << width) - 1)) + low
    return wrapped


def overflow(values: Integers, target: FixedType, truncated: Integers | None = None) -> Integers:
    """Bring integers (already in LSBs of ``target``) into its range by its overflow mode.

    ``truncated`` are the values before they were rounded (towards minus infinity): WRAP_SM needs them.
    """
    low, high = target.minimum, target.maximum
    mode = target.overflow
    if mode in (Overflow.SAT, Overflow.SAT_SYM):
        return np.clip(values, low, high)
    outside = (values < low) | (values > high)
    if mode is Overflow.SAT_ZERO:
        return np.where(outside, 0, values)
    wrapped = wrap(values, target.width, target.signed)
    if mode is Overflow.WRAP and target.saturation_bits == 0:
        return wrapped
    kept = _keep_bits(values, wrapped, target, values if truncated is None else truncated)
    return np.where(outside, wrap(kept, target.width, target.signed), values)


def _keep_bits(values: Integers, wrapped: Integers, target: FixedType, truncated: Integers) -> Integers:
    """Wrapping that saturates ``n`` leading bits (WRAP) or reflects (WRAP_SM), for values out of range."""
    width, n = target.width, target.saturation_bits
    if not target.signed:  # the n leading bits become one, above and below the range alike
        return wrapped | (((1 << n) - 1) << (width - n))
    sign = (values < 0).astype(values.dtype)
    if target.overflow is Overflow.WRAP_SM:
        if n == 0:
            lost = (truncated >> width) & 1  # the lowest of the bits that do not fit becomes the sign
            flip = lost != (wrapped < 0)
            low = np.where(flip, ~wrapped, wrapped) & ((1 << (width - 1)) - 1)
            return low | (lost << (width - 1))
        # with one bit it is the sign bit that is compared, with more the lowest of the saturated bits
        flip = (sign == 1) != (wrapped < 0) if n == 1 else ((wrapped >> (width - n)) & 1) == sign
        wrapped = np.where(flip, ~wrapped, wrapped)
    # the sign stays, the n - 1 bits below it become its opposite, the others wrap
    free = width - n
    low = wrapped & ((1 << free) - 1)
    ones = ((1 << (n - 1)) - 1) << free
    kept: Integers = low | (sign << (width - 1)) | ((1 - sign) * ones)
    return kept


def cast(values: Integers, fraction: int, target: FixedType) -> Integers:
    """Cast integers that have ``fraction`` fractional bits to ``target``, bit for bit as ap_fixed does.

    Parameters
    ----------
    values
        int64 (or object) array of any shape; int64 must leave room for the left shift.
    fraction
        Fractional bits of ``values``.

    Returns
    -------
    Array of the same shape and dtype: integers in LSBs of ``target``.
    """
    shift = fraction - target.fraction
    truncated = values >> shift if shift > 0 and target.overflow is Overflow.WRAP_SM else None
    return overflow(round_shift(values, shift, target.rounding), target, truncated)
