"""Sums, products and other arithmetic of two tensors, or of a tensor and a constant."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.activations import clamp, hard_sigmoid
from l1forge.firmware.hls.converters.frontend.layers import HANDLERS, Layers, Tensor, handler, number
from l1forge.firmware.hls.converters.frontend.matrices import alike
from l1forge.firmware.hls.converters.frontend.moves import move
from l1forge.firmware.hls.converters.frontend.program import Operation, Value, refuse
from l1forge.firmware.hls.converters.frontend.ranges import Range, range_of

ARITHMETIC = {
    **dict.fromkeys(("add", "iadd"), "add"),
    **dict.fromkeys(("sub", "subtract", "rsub", "isub"), "subtract"),
    **dict.fromkeys(("mul", "multiply", "imul"), "multiply"),
    **dict.fromkeys(("maximum", "fmax", "max"), "maximum"),
    **dict.fromkeys(("minimum", "fmin", "min"), "minimum"),
}
"""PyTorch's names to hls4ml's."""


@handler(*ARITHMETIC)
def _binary(net: Layers, op: Operation, x: Any, y: Any = None, *, alpha: float = 1, **rest: object) -> Tensor:
    kind = ARITHMETIC[op.kind]
    if y is None or (op.kind in ("max", "min") and not isinstance(y, Tensor)):
        dim = rest.pop("dim", y)
        return HANDLERS["amax" if kind == "maximum" else "amin"](net, op, x, dim, **rest)
    if op.kind == "rsub":
        x, y = y, x
    if alpha != 1:
        y = y * alpha if not isinstance(y, Tensor) else net.affine(f"{op.name}_scaled", y, alpha, 0)
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return merge(net, op.name, kind, x, y)
    tensor, constant, swapped = (x, y, False) if isinstance(x, Tensor) else (y, x, True)
    constant = np.asarray(constant, dtype=np.float64)
    if constant.ndim == len(tensor.shape) + 1 and constant.shape[0] == 1:
        constant = constant[0]  # the batch axis
    try:
        np.broadcast_to(constant, tensor.shape)
    except ValueError as error:
        raise refuse("a constant does not fit the tensor", op.name, constant.shape) from error
    if kind == "multiply":
        return net.affine(op.name, tensor, constant, 0)
    if kind == "add":
        return net.affine(op.name, tensor, 1, constant)
    if kind == "subtract":
        return net.affine(op.name, tensor, *((-1, constant) if swapped else (1, -constant)))
    limits = {"min" if kind == "maximum" else "max": number(op, constant, "limit")}
    return clamp(net, op, tensor, **limits)


@handler("neg", "negative")
def scaled(net: Layers, op: Operation, x: Tensor, divisor: float = -1) -> Tensor:
    """``x`` divided by a constant."""
    product = replace(op, kind="multiply")
    return _binary(net, product, x, 1 / np.asarray(divisor, dtype=np.float64))


@handler("square", "pow")
def _square(net: Layers, op: Operation, x: Tensor, exponent: float = 2) -> Tensor:
    if number(op, exponent, "exponent") != 2:
        raise refuse("powers other than 2 are not supported", op.name, exponent)
    return merge(net, op.name, "multiply", x, x)


@handler("silu", "hardswish")
def _gated(net: Layers, op: Operation, x: Tensor, inplace: bool = False) -> Tensor:
    name = f"{op.name}_gate"
    gate = net.activation(name, "sigmoid", x) if op.kind == "silu" else hard_sigmoid(net, name, x)
    return merge(net, op.name, "multiply", x, gate)


@handler("abs")
def _abs(net: Layers, op: Operation, x: Tensor) -> Tensor:
    made = merge(net, op.name, "maximum", x, net.affine(f"{op.name}_negative", x, -1, 0))
    found = range_of(net, x.name)
    net.ranges[made.name] = Range(0, max(-found.low, found.high, 0), found.fraction)
    return made


def merge(net: Layers, name: str, kind: str, x: Tensor, y: Tensor) -> Tensor:
    """A two-input layer; the smaller operand is repeated along leading axes, as hls4ml does."""
    if x.shape == y.shape and x.last != y.last:
        x, y = net.plain(x), net.plain(y)
    elif x.shape != y.shape:
        x, y = net.plain(x), net.plain(y)
        small, large = sorted((x.shape, y.shape), key=math.prod)
        while small and small[0] == 1:
            small = small[1:]
        if large[len(large) - len(small) :] != small:
            full = tuple(np.broadcast_shapes(x.shape, y.shape))
            x, y = (_spread(net, t, full, f"{name}_{side}") for t, side in ((x, "left"), (y, "right")))
            return net.add(name, "Merge", [x, y], full, op=kind)
        if int(max(str(x.size), str(y.size))) != max(x.size, y.size):  # how hls4ml finds the larger one
            x, y = (_repeated(net, t, large if t.size < math.prod(large) else t.shape, name) for t in (x, y))
    shape = x.shape if x.size >= y.size else y.shape
    return net.add(name, "Merge", [x, y], shape, last=x.last, op=kind)


def _spread(net: Layers, x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    if x.shape == shape:
        return x
    if x.shape[-1] == 1 and x.shape[:-1] == shape[:-1] and len(shape) in (2, 3):
        return alike(net, name, x, shape[-1])
    index = np.broadcast_to(np.arange(x.size).reshape(x.shape), shape)
    return move(net, Operation(name, "move", (), {}, Value(name, shape), index.ravel()), x)


def _repeated(net: Layers, x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    if x.shape == shape:
        return x
    value = Value(f"{name}_repeated", shape)
    index = np.resize(np.arange(x.size), math.prod(shape))
    return move(net, Operation(value.name, "move", (), {}, value, index), x)
