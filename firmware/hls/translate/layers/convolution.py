"""Convolutions as gathered windows and one dense layer (nnet_conv1d*.h, nnet_conv2d*.h, nnet_sepconv*.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call, Config, CppType
from l1forge.firmware.hls.translate.builder import ArrayValue, Builder, config_of
from l1forge.firmware.hls.translate.layers.dense import dense_nodes
from l1forge.firmware.hls.translate.layers.distributed import windows_logic
from l1forge.firmware.hls.translate.layers.registry import translator
from l1forge.firmware.hls.translate.layers.windows import OUTSIDE, axes, gather, windows, with_channels


def _convolve(
    builder: Builder,
    x: ArrayValue,
    config: Config,
    rank: int,
    weight: str,
    bias: str,
    result: CppType,
    depthwise: bool,
) -> Node:
    get = builder.source.integer
    channels, filters = get(config, "n_chan"), get(config, "n_filt")
    spatial = axes(builder, config, rank, "filt")
    positions = windows(spatial)
    taps = positions.shape[1]
    multiplier = builder.source.member(config, "mult_config")
    if builder.source.streamed:
        _check_stream(builder, config, rank, positions)
    strategy = str(builder.source.value(multiplier, "strategy", "latency"))
    n_in = taps * channels
    gathered = gather(builder, x.node, with_channels(positions, channels).reshape(len(positions), n_in))
    size = len(positions) * filters
    if strategy == "distributed_arithmetic":  # only io_stream comes here with it
        node = windows_logic(builder, multiplier, gathered, result.fixed)
        return builder.add("reshape", [node], (size,), result.fixed, builder.layer)
    reuse = get(config, "reuse_factor")
    if strategy == "resource":  # its loops step through weights and inputs alike: more reads beyond both
        fits = n_in % reuse == 0
    else:
        fits = strategy == "latency" or (reuse <= n_in and not -(-n_in * filters // reuse) % filters)
    if not fits:
        raise builder.refuse(
            f"reuse factor {reuse} does not fit {n_in} products: the C++ stops at an assertion or drops some",
            remedy=f"choose a reuse factor that divides {n_in}",
        )
    biases = builder.weight(bias, "bias_t", config, filters)
    if depthwise:
        if filters != channels:
            raise builder.refuse(
                "depthwise convolution with more than one filter per channel: the C++ stops at an assertion",
                f"{filters} filters for {channels} channels",
                "use an ordinary convolution, with zeros",
            )
        if strategy not in ("latency", "resource") or (
            strategy == "resource" and not builder.source.streamed
        ):
            raise builder.refuse(
                "depthwise convolution: the C++ stops at an assertion with this strategy",
                strategy,
                "use Strategy: Latency, or Resource with io_stream",
            )
        taken = builder.weight(weight, "weight_t", config, n_in)
        matrix = np.zeros((n_in, filters), dtype=taken.data.dtype)
        matrix[np.arange(n_in), np.arange(n_in) % channels] = taken.data
        product = multiplier.templates.get("product", "mult").split("::")[-1]
        if product not in ("mult", "weight_ternary"):
            raise builder.refuse("depthwise convolution with binary weights is not supported", product)
    else:
        taken = builder.weight(weight, "weight_t", config, n_in * filters)
        resource = strategy in ("resource", "resource_unrolled")
        matrix = taken.data.reshape(filters, n_in).T if resource else taken.data.reshape(n_in, filters)
    node = dense_nodes(
        builder,
        gathered,
        x.cpp,
        Constant(taken.type, matrix),
        biases,
        _inherit(multiplier, config, depthwise),
        result,
        None,
    )
    return builder.add("reshape", [node], (size,), result.fixed, builder.layer)


def _check_stream(builder: Builder, config: Config, rank: int, positions: NDArray[np.int64]) -> None:
    """io_stream pads with layers of its own, and does not step over rows of a window that is one row high."""
    if (positions == OUTSIDE).any():
        raise builder.refuse("convolution with padding: with io_stream the C++ stops at an assertion")
    get = builder.source.integer
    if (
        rank == 2
        and get(config, "filt_height") == 1
        and get(config, "stride_height") > 1
        and get(config, "filt_width") > 1
    ):
        raise builder.refuse(
            "windows of one row with a stride in height: with io_stream the C++ computes every row",
            remedy="convert with io_type='io_parallel'",
        )


def _inherit(multiplier: Config, config: Config, depthwise: bool) -> Config:
    """The multiplier's config with the convolution's accumulator."""
    merged = Config(multiplier.name, multiplier.base, dict(multiplier.values), dict(multiplier.types))
    merged.templates = dict(multiplier.templates)
    merged.types["accum_t"] = config.types["accum_t"]
    if depthwise:  # its kernels add the products of each channel in the order of the dense kernels
        latency = merged.templates.get("kernel", "").split("::")[-1] in ("", "DepthwiseDenseLatency")
        merged.templates["kernel"] = f"nnet::{'DenseLatency' if latency else 'DenseResource_rf_leq_nin'}"
    return merged


@translator(
    "conv_1d_cl", "conv_2d_cl", "pointwise_conv_1d_cl", "pointwise_conv_2d_cl",
    "depthwise_conv_1d_cl", "depthwise_conv_2d_cl",
)  # fmt: skip
def convolution(builder: Builder, call: Call) -> None:
    source, result, weight, bias = call.arguments
    rank = 1 if "1d" in call.function else 2
    config = config_of(builder, call)
    node = _convolve(
        builder,
        builder.value(source),
        config,
        rank,
        weight,
        bias,
        builder.declared(result),
        call.function.startswith("depthwise"),
    )
    builder.store(result, node)


@translator("resize_nearest")
def resize(builder: Builder, call: Call) -> None:
    """Pixels repeated; their numbers as the C++ computes them, with 16 fractional bits."""
    source, result = call.arguments
    config = config_of(builder, call)
    get = builder.source.integer
    lines = []
    for name in ("height", "width"):
        before, after = get(config, name), get(config, f"new_{name}")
        if builder.source.streamed and after % before:
            raise builder.refuse(
                f"resizing {before} to {after}: with io_stream the C++ stops at an assertion",
                remedy="resize by a whole factor",
            )
        lines.append((np.arange(after) * ((before << 16) // after + 1)) >> 16)
    positions = (lines[0][:, None] * get(config, "width") + lines[1][None, :]).ravel()
    numbers = with_channels(positions, get(config, "n_chan")).ravel()
    x = gather(builder, builder.value(source).node, numbers)
    builder.store(result, builder.cast(x, builder.declared(result).fixed, builder.layer))


@translator("zeropad1d_cl", "zeropad2d_cl", "cropping1d_cl", "cropping2d_cl")
def padding(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    source, result = call.arguments
    get = builder.source.integer
    names = ["width"] if "1d" in call.function else ["height", "width"]
    before = {"width": "left", "height": "top"}
    pads = call.function.startswith("zeropad")
    lines = []
    for name in names:
        start = get(config, f"{'pad' if pads else 'crop'}_{before[name]}") * (-1 if pads else 1)
        at = np.arange(get(config, f"out_{name}")) + start
        lines.append(np.where((at >= 0) & (at < get(config, f"in_{name}")), at, OUTSIDE))
    positions = lines[0]
    if len(lines) == 2:
        rows, columns = lines[0][:, None], lines[1][None, :]
        flat = rows * get(config, "in_width") + columns
        positions = np.where((rows == OUTSIDE) | (columns == OUTSIDE), OUTSIDE, flat).ravel()
    numbers = with_channels(positions, get(config, "n_chan")).ravel()
    x = gather(builder, builder.value(source).node, numbers)
    builder.store(result, builder.cast(x, builder.declared(result).fixed, builder.layer))
