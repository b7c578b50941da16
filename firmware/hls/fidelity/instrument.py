"""A graph that also says what its results were before they were rounded and brought into their types.

Each node that can lose something gets a twin: the same operation with a type that holds every result. The
compiler evaluates both, so there is no second arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, holding, widest
from l1forge.emulator.graph.graph import Graph, Node

WIDEST = 62
"""Bits of a twin: the fractional bits beyond them are cut off."""
BEFORE = ".before_cast"


def instrumented(graph: Graph) -> tuple[Graph, dict[str, str]]:
    """``graph`` with a twin for each node that can lose something, all nodes as outputs; node to twin."""
    by_name = {node.name: node for node in graph.nodes}
    nodes: list[Node] = []
    twins: dict[str, str] = {}
    for node in graph.nodes:
        nodes.append(node)
        exact = exact_type(node, [by_name[name] for name in node.inputs])
        if exact is None or not _loses(node, exact):
            continue
        name = node.name + BEFORE
        attributes = {key: value for key, value in node.attributes.items() if key != "types"}
        if "accum" in attributes:
            attributes["accum"] = str(exact)
        nodes.append(replace(node, name=name, type=exact, attributes=attributes))
        twins[node.name] = name
    outputs = [node.name for node in nodes if node.op != "constant"]
    return Graph(graph.name, nodes, outputs), twins


def _loses(node: Node, exact: FixedType) -> bool:
    """Whether a value of ``exact`` may change on its way into the node's type."""
    kinds = [node.type]
    if "types" in node.attributes:
        kinds = [FixedType.parse(text) for text in node.attributes["types"]]
    if "accum" in node.attributes:
        kinds.append(node.accumulator())
    return any(
        exact.fraction > kind.fraction
        or exact.minimum * exact.lsb < kind.minimum * kind.lsb
        or exact.maximum * exact.lsb > kind.maximum * kind.lsb
        for kind in kinds
    )


def exact_type(node: Node, inputs: Sequence[Node]) -> FixedType | None:
    """A type that holds every result of a node before its cast; None where there is no cast to lose in."""
    types = [source.type for source in inputs]
    ends = [(kind.minimum, kind.maximum) for kind in types]
    match node.op:
        case "cast" | "relu" | "reshape" | "take" | "concatenate" | "maximum" | "minimum":
            both = types[0]
            for other in types[1:]:
                both = widest(both, other)
            return _narrowed(replace(both, integer=both.integer))
        case "add" | "subtract":
            f = max(kind.fraction for kind in types)
            (a, b), (c, d) = (
                (low << (f - kind.fraction), high << (f - kind.fraction))
                for (low, high), kind in zip(ends, types, strict=True)
            )
            return _held(*((a + c, b + d) if node.op == "add" else (a - d, b - c)), f)
        case "multiply":
            products = [x * y for x in ends[0] for y in ends[1]]
            return _held(min(products), max(products), types[0].fraction + types[1].fraction)
        case "square":
            return _held(0, max(v * v for v in ends[0]), 2 * types[0].fraction)
        case "table":
            return node.constants["table"].type
        case "sum":
            return _held(ends[0][0] * inputs[0].size, ends[0][1] * inputs[0].size, types[0].fraction)
        case "dense":
            return _affine(node, "weight", types[0])
        case "scale_bias":
            return _affine(node, "scale", types[0])
    return None


def _affine(node: Node, key: str, kind: FixedType) -> FixedType:
    """Of Σ w·x + b over the first axis of ``weight``, or of s·x + b, for every x of ``kind``."""
    factor, bias = node.constants[key], node.constants["bias"]
    f = max(kind.fraction + factor.type.fraction, bias.type.fraction)
    up = f - kind.fraction - factor.type.fraction
    data = factor.data.astype(object)
    columns = data if key == "weight" else data.reshape(1, -1)
    low, high = kind.minimum, kind.maximum
    most = np.maximum(columns * low, columns * high).sum(axis=0) * (1 << up)
    least = np.minimum(columns * low, columns * high).sum(axis=0) * (1 << up)
    offsets = [int(v) << (f - bias.type.fraction) for v in bias.data.ravel()] or [0]
    tops = [*np.ravel(most), 0]
    bottoms = [*np.ravel(least), 0]
    # partial sums lie within these bounds, too, so that the accumulator of the twin never overflows
    return _held(int(min(bottoms)) + min(*offsets, 0, 0), int(max(tops)) + max(*offsets, 0, 0), f)


def _held(low: int, high: int, fraction: int) -> FixedType:
    return _narrowed(holding(min(low, 0), max(high, 0), fraction))


def _narrowed(kind: FixedType) -> FixedType:
    """At most ``WIDEST`` bits, by cutting off fractional ones; plain modes."""
    width = min(kind.width, WIDEST)
    return FixedType(width, kind.integer, kind.signed)
