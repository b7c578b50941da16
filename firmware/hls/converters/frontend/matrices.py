"""Matrix products and concatenation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.moves import move, reshaped
from l1forge.firmware.hls.converters.frontend.program import Operation, Value, refuse


@handler("cat", "concat", "concatenate", "hstack")
def concatenate(net: Layers, op: Operation, parts: list[Any], dim: int = 0) -> Tensor:
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
    given["weight_data"] = np.ascontiguousarray(given["weight_data"].T)
    name = op.name if scale is None else f"{op.name}_integers"
    made = _dense(net, name, x, given)
    if scale is None:
        return made
    return net.scaled(op.name, made, scale, 0 if bias is None else getattr(bias, "values", bias))


def _dense(net: Layers, name: str, x: Tensor, given: dict[str, Any]) -> Tensor:
    """Along a sequence or an image it is a convolution of single pixels.

    hls4ml would make one of it too, but of the weights as they were given: a batch norm that it has merged
    into them gets lost, and so does their quantiser.
    """
    n_in, n_out = given["weight_data"].shape
    shape = (*x.shape[:-1], n_out)
    if len(x.shape) == 1:
        return net.add(name, "Dense", [x], shape, n_in=n_in, n_out=n_out, **given)
    rows = x.shape[:-1] if len(x.shape) < 4 else (math.prod(x.shape[:-1]),)
    if len(x.shape) > 3:
        x = reshaped(net, f"{name}_rows", x, (*rows, n_in))
    sizes: dict[str, Any] = {"n_chan": n_in, "n_filt": n_out}
    for axis, size in zip(("height", "width")[-len(rows) :], rows, strict=True):
        before, after = ("top", "bottom") if axis == "height" else ("left", "right")
        sizes |= {f"in_{axis}": size, f"out_{axis}": size, f"filt_{axis}": 1, f"stride_{axis}": 1}
        sizes |= {f"pad_{before}": 0, f"pad_{after}": 0}
    given["weight_data"] = given["weight_data"].reshape(*[1] * len(rows), n_in, n_out)
    made = net.add(name, f"Conv{len(rows)}D", [x], (*rows, n_out), padding="valid", **sizes, **given)
    return made if made.shape == shape else reshaped(net, f"{name}_shaped", made, shape)


def alike(net: Layers, name: str, x: Tensor, count: int) -> Tensor:
    """The last axis, of one element, repeated: ones are cheaper than a matrix that selects."""
    ones = {"weight_data": np.ones((1, count)), "bias_data": None, "use_bias": False}
    made = _dense(net, name, x, ones)
    net.types[made.name] |= {"weight": "ufixed<1,1>", "bias": "ufixed<1,1>"}
    return made


@handler("matmul", "mm", "bmm")
def _matmul(net: Layers, op: Operation, x: Any, y: Any) -> Tensor:
    if isinstance(x, Tensor) and isinstance(y, np.ndarray) and y.ndim == 2:
        return _linear(net, op, x, y.T)
    if not (isinstance(x, Tensor) and isinstance(y, Tensor) and len(x.shape) == len(y.shape) == 2):
        raise refuse(
            "only a tensor times a matrix, or two matrices per event, is supported", op.name, op.kind
        )
    return _einsum(net, op, "bij,bjk->bik", x, y)


@handler("addmm")
def _addmm(net: Layers, op: Operation, bias: Any, x: Tensor, weight: Any) -> Tensor:
    return _linear(net, op, x, weight.T, bias)


@handler("einsum")
def _einsum(net: Layers, op: Operation, equation: str, *operands: Any, path: Any = None) -> Tensor:
    parts = [p for o in operands for p in (o if isinstance(o, list) else [o])]
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    tensors = [isinstance(part, Tensor) for part in parts]
    if sorted(tensors) == [False, True] and arrow and "." not in equation:
        at = tensors.index(True)
        return _weighted(net, op, parts[at], terms[at], np.asarray(parts[1 - at]), terms[1 - at], right)
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


def _weighted(
    net: Layers, op: Operation, x: Tensor, letters: str, weight: NDArray[Any], others: str, right: str
) -> Tensor:
    """An einsum with constants: the axes that are summed go last, then it is a linear layer."""
    summed = [c for c in letters[1:] if c in others and c not in right]
    kept = [c for c in letters[1:] if c not in summed]
    made = [c for c in others if c not in summed]
    if (
        letters[0] != right[0]
        or not summed
        or set(others) - set(summed) - set(right)
        or set(kept) - set(right)
        or set(kept) & set(made)
        or len(set(letters)) + len(set(others)) + len(set(right)) != len(letters + others + right)
    ):
        raise refuse(
            "einsum with constants must be sums over axes of the tensor",
            op.name,
            f"{letters},{others}->{right}",
            "such as bnf,ne->bef with the batch first",
        )
    x = net.plain(x)
    sizes = dict(zip(letters[1:], x.shape, strict=True)) | dict(zip(others, weight.shape, strict=True))
    rows = _ordered(net, f"{op.name}_rows", x, letters[1:], [*kept, *summed])
    count = math.prod(sizes[c] for c in summed)
    shape = (*(sizes[c] for c in kept), count)
    if rows.shape != shape:
        rows = reshaped(net, f"{op.name}_flat", rows, shape)
    matrix = np.transpose(weight, [others.index(c) for c in (*made, *summed)]).reshape(-1, count)
    outputs = tuple(sizes[c] for c in (*kept, *made))
    final = [*kept, *made] == list(right[1:])
    name = op.name if final and outputs == (*shape[:-1], len(matrix)) else f"{op.name}_linear"
    product = _linear(net, replace(op, name=name), rows, matrix)
    if product.shape != outputs:
        product = reshaped(net, op.name if final else f"{op.name}_axes", product, outputs)
    return product if final else _ordered(net, op.name, product, "".join([*kept, *made]), list(right[1:]))


def _ordered(net: Layers, name: str, x: Tensor, letters: str, order: list[str]) -> Tensor:
    axes = [letters.index(c) for c in order]
    index = np.arange(x.size).reshape(x.shape).transpose(axes)
    return move(net, Operation(name, "move", (), {}, Value(name, index.shape), index.ravel()), x)
