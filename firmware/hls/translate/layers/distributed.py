"""Distributed arithmetic (nnet_da_wrappers.h, nnet_einsum_dense.h): weights as shifts and additions."""

from __future__ import annotations

import re

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Node
from l1forge.firmware.hls.project.source import Call, Config, Logic
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.registry import translator
from l1forge.firmware.hls.translate.layers.windows import gather, transpose_order
from l1forge.firmware.hls.translate.straight_line import apply_logic


def logic_call(builder: Builder, call: Call) -> None:
    """``dense_da_N`` or ``da_comblogic_N``: logic called by its own name."""
    source, result = call.arguments
    _apply(builder, builder.source.logic[call.function], source, result)


def streamed_dense(builder: Builder, call: Call) -> None:
    """A dense layer of an io_stream project: the logic is a member of its config."""
    source, result = call.arguments
    _apply(builder, _member(builder, config_of(builder, call), "dense_da"), source, result)


def _apply(builder: Builder, logic: Logic, source: str, result: str) -> None:
    x = _flat(builder, builder.value(source).node)
    rows = builder.take(x, range(x.size), (1, x.size))
    node = apply_logic(builder, logic, rows, builder.declared(result).fixed)
    builder.store(result, builder.add("reshape", [node], (logic.n_out,), node.type, builder.layer))


def _flat(builder: Builder, x: Node) -> Node:
    return builder.add("reshape", [x], (x.size,), x.type) if len(x.shape) > 1 else x


def _member(builder: Builder, config: Config, key: str) -> Logic:
    """The logic that a config names: ``constexpr static auto dense_da = nnet::dense_da_3<...>``."""
    name = member_name(builder, config, key)
    if name not in builder.source.logic:
        raise builder.refuse("generated logic is not in nnet_code_gen.h", name)
    return builder.source.logic[name]


def member_name(builder: Builder, config: Config, key: str) -> str:
    match = re.fullmatch(r"(?:\w+::)*(\w+)\s*<.*>", config.values.get(key, ""))
    if match is None:
        raise builder.refuse(f"config lacks {key!r}", config.name)
    return match.group(1)


def windows_logic(builder: Builder, config: Config, windows: Node, kind: FixedType) -> Node:
    """io_stream: the logic behind a kernel named ``dense_da_wrapper_N``, on rows of windows."""
    kernel = config.templates.get("kernel", "").split("::")[-1]
    name = kernel.replace("dense_da_wrapper_", "dense_da_")
    if name not in builder.source.logic:
        raise builder.refuse("generated logic is not in nnet_code_gen.h", kernel)
    return apply_logic(builder, builder.source.logic[name], windows, kind)


@translator("conv1d_cl", "conv2d_cl")
def convolution(builder: Builder, call: Call) -> None:
    """io_parallel: every window goes through the same logic."""
    source, result = call.arguments
    config = builder.source.config(call.template[0])
    logic = _member(builder, config, "dense_da")
    buffer = config.templates.get("fill_buffer", "").split("::")[-1]
    if buffer not in builder.source.buffers:
        raise builder.refuse("windows of the convolution are not in nnet_code_gen.h", buffer)
    windows = builder.source.buffers[buffer]
    if not windows or any(len(window) != logic.n_in for window in windows):
        raise builder.refuse("windows and logic of the convolution differ in size", logic.name)
    x = gather(builder, builder.value(source).node, np.array(windows))
    node = apply_logic(builder, logic, x, builder.declared(result).fixed)
    size = len(windows) * logic.n_out
    builder.store(result, builder.add("reshape", [node], (size,), node.type, builder.layer))


def einsum_dense(builder: Builder, call: Call) -> None:
    """Transpose, logic into the accumulator's type, bias added in that type, transpose."""
    config = config_of(builder, call)
    source, result, bias_name = call.arguments
    get = builder.source.integer
    free, kernel, contract, inplace = (
        get(config, key) for key in ("n_free_data", "n_free_kernel", "n_contract", "n_inplace")
    )
    name = member_name(builder, config, "da_kernel")
    blocks = builder.source.kernels[name].blocks if name in builder.source.kernels else ()
    if len(blocks) != inplace:
        raise builder.refuse("generated kernel is not in nnet_code_gen.h", name)
    accum = builder.source.type("accum_t", config).fixed
    bias = builder.constant(builder.weight(bias_name, "bias_t", config, free * kernel * inplace))
    order = transpose_order(builder, builder.source.member(config, "tpose_inp_conf"))
    x = builder.value(source).node
    parts = []
    for number, block in enumerate(blocks):
        if block not in builder.source.logic:
            raise builder.refuse("generated logic is not in nnet_code_gen.h", block)
        places = order[number * free * contract : (number + 1) * free * contract]
        rows = builder.take(x, places, (free, contract))
        made = apply_logic(builder, builder.source.logic[block], rows, accum)
        parts.append(builder.add("reshape", [made], (free * kernel,), accum))
    joined = builder.add("concatenate", parts, (free * kernel * inplace,), accum, axis=0)
    total = builder.pair("add", joined, bias, accum)
    back = transpose_order(builder, builder.source.member(config, "tpose_out_conf"))
    moved = builder.take(total, back, total.shape)
    builder.store(result, builder.cast(moved, builder.declared(result).fixed, builder.layer))
