"""The graph evaluated slowly and literally: the executable form of docs/graph.md.

Every product, partial sum and cast happens in the order the contract states, on Python-sized integers
where 62 bits are not enough. The Numba kernels, the C export and the RTL are compared with this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Integers, Rounding, cast, overflow, round_shift
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.node import Constant, Node
from l1forge.emulator.graph.trees import leaf_of

SAFE_BITS = 62


class Tensor:
    """Integers of shape (n, *shape) together with the type of their elements."""

    def __init__(self, values: Integers, type_: FixedType) -> None:
        self.values, self.type = values, type_

    def wide(self) -> Integers:
        """The values as Python integers (object dtype): no width limit."""
        return self.values.astype(object)


Evaluator = Callable[[Node, list[Tensor]], Integers]
EVALUATORS: dict[str, Evaluator] = {}


def operation(name: str) -> Callable[[Evaluator], Evaluator]:
    """Register the evaluator of an operation; it returns integers in LSBs of the node's type."""

    def register(function: Evaluator) -> Evaluator:
        EVALUATORS[name] = function
        return function

    return register


def evaluate(
    graph: Graph, inputs: Mapping[str, Integers] | Integers, keep: bool = False
) -> dict[str, NDArray[Any]]:
    """Evaluate ``graph`` on a batch of events.

    Parameters
    ----------
    inputs
        Integers of shape (n, *shape) in LSBs of the input's type; a mapping where there are several inputs.
    keep
        Return every node's tensor, not only the outputs.

    Raises
    ------
    InputError
        If an input is missing, has the wrong shape, or holds a value that its type cannot hold.
    """
    if not isinstance(inputs, Mapping):
        inputs = {graph.inputs[0].name: inputs}
    tensors: dict[str, Tensor] = {}
    count = len(next(iter(inputs.values()))) if inputs else 0
    for node in graph.nodes:
        if node.op == "input":
            values = _checked_input(node, inputs)
        elif node.op == "constant":
            values = np.broadcast_to(node.constants["value"].data, (count, *node.shape))
        else:
            values = EVALUATORS[node.op](node, [tensors[name] for name in node.inputs])
        tensors[node.name] = Tensor(_narrow(values, node.type), node.type)
    names = tensors if keep else graph.outputs
    return {name: tensors[name].values for name in names}


def _narrow(values: Integers, type_: FixedType) -> Integers:
    return values if type_.width > SAFE_BITS else values.astype(np.int64)


def _checked_input(node: Node, inputs: Mapping[str, Integers]) -> Integers:
    if node.name not in inputs:
        raise InputError("input is missing", field=f"node {node.name}")
    values = np.asarray(inputs[node.name])
    if values.shape[1:] != node.shape or values.dtype.kind not in "iuO":
        raise InputError(
            f"expected integers of shape (n, {', '.join(map(str, node.shape))})",
            field=f"node {node.name}",
            value=f"{values.dtype} {values.shape}",
        )
    if values.size and (values.min() < node.type.minimum or values.max() > node.type.maximum):
        raise InputError(f"value does not fit {node.type}", field=f"node {node.name}")
    return values.astype(object if node.type.width > SAFE_BITS else np.int64)


def _bits(*types: FixedType) -> int:
    return sum(t.width for t in types) + sum(abs(t.fraction) for t in types)


def _work(tensor: Tensor, *others: FixedType) -> Integers:
    """Values in a carrier that cannot overflow in one product or aligned sum with ``others``."""
    return tensor.wide() if _bits(tensor.type, *others) > SAFE_BITS else tensor.values.astype(np.int64)


def _constant(constant: Constant, like: Integers) -> Integers:
    return constant.data.astype(like.dtype)


def align(a: Integers, fa: int, b: Integers, fb: int) -> tuple[Integers, Integers, int]:
    """Both operands with the larger of the two fractions."""
    f = max(fa, fb)
    return a << (f - fa), b << (f - fb), f


