"""Which values each element can take: small sets, followed from the inputs through the operations.

A table of pairs of codes has entries that no crossing addresses, where a code table skips a level. Intervals
do not show that, sets do. Two operands are combined freely: a set may hold too much but never too little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.fixed import cast as cast_integers
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.graph.reference import table_index

MOST = 1 << 13
"""Values of one element that are followed; of more, nothing is known."""
COMBINED = 1 << 18
"""Pairs of values that are tried."""

Values = NDArray[np.int64] | None


def possible_values(graph: Graph) -> dict[str, list[Values]]:
    """Node name to one sorted array for each element (C order); None where too many are possible."""
    found: dict[str, list[Values]] = {}
    for node in graph.nodes:
        if node.op == "input":
            kind = node.type
            few = kind.width <= 62 and kind.maximum - kind.minimum < MOST
            own: Values = np.arange(kind.minimum, kind.maximum + 1) if few else None
            found[node.name] = [own] * node.size
        else:
            found[node.name] = _followed(graph, node, [found[name] for name in node.inputs])
    return found


def _followed(graph: Graph, node: Node, sources: list[list[Values]]) -> list[Values]:
    unknown: list[Values] = [None] * node.size
    kinds = [graph[name].type for name in node.inputs]
    if node.type.width > 62 or any(kind.width > 62 for kind in kinds) or "types" in node.attributes:
        return unknown
    if node.op == "take":
        return [_cast(sources[0][i], kinds[0].fraction, node) for i in node.attributes["index"]]
    if node.op == "concatenate" and node.attributes["axis"] == 0:
        parts = zip(sources, kinds, strict=True)
        return [_cast(values, kind.fraction, node) for part, kind in parts for values in part]
    if node.op in ("cast", "reshape", "relu"):
        floor = 0 if node.op == "relu" else None
        return [_cast(_floored(values, floor), kinds[0].fraction, node) for values in sources[0]]
    if node.op == "square":
        squared = [None if v is None or np.abs(v).max() > 1 << 30 else v * v for v in sources[0]]
        return [_cast(values, 2 * kinds[0].fraction, node) for values in squared]
    if node.op == "table":
        table = node.constants["table"]
        read = [None if v is None else table.data.ravel()[table_index(node, v)] for v in sources[0]]
        return [_cast(values, table.type.fraction, node) for values in read]
    if node.op == "scale_bias":
        return _scaled(node, sources[0], kinds[0])
    if node.op in ("add", "subtract", "multiply", "maximum", "minimum", "greater_equal"):
        shapes = [graph[name].shape for name in node.inputs]
        places = [
            np.broadcast_to(np.arange(len(part)).reshape(shape), node.shape).ravel()
            for part, shape in zip(sources, shapes, strict=True)
        ]
        pairs = zip(*places, strict=True)
        return [_paired(node, sources[0][i], sources[1][j], kinds) for i, j in pairs]
    return unknown


def _cast(values: Values, fraction: int, node: Node) -> Values:
    if values is None:
        return None
    made = np.unique(cast_integers(values.astype(object), fraction, node.type).astype(np.int64))
    return made if len(made) <= MOST else None


def _floored(values: Values, floor: int | None) -> Values:
    return values if values is None or floor is None else np.maximum(values, floor)


def _scaled(node: Node, sources: list[Values], kind: FixedType) -> list[Values]:
    scale, bias = node.constants["scale"], node.constants["bias"]
    product = kind.fraction + scale.type.fraction
    fraction = max(product, bias.type.fraction)
    factors = np.broadcast_to(scale.data, node.shape).ravel().astype(object)
    offsets = np.broadcast_to(bias.data, node.shape).ravel().astype(object)
    made = list[Values]()
    for values, factor, offset in zip(sources, factors, offsets, strict=True):
        if values is None or fraction - min(product, bias.type.fraction) > 60:
            made.append(None)
            continue
        exact = (values.astype(object) * factor << fraction - product) + (
            offset << fraction - bias.type.fraction
        )
        made.append(_cast(exact, fraction, node))
    return made


def _paired(node: Node, a: Values, b: Values, kinds: list[FixedType]) -> Values:
    if a is None or b is None or len(a) * len(b) > COMBINED:
        return None
    first, second = kinds[0].fraction, kinds[1].fraction
    x, y = a.astype(object)[:, None], b.astype(object)[None, :]
    if node.op == "multiply":
        return _cast((x * y).ravel(), first + second, node)
    finest = max(first, second)
    if finest - min(first, second) > 60:
        return None
    x, y = x << finest - first, y << finest - second
    if node.op == "greater_equal":
        return _cast((x >= y).astype(np.int64).ravel(), 0, node)
    if node.op in ("maximum", "minimum"):
        chosen = np.maximum(x, y) if node.op == "maximum" else np.minimum(x, y)
        return _cast(chosen.ravel(), finest, node)
    return _cast((x + y if node.op == "add" else x - y).ravel(), finest, node)
