"""C++ arithmetic of wrapper values as nodes: exact operations, then the cast of the declared type."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import cast, holding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.package.reals import as_real, fitted, real_binary
from l1forge.firmware.hls.package.values import (
    DOUBLE,
    FLOAT,
    INT,
    CType,
    Data,
    Known,
    Real,
    Value,
    fits,
    plain,
    result_type,
    spread,
)
from l1forge.firmware.hls.translate.builder import Builder

_NODES = {"+": "add", "-": "subtract", "*": "multiply"}


def gathered(builder: Builder, value: Data, lanes: int) -> Node:
    """The elements of a value as a node of shape (lanes,)."""
    return builder.take(value.node, spread(value.index, lanes), (lanes,))


def constant(values: list[Fraction]) -> Constant:
    """Exact constants in the narrowest type.

    Raises
    ------
    InputError
        If one is not a multiple of a power of two.
    """
    bits = [value.denominator.bit_length() - 1 for value in values]
    if any(value.denominator != 1 << bit for value, bit in zip(values, bits, strict=True)):
        raise InputError("constant is not a multiple of a power of two", field="scaling", value=str(values))
    fraction = max(bits)
    data = [int(value * 2**fraction) for value in values]
    kind = holding(min(0, *data), max(1, *data), fraction)
    return Constant(kind, np.array(data, dtype=object if kind.width > 62 else np.int64))


def known_cast(value: Known, kind: CType) -> Known:
    """Constants as a variable of the type holds them."""
    if kind.real:
        if kind == FLOAT:
            return Known(tuple(Fraction(float(np.float32(float(v)))) for v in value.values), kind)
        return Known(tuple(Fraction(float(v)) for v in value.values), kind)
    target = kind.exact
    found = []
    for v in value.values:
        bits = v.denominator.bit_length() - 1
        if v.denominator != 1 << bits:  # a quotient: C++ has rounded it to double
            v = Fraction(float(v))
            bits = v.denominator.bit_length() - 1
        raw = int(cast(np.array([v.numerator], dtype=object), bits, target)[0])
        found.append(Fraction(raw) / Fraction(2) ** target.fraction)
    return Known(tuple(found), kind)


def cast_value(builder: Builder, value: Value, kind: CType, lanes: int) -> Value:
    """``value`` as a variable of type ``kind`` holds it."""
    if isinstance(value, Known):
        return known_cast(value, kind)
    if kind.real:
        return as_real(value, kind)
    target = kind.exact
    if isinstance(value, Real):
        node = fitted(builder, value, target, lanes)
        return Data(node, tuple(range(lanes)), kind)
    if fits(value.node.type, target):
        return Data(value.node, value.index, kind)
    return Data(builder.cast(gathered(builder, value, value.lanes), target), tuple(range(value.lanes)), kind)


def binary(builder: Builder, operator: str, a: Value, b: Value, lanes: int) -> Value:
    """``a operator b``.

    Raises
    ------
    InputError
        If the operator is not one that circuits of this kind have.
    """
    if operator in ("<<", ">>"):
        return _shifted(builder, a, b, -1 if operator == ">>" else 1, lanes)
    if isinstance(a, Known) and isinstance(b, Known):
        return _constants(builder, operator, a, b)
    if operator in ("==", "!=", "<", ">", "<=", ">=", "&&", "||"):
        raise builder.refuse("branch on an input or a result is not supported", operator)
    if a.type.real or b.type.real or operator == "/":
        if operator == "/" and not (a.type.real or b.type.real):
            raise builder.refuse("division of integers or fixed-point values is not supported", operator)
        kind = DOUBLE if DOUBLE in (a.type, b.type) or not (a.type.real and b.type.real) else FLOAT
        if kind == DOUBLE and FLOAT in (a.type, b.type) and DOUBLE not in (a.type, b.type):
            kind = FLOAT
        return real_binary(builder, operator, a, b, kind, lanes)
    if operator not in _NODES:
        raise builder.refuse("operation on inputs or results is not supported", operator)
    kind = CType(result_type(operator, a.type.exact, b.type.exact))
    if operator == "*" and isinstance(a, Data) and a == b:
        x = gathered(builder, a, a.lanes)
        return Data(builder.add("square", [x], x.shape, plain(kind.exact)), tuple(range(a.lanes)), kind)
    size = max(a.lanes, b.lanes)
    node = builder.pair(_NODES[operator], _node(builder, a, size), _node(builder, b, size))
    return Data(node, tuple(range(node.size)), kind)


def _node(builder: Builder, value: Value, lanes: int) -> Node:
    if isinstance(value, Data):
        return gathered(builder, value, lanes)
    assert isinstance(value, Known)
    return builder.constant(constant(spread(value.values, lanes)))


def _shifted(builder: Builder, a: Value, b: Value, sign: int, lanes: int) -> Value:
    """Shifts of ap_fixed and integers: bits fall off at both ends of the operand's own type."""
    if not isinstance(b, Known):
        raise builder.refuse("shift by a value that depends on the inputs is not supported", "shift")
    places = [sign * int(v) for v in b.values]
    if isinstance(a, Real) or a.type.real:
        raise builder.refuse("a floating-point value cannot be shifted", "shift")
    kind = plain(a.type.exact)
    if isinstance(a, Known):
        size = max(a.lanes, len(places))
        moved = [
            v * Fraction(2) ** p for v, p in zip(spread(a.values, size), spread(places, size), strict=True)
        ]
        return known_cast(Known(tuple(moved), a.type), CType(kind))
    if not any(places):
        return a
    size = max(a.lanes, len(places))
    scale = constant([Fraction(2) ** p for p in spread(places, size)])
    node = builder.scaled(gathered(builder, a, size), scale, None, kind)
    return Data(node, tuple(range(size)), a.type)


def _constants(builder: Builder, operator: str, a: Known, b: Known) -> Known:
    size = max(a.lanes, b.lanes)
    pairs = list(zip(spread(a.values, size), spread(b.values, size), strict=True))
    real = a.type.real or b.type.real
    integers = not real and a.type.exact.fraction == b.type.exact.fraction == 0
    if operator in ("/", "%") and any(y == 0 for _, y in pairs):
        raise builder.refuse("division by zero", operator)
    found: list[Fraction] = []
    for x, y in pairs:
        found.append(_constant(builder, operator, x, y, bool(integers)))
    if operator in ("==", "!=", "<", ">", "<=", ">=", "&&", "||"):
        return Known(tuple(found), INT)
    if real:
        kind = DOUBLE if DOUBLE in (a.type, b.type) else FLOAT
        return known_cast(Known(tuple(found), kind), kind)
    if a.type == INT and b.type == INT:
        return Known(tuple(found), INT)
    kind = a.type if operator in ("/", "%") else CType(result_type(operator, a.type.exact, b.type.exact))
    return Known(tuple(found), kind)


def _constant(builder: Builder, operator: str, x: Fraction, y: Fraction, integers: bool) -> Fraction:
    simple: dict[str, Any] = {
        "+": lambda: x + y,
        "-": lambda: x - y,
        "*": lambda: x * y,
        "==": lambda: x == y,
        "!=": lambda: x != y,
        "<": lambda: x < y,
        ">": lambda: x > y,
        "<=": lambda: x <= y,
        ">=": lambda: x >= y,
        "&&": lambda: bool(x and y),
        "||": lambda: bool(x or y),
    }
    if operator in simple:
        return Fraction(simple[operator]())
    if operator == "/":
        return Fraction(int(x / y)) if integers else x / y
    if operator == "%" and integers:
        return x - y * int(x / y)
    raise builder.refuse("operator is not supported", operator)
