"""Dense layers and batch normalisation (nnet_dense*.h, nnet_batchnorm.h, nnet_mult.h)."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call, Config, CppType
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers import distributed
from l1forge.firmware.hls.translate.layers.registry import translator

PLUS_MINUS = FixedType(2, 2)


def bits_to_signs(builder: Builder, node: Node) -> Node:
    """0, 1 of an ``ap_uint<1>`` to -1, +1."""
    scale = Constant(FixedType(2, 2, False), np.array([2]))
    return builder.scaled(node, scale, Constant(PLUS_MINUS, np.array([-1])), PLUS_MINUS)


def _signs(weight: Constant) -> Constant:
    """Weights 0, 1 as -1, +1."""
    return Constant(PLUS_MINUS, 2 * weight.data - 1)


def multiplicands(
    builder: Builder, x: Node, weight: Constant, config: Config, name: str
) -> tuple[Node, Constant]:
    """What nnet::product multiplies: bits stand for ±1, two-bit weights for -1, 0, +1.

    ``name`` is the weight's type in ``config``.
    """
    product = config.templates.get("product", "nnet::product::mult").split("::")[-1]
    if product == "mult":
        return x, weight
    if product == "weight_exponential":
        _check_shift(builder, x, weight, builder.source.exponent_width(name, config))
        return x, weight
    if product == "data_binary":
        return bits_to_signs(builder, x), weight
    if product == "weight_binary":
        return x, _signs(weight)
    if product == "weight_ternary":  # whatever is neither 0 nor -1 counts as +1
        return x, Constant(PLUS_MINUS, np.where(weight.data == 0, 0, np.where(weight.data == -1, -1, 1)))
    raise builder.refuse("product is not supported", product, "quantise weights with quantized_bits")


def _check_shift(builder: Builder, x: Node, weight: Constant, width: int | None) -> None:
    """The C++ shifts in a type of twice (exponent bits + input bits), half of them fractional."""
    half = (width or 0) + x.type.width
    fraction = x.type.fraction + weight.type.fraction
    largest = max(abs(x.type.minimum), x.type.maximum) * max(abs(int(v)) for v in weight.data.ravel())
    if width is None or fraction > half or largest >> fraction >= 1 << (half - 1):
        raise builder.refuse("power-of-two weights lose bits in the C++", str(x.type), "use quantized_bits")


def _any_order(accum: FixedType) -> bool:
    """Whether sums in this accumulator do not depend on their order: plain wrapping, no saturated bits."""
    return accum.overflow is Overflow.WRAP and accum.saturation_bits == 0


def _input_order(builder: Builder, config: Config, n_in: int, accum: FixedType) -> list[int]:
    """The order in which the kernel adds the products of one output (any, if the accumulator wraps)."""
    reuse = builder.source.integer(config, "reuse_factor", 1)
    strategy = str(builder.source.value(config, "strategy", "latency"))
    # projects of hls4ml before 1.0 name no kernel: the strategy and the reuse factor choose it
    default = "DenseLatency" if strategy == "latency" else "DenseResource_rf_leq_nin"
    if strategy != "latency" and reuse > n_in:
        default = "DenseResource_rf_gt_nin" + ("" if reuse % n_in else "_rem0")
    kernel = config.templates.get("kernel", default).split("::")[-1]
    if builder.source.streamed and kernel.startswith("dense_resource_unrolled") and not _any_order(accum):
        raise builder.refuse("with io_stream the order of the sum depends on the backend", str(accum))
    if kernel == "DenseLatency":
        return list(range(n_in))
    if kernel == "DenseResource_rf_leq_nin":
        if n_in % reuse:
            raise builder.refuse(
                f"reuse factor {reuse} does not fit {n_in} products: the C++ reads beyond its weights",
                remedy=f"choose a reuse factor that divides {n_in}",
            )
        return [i for start in range(reuse) for i in range(start, n_in, reuse)]
    if kernel == "DenseResource_rf_gt_nin_rem0" or kernel.startswith("dense_resource_unrolled"):
        return list(range(n_in))
    if kernel == "DenseResource_rf_gt_nin" and _any_order(accum):
        return list(range(n_in))
    raise builder.refuse("dense kernel is not supported", kernel, "use Strategy: Latency or Resource")


def dense_nodes(
    builder: Builder,
    x: Node,
    x_type: CppType,
    weight: Constant,
    bias: Constant,
    config: Config,
    result: CppType,
    name: str | None,
) -> Node:
    """``nnet::dense`` along the last axis of ``x``; ``weight`` is (n_in, n_out)."""
    accum = builder.source.type("accum_t", config).fixed
    product = config.templates.get("product", "nnet::product::mult").split("::")[-1]
    n_in, n_out = weight.data.shape
    shape = (*x.shape[:-1], n_out)

    if product == "both_binary":
        return _xnor(builder, x, weight, bias, accum, result, shape, name)
    x, weight = multiplicands(builder, x, weight, config, "weight_t")
    if x_type.is_binary and builder.source.type("weight_t", config).is_binary:
        raise builder.refuse("one-bit unsigned weights on a one-bit input are ambiguous", str(weight.type))
    order = _input_order(builder, config, n_in, accum)
    if order != list(range(n_in)) and not _any_order(accum):
        rows = np.arange(x.size).reshape(-1, n_in)[:, order]
        x = builder.take(x, rows.ravel().tolist(), x.shape)
        weight = Constant(weight.type, weight.data[order])
    return builder.add(
        "dense", [x], shape, result.fixed, name, {"weight": weight, "bias": bias}, accum=str(accum)
    )


def _xnor(
    builder: Builder,
    x: Node,
    weight: Constant,
    bias: Constant,
    accum: FixedType,
    result: CppType,
    shape: tuple[int, ...],
    name: str | None,
) -> Node:
    """Counts of equal bits, then 2·count − n: Σ[x = w] = Σ x(2w−1) + Σ(1−w)."""
    if not _any_order(accum) or accum.fraction < 0:
        raise builder.refuse("binary product needs a wrapping integer accumulator", str(accum))
    n_in = weight.data.shape[0]
    misses = Constant(FixedType.integers(0, n_in), (1 - weight.data).sum(axis=0))
    start = np.asarray(bias.data)
    f = max(bias.type.fraction, 0)
    total = (misses.data << f) + (start << (f - bias.type.fraction))
    kind = FixedType.integers(int(total.min()), int(total.max()))
    together = Constant(FixedType(kind.width, kind.width - f, kind.signed), total)
    count = builder.add(
        "dense", [x], shape, accum, None, {"weight": _signs(weight), "bias": together}, accum=str(accum)
    )
    bits = max((n_in - 1).bit_length(), 1) + 2  # nnet::ceillog2 is at least one
    two = Constant(FixedType(2, 2, False), np.array([2]))
    minus = Constant(FixedType.integers(-n_in, 0), np.array([-n_in]))
    if builder.source.means("cast", "halves"):  # before hls4ml 1.2: (count - n / 2) * 2, all in integers
        half = Constant(FixedType.integers(-(n_in // 2), 0), np.array([-(n_in // 2)]))
        one = Constant(FixedType(1, 1, False), np.array([1]))
        shifted = builder.scaled(count, one, half, FixedType(bits, bits, rounding=Rounding.TRN_ZERO))
        return builder.cast(builder.scaled(shifted, two), result.fixed, name)
    # C++ converts to ap_int here, which drops fractions towards zero
    value = builder.scaled(count, two, minus, FixedType(bits, bits, rounding=Rounding.TRN_ZERO))
    return builder.cast(value, result.fixed, name)


@translator("dense")
def dense(builder: Builder, call: Call) -> None:
    if len(call.arguments) == 2:  # distributed arithmetic: no weights
        distributed.streamed_dense(builder, call)
        return
    config = config_of(builder, call)
    source, result, weight_name, bias_name = call.arguments
    n_in, n_out = builder.source.integer(config, "n_in"), builder.source.integer(config, "n_out")
    weight = builder.weight(weight_name, "weight_t", config, n_in * n_out)
    strategy = str(builder.source.value(config, "strategy", "latency"))
    # resource strategies store the matrix output by output
    if strategy == "resource" or strategy == "resource_unrolled":
        data = weight.data.reshape(n_out, n_in).T
    else:
        data = weight.data.reshape(n_in, n_out)
    bias = builder.weight(bias_name, "bias_t", config, n_out)
    x = builder.value(source)
    node = dense_nodes(
        builder,
        x.node,
        x.cpp,
        Constant(weight.type, data),
        bias,
        config,
        builder.declared(result),
        builder.layer,
    )
    builder.store(result, node)


@translator("normalize", elementwise=True)
def normalize(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    source, result, scale_name, bias_name = call.arguments
    size = builder.source.integer(config, "n_in")
    filters = builder.source.integer(config, "n_filt")
    count = size if filters in (-1, 4294967295) else filters
    scale = builder.weight(scale_name, "scale_t", config, count)
    bias = builder.weight(bias_name, "bias_t", config, count)
    x = builder.value(source).node
    x, scale = multiplicands(builder, x, scale, config, "scale_t")
    repeated = [Constant(c.type, np.resize(c.data, size) if count != size else c.data) for c in (scale, bias)]
    kind = builder.declared(result).fixed
    if builder.source.means("normalize", "product_in_result") and not builder.source.streamed:
        product = builder.scaled(x, repeated[0], kind=kind)  # hls4ml before 0.7 casts it before the sum
        node = builder.pair("add", product, builder.constant(repeated[1]), kind, builder.layer)
    else:
        node = builder.scaled(x, repeated[0], repeated[1], kind, builder.layer)
    builder.store(result, node)


@translator("normalize_binary_tanh", elementwise=True)
def normalize_binary_tanh(builder: Builder, call: Call) -> None:
    """Batch normalisation and binary tanh merged: one comparison with a threshold of the input's type."""
    source, result, threshold_name = call.arguments
    x = builder.value(source)
    threshold = _thresholds(builder, call, threshold_name, x.cpp, x.node.size)
    kind = builder.declared(result).fixed
    if builder.source.means("normalize_binary_tanh", "above"):  # before hls4ml 0.8 the threshold itself is 0
        not_above = builder.pair("greater_equal", threshold, x.node)
        builder.store(result, builder.pair("subtract", builder.number(1), not_above, kind, builder.layer))
        return
    builder.store(
        result,
        builder.pair("greater_equal", x.node, threshold, kind, builder.layer),
    )


