"""The pins of look-up tables chosen by arrival: what a placer does and Yosys leaves undone.

The inputs of a look-up table are interchangeable if its contents are permuted with them, but their delays are
not the same (127 to 642 ps in Yosys' library). ABC counts on the latest signal taking the fastest pin and
then writes them in any order. The netlist is changed here accordingly, in Yosys' JSON form.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import Any

Arcs = dict[str, dict[tuple[str, int], list[tuple[str, int, int]]]]
"""Cell type -> (output port, bit) -> [(input port, bit, ps)]."""

MODULE = re.compile(r"^module (\w+)\b.*?^endmodule", re.MULTILINE | re.DOTALL)
ARC = re.compile(r"^\s*\((\w+)(?:\[(\d+)\])?\s*=>\s*(\w+)(?:\[(\d+)\])?\)\s*=\s*(\d+);", re.MULTILINE)
CLOCK_TO_OUTPUT = re.compile(r"\(posedge \w+ => \((\w+)\s*:[^)]*\)\)\s*=\s*(\d+);")
TABLE = re.compile(r"LUT([2-6])")


def timing_arcs(library: str) -> Arcs:
    """The combinational delays of every cell in a Verilog library with specify blocks, ps."""
    arcs: Arcs = {}
    for module in MODULE.finditer(library):
        cell: dict[tuple[str, int], list[tuple[str, int, int]]] = {}
        for source, bit, sink, out, delay in ARC.findall(module[0]):
            cell.setdefault((sink, int(out or 0)), []).append((source, int(bit or 0), int(delay)))
        for sink, delay in CLOCK_TO_OUTPUT.findall(module[0]):
            cell.setdefault((sink, 0), []).append(("", 0, int(delay)))
        arcs[module[1]] = cell
    return arcs


def choose_pins(netlist: dict[str, Any], top: str, arcs: Arcs) -> int:
    """Permute the pins of every look-up table of ``netlist`` (Yosys' JSON, changed in place).

    Returns how many tables were changed.
    """
    cells = netlist["modules"][top]["cells"]
    drivers = {
        bit: name
        for name, cell in cells.items()
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "output"
        for bit in bits
    }
    order: TopologicalSorter[str] = TopologicalSorter()
    for name, cell in cells.items():
        ports = {source for arc in arcs.get(cell["type"], {}).values() for source, _, _ in arc if source}
        order.add(
            name,
            *(drivers[bit] for port in ports for bit in cell["connections"].get(port, ()) if bit in drivers),
        )
    arrival: dict[Any, int] = {}
    changed = 0
    for name in order.static_order():
        cell = cells[name]
        connections, known = cell["connections"], arcs.get(cell["type"], {})
        if TABLE.fullmatch(cell["type"]):
            changed += _permute(cell, known["O", 0], arrival)
        for (port, out), sources in known.items():
            bits = connections.get(port, ())
            if out < len(bits):
                arrival[bits[out]] = max(
                    delay + (arrival.get(connections[source][bit], 0) if source else 0)
                    for source, bit, delay in sources
                    if not source or bit < len(connections.get(source, ()))
                )
    return changed


def _permute(cell: dict[str, Any], arcs: list[tuple[str, int, int]], arrival: dict[Any, int]) -> bool:
    """Give the latest input the fastest pin; whether anything moved."""
    connections = cell["connections"]
    slowest_first = [pin for _, pin in sorted((-delay, pin) for pin, _, delay in arcs)]
    earliest_first = sorted(slowest_first, key=lambda pin: arrival.get(connections[pin][0], 0))
    if earliest_first == slowest_first:
        return False
    taken = dict(zip(slowest_first, earliest_first, strict=True))  # new pin -> the pin its signal had
    size = len(arcs)
    contents = cell["parameters"]["INIT"][::-1]
    moved = [
        contents[sum((index >> new & 1) << int(taken[f"I{new}"][1:]) for new in range(size))]
        for index in range(1 << size)
    ]
    cell["parameters"]["INIT"] = "".join(moved)[::-1]
    connections.update({new: connections[old] for new, old in taken.items()})
    return True
