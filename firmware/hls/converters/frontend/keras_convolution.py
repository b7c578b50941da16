"""Convolutions, pooling, padding and resizing of Keras, in either order of axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.keras_parts import Reader, behind, source, weight
from l1forge.firmware.hls.converters.frontend.program import Value, refuse

if TYPE_CHECKING:
    from l1forge.firmware.hls.converters.frontend.keras_reader import KerasCall, KerasReader


def _each(value: Any, rank: int) -> list[int]:
    return [int(v) for v in (value if isinstance(value, list | tuple) else [value] * rank)]


def _channels(call: KerasCall, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape in PyTorch's order, channels first."""
    if getattr(call.layer, "data_format", None) == "channels_first":
        return shape
    return (shape[-1], *shape[:-1])


def _padding(call: KerasCall, x: Value, kernel: list[int], stride: list[int]) -> list[int]:
    """What Keras adds before each axis."""
    mode = str(getattr(call.layer, "padding", "valid"))
    if mode == "causal":
        return [kernel[0] - 1]
    if mode != "same":
        return [0] * len(kernel)
    sizes = _channels(call, x.shape)[1:]
    made = [-(-n // s) for n, s in zip(sizes, stride, strict=True)]
    return [max((m - 1) * s + k - n, 0) // 2 for n, m, s, k in zip(sizes, made, stride, kernel, strict=True)]


def _convolution(reader: KerasReader, call: KerasCall) -> Value:
    x, rank, layer = source(call), len(call.shapes[0]) - 1, call.layer
    order = (rank + 1, rank, *range(rank))
    kernel = weight(layer, "kernel", lambda a: np.transpose(a, order))
    stride, spread = _each(layer.strides, rank), _each(layer.dilation_rate, rank)
    sizes = [(k - 1) * d + 1 for k, d in zip(_each(layer.kernel_size, rank), spread, strict=True)]
    shape = _channels(call, call.shapes[0])
    made = reader.add(
        f"conv{rank}d", shape, reader.first(x, call.layer), kernel, weight(layer, "bias"), stride,
        _padding(call, x, sizes, stride), spread, int(getattr(layer, "groups", 1)), name=call.name,
    )  # fmt: skip
    return behind(reader, call, reader.last(made, f"{call.name}:last", call.layer))


def _depthwise(reader: KerasReader, call: KerasCall) -> Value:
    """Each channel by itself: as many groups as channels."""
    made = _by_channel(reader, call, weight(call.layer, "bias"), call.shapes[0], call.name)
    return behind(reader, call, made)


def _by_channel(
    reader: KerasReader, call: KerasCall, bias: object, result: tuple[int, ...], name: str
) -> Value:
    x, rank, layer = source(call), len(call.shapes[0]) - 1, call.layer
    order = (rank, rank + 1, *range(rank))  # channels, filters of each
    key = next(key for key in ("depthwise_kernel", "kernel") if getattr(layer, key, None) is not None)
    kernel = weight(layer, key, lambda a: np.transpose(a, order).reshape(-1, 1, *a.shape[:rank]))
    stride, spread = _each(layer.strides, rank), _each(layer.dilation_rate, rank)
    sizes = [(k - 1) * d + 1 for k, d in zip(_each(layer.kernel_size, rank), spread, strict=True)]
    shape = _channels(call, result)
    made = reader.add(
        f"conv{rank}d", shape, reader.first(x, layer), kernel, bias, stride,
        _padding(call, x, sizes, stride), spread, _channels(call, x.shape)[0], name=name,
    )  # fmt: skip
    return reader.last(made, f"{name}:last", layer)


def _separable(reader: KerasReader, call: KerasCall) -> Value:
    """By channel first, then all channels of each position."""
    layer, rank = call.layer, len(call.shapes[0]) - 1
    kernel = weight(layer, "pointwise_kernel", lambda a: np.transpose(a, (rank + 1, rank, *range(rank))))
    positions = _channels(call, call.shapes[0])[1:]
    count = kernel.shape[1] if hasattr(kernel, "shape") else kernel.values.shape[1]
    first = getattr(layer, "data_format", None) == "channels_first"
    between = (count, *positions) if first else (*positions, count)
    part = _by_channel(reader, call, None, between, f"{call.name}_depthwise")
    made = reader.add(
        f"conv{rank}d", _channels(call, call.shapes[0]), reader.first(part, layer), kernel,
        weight(layer, "bias"), name=call.name,
    )  # fmt: skip
    return behind(reader, call, reader.last(made, f"{call.name}:last", layer))


def _transposed(reader: KerasReader, call: KerasCall) -> Value:
    """Keras cuts half of what a filter reaches beyond the stride off, in front."""
    x, rank, layer = source(call), len(call.shapes[0]) - 1, call.layer
    if getattr(layer, "output_padding", None) is not None:
        raise refuse("output_padding is not supported", call.name, layer.output_padding, "leave it out")
    order = (rank + 1, rank, *range(rank))
    kernel = weight(layer, "kernel", lambda a: np.transpose(a, order))
    stride, spread = _each(layer.strides, rank), _each(layer.dilation_rate, rank)
    sizes = [(k - 1) * d + 1 for k, d in zip(_each(layer.kernel_size, rank), spread, strict=True)]
    same = str(layer.padding) == "same"
    pads = [max(k - s, 0) // 2 if same else 0 for k, s in zip(sizes, stride, strict=True)]
    shape = _channels(call, call.shapes[0])
    made = reader.add(
        f"conv_transpose{rank}d", shape, reader.first(x, layer), kernel, weight(layer, "bias"), stride, pads,
        0, 1, spread, name=call.name,
    )  # fmt: skip
    return behind(reader, call, reader.last(made, f"{call.name}:last", call.layer))


def _pool(reader: KerasReader, call: KerasCall) -> Value:
    x, rank, layer = source(call), len(call.shapes[0]) - 1, call.layer
    kernel, stride = _each(layer.pool_size, rank), _each(layer.strides, rank)
    pads = _padding(call, x, kernel, stride)
    shape = _channels(call, call.shapes[0])
    kind = "max" if "Max" in type(layer).__name__ else "avg"
    rest = (1, False) if kind == "max" else (False, False)
    made = reader.add(
        f"{kind}_pool{rank}d", shape, reader.first(x, call.layer), kernel, stride, pads, *rest, name=call.name
    )
    return reader.last(made, f"{call.name}:last", call.layer)


def _adaptive(reader: KerasReader, call: KerasCall) -> Value:
    rank = len(call.shapes[0]) - 1
    kind = "max" if "Max" in type(call.layer).__name__ else "avg"
    shape = _channels(call, call.shapes[0])
    made = reader.add(
        f"adaptive_{kind}_pool{rank}d",
        shape,
        reader.first(source(call), call.layer),
        list(shape[1:]),
        name=call.name,
    )
    return reader.last(made, f"{call.name}:last", call.layer)


def _padded(reader: KerasReader, call: KerasCall) -> Value:
    x, rank = source(call), len(call.shapes[0]) - 1
    pairs = call.layer.padding if rank == 2 else [call.layer.padding]
    flat = [int(n) for pair in list(pairs)[::-1] for n in pair]  # last axis first
    shape = _channels(call, call.shapes[0])
    made = reader.add("pad", shape, reader.first(x, call.layer), flat, name=call.name)
    return reader.last(made, f"{call.name}:last", call.layer)


def _repeated(reader: KerasReader, call: KerasCall) -> Value:
    if getattr(call.layer, "interpolation", "nearest") != "nearest":
        raise refuse("resizes otherwise than to the nearest", call.name, call.layer.interpolation)
    shape = _channels(call, call.shapes[0])
    made = reader.add(
        "upsample", shape, reader.first(source(call), call.layer), mode="nearest", name=call.name
    )
    return reader.last(made, f"{call.name}:last", call.layer)


SPATIAL: dict[str, Reader] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "QConv1D", "QConv2D"), _convolution),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "QConv2DTranspose"), _transposed),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"), _pool),
    **{f"Adaptive{kind}Pooling{rank}D": _adaptive for kind in ("Average", "Max") for rank in (1, 2)},
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), _padded),
    **dict.fromkeys(("UpSampling1D", "UpSampling2D"), _repeated),
}
"""By class name."""
