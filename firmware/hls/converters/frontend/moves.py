"""Operations that only move elements: reshape, transposition, crop or selection."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse

SELECT_LIMIT = 4096
"""Products that a selection of elements by a matrix of zeros and ones may have."""


@handler("move")
def move(net: Layers, op: Operation, source: Tensor) -> Tensor:
    """Reshape, transposition, crop, or in the last resort a matrix of zeros and ones."""
    x = net.plain(source)
    index, shape = op.index, op.result.shape
    assert index is not None
    if index.size == 0:
        raise refuse("leaves no element", op.name)
    stored = shape or (1,)
    if np.array_equal(index, np.arange(x.size)):
        return x if x.shape == shape else reshaped(net, op.name, x, stored, shape)
    numbers = np.arange(x.size)
    squeezed = tuple(n for n in x.shape if n > 1)
    for perm in itertools.permutations(range(len(squeezed))):
        if np.array_equal(numbers.reshape(squeezed).transpose(perm).ravel(), index):
            return _transposed(net, op.name, x, squeezed, perm, shape)
    if index.size < x.size and net.type_of(x) is not None:  # hls4ml infers no type for a crop
        for outer, inner in _splits(x.shape):
            width = x.size // (outer * inner)
            start = int(index[0]) // inner
            count = index.size // (outer * inner)
            block = numbers.reshape(outer, width, inner)[:, start : start + count]
            if block.size == index.size and np.array_equal(block.ravel(), index):
                return _cropped(net, op.name, x, (outer, width, inner), start, count, shape)
    if x.size * index.size > SELECT_LIMIT:
        raise refuse(
            "selects elements in a way that hls4ml has no layer for", op.name, f"{x.shape} -> {shape}"
        )
    matrix = np.zeros((x.size, index.size))
    matrix[index, np.arange(index.size)] = 1
    flat = x if len(x.shape) == 1 else reshaped(net, f"{op.name}_flat", x, (x.size,), (x.size,))
    name = op.name if len(shape) == 1 else f"{op.name}_selected"
    made = net.add(
        name, "Dense", [flat], (index.size,), n_in=x.size, n_out=index.size, weight_data=matrix,
        bias_data=None, use_bias=False,
    )  # fmt: skip
    return made if len(shape) == 1 else reshaped(net, op.name, made, stored, shape)


def _splits(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(math.prod(shape[:k]), math.prod(shape[k + 1 :])) for k in range(len(shape))]


def reshaped(
    net: Layers, name: str, x: Tensor, stored: tuple[int, ...], shape: tuple[int, ...] | None = None
) -> Tensor:
    return net.add(name, "Reshape", [x], stored if shape is None else shape, target_shape=list(stored))


def _transposed(
    net: Layers,
    name: str,
    x: Tensor,
    squeezed: tuple[int, ...],
    perm: tuple[int, ...],
    shape: tuple[int, ...],
) -> Tensor:
    if len(perm) > 3:
        raise refuse("transposes more than three axes", name, x.shape)
    if x.shape != squeezed:
        x = reshaped(net, f"{name}_squeezed", x, squeezed)
    turned_shape = tuple(squeezed[axis] for axis in perm)
    turned = net.add(name, "Transpose", [x], turned_shape, perm=list(perm))
    if len(perm) == 3:  # hls4ml folds a transposition into the next dense layer as if it were (2, 0, 1)
        turned = reshaped(net, f"{name}_rows", turned, (turned_shape[0], math.prod(turned_shape[1:])))
    return (
        turned if turned.shape == shape else reshaped(net, f"{name}_reshaped", turned, shape or (1,), shape)
    )


def _cropped(
    net: Layers,
    name: str,
    x: Tensor,
    split: tuple[int, int, int],
    start: int,
    count: int,
    shape: tuple[int, ...],
) -> Tensor:
    outer, width, inner = split
    sizes: dict[str, Any] = {"in_width": width, "out_width": count, "n_chan": inner}
    crop: dict[str, Any] = {"crop_left": start, "crop_right": width - start - count}
    types = {"result": str(net.type_of(x))}
    if outer == 1:
        x = x if x.shape == (width, inner) else reshaped(net, f"{name}_input", x, (width, inner))
        made = net.add(name, "Cropping1D", [x], (count, inner), types=types, **sizes, **crop)
    else:
        x = x if x.shape == split else reshaped(net, f"{name}_input", x, split)
        rows: dict[str, Any] = {"in_height": outer, "out_height": outer, "crop_top": 0, "crop_bottom": 0}
        made = net.add(name, "Cropping2D", [x], (outer, count, inner), types=types, **sizes, **crop, **rows)
    return made if made.shape == shape else reshaped(net, f"{name}_reshaped", made, shape or (1,), shape)
