"""The fixed-point graph: the one description of a circuit, from which emulator, RTL and reports derive.

A graph is a list of nodes in topological order. Every node produces one tensor of integers with an exact
fixed-point type. ``docs/graph.md`` is the contract for the arithmetic of each operation;
``emulator.graph.operations`` lists the operations, ``emulator.graph.reference`` evaluates them slowly and
literally.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.node import Constant, Node
from l1forge.emulator.graph.operations import check_node
from l1forge.emulator.graph.text import entry_of, node_text, read_node
from l1forge.emulator.json_text import parse_json

__all__ = ["Constant", "Graph", "Node"]

FORMAT = "l1forge-graph"
VERSION = 1
_NAME = re.compile(r"\w[-\w.]*", re.ASCII)
"""Names of graphs become names of folders and modules."""
MOST_NODES, MOST_ELEMENTS, MOST_AXES = 50_000, 500_000, 16
"""Of one graph: nodes, elements of all tensors together, axes of one tensor (docs/graph.md)."""


@dataclass
class Graph:
    """Nodes in topological order, the names of the results, and free-form notes (JSON) in ``meta``.

    Raises
    ------
    InputError
        From ``check`` (called by the constructor) for unknown operations, missing weights, unresolved
        names, duplicate names, shapes that do not fit.

    Examples
    --------
    >>> import l1forge
    >>> graph = l1forge.Graph.load(l1forge.load_graph("vae").file)
    >>> [(node.name, node.shape, str(node.type)) for node in graph.inputs]
    [('x', (21,), 'ufixed<12,12>')]
    """

    name: str
    nodes: list[Node]
    outputs: list[str]
    meta: dict[str, Any] = field(default_factory=dict)
    file: str | None = None

    def __post_init__(self) -> None:
        self.check()

    def __getitem__(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    @property
    def inputs(self) -> list[Node]:
        """The nodes that the values come from, in the graph's order."""
        return [node for node in self.nodes if node.op == "input"]

    def check(self) -> None:
        """Verify that every node is a known operation with all it needs; see the class for errors."""
        self._check_size()
        seen: dict[str, Node] = {}
        for node in self.nodes:
            if node.name in seen:
                raise InputError("two nodes have this name", file=self.file, field="name", value=node.name)
            for name in node.inputs:
                if name not in seen:
                    raise InputError(
                        "input is not the name of an earlier node",
                        file=self.file,
                        field=f"node {node.name}: inputs",
                        value=name,
                        remedy="list nodes in topological order",
                    )
            check_node(node, [seen[name] for name in node.inputs], self.file)
            seen[node.name] = node
        if not self.outputs:
            raise InputError("graph has no outputs", file=self.file, field="outputs", remedy="name a node")
        for name in self.outputs:
            if name not in seen:
                raise InputError("output is not a node", file=self.file, field="outputs", value=name)
        twice = [name for name in self.outputs if self.outputs.count(name) > 1]
        if twice:
            raise InputError("output is listed twice", file=self.file, field="outputs", value=twice[0])

    def _check_size(self) -> None:
        """What is beyond every level-1 algorithm is refused before anything of that size is made."""
        if len(self.nodes) > MOST_NODES:
            raise InputError(
                "too many nodes for a graph",
                file=self.file,
                field="nodes",
                value=len(self.nodes),
                remedy=f"at most {MOST_NODES:,}",
            )
        total = 0
        for node in self.nodes:
            total += node.size
            if len(node.shape) > MOST_AXES or total > MOST_ELEMENTS:
                raise InputError(
                    "too large for a graph",
                    file=self.file,
                    field=f"node {node.name}: shape",
                    value=list(node.shape),
                    remedy=f"at most {MOST_AXES} axes, and {MOST_ELEMENTS:,} elements in all nodes together",
                )

    def subgraph(self, outputs: Iterable[str]) -> Graph:
        """The part that the given outputs need (inputs keep their full shape)."""
        wanted = list(outputs)
        needed = set(wanted)
        for name in needed - {node.name for node in self.nodes}:
            raise InputError(
                "the graph has no such output",
                file=self.file,
                field="outputs",
                value=name,
                remedy=f"it has {', '.join(self.outputs)}",
            )
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        nodes = [node for node in self.nodes if node.name in needed]
        return Graph(self.name, nodes, wanted, dict(self.meta), self.file)

    def to_json(self) -> str:
        """The text form; arrays one row a line so that it diffs well."""
        lines = [
            "{",
            f' "format": "{FORMAT}", "version": {VERSION},',
            f' "name": {json.dumps(self.name)},',
            f' "meta": {json.dumps(self.meta, sort_keys=True)},',
            f' "outputs": {json.dumps(self.outputs)},',
            ' "nodes": [',
            ",\n".join(node_text(node) for node in self.nodes),
            " ]",
            "}",
            "",
        ]
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write the text form atomically."""
        write_text(path, self.to_json())

    @staticmethod
    def load(path: str | Path) -> Graph:
        """Read a graph file.

        Raises
        ------
        InputError
            If the file is missing, is not JSON, has another format or version, or describes no valid graph.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read graph: {error}", file=path, remedy="give a graph file") from error
        return Graph.from_json(text, str(path))

    @staticmethod
    def from_json(text: str, file: str | None = None) -> Graph:
        """Parse the text form; ``file`` is used in error messages."""
        try:
            document = parse_json(text)
        except json.JSONDecodeError as error:
            raise InputError(
                f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
                file=file,
                remedy="export the model again",
            ) from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError("is not a graph file", file=file, field="format", remedy=f'expected "{FORMAT}"')
        if document.get("version") != VERSION:
            raise InputError(
                "version is not supported",
                file=file,
                field="version",
                value=document.get("version"),
                remedy=f"this program reads version {VERSION}; export the model again",
            )
        nodes = [
            read_node(entry, i, file)
            for i, entry in enumerate(entry_of(document, "nodes", list, "graph", file))
        ]
        outputs = entry_of(document, "outputs", list, "graph", file)
        if not all(isinstance(name, str) for name in outputs):
            raise InputError("outputs must be node names", file=file, field="outputs", value=outputs)
        name, meta = entry_of(document, "name", str, "graph", file), document.get("meta") or {}
        if not _NAME.fullmatch(name):
            raise InputError(
                "is not a name", file=file, field="name", value=name, remedy="letters, digits, _, - and ."
            )
        if not isinstance(meta, dict):
            raise InputError("notes must be an object", file=file, field="meta", value=meta)
        return Graph(name, nodes, outputs, meta, file)
