"""Element numbers: what convolution, pooling, padding, cropping and transposition gather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Config
from l1forge.firmware.hls.translate.builder import Builder

OUTSIDE = -1


@dataclass(frozen=True)
class Axis:
    """One spatial axis: input size, window size, stride, dilation, padding before, output size."""

    size: int
    window: int
    stride: int
    dilation: int
    before: int
    count: int

    def numbers(self) -> NDArray[np.int64]:
        """Input positions of shape (count, window); ``OUTSIDE`` where the window covers padding."""
        at = np.arange(self.count)[:, None] * self.stride - self.before
        at = at + np.arange(self.window) * self.dilation
        return np.where((at >= 0) & (at < self.size), at, OUTSIDE)


def axes(builder: Builder, config: Config, rank: int, window: str) -> list[Axis]:
    """The spatial axes of a convolution (``window="filt"``) or pooling (``"pool"``) config, height first."""

    def get(key: str, default: int | None = None) -> int:
        return builder.source.integer(config, key, default)

    found = []
    for name, before in [("height", "pad_top"), ("width", "pad_left")][2 - rank :]:
        size = get(f"in_{name}") if f"in_{name}" in config.values else get("n_in")
        count = get(f"out_{name}") if f"out_{name}" in config.values else get("n_out")
        found.append(
            Axis(
                size,
                get(f"{window}_{name}"),
                get(f"stride_{name}"),
                get("dilation", 1),
                get(before, 0),
                count,
            )
        )
    return found


def windows(spatial: list[Axis]) -> NDArray[np.int64]:
    """Flat input positions of shape (positions, window elements), row-major, ``OUTSIDE`` for padding."""
    if len(spatial) == 1:
        return spatial[0].numbers()
    rows, columns = (axis.numbers() for axis in spatial)
    flat = rows[:, None, :, None] * spatial[1].size + columns[None, :, None, :]
    outside = (rows == OUTSIDE)[:, None, :, None] | (columns == OUTSIDE)[None, :, None, :]
    merged = np.where(outside, OUTSIDE, flat)
    return merged.reshape(len(rows) * len(columns), -1)


def with_channels(positions: NDArray[np.int64], channels: int) -> NDArray[np.int64]:
    """Element numbers of shape (*positions.shape, channels) of a channels-last tensor."""
    numbers = positions[..., None] * channels + np.arange(channels)
    return np.where(positions[..., None] == OUTSIDE, OUTSIDE, numbers)


def gather(builder: Builder, x: Node, numbers: NDArray[np.int64], outside: int = 0) -> Node:
    """``x`` at flat ``numbers``; the integer ``outside`` (in LSBs of x) where they are ``OUTSIDE``."""
    index = numbers
    if (numbers == OUTSIDE).any():
        padding = builder.constant(Constant(x.type, np.array([outside])))
        flat = builder.add("reshape", [x], (x.size,), x.type) if len(x.shape) > 1 else x
        x = builder.add("concatenate", [flat, padding], (flat.size + 1,), x.type, axis=0)
        index = np.where(numbers == OUTSIDE, x.size - 1, numbers)
    return builder.take(x, index.ravel().tolist(), tuple(int(n) for n in numbers.shape))


def transpose_order(builder: Builder, config: Config) -> list[int]:
    """For each output element (C order) the input element that it copies."""
    lists = {
        key: builder.source.lists[str(builder.source.value(config, key))]
        for key in ("to_shape", "perm_strides")
    }
    index = np.indices(lists["to_shape"]).reshape(len(lists["to_shape"]), -1)
    order: list[int] = (np.array(lists["perm_strides"]) @ index).tolist()
    return order
