"""Floating-point scaling of inputs: ``double t = x - bias; scaled = t / norm;`` as exact integers.

C++ computes in double (or float); the circuit multiplies by a constant. Where every intermediate result is
exact in floating point, the circuit is the formula; elsewhere a multiplication is looked for that gives the
same integer for every value that the input's type has.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, cast, holding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.package.values import MANTISSA, CType, Data, Known, Real, Value, fits, spread
from l1forge.firmware.hls.translate.builder import Builder

MOST_BITS = 20
"""Widest input type whose values are all tried where floating point rounds."""
MOST_FACTOR_BITS = 40


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "r-": lambda x, y: y - x,
    "*": operator.mul,
    "/": operator.truediv,
    "=": lambda x, y: x,
}


@dataclass(frozen=True)
class AffineReal:
    """``scale · x + offset`` as C++ computes it: ``steps`` are the operations in order on the value ``x``."""

    scale: Fraction
    offset: Fraction
    exact: bool
    steps: tuple[tuple[str, float, str], ...] = ()

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """The result for values ``raw`` (not LSBs), with C++'s rounding after each step."""
        values = raw
        for name, number, real in self.steps:
            kind = np.float32 if real == "float" else np.float64
            x, y = values.astype(kind), kind(number)
            result = _OPERATIONS[name](x, y)
            values = np.asarray(result).astype(np.float64)
        return np.asarray(values, dtype=np.float64)


def _holds(kind: FixedType, scale: Fraction, offset: Fraction, real: str) -> bool:
    """Whether floating point holds ``scale · x + offset`` for each ``x`` of a type."""
    lsb = Fraction(2) ** -kind.fraction
    steps = [scale * lsb, offset]
    if any(v.denominator & (v.denominator - 1) for v in steps):
        return False
    fraction = max(v.denominator.bit_length() - 1 for v in steps)
    ends = [abs((scale * lsb * end + offset) * 2**fraction) for end in (kind.minimum, kind.maximum)]
    return int(max(ends)).bit_length() <= MANTISSA[real]


def as_real(value: Value, kind: CType) -> Real:
    """A fixed-point value, or one of the other floating-point type, as floating point."""
    if isinstance(value, Real):
        if value.type == kind:
            return value
        formulas = tuple(_step(f, "=", Fraction(0), kind.real, value.base.node.type) for f in value.formulas)
        return Real(value.base, formulas, kind)
    assert isinstance(value, Data)
    exact = _holds(value.node.type, Fraction(1), Fraction(0), kind.real)
    start = AffineReal(Fraction(1), Fraction(0), exact, (("=", 0.0, kind.real),))
    return Real(value, (start,) * value.lanes, kind)


def _step(before: object, sign: str, number: Fraction, real: str, kind: FixedType) -> AffineReal:
    assert isinstance(before, AffineReal)
    scale, offset = before.scale, before.offset
    if sign == "+":
        offset += number
    elif sign == "-":
        offset -= number
    elif sign == "r-":
        scale, offset = -scale, number - offset
    elif sign == "*":
        scale, offset = scale * number, offset * number
    elif sign == "/":
        scale, offset = scale / number, offset / number
    exact = before.exact and _holds(kind, scale, offset, real)
    return AffineReal(scale, offset, exact, (*before.steps, (sign, float(number), real)))


def real_binary(builder: Builder, sign: str, a: Value, b: Value, kind: CType, lanes: int) -> Real:
    """``a sign b`` where one is a constant and the other comes from an input."""
    if not isinstance(a, Known) and not isinstance(b, Known):
        raise builder.refuse(
            "floating-point arithmetic of two values that depend on the inputs is not supported", sign
        )
    value, number = (b, a) if isinstance(a, Known) else (a, b)
    assert isinstance(number, Known)
    if isinstance(a, Known):
        if sign not in ("+", "-", "*"):
            raise builder.refuse("division by a value that depends on the inputs is not supported", sign)
        sign = "r-" if sign == "-" else sign
    real = as_real(value, kind)
    size = max(real.lanes, number.lanes)
    base = Data(real.base.node, tuple(spread(real.base.index, size)), real.base.type)
    constants = spread(number.values, size)
    if sign == "/" and not all(constants):
        raise builder.refuse("division by zero", sign)
    formulas = tuple(
        _step(f, sign, n, kind.real, base.node.type)
        for f, n in zip(spread(real.formulas, size), constants, strict=True)
    )
    return Real(base, formulas, kind)


