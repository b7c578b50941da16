"""ap_fixed's casts as logic: every rounding and overflow mode from alkaid's adders, multiplexers and wires.

alkaid knows TRN, RND, RND_CONV and WRAP, SAT, SAT_SYM. The others are built here: each rounding mode is "add
something smaller than one LSB, then drop the fraction", with the addend chosen by the sign or the kept LSB.
Values are in real units (an LSB of ``fixed<W,I>`` is ``2**-(W-I)``), as everywhere in alkaid.
"""

from __future__ import annotations

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, round_shift
from l1forge.emulator.graph.fixed import cast as cast_integers
from l1forge.firmware.rtl.constants import VALUE_BITS, WEIGHT_BITS, Variable, exact
from l1forge.firmware.rtl.wrapping import select, wrap_keeping


def fraction_bits(x: Variable) -> int:
    """Fractional bits that ``x`` may use (from the proven interval, not from its declared type)."""
    return int(x.kif[2])


def cast(x: Variable, target: FixedType) -> Variable:
    """``x`` cast to ``target``: round, then overflow, exactly as docs/graph.md states.

    Raises
    ------
    InputError
        If the type or a constant that the cast needs is too wide for alkaid.
    """
    if target.width > VALUE_BITS:
        raise InputError(f"has no logic for types of more than {VALUE_BITS} bits", value=str(target))
    if x.low == x.high:  # alkaid 0.8.2 wraps unsigned constants at twice their range
        numerator, denominator = float(x.low).as_integer_ratio()
        value = np.array([numerator], object)
        return _like(x, int(cast_integers(value, denominator.bit_length() - 1, target)[0]), target.fraction)
    rounded = round_to(x, target.fraction, target.rounding)
    if rounded.low == rounded.high:
        return cast(rounded, target)
    if in_range(rounded, target):
        return rounded
    if target.overflow is Overflow.WRAP_SM or (target.overflow is Overflow.WRAP and target.saturation_bits):
        return wrap_keeping(rounded, round_to(x, target.fraction, Rounding.TRN), target)
    return _overflow(rounded, target)


def in_range(x: Variable, target: FixedType) -> bool:
    """True if the interval proves that overflow cannot happen."""
    lsb = target.lsb
    return bool(x.low >= target.minimum * lsb and x.high <= target.maximum * lsb)


def _truncate(x: Variable, fraction: int) -> Variable:
    signed, integer, _ = (int(n) for n in x.kif)
    # a result of no bits at all would lose the -1 LSB of a negative value: keep at least one
    return x.quantize(signed, max(integer, 1 - fraction), fraction, "WRAP", "TRN")


def round_to(x: Variable, fraction: int, mode: Rounding) -> Variable:
    """``x`` rounded to ``fraction`` fractional bits; no overflow."""
    if x.low == x.high:
        numerator, denominator = float(x.low).as_integer_ratio()
        shift = denominator.bit_length() - 1 - fraction
        return _like(x, int(round_shift(np.array([numerator], object), shift, mode)[0]), fraction)
    have = fraction_bits(x)
    if have <= fraction:
        return x
    lsb, half, fine = 2.0**-fraction, 2.0 ** -(fraction + 1), 2.0**-have
    if mode is Rounding.TRN:
        return _truncate(x, fraction)
    if mode is Rounding.RND:
        return _truncate(x + half, fraction)
    if mode is Rounding.RND_MIN_INF:
        return _truncate(x + exact(half - fine), fraction)
    if mode is Rounding.RND_CONV:
        # floor(x + half) is wrong for ties only, which must be even: the LSB stays if a bit below it is set.
        # One adder with a constant, which merges with the addition of a bias before it.
        up = x + half
        below = up.quantize(0, -fraction, have, "WRAP", "TRN").unary_bit_op("any")
        odd = up.quantize(0, 1 - fraction, fraction, "WRAP", "TRN") * 2.0**fraction
        return _truncate(up, fraction - 1) + (odd & below) * lsb
    negative = x.is_negative()
    if mode is Rounding.TRN_ZERO:
        return _truncate(x + negative * exact(lsb - fine, WEIGHT_BITS), fraction)
    if mode is Rounding.RND_ZERO:
        return _truncate(x + exact(half - fine) + negative * fine, fraction)
    if mode is Rounding.RND_INF:
        return _truncate(x + half - negative * fine, fraction)
    raise AssertionError(mode)


def _overflow(x: Variable, target: FixedType) -> Variable:
    mode = target.overflow
    if mode is Overflow.WRAP:
        return x.quantize(int(target.signed), target.integer - target.signed, target.fraction, "WRAP", "TRN")
    if mode is Overflow.SAT:
        return _saturated(x, target)
    low, high = exact(target.minimum * target.lsb), exact(target.maximum * target.lsb)
    if mode is Overflow.SAT_SYM:
        return x.max_of(low).min_of(high)
    result = x  # SAT_ZERO
    if x.high > high:
        result = _gate(x, (x - exact(high + target.lsb)).is_negative(), (low, high))
    if x.low < low:
        result = _gate(result, invert((x - low).is_negative()), (low, high))
    return result


def _saturated(x: Variable, target: FixedType) -> Variable:
    """``x`` clipped. The bits above the target's tell whether it fits: no comparison, so no carry chain."""
    low, high = exact(target.minimum * target.lsb), exact(target.maximum * target.lsb)
    smallest, largest = (_like(x, n, target.fraction) for n in (target.minimum, target.maximum))
    if x.high <= low or x.low >= high:
        return smallest if x.high <= low else largest
    signed, integer, fraction = (int(n) for n in x.kif)
    kept = target.integer - target.signed
    negative = x.is_negative()
    result = x.quantize(int(target.signed), kept, target.fraction, "WRAP", "TRN")
    interval = (max(x.low, low), min(x.high, high), target.lsb)
    if integer > kept and signed and target.signed:
        top = x.quantize(1, integer, -kept, "WRAP", "TRN")
        fits = invert(top.unary_bit_op("any"))
        if fraction >= -kept:  # otherwise negative values that fit are multiples of more than they may reach
            fits = fits | top.unary_bit_op("all")
        return select(fits, result, select(negative, smallest, largest), interval)
    if integer > kept:
        above = x.quantize(0, integer, -kept, "WRAP", "TRN").unary_bit_op("any")
        result = select(above, largest, result, (0.0, high, target.lsb))
    return result if target.signed else select(negative, smallest, result)


def _like(x: Variable, integer: int, fraction: int) -> Variable:
    from alkaid.trace import FVariable

    return FVariable.from_const(integer * 2.0**-fraction, hwconf=x.hwconf)


def invert(bit: Variable) -> Variable:
    """1 - bit, for a variable that is 0 or 1 (alkaid's ``~`` needs to know the width of a constant)."""
    return 1.0 - bit if bit.low == bit.high else ~bit


def _gate(x: Variable, condition: Variable, interval: tuple[float, float]) -> Variable:
    """``x`` where the one-bit ``condition`` is 1, else 0."""
    low, high = min(interval[0], 0.0), max(interval[1], 0.0)
    zero = _like(x, 0, 0)
    if condition.low == condition.high:
        return x if condition.low else zero
    return condition.msb_mux(x, zero, qint=(low, high, x.step))
