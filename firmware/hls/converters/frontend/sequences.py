"""Layers along an axis: layer normalisation, resizing, stacking, gates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.firmware.hls.converters.frontend.arithmetic import merge
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler, number, quantiser
from l1forge.firmware.hls.converters.frontend.matrices import concatenate
from l1forge.firmware.hls.converters.frontend.moves import move, reshaped
from l1forge.firmware.hls.converters.frontend.program import Operation, Value, refuse

REACH = 16
"""The largest variance that a layer normalisation takes."""

LEAST = 5
"""Its first entry is at 10 to the minus this: smaller variances, all of one entry, do not explode."""

TABLE = FixedType(18, 9, False, Rounding.RND_CONV, Overflow.SAT)
ENTRIES = 16384
"""Entries of its table: the step of the variance is a thousandth."""

MAX_INTEGER = 31 - ENTRIES.bit_length()
"""Integer bits of the variance: hls4ml multiplies it with the number of entries in an int."""


@handler("layer_norm")
def _layer_norm(
    net: Layers,
    op: Operation,
    x: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *unused: object,
) -> Tensor:
    """Over the last axis. hls4ml's table of 1/√variance ends at one: a quarter of ``x`` reaches ``REACH``."""
    width = x.shape[-1]
    if [int(n) for n in np.ravel(normalized_shape)] != [width]:
        raise refuse("normalises more than the last axis", op.name, normalized_shape)
    power = min(-round(math.log10(number(op, eps, "eps") / REACH)), LEAST)
    if power < 1:
        raise refuse("needs an eps below 0.1", op.name, eps)
    rows = x.size // width
    x = net.scaled(f"{op.name}_quarter", net.plain(x), 1 / math.sqrt(REACH), 0)
    flat = x if x.shape == (rows, width) else reshaped(net, f"{op.name}_rows", x, (rows, width))
    gamma, beta = (
        np.full(width, value) if given is None else np.asarray(given, dtype=np.float64)
        for given, value in ((weight, 1.0), (bias, 0.0))
    )
    kind = net.default
    integer = min(2 * kind.integer + (width - 1).bit_length(), MAX_INTEGER)
    accum = FixedType(integer + max(kind.fraction, 16), integer)
    name = op.name if x.shape == (rows, width) else f"{op.name}_normal"
    made = net.add(
        name, "LayerNormalization", [flat], (rows, width), n_in=x.size, n_out=x.size, seq_len=rows, axis=2,
        epsilon_power_of_10=power, table_size=ENTRIES, gamma_data=gamma, beta_data=beta,
        table_t=quantiser(TABLE).hls_type, types={"accum": str(accum)},
    )  # fmt: skip
    return made if made.shape == x.shape else reshaped(net, op.name, made, x.shape)


@handler("upsample", "interpolate", "upsample_nearest1d", "upsample_nearest2d")
def _resize(
    net: Layers, op: Operation, x: Tensor, *sizes: Sequence[int], mode: str = "nearest", **rest: object
) -> Tensor:
    modes = [value for value in (mode, *sizes) if isinstance(value, str)]
    before, after = x.shape[1:], op.result.shape[1:]
    if modes[-1] != "nearest" or len(before) > 2 or any(m % n for n, m in zip(before, after, strict=True)):
        raise refuse(
            "resizes otherwise than to the nearest element, by whole factors",
            op.name,
            f"{modes[-1]}, {before} to {after}",
        )
    (height, width), (tall, wide) = ((1, *size)[-2:] for size in (before, after))
    return net.add(
        op.name, "Resize", [net.channels_last(x)], op.result.shape, last=True, in_height=height,
        in_width=width, out_height=tall, out_width=wide, n_chan=x.shape[0], algorithm="nearest",
    )  # fmt: skip


@handler("stack")
def _stack(net: Layers, op: Operation, parts: list[Any], dim: int = 0) -> Tensor:
    if not all(isinstance(part, Tensor) for part in parts):
        raise refuse("a constant among the parts is not supported", op.name)
    axis = dim % (len(parts[0].shape) + 2)
    if axis == 0:
        raise refuse("stacks along the batch axis", op.name, dim)
    shape = (*parts[0].shape[: axis - 1], 1, *parts[0].shape[axis - 1 :])
    wider = [reshaped(net, f"{op.name}_{k}", net.plain(part), shape) for k, part in enumerate(parts)]
    return concatenate(net, replace(op, kind="cat"), wider, axis)


@handler("glu")
def _glu(net: Layers, op: Operation, x: Tensor, dim: int = -1) -> Tensor:
    axis = dim % (len(x.shape) + 1) - 1
    if axis < 0:
        raise refuse("splits the batch axis", op.name, dim)
    x = net.plain(x)
    halves = []
    for name, index in zip("ab", np.split(np.arange(x.size).reshape(x.shape), 2, axis), strict=True):
        half = Value(f"{op.name}_{name}", op.result.shape)
        halves.append(move(net, Operation(half.name, "move", (), {}, half, index.ravel()), x))
    return merge(net, op.name, "multiply", halves[0], net.activation(f"{op.name}_gate", "sigmoid", halves[1]))