@operation("cast")
def _cast(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    types = node.attributes.get("types")
    if types is None:
        return cast(_work(x, node.type), x.type.fraction, node.type)
    flat = _work(x, node.type).reshape(len(x.values), -1)
    result = np.empty_like(flat)
    for i, text in enumerate(types):
        target = FixedType.parse(text)
        result[:, i] = cast(flat[:, i], x.type.fraction, target) << (node.type.fraction - target.fraction)
    return result.reshape(len(flat), *node.shape)


@operation("scale_bias")
def _scale_bias(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    scale, bias = node.constants["scale"], node.constants["bias"]
    values = _work(x, scale.type, bias.type, node.type)
    product = values * _constant(scale, values)
    total, offset, f = align(
        product, x.type.fraction + scale.type.fraction, _constant(bias, values), bias.type.fraction
    )
    return cast(total + offset, f, node.type)


@operation("dense")
def _dense(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    weight, bias, accum = node.constants["weight"], node.constants["bias"], node.accumulator()
    values = _work(x, weight.type, accum, bias.type)
    w, b = _constant(weight, values), _constant(bias, values)
    start = cast(b, bias.type.fraction, accum)
    total = np.broadcast_to(start, (*values.shape[:-1], len(b))).copy()
    fraction = x.type.fraction + weight.type.fraction
    for i in range(w.shape[0]):
        product = cast(values[..., i : i + 1] * w[i], fraction, accum)
        total = overflow(total + product, accum)
    return cast(total, accum.fraction, node.type)


@operation("relu")
def _relu(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    return cast(np.maximum(_work(x, node.type), 0), x.type.fraction, node.type)


def table_index(node: Node, x: Integers) -> Integers:
    """``clip(round(x * multiplier / 2**shift) + offset, 0, entries - 1)``."""
    attributes = node.attributes
    rounding = Rounding(attributes.get("index_rounding", "TRN"))
    scaled = round_shift(
        x.astype(object) * attributes.get("multiplier", 1), attributes.get("shift", 0), rounding
    )
    entries = node.constants["table"].data.size
    index: Integers = np.clip(scaled + attributes["offset"], 0, entries - 1).astype(np.int64)
    return index


@operation("table")
def _table(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    table = node.constants["table"]
    values = table.data[table_index(node, x.values)]
    return cast(values.astype(object), table.type.fraction, node.type)


@operation("square")
def _square(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    values = _work(x, x.type, node.type)
    return cast(values * values, 2 * x.type.fraction, node.type)


@operation("sum")
def _sum(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    accum = node.accumulator()
    terms = cast(_work(x, accum), x.type.fraction, accum).reshape(len(x.values), -1)
    total = np.zeros_like(terms[:, :1])
    for i in range(terms.shape[1]):
        total = overflow(total + terms[:, i : i + 1], accum)
    return cast(total, accum.fraction, node.type)


def _same_rank(inputs: list[Tensor]) -> list[Tensor]:
    """Axes of length one after the event axis, so that broadcasting never touches the event axis."""
    rank = max(x.values.ndim for x in inputs)
    return [
        Tensor(x.values.reshape(len(x.values), *[1] * (rank - x.values.ndim), *x.values.shape[1:]), x.type)
        for x in inputs
    ]


def _pair(node: Node, inputs: list[Tensor], function: Callable[[Integers, Integers], Integers]) -> Integers:
    a, b = _same_rank(inputs)
    x, y, f = align(
        _work(a, b.type, node.type), a.type.fraction, _work(b, a.type, node.type), b.type.fraction
    )
    return cast(function(x, y), f, node.type)


@operation("add")
def _add(node: Node, inputs: list[Tensor]) -> Integers:
    return _pair(node, inputs, np.add)


@operation("subtract")
def _subtract(node: Node, inputs: list[Tensor]) -> Integers:
    return _pair(node, inputs, np.subtract)


@operation("maximum")
def _maximum(node: Node, inputs: list[Tensor]) -> Integers:
    return _pair(node, inputs, np.maximum)


@operation("minimum")
def _minimum(node: Node, inputs: list[Tensor]) -> Integers:
    return _pair(node, inputs, np.minimum)


@operation("greater_equal")
def _greater_equal(node: Node, inputs: list[Tensor]) -> Integers:
    a, b = _same_rank(inputs)
    x, y, _ = align(_work(a, b.type), a.type.fraction, _work(b, a.type), b.type.fraction)
    return cast((x >= y).astype(np.int64), 0, node.type)


@operation("multiply")
def _multiply(node: Node, inputs: list[Tensor]) -> Integers:
    a, b = _same_rank(inputs)
    x, y = _work(a, b.type, node.type), _work(b, a.type, node.type)
    return cast(x * y, a.type.fraction + b.type.fraction, node.type)


@operation("concatenate")
def _concatenate(node: Node, inputs: list[Tensor]) -> Integers:
    axis = node.attributes["axis"]
    parts = [cast(_work(x, node.type), x.type.fraction, node.type) for x in inputs]
    return np.concatenate(parts, axis=axis + 1 if axis >= 0 else axis)


@operation("reshape")
def _reshape(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    return cast(_work(x, node.type), x.type.fraction, node.type).reshape(len(x.values), *node.shape)


@operation("take")
def _take(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    flat = _work(x, node.type).reshape(len(x.values), -1)[:, node.attributes["index"]]
    return cast(flat, x.type.fraction, node.type).reshape(len(flat), *node.shape)


@operation("argmax")
def _argmax(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    first: Integers = x.values.reshape(len(x.values), -1).argmax(axis=1)
    return cast(first[:, None].astype(np.int64), 0, node.type)


@operation("tree_ensemble")
def _tree_ensemble(node: Node, inputs: list[Tensor]) -> Integers:
    (x,) = inputs
    threshold, value, bias = (node.constants[name] for name in ("threshold", "value", "bias"))
    accum, tree_class = node.accumulator(), node.constants["tree_class"].data
    features = _work(x, threshold.type).reshape(len(x.values), -1)
    features, limits, _ = align(
        features, x.type.fraction, _constant(threshold, features), threshold.type.fraction
    )
    leaves = value.data.astype(object)
    start = cast(bias.data.astype(object), bias.type.fraction, accum)
    total = np.broadcast_to(start, (len(features), len(start))).copy()
    for tree, score in enumerate(tree_class):
        leaf = leaf_of(node, tree, features, limits[tree])
        term = cast(leaves[tree][leaf], value.type.fraction, accum)
        total[:, score] = overflow(total[:, score] + term, accum)
    return cast(total, accum.fraction, node.type)
