"""Pooling, and reductions over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.convolution import each, window_sizes
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.matrices import concatenate
from l1forge.firmware.hls.converters.frontend.moves import move
from l1forge.firmware.hls.converters.frontend.program import Operation, Value, refuse
from l1forge.firmware.hls.converters.frontend.ranges import known_type


def _pool(
    net: Layers,
    op: Operation,
    x: Tensor,
    kind: str,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    count_pad: bool,
) -> Tensor:
    rank, shape = len(x.shape) - 1, op.result.shape
    window = each(kernel, rank)
    steps = window if stride in (None, []) else each(stride, rank)
    x = net.channels_last(x)
    sizes = window_sizes(x.shape, shape, window, steps, each(padding, rank))
    padded = any(v for key, v in sizes.items() if key.startswith("pad_"))
    names = ["pool_width"] if rank == 1 else ["pool_height", "pool_width"]
    sizes |= dict(zip(names, window, strict=True)) | {"n_filt": x.shape[0], "n_chan": x.shape[0]}
    if rank == 1:
        sizes |= {"n_in": x.shape[1], "n_out": shape[1]}
    return net.add(
        op.name, f"{kind}Pooling{rank}D", [x], shape, last=True, **sizes,
        padding="same" if padded else "valid", count_pad=count_pad and padded,
    )  # fmt: skip


@handler("max_pool1d", "max_pool2d")
def _max_pool(
    net: Layers,
    op: Operation,
    x: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    if any(d != 1 for d in each(dilation, 1)) or return_indices:
        raise refuse("pooling with dilation or positions is not supported", op.name)
    return _pool(net, op, x, "Max", kernel_size, stride, padding, False)


@handler("avg_pool1d", "avg_pool2d")
def _average_pool(
    net: Layers,
    op: Operation,
    x: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    if divisor_override is not None or (ceil_mode and count_include_pad and any(each(padding, 1))):
        raise refuse(
            "this way of counting elements is not supported", op.name, "ceil_mode or divisor_override"
        )
    counted = count_include_pad and any(each(padding, 1))
    return _pool(net, op, x, "Average", kernel_size, stride, padding, counted)


@handler("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d")
def _adaptive_pool(
    net: Layers,
    op: Operation,
    x: Tensor,
    output_size: int | Sequence[int | None],
    return_indices: bool = False,
) -> Tensor:
    kind = "Max" if "max" in op.kind else "Average"
    if return_indices:
        raise refuse("pooling with positions is not supported", op.name)
    bins = [_bins(n, m) for n, m in zip(x.shape[1:], op.result.shape[1:], strict=True)]
    uneven = [axis for axis, parts in enumerate(bins) if _step(parts) is None]
    x = net.channels_last(x)
    for axis in uneven:  # the other axis comes with its own windows
        last = len(uneven) == 1 or axis == uneven[-1]
        x = _unevenly(
            net,
            op.name if last and not _others(bins, uneven) else f"{op.name}_{axis}",
            x,
            kind,
            axis,
            bins[axis],
        )
        bins[axis] = [(k, k + 1) for k in range(len(bins[axis]))]
    if uneven and not _others(bins, uneven):
        return x
    windows = [parts[0][1] - parts[0][0] for parts in bins]
    steps = [_step(parts) or 1 for parts in bins]
    return _pool(net, op, x, kind, windows, steps, 0, False)


def _others(bins: list[list[tuple[int, int]]], uneven: list[int]) -> bool:
    """Whether an axis is left to be pooled with even windows."""
    return any(parts[0][1] - parts[0][0] > 1 for axis, parts in enumerate(bins) if axis not in uneven)


def _bins(size: int, count: int) -> list[tuple[int, int]]:
    """The windows of PyTorch's adaptive pooling; they overlap where ``count`` does not divide ``size``."""
    return [(k * size // count, -(-(k + 1) * size // count)) for k in range(count)]


def _step(bins: list[tuple[int, int]]) -> int | None:
    """The distance of windows of one size, or None where they differ."""
    starts, sizes = [a for a, _ in bins], {b - a for a, b in bins}
    steps = set(np.diff(starts).tolist()) or {bins[0][1]}
    return int(steps.pop()) if len(sizes) == 1 and len(steps) == 1 else None


def _unevenly(net: Layers, name: str, x: Tensor, kind: str, axis: int, bins: list[tuple[int, int]]) -> Tensor:
    """Windows of different sizes along one axis: each is cut out, pooled, and joined to the others."""
    rank = len(x.shape) - 1
    result = str(known_type(net, x))
    parts = []
    for k, (start, end) in enumerate(bins):
        crop: dict[str, Any] = {"n_chan": x.shape[0]}
        shape = list(x.shape)
        shape[axis + 1] = end - start
        for place, what in enumerate(("height", "width")[-rank:]):
            before, after = ("top", "bottom") if what == "height" else ("left", "right")
            cut = (start, x.shape[axis + 1] - end) if place == axis else (0, 0)
            crop |= {f"in_{what}": x.shape[place + 1], f"out_{what}": shape[place + 1]}
            crop |= {f"crop_{before}": cut[0], f"crop_{after}": cut[1]}
        part = net.add(
            f"{name}_part{k}",
            f"Cropping{rank}D",
            [x],
            tuple(shape),
            last=True,
            types={"result": result},
            **crop,
        )
        window = [1] * rank
        window[axis] = end - start
        shape[axis + 1] = 1
        pooled = Operation(f"{name}_pool{k}", "pool", (), {}, Value(f"{name}_pool{k}", tuple(shape)))
        parts.append(_pool(net, pooled, part, kind, window, None, 0, False))
    return concatenate(net, Operation(name, "cat", (), {}, Value(name, ())), parts, axis + 2)


@handler("mean", "sum", "amax", "amin")
def reduce(
    net: Layers,
    op: Operation,
    x: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **rest: object,
) -> Tensor:
    """A reduction over some axes: these go first, then it is pooling over all positions."""
    kind = {"max": "amax", "min": "amin"}.get(op.kind, op.kind)
    if dim is None:
        raise refuse("reduces the batch axis too", op.name, op.kind, "give the dim")
    rank = len(x.shape)
    axes = sorted({d % (rank + 1) - 1 for d in each(dim, 1)})
    if axes[0] < 0:
        raise refuse("reduces the batch axis too", op.name, f"{op.kind} over {dim}", "give other axes")
    if kind == "amin":
        negative = net.affine(f"{op.name}_negative", x, -1, 0)
        highest = reduce(net, replace(op, name=f"{op.name}_highest", kind="amax"), negative, dim, keepdim)
        return net.affine(op.name, highest, -1, 0)
    if x.last and axes == list(range(1, rank)):
        stored = x
    else:
        x = net.plain(x)
        order = [*axes, *(k for k in range(rank) if k not in axes)]
        index = np.arange(x.size).reshape(x.shape).transpose(order).ravel()
        ordered = Value(f"{op.name}_ordered", tuple(x.shape[k] for k in order))
        stored = move(net, Operation(ordered.name, "move", (), {}, ordered, index), x)
    count = math.prod(x.shape[axis] for axis in axes)
    width = x.size // count
    flat = net.add(f"{op.name}_rows", "Reshape", [stored], (count, width), target_shape=[count, width])
    shape = op.result.shape
    name = op.name if shape == (width,) else f"{op.name}_reduced"
    if kind == "sum":
        ones = np.ones((count, width, 1))
        made = net.add(
            name, "DepthwiseConv1D", [flat], (width,), n_chan=width, n_filt=width, depth_multiplier=1,
            in_width=count, out_width=1, filt_width=count, stride_width=1, pad_left=0, pad_right=0,
            padding="valid", depthwise_data=ones, weight_data=ones, bias_data=None, use_bias=False,
            types={"weight": "ufixed<1,1>", "bias": "ufixed<1,1>"},
        )  # fmt: skip
    else:
        pooling = "Average" if kind == "mean" else "Max"  # not global: its types are not inferred
        made = net.add(
            name, f"{pooling}Pooling1D", [flat], (width,), n_in=count, n_out=1, n_filt=width,
            pool_width=count, stride_width=count, pad_left=0, pad_right=0, padding="valid", count_pad=False,
        )  # fmt: skip
    made = net.add(f"{name}_flat", "Reshape", [made], (width,), target_shape=[width])
    if made.shape == shape:
        return made
    return net.add(op.name, "Reshape", [made], shape, target_shape=list(shape) or [1])
