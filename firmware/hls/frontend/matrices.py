"""Matrix products and concatenation."""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware.hls.frontend.layers import Layers, Tensor, handler
from firmware.hls.frontend.program import Operation, refuse


@handler("cat", "concat", "concatenate", "hstack")
def _concatenate(net: Layers, op: Operation, parts: list[Any], dim: int = 0) -> Tensor:
    if not all(isinstance(part, Tensor) for part in parts):
        raise refuse("a constant among the parts is not supported", op.name)
    rank = len(parts[0].shape)
    axis = (1 if op.kind == "hstack" else dim) % (rank + 1)
    if axis == 0:
        raise refuse("concatenates along the batch axis", op.name, remedy=f"dim=1 to {rank}")
    last = all(part.last for part in parts)
    parts = parts if last else [net.plain(part) for part in parts]
    joined: Tensor = parts[0]
    for k, part in enumerate(parts[1:]):
        shape = list(joined.shape)
        shape[axis - 1] += part.shape[axis - 1]
        name = op.name if k == len(parts) - 2 else f"{op.name}_part"
        stored = (rank if axis == 1 else axis - 1) if last else axis
        joined = net.add(
            name,
            "Concatenate",
            [joined, part],
            tuple(shape),
            last=last,
            op=f"concatenate{rank}d",
            axis=stored,
        )
    return joined


@handler("linear")
def _linear(net: Layers, op: Operation, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    if isinstance(weight, Tensor) or isinstance(bias, Tensor):
        raise refuse("weights that depend on the inputs are not supported", op.name)
    given, scale = net.weights(weight, bias)
    if scale is not None:
        x, factor = net.unscaled(x)
        scale = scale * factor
    x = net.plain(x)
    n_out, n_in = given["weight_data"].shape
    given["weight_data"] = np.ascontiguousarray(given["weight_data"].T)
    name = op.name if scale is None else f"{op.name}_integers"
    made = net.add(name, "Dense", [x], (*x.shape[:-1], n_out), n_in=n_in, n_out=n_out, **given)
    if scale is None:
        return made
    return net.scaled(op.name, made, scale, 0 if bias is None else getattr(bias, "values", bias))


@handler("matmul", "mm", "bmm")
def _matmul(net: Layers, op: Operation, x: Any, y: Any) -> Tensor:
    if isinstance(x, Tensor) and isinstance(y, np.ndarray) and y.ndim == 2:
        return _linear(net, op, x, y.T)
    if not (isinstance(x, Tensor) and isinstance(y, Tensor) and len(x.shape) == len(y.shape) == 2):
        raise refuse("only a tensor times a matrix, or two matrices an event", op.name, op.kind)
    return _einsum(net, op, "bij,bjk->bik", x, y)


@handler("addmm")
def _addmm(net: Layers, op: Operation, bias: Any, x: Tensor, weight: Any) -> Tensor:
    return _linear(net, op, x, weight.T, bias)


@handler("einsum")
def _einsum(net: Layers, op: Operation, equation: str, *operands: Any, path: Any = None) -> Tensor:
    parts = [p for o in operands for p in (o if isinstance(o, list) else [o])]
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(parts) != 2 or not all(isinstance(p, Tensor) for p in parts) or not arrow or "." in equation:
        raise refuse("einsum needs two tensors and an equation such as bij,bjk->bik", op.name, equation)
    if {term[0] for term in (*terms, right)} != {terms[0][0]}:
        raise refuse("the first letter must be the batch everywhere", op.name, equation)
    from hls4ml.utils.einsum_utils import _validate_einsum_expr

    x, y = (net.plain(part) for part in parts)
    bare = f"{terms[0][1:]},{terms[1][1:]}->{right[1:]}"
    checked, shape = _validate_einsum_expr(bare, x.shape, y.shape)
    return net.add(
        op.name, "Einsum", [x, y], tuple(shape), equation=checked, inp0_shape=x.shape, inp1_shape=y.shape,
        out_shape=tuple(shape),
    )  # fmt: skip
