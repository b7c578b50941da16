"""Kinds of single faults: where each can be, and what the hardware does then.

A fault is switched on by one bit, so that one simulation holds many of them, each off unless it is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from l1forge.testbench.faults.netlist import REGISTERS, Bit, Cell, Netlist

STUCK_0, STUCK_1, INVERTED = "stuck at 0", "stuck at 1", "inverted"
CONSTANT, LATE, SWAPPED = "changed constant", "one clock late", "swapped operands"
ENTRY, SHIFT, DROPPED = "wrong table entry", "wrong shift", "dropped register bit"
KINDS = (STUCK_0, STUCK_1, INVERTED, CONSTANT, LATE, SWAPPED, ENTRY, SHIFT, DROPPED)
WORDS = (CONSTANT, LATE, SWAPPED, SHIFT)
"""Kinds that are about a whole word."""
ORDERED = ("$sub", "$lt", "$le", "$gt", "$ge", "$mux")
"""Operators whose result depends on the order of A and B."""
NUMERIC = ("$add", "$sub", "$mul", "$lt", "$le", "$gt", "$ge", "$neg", "$shl", "$shr", "$sshl", "$sshr")
WITH_CONSTANTS = (*NUMERIC, "$eq", "$ne", "$mux", "$and", "$or", "$xor", "$logic_and", "$logic_or")


@dataclass(frozen=True)
class Fault:
    """A fault of ``kind`` at bit ``bit`` of ``port``; ``value``: changed bits or address.

    ``cells``: the copies of one place of the Verilog, which a loop repeats; the fault is in all of them.
    """

    kind: str
    cells: tuple[str, ...]
    port: str
    bit: int = 0
    value: int = 0

    def text(self, netlist: Netlist) -> str:
        """Where it is: operator and line of the Verilog."""
        cell = netlist.cells[self.cells[0]]
        source: str = cell.get("attributes", {}).get("src", "")
        line = source.split("|")[-1].rpartition("/")[2] or self.cells[0]
        line += f" ({len(self.cells)} copies)" if len(self.cells) > 1 else ""
        what = f" {self.value}" if self.kind == ENTRY else ""
        if self.kind == CONSTANT:
            bits = cell["connections"][self.port]
            what = f" to {sum(1 << i for i, bit in enumerate(bits) if bit == '1') ^ self.value}"
        place = self.port if self.kind in WORDS else f"{self.port}[{self.bit}]"
        return f"{self.kind}{what}, {cell['type'].lstrip('$')}.{place}, {line}"


def _width(cell: Cell, port: str) -> int:
    return len(cell["connections"].get(port, ()))


def _output(cell: Cell) -> str:
    return next(port for port, way in cell["port_directions"].items() if way == "output")


Place = tuple[tuple[str, ...], str, tuple[int, ...]]
"""The copies of a cell, port, and the bits of its word that something reads."""


def places(netlist: Netlist, kind: str, copies: bool = True) -> list[Place]:
    """Every place at which a fault of this kind can be; a bit that nothing reads cannot be at fault.

    ``copies``: what a loop of the Verilog repeats is one place; otherwise each of its copies is one.
    """
    read = set(netlist.reading())
    read |= {bit for port in netlist.ports.values() if port["direction"] == "output" for bit in port["bits"]}
    named = {b: n for n, e in netlist.names.items() if not e.get("hide_name") for b in e["bits"]}
    groups: dict[tuple[str, ...], tuple[list[str], set[int]]] = {}
    for name, cell in netlist.cells.items():
        for port in _ports(cell, kind):
            bits = set(range(_width(cell, port)))
            if cell["port_directions"][port] == "output" or kind == DROPPED:
                seen = cell["connections"]["Q" if kind == DROPPED else port]
                bits = {i for i, bit in enumerate(seen) if bit in read}
            if bits:
                key = _line(name, cell, named, netlist.repeated) if copies else (name,)
                cells, together = groups.setdefault((*key, port), ([], set()))
                cells.append(name)
                together |= bits
    return [(tuple(cells), key[-1], tuple(sorted(bits))) for key, (cells, bits) in groups.items()]


def _line(name: str, cell: Cell, named: Mapping[Bit, str], repeated: frozenset[str]) -> tuple[str, ...]:
    """What the copies of a cell have in common: instance, line and operator; of a register its name.

    A loop of the Verilog repeats a line; instances of a module are places of their own, but for ``repeated``.
    """
    source = cell.get("attributes", {}).get("src", name)
    everywhere = source.split(":")[0].rpartition("/")[2] in repeated
    if cell["type"] in REGISTERS:
        held = next((named[bit] for bit in cell["connections"]["Q"] if bit in named), name)
        if everywhere:
            held = source.split(":")[0] + held.rpartition(".")[2]
        return (re.sub(r"\[\d+\]", "[]", held), cell["parameters"]["WIDTH"])
    widths = [value for key, value in sorted(cell["parameters"].items()) if key.endswith("WIDTH")]
    constants = ["".join(map(str, b)) for b in cell["connections"].values() if set(b) <= {"0", "1"}]
    instance = "" if everywhere else re.sub(r"\[\d+\]", "[]", name.rpartition(".$")[0])
    return (instance, source, cell["type"], *widths, *constants)


def _ports(cell: Cell, kind: str) -> Iterator[str]:
    operator, wires = cell["type"], cell["connections"]
    if operator == "$mem_v2":
        if kind == ENTRY and not int(cell["parameters"]["WR_PORTS"], 2):  # what is written is no table
            yield "RD_DATA"
        return
    if not operator.startswith("$"):
        return  # a part whose logic is not looked at
    if kind in (STUCK_0, STUCK_1, INVERTED, LATE):
        yield _output(cell)
    elif kind == CONSTANT and operator in WITH_CONSTANTS:
        for port in ("A", "B"):
            if wires.get(port) and all(bit in ("0", "1") for bit in wires[port]):
                yield port
    elif kind == SWAPPED and operator in ORDERED:
        if wires["A"] != wires["B"]:
            yield "A"
    elif kind == SHIFT and operator in NUMERIC:
        for port in ("A", "B"):
            if _width(cell, port) > 1 and any(isinstance(bit, int) for bit in wires[port]):
                yield port
    elif kind == DROPPED and operator in REGISTERS:
        yield "D"


def draw(netlist: Netlist, kind: str, place: Place, rng: np.random.Generator) -> Fault:
    """A fault of a kind at a place: which bit, which new value."""
    names, port, readable = place
    cell = netlist.cells[names[0]]
    bit, value = int(rng.choice(readable)), 0
    if kind == CONSTANT:
        bits = cell["connections"][port]
        now = sum(1 << i for i, b in enumerate(bits) if b == "1")
        beside = (now + int(rng.choice([-1, 1]))) % (1 << len(bits))
        value = now ^ beside if rng.random() < 0.5 else 1 << bit
    if kind == ENTRY:
        bit %= int(cell["parameters"]["WIDTH"], 2)
        value = int(rng.integers(int(cell["parameters"]["SIZE"], 2)))
    if kind == SHIFT:
        value = int(rng.integers(2))  # to the left or to the right
    if kind in WORDS:
        bit = 0  # of the whole word
    return Fault(kind, names, port, bit, value)


Change = Callable[[Netlist, Fault, str, Bit], None]


def inject(netlist: Netlist, fault: Fault, on: Bit) -> None:
    """Put a fault into the netlist that acts while the bit ``on`` is 1 (the text 1: always)."""
    for cell in fault.cells:
        _CHANGES[fault.kind](netlist, fault, cell, on)


def _rewired(netlist: Netlist, fault: Fault, name: str) -> tuple[list[Bit], list[Bit]]:
    """The bits that readers see, and new ones that the cell drives in their place."""
    wires = netlist.cells[name]["connections"]
    seen = list(wires[fault.port])
    wires[fault.port] = netlist.fresh(len(seen))
    return seen, list(wires[fault.port])


def _connect(netlist: Netlist, made: list[Bit], seen: list[Bit]) -> None:
    """Let the cells that drive ``made`` drive ``seen``."""
    change = dict(zip(made, seen, strict=True))
    for cell in reversed(netlist.cells.values()):
        wires = cell["connections"]
        output = _output(cell)
        if any(bit in change for bit in wires[output]):
            wires[output] = [change.get(bit, bit) for bit in wires[output]]
            return
    raise AssertionError("no cell drives these bits")


def _bit(netlist: Netlist, name: str, port: str, bit: int, operator: str, with_: Bit) -> None:
    """Let readers of one output bit see ``bit (operator) with_``.

    One operator that reads the bit once: Verilator copies what it puts in the place of a net, so that a
    multiplexer, which reads it twice, would double the design with every fault on a way.
    """
    wires = netlist.cells[name]["connections"][port]
    seen = wires[bit]
    (wires[bit],) = netlist.fresh()
    netlist.binary(operator, [wires[bit]], [with_], 1)
    netlist.cells[next(reversed(netlist.cells))]["connections"]["Y"] = [seen]


def _net(netlist: Netlist, fault: Fault, name: str, on: Bit) -> None:
    if fault.kind == STUCK_0:
        _bit(netlist, name, fault.port, fault.bit, "$and", netlist.unary("$not", [on], 1)[0])
    else:
        _bit(netlist, name, fault.port, fault.bit, "$or" if fault.kind == STUCK_1 else "$xor", on)


def _late(netlist: Netlist, fault: Fault, name: str, on: Bit) -> None:
    seen, driven = _rewired(netlist, fault, name)
    _connect(netlist, netlist.mux(on, driven, netlist.register(driven)), seen)


def _constant(netlist: Netlist, fault: Fault, name: str, on: Bit) -> None:
    wires = netlist.cells[name]["connections"]
    word = list(wires[fault.port])
    for place, bit in enumerate(word):
        if fault.value >> place & 1:  # another fault may have changed the bit before
            simple = {"0": on, "1": netlist.unary("$not", [on], 1)[0]}
            word[place] = simple[bit] if bit in ("0", "1") else netlist.binary("$xor", [bit], [on], 1)[0]
    wires[fault.port] = word


def _swapped(netlist: Netlist, fault: Fault, name: str, on: Bit) -> None:
    cell = netlist.cells[name]
    wires, parameters = cell["connections"], cell["parameters"]
    words = []
    width = max(len(wires["A"]), len(wires["B"]))
    for port in ("A", "B"):
        signed = int(str(parameters.get(f"{port}_SIGNED", "0")), 2)
        fill = wires[port][-1] if signed else "0"
        words.append([*wires[port], *[fill] * (width - len(wires[port]))])
    wires["A"] = netlist.mux(on, words[0], words[1])
    wires["B"] = netlist.mux(on, words[1], words[0])
    for port in ("A", "B"):
        if f"{port}_WIDTH" in parameters:
            parameters[f"{port}_WIDTH"] = format(width, "032b")


def _entry(netlist: Netlist, fault: Fault, name: str, on: Bit) -> None:
    cell = netlist.cells[name]
    data, width = int(cell["parameters"]["WIDTH"], 2), int(cell["parameters"]["ABITS"], 2)
    place: list[Bit] = ["1" if fault.value >> i & 1 else "0" for i in range(width)]
    for port in range(int(cell["parameters"]["RD_PORTS"], 2)):
        address = cell["connections"]["RD_ADDR"][port * width : (port + 1) * width]
        wrong = netlist.binary("$and", netlist.binary("$eq", address, place, 1), [on], 1)
        _bit(netlist, name, "RD_DATA", port * data + fault.bit, "$xor", wrong[0])


def _shift(netlist: Netlist, fault: Fault, name: str, on: Bit) -> None:
    wires = netlist.cells[name]["connections"]
    word: list[Bit] = wires[fault.port]
    shifted: list[Bit] = ["0", *word[:-1]] if fault.value else [*word[1:], "0"]
    wires[fault.port] = netlist.mux(on, word, shifted)


def _dropped(netlist: Netlist, fault: Fault, name: str, on: Bit) -> None:
    wires = netlist.cells[name]["connections"]
    kept = netlist.unary("$not", [on], 1)
    word = list(wires[fault.port])
    word[fault.bit] = netlist.binary("$and", [word[fault.bit]], kept, 1)[0]
    wires[fault.port] = word


_CHANGES: dict[str, Change] = {
    **dict.fromkeys((STUCK_0, STUCK_1, INVERTED), _net),
    **{LATE: _late, CONSTANT: _constant, SWAPPED: _swapped, ENTRY: _entry, SHIFT: _shift, DROPPED: _dropped},
}