def fitted(builder: Builder, value: Real, target: FixedType, lanes: int) -> Node:
    """A node with the integers that C++ gets when it puts ``value`` into a variable of type ``target``.

    Raises
    ------
    InputError
        If floating point rounds and no multiplication gives the same for all values of the input's type.
    """
    size = value.lanes
    x = builder.take(value.base.node, list(value.base.index), (size,))
    scales: list[Fraction] = []
    offsets: list[Fraction] = []
    searched: dict[AffineReal, tuple[Fraction, Fraction]] = {}
    for formula in value.formulas:
        assert isinstance(formula, AffineReal)
        scale, offset = formula.scale, formula.offset
        if not formula.exact:
            if formula not in searched:
                searched[formula] = _search(builder, formula, x.type, target)
            scale, offset = searched[formula]
        scales.append(scale)
        offsets.append(offset)
    if all(scale == 1 for scale in scales) and not any(offsets):
        return x if fits(x.type, target) else builder.cast(x, target)
    return builder.scaled(x, _constant(scales), _constant(offsets), target)


def _constant(values: list[Fraction]) -> Constant:
    fraction = max(v.denominator.bit_length() - 1 for v in values)
    data = [int(v * 2**fraction) for v in values]
    kind = holding(min(0, *data), max(1, *data), fraction)
    return Constant(kind, np.array(data, dtype=object if kind.width > 62 else np.int64))


def _search(
    builder: Builder, formula: AffineReal, kind: FixedType, target: FixedType
) -> tuple[Fraction, Fraction]:
    """Scale and offset with which the exact result, cast, is C++'s for every value of ``kind``."""
    if kind.width > MOST_BITS:
        raise builder.refuse(
            f"floating-point scaling rounds, and {kind} has too many values to try all of them",
            str(formula.steps),
            "divide by powers of two, or bind the inputs to narrower columns with --inputs",
        )
    raw = np.arange(kind.minimum, kind.maximum + 1, dtype=np.int64)
    wanted = _stored(formula(np.ldexp(raw.astype(np.float64), -kind.fraction)), target)
    few = slice(0, None, max(len(raw) // 2048, 1))
    for bits in range(4, MOST_FACTOR_BITS):
        unit = Fraction(1, 1 << bits)
        low, near = (formula.scale / unit).__floor__(), (formula.offset / unit).__floor__()
        for scale in (low, low + 1):
            for offset in (near, near + 1, near + (1 << max(bits - target.fraction - 3, 0))):
                if all(
                    np.array_equal(_circuit(raw[part], scale, offset, bits, kind, target), wanted[part])
                    for part in (few, slice(None))
                ):
                    return scale * unit, offset * unit
    raise builder.refuse("floating-point scaling has no exact multiplication", str(formula.steps))


def _circuit(
    raw: NDArray[np.int64], scale: int, offset: int, bits: int, kind: FixedType, target: FixedType
) -> NDArray[Any]:
    """``raw · scale + offset``, with ``bits`` fractional bits in both, cast to ``target``."""
    shift, back = max(kind.fraction, 0), max(-kind.fraction, 0)
    size = kind.width + scale.bit_length() + back, offset.bit_length() + shift
    values: NDArray[Any] = raw if max(size) < 61 else raw.astype(object)
    return cast((values * scale << back) + (offset << shift), bits + shift, target)


def _stored(values: NDArray[np.float64], target: FixedType) -> NDArray[np.int64]:
    """``ap_fixed(double)`` for many values: quarters of an LSB and a mark for less keep every rounding."""
    scaled = np.ldexp(values, target.fraction)
    whole = np.floor(scaled)
    rest = scaled - whole
    quarter = np.select([rest == 0, rest < 0.5, rest == 0.5], [0, 1, 2], 3)
    total = whole.astype(np.int64) * 4 + quarter
    return np.asarray(cast(total, target.fraction + 2, target), dtype=np.int64)
