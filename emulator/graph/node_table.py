"""The nodes of a graph as a table of texts, for screens, notebooks and JSON."""

from __future__ import annotations

from l1forge.emulator.graph.graph import Graph

HEADINGS = ("node", "operation", "shape", "type")


def node_rows(graph: Graph) -> list[tuple[str, ...]]:
    """The cells of ``HEADINGS`` for every node, in the graph's order."""
    return [(node.name, node.op, "×".join(map(str, node.shape)), str(node.type)) for node in graph.nodes]


def node_records(graph: Graph) -> list[dict[str, str]]:
    """The same rows, each by its headings."""
    return [dict(zip(HEADINGS, row, strict=True)) for row in node_rows(graph)]
