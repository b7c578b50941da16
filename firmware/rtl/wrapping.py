"""The rare overflow modes as logic: WRAP with saturated bits and sign-magnitude wrapping (WRAP_SM).

The counterpart of ``emulator.graph.fixed`` for hardware. Out of range, the sign is kept or taken from the
lowest lost bit. The bits below it become its opposite, the rest wraps, and is reflected by WRAP_SM.
"""

from __future__ import annotations

from l1forge.emulator.graph.fixed import FixedType, Overflow
from l1forge.firmware.rtl.constants import Variable, exact


def wrap_keeping(x: Variable, truncated: Variable, target: FixedType) -> Variable:
    """``x`` (in LSBs of ``target``) wrapped by WRAP with saturated bits or by WRAP_SM.

    ``truncated`` is the value before rounding, cut to the same LSB: WRAP_SM looks at its lost bits.
    """
    lsb, width, n = target.lsb, target.width, target.saturation_bits
    signed = target.signed
    wrapped = x.quantize(int(signed), target.integer - signed, target.fraction, "WRAP", "TRN")
    if not signed:
        kept = _bits(wrapped, width - n, target) + float(((1 << n) - 1) << (width - n)) * lsb
        return _choose(_outside(x, target), kept, wrapped, target)
    sign = x.is_negative()
    if target.overflow is Overflow.WRAP_SM and n == 0:
        sign = _bit(truncated, target.integer)
        kept = _reflected(wrapped, sign ^ wrapped.is_negative(), width - 1, target)
        return _choose(_outside(x, target), kept - sign * 2.0 ** (target.integer - 1), wrapped, target)
    flip = None
    if target.overflow is Overflow.WRAP_SM:
        seen = wrapped.is_negative() if n == 1 else _bit(wrapped, target.integer - n)
        flip = sign ^ seen if n == 1 else _not(sign ^ seen)
    free = width - n
    low = _bits(wrapped, free, target) if flip is None else _reflected(wrapped, flip, free, target)
    ones = float(((1 << (n - 1)) - 1) << free) * lsb
    top = sign * (-(2.0 ** (target.integer - 1)) - ones) + ones
    return _choose(_outside(x, target), low + top, wrapped, target)


def _bit(x: Variable, weight: int) -> Variable:
    """The bit of ``x`` that is worth ``2**weight``, as 0 or 1."""
    return x.quantize(0, weight + 1, -weight, "WRAP", "TRN") * 2.0**-weight


def _bits(x: Variable, count: int, target: FixedType) -> Variable:
    """The low ``count`` bits of ``x``, unsigned."""
    return x.quantize(0, count - target.fraction, target.fraction, "WRAP", "TRN")


def _reflected(x: Variable, flip: Variable, count: int, target: FixedType) -> Variable:
    """The low ``count`` bits, inverted where ``flip`` is 1."""
    plain = _bits(x, count, target)
    inverse = -plain + float((1 << count) - 1) * target.lsb
    return select(flip, inverse, plain)


def _outside(x: Variable, target: FixedType) -> Variable:
    low, high = exact(target.minimum * target.lsb), exact(target.maximum * target.lsb)
    above = (-x + high).is_negative()
    return above | (x - low).is_negative()


def _choose(outside: Variable, kept: Variable, wrapped: Variable, target: FixedType) -> Variable:
    low, high = target.minimum * target.lsb, target.maximum * target.lsb
    return select(outside, kept, wrapped, (low, high, target.lsb))


def _not(bit: Variable) -> Variable:
    return 1.0 - bit if bit.low == bit.high else ~bit


def select(
    condition: Variable, yes: Variable, no: Variable, interval: tuple[float, float, float] | None = None
) -> Variable:
    """``yes`` where ``condition`` is 1, else ``no``; no multiplexer where the condition is constant."""
    if condition.low == condition.high:
        return yes if condition.low else no
    return condition.msb_mux(yes, no, qint=interval)
