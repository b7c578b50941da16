"""Outputs of a graph under names that menus and tables can use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph, Node

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
NETWORK = "network_outputs"
"""Key of ``meta``: the nodes that the network itself gives, where elements of them became outputs."""


def name_outputs(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph with its outputs called ``names``, in order.

    As many names as outputs: each gets another name. As many as there are elements in all outputs together:
    each element becomes an output of its own, as a menu needs it.

    Raises
    ------
    InputError
        If a name is no identifier, occurs twice or is that of another node, or there are too many or too few.
    """
    sizes = [graph[name].size for name in graph.outputs]
    for place, name in enumerate(names):
        if not NAME.fullmatch(name):
            raise InputError("is not a name", field="--name", value=name, remedy="letters, digits and _")
        if name in names[:place]:
            raise InputError("occurs twice", field="--name", value=name)
    if len(names) == len(sizes):
        return _renamed(graph, dict(zip(graph.outputs, names, strict=True)))
    if len(names) != sum(sizes):
        told = ", ".join(f"{name} ({size})" for name, size in zip(graph.outputs, sizes, strict=True))
        raise InputError(
            f"{len(names)} names for {told}",
            field="--name",
            value=",".join(names),
            remedy=f"give {len(sizes)}, one for each output, or {sum(sizes)}, one for each element",
        )
    _free(graph, names, set())
    elements = [(output, i) for output, size in zip(graph.outputs, sizes, strict=True) for i in range(size)]
    taken = [
        Node(name, "take", (output,), (1,), graph[output].type, {"index": [i]}, {})
        for name, (output, i) in zip(names, elements, strict=True)
    ]
    meta = {**graph.meta, NETWORK: list(graph.outputs)}
    return Graph(graph.name, [*graph.nodes, *taken], list(names), meta, graph.file)


def _renamed(graph: Graph, names: dict[str, str]) -> Graph:
    _free(graph, [*names.values()], set(names))
    nodes = [
        replace(
            node,
            name=names.get(node.name, node.name),
            inputs=tuple(names.get(name, name) for name in node.inputs),
        )
        for node in graph.nodes
    ]
    return Graph(graph.name, nodes, [names[name] for name in graph.outputs], dict(graph.meta), graph.file)


def _free(graph: Graph, names: Sequence[str], renamed: set[str]) -> None:
    for node in graph.nodes:
        if node.name in names and node.name not in renamed:
            raise InputError(
                f"is the name of another node ({node.op})",
                field="--name",
                value=node.name,
                remedy="choose another",
            )
