"""Layer normalisation (nnet_layernorm.h): mean, variance and an inverse square root from a table."""

from __future__ import annotations

import math

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.project.weights import constant
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.activation_tables import single
from l1forge.firmware.hls.translate.layers.registry import translator


def inverse_roots(size: int, epsilon_power: int, range_power: int) -> list[float]:
    """1/√x over epsilon .. epsilon + 2^-range_power, in single precision where the C++ is."""
    least, step = single(10.0**-epsilon_power), single(single(2.0**-range_power) / single(size))
    return [1.0 / single(math.sqrt(single(least + single(step * i)))) for i in range(size)]


@translator("layernormalize", elementwise=True)
def layernormalize(builder: Builder, call: Call) -> None:
    """Every step is cast to the accumulator's type, the last one to the result's."""
    config = config_of(builder, call)
    source, result, scale_name, bias_name = call.arguments
    get = builder.source.integer
    rows = get(config, "seq_len")
    size, reach = get(config, "table_size"), 1 << get(config, "table_range_power2")
    x = builder.value(source).node
    width = x.size // rows
    accum = builder.source.type("accum_t", config).fixed
    if accum.integer + (size * reach).bit_length() > 31:
        raise builder.refuse("the table index overflows in the C++", str(accum), "narrow the accumulator")
    data = builder.add("reshape", [builder.cast(x, accum)], (rows, width), accum)
    part = builder.constant(constant([1.0 / width], accum))
    mean = builder.pair("multiply", _sum(builder, data, accum), part, accum)
    difference = builder.pair("subtract", data, mean, accum)
    squares = builder.pair("multiply", difference, difference, accum)
    variance = builder.pair("multiply", _sum(builder, squares, accum), part, accum)
    roots = inverse_roots(size, get(config, "epsilon_power_of_10"), get(config, "table_range_power2"))
    table = constant(roots, builder.source.type("table_t", config).fixed)
    inverse = builder.add(
        "table",
        [variance],
        variance.shape,
        table.type,
        constants={"table": table},
        multiplier=size * reach,
        shift=accum.fraction,
        offset=0,
        index_rounding="TRN_ZERO",
    )
    normal = builder.pair("multiply", difference, inverse)
    scale = builder.weight(scale_name, "scale_t", config, width)
    bias = builder.weight(bias_name, "bias_t", config, width)
    kind = builder.declared(result).fixed
    scaled = builder.scaled(normal, scale, bias, kind)
    builder.store(result, builder.add("reshape", [scaled], (x.size,), kind, builder.layer))


def _sum(builder: Builder, x: Node, accum: FixedType) -> Node:
    """Along the last axis, in order, every partial sum cast to ``accum``; shape (rows, 1)."""
    ones = Constant(FixedType(1, 1, False), np.ones((x.shape[1], 1), np.int64))
    zero = Constant(FixedType(1, 1, False), np.zeros(1, np.int64))
    return builder.add(
        "dense", [x], (x.shape[0], 1), accum, None, {"weight": ones, "bias": zero}, accum=str(accum)
    )
