"""Kinds of single faults: where each can be, and what the hardware does then.

A fault is switched on by one bit, so that one simulation holds many of them, each off unless it is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """A fault of ``kind`` at bit ``bit`` of ``port`` of ``cell``; ``value``: new constant or address."""

    kind: str
    cell: str
    port: str
    bit: int = 0
    value: int = 0

    def text(self, netlist: Netlist) -> str:
        """Where it is: operator and line of the Verilog."""
        cell = netlist.cells[self.cell]
        source: str = cell.get("attributes", {}).get("src", "")
        line = source.split("|")[-1].rpartition("/")[2] or self.cell
        what = {CONSTANT: f" to {self.value}", ENTRY: f" {self.value}"}.get(self.kind, "")
        place = self.port if self.kind in WORDS else f"{self.port}[{self.bit}]"
        return f"{self.kind}{what}, {cell['type'].lstrip('$')}.{place}, {line}"


def _width(cell: Cell, port: str) -> int:
    return len(cell["connections"].get(port, ()))


def _output(cell: Cell) -> str:
    return next(port for port, way in cell["port_directions"].items() if way == "output")


Place = tuple[str, str, tuple[int, ...]]
"""Cell, port, and the bits of its word that something reads."""


def places(netlist: Netlist, kind: str) -> list[Place]:
    """Every place at which a fault of this kind can be; a bit that nothing reads cannot be at fault."""
    read = set(netlist.reading())
    read |= {bit for port in netlist.ports.values() if port["direction"] == "output" for bit in port["bits"]}
    found: list[Place] = []
    for name, cell in netlist.cells.items():
        for port in _ports(cell, kind):
            bits: tuple[int, ...] = tuple(range(_width(cell, port)))
            if cell["port_directions"][port] == "output" or kind == DROPPED:
                seen = cell["connections"]["Q" if kind == DROPPED else port]
                bits = tuple(i for i, bit in enumerate(seen) if bit in read)
            if bits:
                found.append((name, port, bits))
    return found


def _ports(cell: Cell, kind: str) -> Iterator[str]:
    operator, wires = cell["type"], cell["connections"]
    if operator == "$mem_v2":
        if kind == ENTRY:
            yield "RD_DATA"
        return
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
    name, port, readable = place
    cell = netlist.cells[name]
    bit, value = int(rng.choice(readable)), 0
    if kind == CONSTANT:
        bits = cell["connections"][port]
        now = sum(1 << i for i, b in enumerate(bits) if b == "1")
        value = (now + int(rng.choice([-1, 1]))) % (1 << len(bits)) if rng.random() < 0.5 else now ^ 1 << bit
    if kind == ENTRY:
        value = int(rng.integers(int(cell["parameters"]["SIZE"], 2)))
    if kind == SHIFT:
        value = int(rng.integers(2))  # to the left or to the right
    if kind in WORDS:
        bit = 0  # of the whole word
    return Fault(kind, name, port, bit, value)


Change = Callable[[Netlist, Fault, Bit], None]


def inject(netlist: Netlist, fault: Fault, on: Bit) -> None:
    """Put a fault into the netlist that acts while the bit ``on`` is 1 (the text 1: always)."""
    _CHANGES[fault.kind](netlist, fault, on)


def _rewired(netlist: Netlist, fault: Fault) -> tuple[list[Bit], list[Bit]]:
    """The bits that readers see, and new ones that the cell drives in their place."""
    wires = netlist.cells[fault.cell]["connections"]
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


def _net(netlist: Netlist, fault: Fault, on: Bit) -> None:
    seen, driven = _rewired(netlist, fault)
    bit = driven[fault.bit]
    wrong: Bit = {STUCK_0: "0", STUCK_1: "1"}.get(fault.kind) or netlist.unary("$not", [bit], 1)[0]
    made = netlist.mux(on, driven, [*driven[: fault.bit], wrong, *driven[fault.bit + 1 :]])
    _connect(netlist, made, seen)


def _late(netlist: Netlist, fault: Fault, on: Bit) -> None:
    seen, driven = _rewired(netlist, fault)
    _connect(netlist, netlist.mux(on, driven, netlist.register(driven)), seen)


def _constant(netlist: Netlist, fault: Fault, on: Bit) -> None:
    wires = netlist.cells[fault.cell]["connections"]
    new: list[Bit] = ["1" if fault.value >> i & 1 else "0" for i in range(len(wires[fault.port]))]
    wires[fault.port] = netlist.mux(on, wires[fault.port], new)


def _swapped(netlist: Netlist, fault: Fault, on: Bit) -> None:
    cell = netlist.cells[fault.cell]
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


def _entry(netlist: Netlist, fault: Fault, on: Bit) -> None:
    cell = netlist.cells[fault.cell]
    data, width = int(cell["parameters"]["WIDTH"], 2), int(cell["parameters"]["ABITS"], 2)
    port = fault.bit // data
    address = cell["connections"]["RD_ADDR"][port * width : (port + 1) * width]
    place: list[Bit] = ["1" if fault.value >> i & 1 else "0" for i in range(width)]
    here = netlist.binary("$eq", address, place, 1)
    wrong = netlist.binary("$and", here, [on], 1)
    seen, driven = _rewired(netlist, fault)
    flipped = netlist.binary("$xor", [driven[fault.bit]], wrong, 1)
    # a mux of one bit lets the other bits pass as they are
    made = netlist.mux("1", driven, [*driven[: fault.bit], flipped[0], *driven[fault.bit + 1 :]])
    _connect(netlist, made, seen)


def _shift(netlist: Netlist, fault: Fault, on: Bit) -> None:
    wires = netlist.cells[fault.cell]["connections"]
    word: list[Bit] = wires[fault.port]
    shifted: list[Bit] = ["0", *word[:-1]] if fault.value else [*word[1:], "0"]
    wires[fault.port] = netlist.mux(on, word, shifted)


def _dropped(netlist: Netlist, fault: Fault, on: Bit) -> None:
    wires = netlist.cells[fault.cell]["connections"]
    word: list[Bit] = wires[fault.port]
    wires[fault.port] = netlist.mux(on, word, [*word[: fault.bit], "0", *word[fault.bit + 1 :]])


_CHANGES: dict[str, Change] = {
    **dict.fromkeys((STUCK_0, STUCK_1, INVERTED), _net),
    **{LATE: _late, CONSTANT: _constant, SWAPPED: _swapped, ENTRY: _entry, SHIFT: _shift, DROPPED: _dropped},
}
