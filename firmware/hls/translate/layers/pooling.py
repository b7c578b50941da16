"""Maximum and average pooling (nnet_pooling.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call, Config, CppType
from l1forge.firmware.hls.project.weights import snap
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.registry import translator
from l1forge.firmware.hls.translate.layers.windows import OUTSIDE, axes, gather, windows, with_channels


@translator("pooling1d_cl", "pooling2d_cl")
def pooling(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    rank = 1 if "1d" in call.function else 2
    spatial = axes(builder, config, rank, "pool")
    positions = windows(spatial)
    _check_windows(builder, call, config, rank, positions)
    count_pad = str(builder.source.value(config, "count_pad", "false")) == "true"
    covered = (positions != OUTSIDE).sum(axis=1)
    lengths = np.full_like(covered, positions.shape[1]) if count_pad else covered
    if builder.source.streamed and (covered != positions.shape[1]).any():
        raise builder.refuse(
            "pooling with padding: with io_stream the C++ stops at an assertion",
            remedy="pad with a ZeroPadding layer of its own, or convert with io_type='io_parallel'",
        )
    _pool(builder, call, config, positions, lengths)


def _check_windows(
    builder: Builder, call: Call, config: Config, rank: int, positions: NDArray[np.int64]
) -> None:
    """Refuse windows that headers of hls4ml before 1.2 fill, count or scale in another way."""
    old = [m for m in ("by_stride", "rescaled") if builder.source.means(call.function, m)]
    if not old or builder.source.streamed:
        return
    sides = ("width",) if rank == 1 else ("height", "width")
    pool, stride = (
        [builder.source.integer(config, f"{key}_{side}") for side in sides] for key in ("pool", "stride")
    )
    if pool != stride:
        raise builder.refuse(
            "the project's header fills pooling windows by their stride: with other strides it reads beyond",
            f"pool {pool}, stride {stride}",
            "make the stride the size of the window",
        )
    if "rescaled" not in old or str(builder.source.value(config, "pool_op")) != "Average":
        return
    if (positions == OUTSIDE).any():
        raise builder.refuse(
            "the project's header scales averages at a border by a number of the data's type: not supported",
            remedy="pad with a ZeroPadding layer of its own",
        )
    kind = builder.value(call.arguments[0]).cpp.fixed
    result = builder.declared(call.arguments[1]).fixed
    held = [snap(n, kind) == n * 2**kind.fraction for n in (1, *pool, int(np.prod(pool)))]
    if not all(held) or kind.fraction < 0 or result.fraction < 0:
        raise builder.refuse(
            "the project's header multiplies averages by window / window in the data's type, which does not "
            "hold these numbers",
            f"{pool} in {kind}",
            "give the data more integer bits, or hls4ml 1.3's nnet_pooling.h to the project",
        )


@translator("global_pooling1d_cl", "global_pooling2d_cl")
def global_pooling(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    keys = ("n_in",) if "1d" in call.function else ("in_height", "in_width")
    size = int(np.prod([builder.source.integer(config, key) for key in keys]))
    _pool(builder, call, config, np.arange(size)[None, :], np.array([size]))


def _pool(
    builder: Builder, call: Call, config: Config, positions: NDArray[np.int64], lengths: NDArray[np.int64]
) -> None:
    source, result = call.arguments
    channels = builder.source.integer(config, "n_filt")
    operation = str(builder.source.value(config, "pool_op"))
    own = builder.source.means("avg", "own_type") and not builder.source.streamed
    if own:  # before hls4ml 1.0 there was no accumulator's type
        accum = own_accumulator(builder.value(source).cpp, positions.shape[1])
    else:
        declared = builder.source.type("accum_t", config)
        accum = declared.fixed
    if not own and operation == "Average" and declared.text.startswith("ap_int"):
        raise builder.refuse(
            "average of a signed ap_int: the C++ divides it as if it were unsigned",
            declared.text,
            f"give the accumulator the type fixed<{accum.width},{accum.width}>",
        )
    x = builder.value(source).node
    numbers = with_channels(positions, channels)
    # hls4ml pads a maximum with only the top bit set: the least signed value, but a large unsigned one
    top_bit = -(1 << (x.type.width - 1)) if x.type.signed else 1 << (x.type.width - 1)
    outside = top_bit if operation == "Max" else 0
    parts = [gather(builder, x, numbers[:, tap, :].ravel(), outside) for tap in range(numbers.shape[1])]
    if builder.source.streamed:  # the window is held in the accumulator's type
        parts = [builder.cast(part, accum) for part in parts]
    if operation == "Max":
        largest = parts[0]
        for part in parts[1:]:
            largest = builder.pair("maximum", largest, part)
        pooled = largest if own else builder.cast(largest, accum)
    elif operation == "Average":
        tree = builder.source.streamed and not call.function.startswith("global")
        total = builder.reduce("add", parts, accum) if tree else _total(builder, parts, accum)
        pooled = _divide(builder, total, np.repeat(lengths, channels), accum)
        if own:
            pooled = builder.cast(pooled, builder.value(source).cpp.fixed)
    else:
        raise builder.refuse("pooling operation is not supported", operation)
    builder.store(result, builder.cast(pooled, builder.declared(result).fixed, builder.layer))


def own_accumulator(data: CppType, count: int) -> FixedType:
    """What hls4ml before 1.0 sums ``count`` values in: their type, wider only if it is a plain signed one.

    ``avg`` is overloaded for ``ap_fixed<W, I>`` and ``ap_int<W>``, which other modes and unsigned types do
    not match: those are summed in the data's own type, and wrap or saturate there.
    """
    kind = data.fixed
    plain = kind.rounding is Rounding.TRN and kind.overflow is Overflow.WRAP and not kind.saturation_bits
    if data.text.startswith("ap_int") or (data.text.startswith("ap_fixed") and plain):
        more = max((count - 1).bit_length(), 1)  # ceillog2 of hls4ml, which is at least one
        return FixedType(kind.width + more, kind.integer + more, True, kind.rounding)
    return kind


def _total(builder: Builder, parts: list[Node], accum: FixedType) -> Node:
    """The sum in order, every partial sum cast from its exact value."""
    total = builder.cast(parts[0], accum)
    for part in parts[1:]:
        total = builder.pair("add", total, part, accum)
    return total


def _divide(builder: Builder, total: Node, lengths: NDArray[np.int64], accum: FixedType) -> Node:
    """total / length truncated towards zero, as a multiplication that is exact over the type."""
    if (lengths == 1).all():
        return total
    bits = accum.width + int(lengths.max()).bit_length()
    factors = np.array([-(-(1 << bits) // int(n)) for n in lengths], dtype=object)
    kind = FixedType(bits + 1, 1, False)
    towards_zero = FixedType(accum.width, accum.integer, accum.signed, Rounding.TRN_ZERO, Overflow.WRAP)
    scale = Constant(kind, factors if kind.width > 62 else factors.astype(np.int64))
    # the quotient is on the accumulator's grid and within its range, so that its own modes do not act again
    return builder.scaled(total, scale, kind=towards_zero)
