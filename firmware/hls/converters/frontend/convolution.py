"""Convolutions, padding and batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler, number
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse


def each(value: Any, rank: int) -> list[int]:
    """An argument that may be one number or one for each axis."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    return [int(v) for v in (values * rank if len(values) == 1 else values)]


def window_sizes(
    shape: tuple[int, ...], result: tuple[int, ...], kernel: list[int], stride: list[int], pads: list[int]
) -> dict[str, Any]:
    """hls4ml's sizes for windows over ``shape[1:]``; padding behind as the result asks for."""
    sizes: dict[str, Any] = {}
    names = [("width", "left", "right")] if len(kernel) == 1 else [
        ("height", "top", "bottom"), ("width", "left", "right"),
    ]  # fmt: skip
    for k, (name, before, after) in enumerate(names):
        size, out = shape[1 + k], result[1 + k]
        sizes |= {f"in_{name}": size, f"out_{name}": out, f"stride_{name}": stride[k]}
        sizes[f"pad_{before}"] = pads[k]
        sizes[f"pad_{after}"] = max((out - 1) * stride[k] + kernel[k] - size - pads[k], 0)
    return sizes


@handler("conv1d", "conv2d")
def _convolution(
    net: Layers,
    op: Operation,
    x: Tensor,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    if isinstance(weight, Tensor):
        raise refuse("weights that depend on the inputs are not supported", op.name)
    given, scale = net.weights(weight, bias)
    if scale is not None:
        x, factor = net.unscaled(x)
        scale = scale * factor
    weight = given["weight_data"]
    rank = weight.ndim - 2
    steps, spread = each(stride, rank), each(dilation, rank)
    weight = dilated(_ungrouped(weight, groups), spread)
    kernel = list(weight.shape[2:])
    if isinstance(padding, str):
        pads = [(k - 1) // 2 if padding == "same" else 0 for k in kernel]
    else:
        pads = each(padding, rank)
    x, shape = net.channels_last(x), op.result.shape
    sizes = window_sizes(x.shape, shape, kernel, steps, pads)
    names = ["filt_width"] if rank == 1 else ["filt_height", "filt_width"]
    sizes |= dict(zip(names, kernel, strict=True)) | {"n_chan": x.shape[0], "n_filt": shape[0]}
    padded = "same" if any(v for key, v in sizes.items() if key.startswith("pad_")) else "valid"
    given["weight_data"] = np.ascontiguousarray(np.moveaxis(weight, (1, 0), (-2, -1)))
    name = op.name if scale is None else f"{op.name}_integers"
    made = net.add(name, f"Conv{rank}D", [x], shape, last=True, padding=padded, **sizes, **given)
    if scale is None:
        return made
    channels = (-1, *[1] * rank)
    offset = np.zeros(1) if bias is None else np.asarray(getattr(bias, "values", bias))
    return net.scaled(op.name, made, scale.reshape(channels), offset.reshape(channels))


def _ungrouped(weight: NDArray[Any], groups: int) -> NDArray[Any]:
    """Zeros between the groups: they cost nothing, and any number of groups is one convolution."""
    if groups == 1:
        return weight
    filters, channels = weight.shape[0] // groups, weight.shape[1]
    full = np.zeros((weight.shape[0], channels * groups, *weight.shape[2:]), weight.dtype)
    for g in range(groups):
        rows = slice(g * filters, (g + 1) * filters)
        full[rows, g * channels : (g + 1) * channels] = weight[rows]
    return full


def dilated(weight: NDArray[Any], dilation: list[int]) -> NDArray[Any]:
    """Zeros between the taps."""
    sizes = [(n - 1) * d + 1 for n, d in zip(weight.shape[2:], dilation, strict=True)]
    full = np.zeros((*weight.shape[:2], *sizes), weight.dtype)
    full[(slice(None), slice(None), *(slice(None, None, d) for d in dilation))] = weight
    return full


@handler("pad", "constant_pad_nd")
def _pad(
    net: Layers, op: Operation, x: Tensor, padding: Sequence[int], mode: str = "constant", value: Any = None
) -> Tensor:
    if op.kind == "constant_pad_nd":
        mode, value = "constant", mode
    pads = [int(p) for p in padding]
    rank = len(x.shape) - 1
    if mode != "constant" or (value is not None and number(op, value, "value") != 0):
        remedy = "pad with zeros, or concatenate what is to stand there"
        raise refuse("only zero padding is supported", op.name, f"{mode} {value}", remedy)
    if rank not in (1, 2) or any(pads[2 * rank :]) or min(pads) < 0:
        raise refuse(
            "pads other axes than the last one or two of (channels, ...)", op.name, pads,
            "put the axis last, or concatenate zeros",
        )  # fmt: skip
    pads += [0] * (2 * rank - len(pads))
    sizes: dict[str, Any] = {"pad_left": pads[0], "pad_right": pads[1], "n_chan": x.shape[0]}
    if rank == 2:
        sizes |= {"pad_top": pads[2], "pad_bottom": pads[3]}
    shape = op.result.shape
    for name, place in (("height", -2), ("width", -1))[2 - rank :]:
        sizes |= {f"in_{name}": x.shape[place], f"out_{name}": shape[place]}
    return net.add(op.name, f"ZeroPadding{rank}D", [net.channels_last(x)], shape, last=True, **sizes)


@handler("batch_norm")
def _batch_norm(
    net: Layers,
    op: Operation,
    x: Tensor,
    running_mean: NDArray[Any] | None,
    running_var: NDArray[Any] | None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *unused: object,
) -> Tensor:
    if training or running_mean is None or running_var is None:
        raise refuse(
            "batch statistics are not known", op.name, remedy="train with running statistics; eval()"
        )
    scale = (1 if weight is None else weight) / np.sqrt(running_var.astype(np.float64) + eps)
    offset = (0 if bias is None else bias) - running_mean * scale
    if len(x.shape) > 1:
        x = net.channels_last(x)
    channels = (-1, *[1] * (len(x.shape) - 1))
    full = np.broadcast_to(scale, running_var.shape), np.broadcast_to(offset, running_var.shape)
    return net.affine(op.name, x, *(values.reshape(channels) for values in full))
