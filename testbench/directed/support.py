"""Which input elements every element of a graph can depend on, by its structure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph, Node

Support = NDArray[np.bool_]  # (elements of the node, elements of all inputs)


def supports(graph: Graph) -> dict[str, Support]:
    """Node name to a matrix: may this element (row) depend on that input element (column)?"""
    count = sum(node.size for node in graph.inputs)
    found: dict[str, Support] = {}
    first = 0
    for node in graph.nodes:
        if node.op == "input":
            found[node.name] = np.eye(node.size, count, first, dtype=bool)
            first += node.size
        elif node.op == "constant":
            found[node.name] = np.zeros((node.size, count), bool)
        else:
            found[node.name] = _combined(graph, node, [found[name] for name in node.inputs])
    return found


def _combined(graph: Graph, node: Node, sources: list[Support]) -> Support:
    shapes = [graph[name].shape for name in node.inputs]
    whole = sources[0]
    if node.op == "take":
        return whole[node.attributes["index"]]
    if node.op == "concatenate":
        starts = np.cumsum([0] + [len(source) for source in sources])
        parts = [
            start + np.arange(len(source)).reshape(shape)
            for start, source, shape in zip(starts, sources, shapes, strict=False)
        ]
        return np.concatenate(sources)[np.concatenate(parts, axis=node.attributes["axis"]).ravel()]
    if node.op == "dense":
        used = node.constants["weight"].data != 0
        places = whole.reshape(-1, used.shape[0], whole.shape[1]).astype(np.int64)
        return (np.einsum("pic,io->poc", places, used.astype(np.int64)) > 0).reshape(-1, whole.shape[1])
    if node.op in ("sum", "argmax", "tree_ensemble"):
        return np.broadcast_to(whole.any(axis=0), (node.size, whole.shape[1]))
    if len(sources) == 2:
        rows = [
            np.broadcast_to(np.arange(len(source)).reshape(shape), node.shape).ravel()
            for source, shape in zip(sources, shapes, strict=True)
        ]
        return sources[0][rows[0]] | sources[1][rows[1]]
    return whole  # element by element
