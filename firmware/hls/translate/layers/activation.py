"""Piecewise-linear and comparing activations (nnet_activation.h)."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.project.weights import constant
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.comparisons import ignores_sign
from l1forge.firmware.hls.translate.layers.registry import translator


@translator("linear", elementwise=True)
def linear(builder: Builder, call: Call) -> None:
    source, result = call.arguments
    x = builder.value(source).node
    builder.store(result, builder.cast(x, builder.declared(result).fixed, builder.layer))


@translator("relu", elementwise=True)
def relu(builder: Builder, call: Call) -> None:
    source, result = call.arguments
    x = builder.value(source).node
    builder.store(result, builder.add("relu", [x], x.shape, builder.declared(result).fixed, builder.layer))


@translator("relu6", "relu1", elementwise=True)
def relu_max(builder: Builder, call: Call) -> None:
    source, result = call.arguments
    limit = builder.number(int(call.function.removeprefix("relu")))
    x = builder.value(source).node
    clipped = builder.pair("minimum", x, limit)
    builder.store(
        result,
        builder.add("relu", [clipped], x.shape, builder.declared(result).fixed, builder.layer),
    )


def positive_part(builder: Builder, x: Node) -> Node:
    """max(x, 0), exact."""
    maximum = max(x.type.maximum, 0)
    kind = FixedType(x.type.width, x.type.integer, x.type.signed) if maximum else x.type
    return builder.add("relu", [x], x.shape, kind)


def negative_part(builder: Builder, x: Node) -> Node:
    """min(x, 0), exact."""
    return builder.pair("minimum", x, builder.number(0))


def _two_slopes(builder: Builder, call: Call, alpha: Constant) -> None:
    """x above zero, alpha·x elsewhere: one of the two parts is zero, so that their sum is exact."""
    source, result = call.arguments[0], call.arguments[-1]
    x = builder.value(source).node
    kind = builder.declared(result).fixed
    steep = positive_part(builder, x)
    flat = builder.scaled(negative_part(builder, x), alpha)
    builder.store(result, builder.pair("add", steep, flat, kind, builder.layer))


def parameter_type(call: Call) -> str:
    """The type of a slope or threshold: before hls4ml 1.0, without a type of its own, the data's."""
    return call.template[1 if len(call.template) > 3 else 0]


@translator("leaky_relu", elementwise=True)
def leaky_relu(builder: Builder, call: Call) -> None:
    kind = builder.source.type(parameter_type(call), config_of(builder, call)).fixed
    _two_slopes(builder, call, constant([float(call.arguments[1])], kind))


@translator("prelu", elementwise=True)
def prelu(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    size = builder.value(call.arguments[0]).node.size
    _two_slopes(builder, call, builder.weight(call.arguments[1], parameter_type(call), config, size))


@translator("thresholded_relu", elementwise=True)
def thresholded_relu(builder: Builder, call: Call) -> None:
    """x where it is above theta (strictly), else zero.

    An unsigned theta of a coarse type makes the C++ compare bits: then negative values pass.
    """
    source, theta, result = call.arguments
    x = builder.value(source).node
    kind = builder.source.type(parameter_type(call), config_of(builder, call)).fixed
    limit = builder.constant(constant([float(theta)], kind))
    not_above = builder.pair("greater_equal", limit, x)
    bit = FixedType(1, 1, False)
    if ignores_sign(builder.value(source).cpp.fixed, kind):
        not_negative = builder.pair("greater_equal", x, builder.number(0))
        not_above = builder.pair("multiply", not_above, not_negative, bit)
    above = builder.pair("subtract", builder.number(1), not_above, bit)
    builder.store(result, builder.pair("multiply", x, above, builder.declared(result).fixed, builder.layer))


def _hard(builder: Builder, call: Call) -> Node:
    """slope·x + shift, exact, clipped to 0 .. 1."""
    config = config_of(builder, call)
    parts = []
    for key in ("slope", "shift"):
        value = builder.source.value(config, key)
        parts.append(constant([float(value)], builder.source.type(config.types[f"{key}_t"], config).fixed))
    line = builder.scaled(builder.value(call.arguments[0]).node, parts[0], parts[1])
    top = builder.pair("minimum", line, builder.number(1))
    return builder.add("relu", [top], top.shape, top.type)


@translator("hard_sigmoid", elementwise=True)
def hard_sigmoid(builder: Builder, call: Call) -> None:
    result = call.arguments[1]
    builder.store(result, builder.cast(_hard(builder, call), builder.declared(result).fixed, builder.layer))


@translator("hard_tanh", elementwise=True)
def hard_tanh(builder: Builder, call: Call) -> None:
    result = call.arguments[1]
    two = Constant(FixedType(2, 2, False), np.array([2]))
    minus_one = Constant(FixedType(1, 1), np.array([-1]))
    node = builder.scaled(_hard(builder, call), two, minus_one, builder.declared(result).fixed, builder.layer)
    builder.store(result, node)


@translator("binary_tanh", elementwise=True)
def binary_tanh(builder: Builder, call: Call) -> None:
    """+1 from zero on, else −1; as ``ap_uint<1>`` 1 and 0."""
    source, result = call.arguments
    x, kind = builder.value(source).node, builder.declared(result)
    zero = builder.number(0)
    if builder.source.means("binary_tanh", "above_zero"):  # before hls4ml 1.2: zero is -1, and cast to bits 1
        not_above = builder.pair("greater_equal", zero, x)
        minus_two = Constant(FixedType(2, 2), np.array([-2]))
        one = Constant(FixedType(2, 2), np.array([1]))
        builder.store(result, builder.scaled(not_above, minus_two, one, kind.fixed, builder.layer))
        return
    if kind.is_binary:
        builder.store(result, builder.pair("greater_equal", x, zero, kind.fixed, builder.layer))
        return
    bit = builder.pair("greater_equal", x, zero)
    two = Constant(FixedType(2, 2, False), np.array([2]))
    minus_one = Constant(FixedType(1, 1), np.array([-1]))
    builder.store(result, builder.scaled(bit, two, minus_one, kind.fixed, builder.layer))


@translator("ternary_tanh", elementwise=True)
def ternary_tanh(builder: Builder, call: Call) -> None:
    """Compares 2x, wrapped into the input's own type as the C++ does, with ±1; in io_stream x itself."""
    source, result = call.arguments
    value, kind = builder.value(source), builder.declared(result).fixed
    doubled = value.node
    if not builder.source.streamed:
        two = Constant(FixedType(2, 2, False), np.array([2]))
        doubled = builder.scaled(value.node, two, kind=value.cpp.fixed)
    above = builder.pair(
        "subtract",
        builder.number(1),
        builder.pair("greater_equal", builder.number(1), doubled),
        FixedType(1, 1, False),
    )
    below = builder.pair("greater_equal", builder.number(-1), doubled)
    builder.store(result, builder.pair("subtract", above, below, kind, builder.layer))
