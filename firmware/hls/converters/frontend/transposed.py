"""Transposed convolutions as plain ones: a filter for each place between two inputs, then interleaved.

With stride s the outputs q·s + r of one r are a convolution of the inputs with every s-th tap. No zeros are
multiplied, and what is left is to write the s results of a position one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.converters.frontend.convolution import dilated, each
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.matrices import concatenate
from l1forge.firmware.hls.converters.frontend.program import Operation, Value, refuse
from l1forge.firmware.hls.converters.frontend.ranges import known_type


@handler("conv_transpose1d", "conv_transpose2d")
def _transposed(
    net: Layers,
    op: Operation,
    x: Tensor,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """``weight`` is (inputs, outputs / groups, ...); the size of the result says how much is added behind."""
    if isinstance(weight, Tensor):
        raise refuse("weights that depend on the inputs are not supported", op.name)
    moved = getattr(weight, "moved", None)
    first = (lambda array: _outputs_first(array, groups)) if groups > 1 else (lambda a: np.swapaxes(a, 0, 1))
    given, scale = net.weights(first(np.asarray(weight)) if moved is None else moved(first), bias)
    if scale is not None:
        x, factor = net.unscaled(x)
        scale = scale * factor
    rank = len(x.shape) - 1
    taps = dilated(np.asarray(given.pop("weight_data")), each(dilation, rank))
    steps, pads = each(stride, rank), each(padding, rank)
    x, sizes = net.channels_last(x), op.result.shape[1:]
    name = op.name if scale is None else f"{op.name}_integers"
    rows = [_axis(op, *part) for part in zip(x.shape[1:], sizes, taps.shape[2:], steps, pads, strict=True)]
    if rank == 1:
        made = _one_row(net, name, x, taps, rows, given)
    else:
        made = _interleaved(net, name, x, taps, rows, given)
    made = _cropped(net, f"{name}_cropped", made, sizes)
    if scale is None:
        return made
    channels = (-1, *[1] * rank)
    offset = np.zeros(1) if bias is None else np.asarray(getattr(bias, "values", bias))
    return net.scaled(op.name, made, scale.reshape(channels), offset.reshape(channels))


def _outputs_first(weight: NDArray[Any], groups: int) -> NDArray[Any]:
    """(outputs, inputs, ...) with zeros between the groups."""
    inputs, filters = weight.shape[0] // groups, weight.shape[1]
    full = np.zeros((filters * groups, weight.shape[0], *weight.shape[2:]), weight.dtype)
    for g in range(groups):
        rows = slice(g * inputs, (g + 1) * inputs)
        full[g * filters : (g + 1) * filters, rows] = np.swapaxes(weight[rows], 0, 1)
    return full


class _Axis:
    """One axis: which taps each of the ``step`` results of a position is made of."""

    def __init__(self, size: int, result: int, taps: int, step: int, pad: int) -> None:
        self.size, self.step, self.pad, self.taps = size, step, pad, taps
        self.before = (taps - 1 - pad) // step
        self.length = self.before + (step - 1 + pad) // step + 1
        self.count = -(-result // step)
        self.behind = max(self.count - 1 + self.length - size - self.before, 0)

    def phase(self, weight: NDArray[Any], r: int) -> NDArray[Any]:
        """The filter of the result r of each position, along the last axis of ``weight``."""
        places = (self.before - np.arange(self.length)) * self.step + r + self.pad
        inside = (places >= 0) & (places < self.taps)
        picked = weight[..., np.clip(places, 0, self.taps - 1)]
        return np.where(inside, picked, 0)


def _axis(op: Operation, size: int, result: int, taps: int, step: int, pad: int) -> _Axis:
    if pad > taps - 1:
        raise refuse(
            "cuts off more than its filter reaches", op.name, f"padding {pad}", f"at most {taps - 1}"
        )
    return _Axis(size, result, taps, step, pad)


def _sizes(axis: _Axis, what: str, before: str, after: str) -> dict[str, int]:
    return {
        f"in_{what}": axis.size, f"out_{what}": axis.count, f"filt_{what}": axis.length, f"stride_{what}": 1,
        f"pad_{before}": axis.before, f"pad_{after}": axis.behind,
    }  # fmt: skip


def _phases(axis: _Axis, weight: NDArray[Any]) -> NDArray[Any]:
    """(step · outputs, inputs, ..., taps)."""
    return np.concatenate([axis.phase(weight, r) for r in range(axis.step)])


def _repeated(given: dict[str, Any], count: int) -> dict[str, Any]:
    return given if given["bias_data"] is None else given | {"bias_data": np.tile(given["bias_data"], count)}


def _one_row(
    net: Layers, name: str, x: Tensor, taps: NDArray[Any], axes: list[_Axis], given: dict[str, Any]
) -> Tensor:
    (axis,) = axes
    filters = taps.shape[0]
    weight = np.ascontiguousarray(np.moveaxis(_phases(axis, taps), (1, 0), (-2, -1)))
    sizes: dict[str, Any] = _sizes(axis, "width", "left", "right")
    sizes |= {"n_chan": x.shape[0], "n_filt": axis.step * filters, "padding": _padding(sizes)}
    made = net.add(
        name, "Conv1D", [x], (axis.step * filters, axis.count), last=True, weight_data=weight,
        **sizes, **_repeated(given, axis.step),
    )  # fmt: skip
    if axis.step == 1:
        return made
    length = axis.count * axis.step
    shape = (filters, length)
    return net.add(f"{name}_interleaved", "Reshape", [made], shape, last=True, target_shape=[length, filters])


def _padding(sizes: dict[str, Any]) -> str:
    return "same" if any(v for key, v in sizes.items() if key.startswith("pad_")) else "valid"


def _interleaved(
    net: Layers, name: str, x: Tensor, taps: NDArray[Any], axes: list[_Axis], given: dict[str, Any]
) -> Tensor:
    """Rows of one phase each, joined to (positions, phases · columns · filters), then read row by row."""
    down, across = axes
    filters = taps.shape[0]
    wide = across.count * across.step
    sizes: dict[str, Any] = _sizes(down, "height", "top", "bottom") | _sizes(across, "width", "left", "right")
    sizes |= {"n_chan": x.shape[0], "n_filt": across.step * filters, "padding": _padding(sizes)}
    rows = []
    for r in range(down.step):
        part = np.swapaxes(down.phase(np.swapaxes(taps, -1, -2), r), -1, -2)
        weight = np.ascontiguousarray(np.moveaxis(_phases(across, part), (1, 0), (-2, -1)))
        made = net.add(
            name if down.step == 1 else f"{name}_row{r}", "Conv2D", [x],
            (across.step * filters, down.count, across.count), last=True, weight_data=weight,
            **sizes, **_repeated(given, across.step),
        )  # fmt: skip
        if down.step > 1:
            target = [down.count, wide * filters]
            made = net.add(f"{name}_flat{r}", "Reshape", [made], tuple(target), target_shape=target)
        rows.append(made)
    made = rows[0]
    if down.step > 1:
        made = concatenate(net, Operation(name, "cat", (), {}, Value(name, ())), rows, 2)
    elif across.step == 1:
        return made
    tall = down.count * down.step
    target = [tall, wide, filters]
    return net.add(
        f"{name}_interleaved", "Reshape", [made], (filters, tall, wide), last=True, target_shape=target
    )


def _cropped(net: Layers, name: str, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Without the results behind the end."""
    if x.shape[1:] == sizes:
        return x
    kind = str(known_type(net, x))
    crop: dict[str, Any] = {"n_chan": x.shape[0]}
    pairs = list(zip(("height", "width")[-len(sizes) :], x.shape[1:], sizes, strict=True))
    for what, before, after in pairs:
        first, last = ("top", "bottom") if what == "height" else ("left", "right")
        crop |= {
            f"in_{what}": before,
            f"out_{what}": after,
            f"crop_{first}": 0,
            f"crop_{last}": before - after,
        }
    shape = (x.shape[0], *sizes)
    return net.add(name, f"Cropping{len(sizes)}D", [x], shape, last=True, types={"result": kind}, **crop)
