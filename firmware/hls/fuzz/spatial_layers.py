"""Random convolutions, poolings and paddings."""

from __future__ import annotations

from l1forge.firmware.hls.fuzz.dense_layers import accumulated, dense
from l1forge.firmware.hls.fuzz.draw import Draw


def _spatial(g: Draw, size: int, window: int, stride: int) -> tuple[int, int, int]:
    """Output size and padding on both sides, valid or same."""
    if (g.chance(0.5) or g.streamed) and size >= window:  # streams are padded by layers of their own
        return (size - window) // stride + 1, 0, 0
    count = -(-size // stride)
    total = max((count - 1) * stride + window - size, 0)
    return count, total // 2, total - total // 2


def conv1d(g: Draw, x: str) -> str:
    width, channels = g.shapes[x]
    window, stride, filters = g.integer(1, min(3, width)), g.integer(1, 2), g.integer(1, 3)
    count, left, right = _spatial(g, width, window, stride)
    return g.add(
        "Conv1D", (count, filters), [x], accumulated(g), in_width=width, out_width=count, n_chan=channels,
        n_filt=filters, filt_width=window, stride_width=stride, pad_left=left, pad_right=right,
        data_format="channels_last", weight_data=g.weights((window, channels, filters)), dilation=1,
        bias_data=g.weights((filters,)), weight_quantizer=None, bias_quantizer=None,
    )  # fmt: skip


def conv2d(g: Draw, x: str) -> str:
    height, width, channels = g.shapes[x]
    window, stride, filters = g.integer(1, 2), g.integer(1, 2), g.integer(1, 2)
    rows, top, bottom = _spatial(g, height, window, stride)
    columns, left, right = _spatial(g, width, window, stride)
    return g.add(
        "Conv2D", (rows, columns, filters), [x], accumulated(g), in_height=height, in_width=width,
        out_height=rows, out_width=columns, n_chan=channels, n_filt=filters, filt_height=window,
        filt_width=window, stride_height=stride, stride_width=stride, pad_top=top, pad_bottom=bottom,
        pad_left=left, pad_right=right, data_format="channels_last",
        weight_data=g.weights((window, window, channels, filters)), bias_data=g.weights((filters,)),
        weight_quantizer=None, bias_quantizer=None,
    )  # fmt: skip


def depthwise1d(g: Draw, x: str) -> str:
    if g.strategy == "Resource" and not g.streamed:  # the C++ stops at an assertion
        return dense(g, x)
    width, channels = g.shapes[x]
    window = g.integer(1, min(3, width))
    count, left, right = _spatial(g, width, window, 1)
    return g.add(
        "DepthwiseConv1D", (count, channels), [x], accumulated(g), in_width=width, out_width=count,
        n_chan=channels, n_filt=channels, depth_multiplier=1, filt_width=window, stride_width=1,
        pad_left=left, pad_right=right, data_format="channels_last", dilation=1,
        depthwise_data=g.weights((window, channels, 1)), bias_data=g.weights((channels,)),
        depthwise_quantizer=None, bias_quantizer=None,
    )  # fmt: skip


def pool1d(g: Draw, x: str) -> str:
    width, channels = g.shapes[x]
    window = g.integer(1, min(3, width))
    count, left, right = _spatial(g, width, window, window)
    return g.add(
        g.choice(["MaxPooling1D", "AveragePooling1D"]), (count, channels), [x],
        {"result": g.type(3, 12), "accum": g.type(6, 16, 0.3)}, n_in=width, n_out=count, n_filt=channels,
        pool_width=window, stride_width=window, pad_left=left, pad_right=right,
        count_pad=g.chance(0.3), data_format="channels_last",
    )  # fmt: skip


def pool2d(g: Draw, x: str) -> str:
    height, width, channels = g.shapes[x]
    window = g.integer(1, min(2, height, width))
    rows, top, bottom = _spatial(g, height, window, window)
    columns, left, right = _spatial(g, width, window, window)
    return g.add(
        g.choice(["MaxPooling2D", "AveragePooling2D"]), (rows, columns, channels), [x],
        {"result": g.type(3, 12), "accum": g.type(6, 16, 0.3)}, in_height=height, in_width=width,
        out_height=rows, out_width=columns, n_filt=channels, pool_height=window, pool_width=window,
        stride_height=window, stride_width=window, pad_top=top, pad_bottom=bottom, pad_left=left,
        pad_right=right, count_pad=g.chance(0.3), data_format="channels_last",
    )  # fmt: skip


def global_pool(g: Draw, x: str) -> str:
    shape = g.shapes[x]
    types = {"result": g.type(3, 12), "accum": g.type(6, 16, 0.3)}
    kind = g.choice(["GlobalMaxPooling", "GlobalAveragePooling"]) + f"{len(shape) - 1}D"
    sizes = {"n_in": shape[0]} if len(shape) == 2 else {"in_height": shape[0], "in_width": shape[1]}
    return g.add(kind, shape[-1:], [x], types, n_filt=shape[-1], data_format="channels_last", **sizes)


def resize(g: Draw, x: str) -> str:
    width, channels = g.shapes[x]
    after = width * g.integer(1, 2) if g.streamed else g.integer(width, 2 * width)
    return g.add(
        "Resize", (after, channels), [x], {"result": "auto"}, in_height=1, in_width=width, out_height=1,
        out_width=after, n_chan=channels, algorithm="nearest", data_format="channels_last",
    )  # fmt: skip


def zero_padding(g: Draw, x: str) -> str:
    width, channels = g.shapes[x]
    left, right = g.integer(0, 2), g.integer(0, 2)
    return g.add(
        "ZeroPadding1D", (width + left + right, channels), [x], {"result": "auto"}, in_width=width,
        out_width=width + left + right, n_chan=channels, pad_left=left, pad_right=right,
        data_format="channels_last",
    )  # fmt: skip
