"""Einsum layers (nnet_einsum.h, nnet_einsum_dense.h): transpose, dense or products, transpose."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import Overflow, Rounding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers import distributed
from l1forge.firmware.hls.translate.layers.dense import dense_nodes
from l1forge.firmware.hls.translate.layers.registry import translator
from l1forge.firmware.hls.translate.layers.windows import transpose_order


@translator("einsum_dense")
def einsum_dense(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    if len(call.arguments) == 3:  # no weights
        distributed.einsum_dense(builder, call)
        return
    source, result, weight_name, bias_name = call.arguments
    get = builder.source.integer
    free, kernel, contract, inplace = (
        get(config, key) for key in ("n_free_data", "n_free_kernel", "n_contract", "n_inplace")
    )
    dense = builder.source.member(config, "dense_conf")
    weight = builder.weight(weight_name, "weight_t", dense, kernel * contract * inplace)
    bias = builder.weight(bias_name, "bias_t", dense, free * kernel * inplace)
    x = builder.value(source)
    order = np.array(transpose_order(builder, builder.source.member(config, "tpose_inp_conf")))
    kind = builder.declared(result)
    parts: list[Node] = []
    for i in range(inplace):
        matrix = Constant(weight.type, weight.data.reshape(inplace, contract, kernel)[i])
        for row in range(free):
            first = (i * free + row) * contract
            data = builder.take(x.node, order[first : first + contract].tolist(), (contract,))
            start = (i * free + row) * kernel
            biases = Constant(bias.type, bias.data[start : start + kernel])
            parts.append(dense_nodes(builder, data, x.cpp, matrix, biases, dense, kind, None))
    joined = builder.add("concatenate", parts, (free * kernel * inplace,), kind.fixed, axis=0)
    back = transpose_order(builder, builder.source.member(config, "tpose_out_conf"))
    builder.store(result, builder.cast(builder.take(joined, back, joined.shape), kind.fixed, builder.layer))


@translator("einsum")
def einsum(builder: Builder, call: Call) -> None:
    """Products of two tensors; the accumulator takes each exact product (it is not cast first)."""
    config = config_of(builder, call)
    first, second, result = call.arguments
    get = builder.source.integer
    l0, l1, contract, inplace = (
        get(config, key) for key in ("n_free0", "n_free1", "n_contract", "n_inplace")
    )
    product = config.templates.get("product", "nnet::product::mult").split("::")[-1]
    if product not in ("mult", "weight_ternary"):
        raise builder.refuse("product is not supported", product)
    accum = builder.source.type("accum_t", config).fixed
    if (
        accum.overflow is not Overflow.WRAP
        or accum.saturation_bits
        or accum.rounding
        not in (
            Rounding.TRN,
            Rounding.RND,
            Rounding.RND_MIN_INF,
        )
    ):
        raise builder.refuse("accumulator of an einsum must wrap", str(accum), "use the default accumulator")
    orders = [
        np.array(transpose_order(builder, builder.source.member(config, f"tpose_inp{k}_config")))
        for k in (0, 1)
    ]
    a, b = builder.value(first).node, builder.value(second).node
    rows = orders[0].reshape(inplace, l0, 1, contract)
    columns = orders[1].reshape(inplace, 1, l1, contract)
    shape = (inplace, l0, l1, contract)
    left = builder.take(a, np.broadcast_to(rows, shape).ravel().tolist(), (inplace * l0 * l1, contract))
    right = builder.take(b, np.broadcast_to(columns, shape).ravel().tolist(), (inplace * l0 * l1, contract))
    terms = builder.pair("multiply", left, right, accum)
    ones = Constant(accum.integers(0, 1), np.ones((contract, 1), np.int64))
    zero = Constant(accum.integers(0, 0), np.zeros(1, np.int64))
    kind = builder.declared(result).fixed
    total = builder.add(
        "dense",
        [terms],
        (inplace * l0 * l1, 1),
        kind,
        constants={"weight": ones, "bias": zero},
        accum=str(accum),
    )
    flat = builder.add("reshape", [total], (total.size,), kind)
    back = transpose_order(builder, builder.source.member(config, "tpose_out_conf"))
    builder.store(result, builder.cast(builder.take(flat, back, flat.shape), kind, builder.layer))
