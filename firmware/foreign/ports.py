"""The port list of a foreign top module: `ports.yaml`, as docs/cosim.md describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path

from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.menu.language.yaml_tree import Item, read_yaml

KEYS = ("clock", "reset", "constants", "open", "valid_out", "latency", "inputs", "outputs")
LATENCIES = range(0, 4097)


@dataclass(frozen=True)
class Words:
    """How the elements of a node lie on ports: each on a port of its own, or all in one vector.

    ``width``: bits of an element. ``first_low``: of a vector, whether element 0 has the lowest bits.
    """

    ports: tuple[str, ...]
    width: int
    vector: bool
    first_low: bool = True


@dataclass(frozen=True)
class PortMap:
    """Ports of a foreign top module.

    ``clock`` None: no registers. ``reset_low``: active when 0. ``constants``: inputs held at a number.
    ``unused``: outputs that nothing reads (``open`` in the file).
    ``valid_out``: output that is 1 with every result; None: there is none. ``latency``: clocks from the edge
    that samples an input to the edge that samples its result; None: not known.
    """

    file: Path
    clock: str | None
    reset: str | None
    reset_low: bool
    constants: dict[str, int]
    unused: tuple[str, ...]
    valid_out: str | None
    latency: int | None
    inputs: dict[str, Words]
    outputs: dict[str, Words]


def read_ports(path: str | Path, graph: Graph) -> PortMap:
    """Read a port list and compare it with the inputs and outputs of ``graph``.

    Raises
    ------
    InputError
        If the file is malformed, or its inputs and outputs are not those of the graph; names line and column.
    """
    root = read_yaml(Path(path))
    table = root.mapping(KEYS)
    for key in ("inputs", "outputs"):
        if key not in table:
            raise root.error(f"the list has no {key}", remedy="see docs/cosim.md")
    latency = table["latency"].integer() if "latency" in table else None
    if latency is not None and latency not in LATENCIES:
        raise table["latency"].error("is not a number of clocks", value=latency, remedy="0 .. 4096")
    reset, low = None, False
    if "reset" in table:
        entry = table["reset"]
        if isinstance(entry.value, dict):
            rows = entry.mapping(("port", "active"))
            if "port" not in rows:
                raise entry.error("the reset has no port", remedy="{port: rst_n, active: low}")
            reset, active = _name(rows["port"]), rows["active"].text() if "active" in rows else "high"
            if active not in ("high", "low"):
                raise rows["active"].error("is neither high nor low", value=active)
            low = active == "low"
        else:
            reset = _name(entry)
    constants = {}
    for name, item in (table["constants"].mapping() if "constants" in table else {}).items():
        constants[name] = item.integer()
        if constants[name] < 0:
            raise item.error("is not a number from 0 up", value=constants[name])
    found = PortMap(
        Path(path),
        _name(table["clock"]) if "clock" in table else None,
        reset,
        low,
        constants,
        tuple(map(_name, table["open"].items())) if "open" in table else (),
        _name(table["valid_out"]) if "valid_out" in table else None,
        latency,
        _words(table["inputs"], list(graph.inputs)),
        _words(table["outputs"], [graph[name] for name in graph.outputs]),
    )
    _all_different(root, found)
    return found


def _words(item: Item, nodes: list[Node]) -> dict[str, Words]:
    """The ports of each node."""
    given, names = item.mapping(), [node.name for node in nodes]
    for name, entry in given.items():
        if name not in names:
            raise entry.error("the graph has no such node", value=name, remedy=f"it has {', '.join(names)}")
    found = {}
    for node in nodes:
        if node.name not in given:
            raise item.error("a node of the graph is missing", value=node.name, remedy=f"{node.name}: PORT")
        found[node.name] = _of_node(given[node.name], node)
    return found


def _of_node(item: Item, node: Node) -> Words:
    elements, width, low = prod(node.shape), node.type.width, True
    value = item
    if isinstance(item.value, dict):
        rows = item.mapping(("port", "ports", "width", "first"))
        if ("port" in rows) == ("ports" in rows):
            raise item.error("one of port and ports is expected", remedy="port: one vector; ports: one each")
        value = rows["port"] if "port" in rows else rows["ports"]
        if "width" in rows:
            width = rows["width"].integer()
            if not node.type.width <= width <= 4096:
                raise rows["width"].error(
                    f"is not a width of an element of {node.type}",
                    value=width,
                    remedy=f"{node.type.width} or more",
                )
        if "first" in rows:
            first = rows["first"].text()
            if first not in ("low", "high"):
                raise rows["first"].error("is neither low nor high", value=first)
            low = first == "low"
    if isinstance(value.value, list):
        ports = tuple(_name(entry) for entry in value.items())
        if len(ports) != elements:
            raise value.error(f"{node.name} has {elements} elements", value=f"{len(ports)} ports")
        return Words(ports, width, False)
    return Words((_name(value),), width, elements > 1, low)


def _name(item: Item) -> str:
    name = item.text()
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name):
        raise item.error("is not the name of a port", value=name)
    return name


def _all_different(root: Item, found: PortMap) -> None:
    control = [name for name in (found.clock, found.reset, found.valid_out) if name]
    words = [port for w in (*found.inputs.values(), *found.outputs.values()) for port in w.ports]
    names = [*control, *found.constants, *found.unused, *words]
    for name in names:
        if names.count(name) > 1:
            raise root.error("a port is named twice", value=name, remedy="give each port one use")
