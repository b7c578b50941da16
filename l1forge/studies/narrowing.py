"""A graph with fewer bits and weights: low bits of inputs, weights and tables cleared, small weights pruned.

Types stay as they are, so that every graph stays valid; bits that are always zero cost no logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node

LEAST_BITS = 2
MOST_PRUNED = 0.95
WEIGHTS, TABLES, INPUTS, PRUNED = "weight_bits", "table_bits", "input_bits", "pruned"


def space_of(graph: Graph) -> dict[str, tuple[Any, ...]]:
    """What can be narrowed and how far: bits of weights, tables and inputs, share of pruned weights."""
    space: dict[str, tuple[Any, ...]] = {}
    for name, kept in ((WEIGHTS, _of(graph, "dense", "weight")), (TABLES, _of(graph, "table", "table"))):
        most = max((_bits(constant) for constant in kept), default=0)
        if most > LEAST_BITS:
            space[name] = (LEAST_BITS, most)
    if WEIGHTS in space:
        space[PRUNED] = (0.0, MOST_PRUNED)
    widest = max((node.type.width for node in graph.inputs), default=0)
    if widest > LEAST_BITS:
        space[INPUTS] = (LEAST_BITS, widest)
    return space


def narrowed(graph: Graph, settings: Mapping[str, Any]) -> Graph:
    """``graph`` with the ``settings`` of ``space_of``; those that are missing change nothing."""
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        node = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        if node.op == "dense" and (WEIGHTS in settings or PRUNED in settings):
            weight = _pruned(node.constants["weight"], float(settings.get(PRUNED, 0.0)))
            node = _with(node, "weight", _coarser(weight, settings.get(WEIGHTS)))
        elif node.op == "table" and TABLES in settings:
            node = _with(node, "table", _coarser(node.constants["table"], settings[TABLES]))
        nodes.append(node)
        drop = node.type.width - int(settings.get(INPUTS, node.type.width))
        if node.op == "input" and drop > 0:
            kind = node.type
            coarse = FixedType(kind.width - drop, kind.integer, kind.signed)
            names = [f"{node.name}.coarse", f"{node.name}.narrowed"]
            nodes.append(Node(names[0], "cast", (node.name,), node.shape, coarse))
            nodes.append(Node(names[1], "cast", (names[0],), node.shape, kind))
            renamed[node.name] = names[1]
    outputs = [renamed.get(name, name) for name in graph.outputs]
    return Graph(graph.name, nodes, outputs, {"narrowed": dict(settings)})


def _of(graph: Graph, op: str, name: str) -> list[Constant]:
    return [node.constants[name] for node in graph.nodes if node.op == op]


def _bits(constant: Constant) -> int:
    """Bits of the largest magnitude."""
    return int(np.abs(constant.data).max(initial=0)).bit_length()


def _with(node: Node, name: str, constant: Constant) -> Node:
    return replace(node, constants={**node.constants, name: constant})


def _coarser(constant: Constant, bits: int | None) -> Constant:
    """Rounded (half up) to multiples that leave ``bits`` bits of the largest magnitude, inside the type."""
    step = 1 << max(_bits(constant) - (bits or 64), 0)
    if step == 1:
        return constant
    low, high = -(-constant.type.minimum // step), constant.type.maximum // step
    rounded: NDArray[np.int64] = np.clip((constant.data + step // 2) // step, low, high) * step
    return Constant(constant.type, rounded)


def _pruned(constant: Constant, share: float) -> Constant:
    """The smallest ``share`` of the weights that are not zero set to zero."""
    size = np.abs(constant.data)
    alive = np.sort(size[size > 0])
    count = int(share * len(alive))
    if not count:
        return constant
    return Constant(constant.type, np.where(size > alive[count - 1], constant.data, 0))
