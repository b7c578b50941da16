"""Activations from look-up tables that the C++ fills at start-up (nnet_activation.h).

The tables are computed with the same single-precision functions of the C library that the compiled C++
calls, because NumPy's own vectorised versions differ in the last bit.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from collections.abc import Callable

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Rounding, holding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.project.weights import constant
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.activation import negative_part, positive_part
from l1forge.firmware.hls.translate.layers.registry import translator

_MATH = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")


def _single(name: str) -> Callable[[float], float]:
    function = getattr(_MATH, name)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float

    def call(x: float) -> float:
        return float(function(x))

    return call


exp, log, tanh = _single("expf"), _single("logf"), _single("tanhf")


def single(x: float) -> float:
    """Round to single precision, as an assignment to ``float`` does."""
    return float(np.float32(x))


def sigmoid(x: float) -> float:
    return single(1.0 / single(1 + exp(-x)))


def softplus(x: float) -> float:
    return single(math.log(exp(x) + 1.0))


def softsign(x: float) -> float:
    return single(x / (abs(x) + 1.0))


def elu(x: float) -> float:
    return single(exp(x) - 1.0)


def selu(x: float) -> float:
    return single(1.0507009873554804934193349852946 * (1.6732632423543772848170429916717 * (exp(x) - 1.0)))


_ONE = Constant(FixedType(1, 1, False), np.array([1]))
_INDEX = FixedType(32, 32, rounding=Rounding.TRN_ZERO)

SYMMETRIC: dict[str, tuple[Callable[[float], float], int]] = {
    "sigmoid": (sigmoid, 8),
    "softplus": (softplus, 8),
    "softsign": (softsign, 8),
    "tanh": (tanh, 4),
}
"""Function and half the range that its table spans."""


def symmetric_table(function: Callable[[float], float], half: int, size: int) -> list[float]:
    """The table over −half .. half, its abscissae rounded to single precision as in the C++."""
    return [function(single(2.0 * half * (i - size / 2.0) / size)) for i in range(size)]


@translator(*SYMMETRIC, elementwise=True)
def symmetric(builder: Builder, call: Call) -> None:
    """index = trunc(x·size / (2·half)) + size/2: truncated towards zero, clipped to the table."""
    source, result = call.arguments
    config = config_of(builder, call)
    size = builder.source.integer(config, "table_size")
    table = builder.source.type("table_t", config).fixed
    x, kind = builder.value(source).node, builder.declared(result).fixed
    builder.store(result, symmetric_node(builder, call.function, x, size, table, kind, builder.layer))


def symmetric_node(
    builder: Builder,
    name: str,
    x: Node,
    size: int,
    table: FixedType,
    kind: FixedType,
    layer: str | None = None,
) -> Node:
    """One of ``SYMMETRIC`` from a table of ``size`` entries of the type ``table``."""
    function, half = SYMMETRIC[name]
    span = (2 * half).bit_length() - 1
    multiplier, shift, offset = size, x.type.fraction + span, half * size // (2 * half)
    if _index_overflows(x, size):  # the C++ holds the index in 32 bits, which wrap
        x = builder.scaled(x, constant([size / (2 * half)], holding(0, size, span)), kind=_INDEX)
        x = builder.scaled(x, _ONE, constant([offset], holding(0, offset, 0)), FixedType(32, 32))
        multiplier, shift, offset = 1, 0, 0
    return builder.add(
        "table",
        [x],
        x.shape,
        kind,
        layer,
        {"table": constant(symmetric_table(function, half, size), table)},
        multiplier=multiplier,
        shift=shift,
        offset=offset,
        index_rounding="TRN_ZERO",
    )


def _index_overflows(x: Node, size: int) -> bool:
    return x.type.integer + size.bit_length() > 33


def check_index(builder: Builder, x: Node, size: int) -> None:
    """The C++ holds the index in an int; refuse inputs so wide that it would overflow."""
    if _index_overflows(x, size):
        raise builder.refuse(
            "input is so wide that the table index overflows in the C++",
            str(x.type),
            "narrow the input of the activation",
        )


def _exponential(builder: Builder, call: Call, alpha: Constant, slope: Constant, table: list[float]) -> None:
    """slope·x from zero on, alpha·table[trunc(−x·size/8)] below: one of the two parts is zero."""
    source, result = call.arguments[0], call.arguments[-1]
    config = config_of(builder, call)
    x = builder.value(source).node
    check_index(builder, x, len(table))
    entries = constant(table, builder.source.type("table_t", config).fixed)
    data = entries.data.astype(object) * int(alpha.data[0])
    kind = holding(int(data.min()), int(data.max()), entries.type.fraction + alpha.type.fraction)
    below = negative_part(builder, x)  # may be finer than x, whose lsb can be above one
    curve = builder.add(
        "table",
        [below],
        x.shape,
        kind,
        constants={"table": Constant(kind, data if kind.width > 62 else data.astype(np.int64))},
        multiplier=-len(table),
        shift=below.type.fraction + 3,
        offset=0,
        index_rounding="TRN_ZERO",
    )
    line = positive_part(builder, x)
    if slope.data[0] != 1 or slope.type.fraction:
        line = builder.scaled(line, slope)
    builder.store(result, builder.pair("add", line, curve, builder.declared(result).fixed, builder.layer))


@translator("elu", elementwise=True)
def elu_layer(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    size = builder.source.integer(config, "table_size")
    alpha = _ONE
    if len(call.arguments) == 3:
        kind = builder.source.type(call.template[1], config).fixed
        alpha = constant([float(call.arguments[1])], kind)
    _exponential(builder, call, alpha, _ONE, [elu(single(-8.0 * i / size)) for i in range(size)])


@translator("selu", elementwise=True)
def selu_layer(builder: Builder, call: Call) -> None:
    size = builder.source.integer(config_of(builder, call), "table_size")
    kind = FixedType(16, 1, False)
    if builder.source.streamed:  # io_stream casts the slope to the input's type
        kind = builder.value(call.arguments[0]).cpp.fixed
    elif builder.source.means("selu", "slope_in_result"):  # before hls4ml 1.2
        kind = builder.declared(call.arguments[1]).fixed
    slope = constant([1.0507009873554805], kind)
    _exponential(builder, call, _ONE, slope, [selu(single(-8.0 * i / size)) for i in range(size)])


def bits_table(builder: Builder, x: Node, kind: FixedType, table: Constant, name: str | None = None) -> Node:
    """``table[top bits of x read as unsigned]`` for a table of 2^N entries."""
    bits = (table.data.size - 1).bit_length()
    shift = x.type.width - bits
    if table.data.size != 1 << bits or shift < 0:
        raise builder.refuse(
            f"a table of {table.data.size} entries cannot be indexed with {x.type}",
            remedy="choose a power of two that is not larger than the number of input values",
        )
    offset, data = 0, table.data
    if x.type.signed:
        offset = 1 << (bits - 1)
        data = np.roll(data, offset)
    return builder.add(
        "table", [x], x.shape, kind, name, {"table": Constant(table.type, data)}, shift=shift, offset=offset
    )


@translator("unary_lut", elementwise=True)
def unary_lut(builder: Builder, call: Call) -> None:
    source, result, name = call.arguments
    config = config_of(builder, call)
    x = builder.value(source).node
    table = builder.weight(name, "table_t", config, builder.source.integer(config, "table_size"))
    builder.store(result, bits_table(builder, x, builder.declared(result).fixed, table, builder.layer))
