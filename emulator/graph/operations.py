"""The operations of the fixed-point graph: what each needs, and the checks a node must pass.

``docs/graph.md`` writes out the arithmetic. Adding an operation means: an entry here, a function in
``emulator.graph.reference``, a section in docs/graph.md, and support (or lowering) in ``emulator.kernel``;
CONTRIBUTING.md has the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.node import Node
from l1forge.emulator.graph.trees import CONSTANTS as TREE_CONSTANTS
from l1forge.emulator.graph.trees import complaint as tree_complaint

ShapeRule = Callable[[Node, Sequence[Node]], str | None]


@dataclass(frozen=True)
class Operation:
    """Needs of one operation.

    ``arity`` is (fewest, most) inputs, -1 for any number; ``attributes`` maps required names to their
    Python type; ``optional`` likewise; ``constants`` lists required constants; ``shape`` returns a
    complaint or None.
    """

    arity: tuple[int, int]
    attributes: Mapping[str, type] = ()  # type: ignore[assignment]
    optional: Mapping[str, type] = ()  # type: ignore[assignment]
    constants: tuple[str, ...] = ()
    optional_constants: tuple[str, ...] = ()
    shape: ShapeRule | None = None


def _same(node: Node, inputs: Sequence[Node]) -> str | None:
    for source in inputs:
        if source.shape != node.shape:
            return f"has shape {list(node.shape)} but its input {source.name} has {list(source.shape)}"
    return None


def _broadcast(node: Node, inputs: Sequence[Node]) -> str | None:
    try:
        shape = np.broadcast_shapes(*(source.shape for source in inputs))
    except ValueError:
        return "has inputs whose shapes do not broadcast"
    return None if shape == node.shape else f"must have shape {list(shape)}"


def _dense(node: Node, inputs: Sequence[Node]) -> str | None:
    weight, bias = node.constants["weight"].data, node.constants["bias"].data
    expected = (*inputs[0].shape[:-1], weight.shape[-1])
    if weight.ndim != 2 or inputs[0].shape[-1:] != weight.shape[:1]:
        return f"has weight shape {list(weight.shape)} for input shape {list(inputs[0].shape)}"
    if bias.shape != weight.shape[1:]:
        return f"has bias shape {list(bias.shape)} for weight shape {list(weight.shape)}"
    return None if node.shape == expected else f"must have shape {list(expected)}"


def _scale_bias(node: Node, inputs: Sequence[Node]) -> str | None:
    for key in ("scale", "bias"):
        data = node.constants[key].data
        if data.shape not in (node.shape, node.shape[-1:]):
            return f"has {key} shape {list(data.shape)}, must be that of the result or of its last axis"
    return _same(node, inputs)


def _sum(node: Node, inputs: Sequence[Node]) -> str | None:
    return None if node.shape == (1,) else "must have shape [1]"


def _concatenate(node: Node, inputs: Sequence[Node]) -> str | None:
    axis = node.attributes["axis"]
    shapes = [source.shape for source in inputs]
    axes = len(shapes[0])
    rest = {shape[:axis] + shape[axis:][1:] if -axes <= axis < axes else () for shape in shapes}
    if not -axes <= axis < axes or len(rest) != 1 or any(len(shape) != axes for shape in shapes):
        return f"cannot be joined along axis {axis}"
    expected = list(shapes[0])
    expected[axis] = sum(shape[axis] for shape in shapes)
    return None if tuple(expected) == node.shape else f"must have shape {expected}"


def _size(node: Node, inputs: Sequence[Node]) -> str | None:
    return None if node.size == inputs[0].size else f"must have {inputs[0].size} elements"


def _take(node: Node, inputs: Sequence[Node]) -> str | None:
    index = node.attributes["index"]
    if len(index) != node.size:
        return f"has {len(index)} indices for {node.size} elements"
    bad = [i for i in index if type(i) is not int or not 0 <= i < inputs[0].size]
    return f"has an index outside 0 .. {inputs[0].size - 1}: {bad[0]}" if bad else None


def _sources(node: Node, inputs: Sequence[Node]) -> str | None:
    texts = node.attributes.get("source")
    if texts is None:
        return None
    if len(texts) != node.size:
        return f"source: needs one entry per element ({node.size}), not {len(texts)}"
    return None


OPERATIONS: dict[str, Operation] = {
    "input": Operation((0, 0), optional={"source": list}, shape=_sources),
    "constant": Operation((0, 0), constants=("value",)),
    "cast": Operation((1, 1), optional={"types": list}, shape=_same),
    "scale_bias": Operation((1, 1), constants=("scale", "bias"), shape=_scale_bias),
    "dense": Operation((1, 1), attributes={"accum": str}, constants=("weight", "bias"), shape=_dense),
    "relu": Operation((1, 1), shape=_same),
    "table": Operation(
        (1, 1),
        attributes={"offset": int},
        optional={"multiplier": int, "shift": int, "index_rounding": str},
        constants=("table",),
        shape=_same,
    ),
    "square": Operation((1, 1), shape=_same),
    "sum": Operation((1, 1), attributes={"accum": str}, shape=_sum),
    "add": Operation((2, 2), shape=_broadcast),
    "subtract": Operation((2, 2), shape=_broadcast),
    "multiply": Operation((2, 2), shape=_broadcast),
    "maximum": Operation((2, 2), shape=_broadcast),
    "minimum": Operation((2, 2), shape=_broadcast),
    "greater_equal": Operation((2, 2), shape=_broadcast),
    "concatenate": Operation((1, -1), attributes={"axis": int}, shape=_concatenate),
    "reshape": Operation((1, 1), shape=_size),
    "take": Operation((1, 1), attributes={"index": list}, shape=_take),
    "argmax": Operation((1, 1), shape=_sum),
    "tree_ensemble": Operation(
        (1, 1), attributes={"split": str, "accum": str}, constants=TREE_CONSTANTS, shape=tree_complaint
    ),
}


def check_node(node: Node, inputs: Sequence[Node], file: str | None) -> None:
    """Raise InputError if ``node`` lacks something its operation needs or its shape does not fit."""
    where = f"node {node.name}"
    operation = OPERATIONS.get(node.op)
    if operation is None:
        known = ", ".join(sorted(OPERATIONS))
        raise InputError("unknown operation", file=file, field=where, value=node.op, remedy=f"known: {known}")
    fewest, most = operation.arity
    if len(inputs) < fewest or (most >= 0 and len(inputs) > most):
        raise InputError(f"{node.op} takes {fewest} input(s)", file=file, field=where, value=len(inputs))
    for name in operation.constants:
        if name not in node.constants:
            raise InputError(
                f"{node.op} lacks its {name!r}", file=file, field=where, remedy="export the model again"
            )
    allowed = {**dict(operation.attributes), **dict(operation.optional)}
    for name in dict(operation.attributes):
        if name not in node.attributes:
            raise InputError(f"{node.op} lacks attribute {name!r}", file=file, field=where)
    for name, value in node.attributes.items():
        if name not in allowed:
            raise InputError(f"{node.op} has no attribute {name!r}", file=file, field=where, value=value)
        if not isinstance(value, allowed[name]) or isinstance(value, bool):
            raise InputError(
                f"{name!r} must be {allowed[name].__name__}", file=file, field=where, value=value
            )
    for name in node.constants:
        if name not in (*operation.constants, *operation.optional_constants):
            raise InputError(f"{node.op} has no constant {name!r}", file=file, field=where)
    if "accum" in allowed and "accum" in node.attributes:
        FixedType.parse(node.attributes["accum"], file=file, field=f"{where}: accum")
    for index, text in enumerate(node.attributes.get("types", ())):
        FixedType.parse(str(text), file=file, field=f"{where}: types[{index}]")
    complaint = operation.shape(node, inputs) if operation.shape else None
    if complaint:
        raise InputError(f"{node.op} {complaint}", file=file, field=where)