@translator("normalize_ternary_tanh", elementwise=True)
def normalize_ternary_tanh(builder: Builder, call: Call) -> None:
    """+1 above the high threshold, −1 at or below the low one."""
    source, result, high_name, low_name = call.arguments
    x = builder.value(source)
    kind = builder.declared(result).fixed
    limits = [_limits(builder, call, name, x.cpp, x.node.size) for name in (high_name, low_name)]
    above_high, apart = limits[0].data + 1, bool((limits[0].data >= limits[1].data).all())
    if apart and int(above_high.max()) <= x.node.type.maximum and limits[0].type.lsb == x.node.type.lsb:
        next_higher = builder.constant(Constant(limits[0].type, above_high))
        above = builder.pair("greater_equal", x.node, next_higher)
        below = builder.pair("greater_equal", builder.constant(limits[1]), x.node)
        builder.store(result, builder.pair("subtract", above, below, kind, builder.layer))
        return
    high, low = (builder.constant(limit) for limit in limits)
    not_above = builder.pair("greater_equal", high, x.node)
    below = builder.pair("greater_equal", low, x.node)
    # 1 - [high >= x] - [low >= x], but an x that is above the high threshold is +1 whatever the low one is
    above = builder.pair("subtract", builder.number(1), not_above, FixedType(1, 1, False))
    minus = builder.pair("multiply", below, not_above)
    builder.store(result, builder.pair("subtract", above, minus, kind, builder.layer))


def _limits(builder: Builder, call: Call, name: str, kind: CppType, size: int) -> Constant:
    """The thresholds ``name``, one for each of ``size`` elements."""
    config = config_of(builder, call)
    filters = builder.source.integer(config, "n_filt", -1)
    count = size if filters in (-1, 4294967295) else filters
    weight = builder.weight(name, kind.text, config, count)
    return Constant(weight.type, np.resize(weight.data, size))


def _thresholds(builder: Builder, call: Call, name: str, kind: CppType, size: int) -> Node:
    return builder.constant(_limits(builder, call, name, kind, size))
