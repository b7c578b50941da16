"""A design as Yosys reads it: one flat module of words and operators, before any optimisation.

The form is Yosys' JSON: every bit of every net has a number, constants are the texts 0, 1 and x.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l1forge.firmware.rtl.project import RtlProject
from l1forge.firmware.synth import passes

Bit = int | str
Cell = dict[str, Any]
READ = """\
read_verilog -defer {options} {files}
hierarchy -check -top {top} {parameters}
proc
flatten
delete t:$scopeinfo
opt_clean
memory_collect
write_json {out}
"""
WRITE = """\
read_json {json}
write_verilog -noattr {out}
"""
PARALLEL = re.compile(r"// synopsys (?:full_case )?parallel_case")
REGISTERS = ("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce", "$adff", "$adffe", "$aldff", "$dffsr")


@dataclass
class Netlist:
    """The flat module ``top``; ``cells`` and ``ports`` as in Yosys' JSON."""

    top: str
    cells: dict[str, Cell]
    ports: dict[str, dict[str, Any]]
    names: dict[str, dict[str, Any]]
    last: int = 0
    repeated: frozenset[str] = frozenset()
    """Files whose modules stand in the design many times: a fault in their text is in all of them."""
    _added: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        used = [b for c in self.cells.values() for bits in c["connections"].values() for b in bits]
        used += [b for group in (self.ports, self.names) for entry in group.values() for b in entry["bits"]]
        self.last = max([self.last, 1, *(b for b in used if isinstance(b, int))])

    def copy(self) -> Netlist:
        """A netlist that can be changed."""
        return Netlist(
            self.top,
            deepcopy(self.cells),
            deepcopy(self.ports),
            self.names,
            self.last,
            self.repeated,
            self._added,
        )

    def fresh(self, width: int = 1) -> list[Bit]:
        """New bits."""
        self.last += width
        return list(range(self.last - width + 1, self.last + 1))

    def add(
        self, kind: str, parameters: dict[str, int], inputs: dict[str, Sequence[Bit]], output: str
    ) -> list[Bit]:
        """A new cell; the bits of its output, as many as its parameter of the output's width says."""
        self._added += 1
        bits = self.fresh(parameters.get("WIDTH", parameters.get("Y_WIDTH", 1)))
        self.cells[f"fault${self._added}"] = {
            "hide_name": 0,
            "type": kind,
            "parameters": {name: format(value, "032b") for name, value in parameters.items()},
            "attributes": {},
            "port_directions": {**dict.fromkeys(inputs, "input"), output: "output"},
            "connections": {**{name: list(wires) for name, wires in inputs.items()}, output: bits},
        }
        return bits

    def mux(self, select: Bit, otherwise: Sequence[Bit], chosen: Sequence[Bit]) -> list[Bit]:
        """``chosen`` where ``select``, else ``otherwise``."""
        inputs = {"A": otherwise, "B": chosen, "S": [select]}
        return self.add("$mux", {"WIDTH": len(otherwise)}, inputs, "Y")

    def unary(self, kind: str, a: Sequence[Bit], width: int) -> list[Bit]:
        """``$not`` or a reduction."""
        parameters = {"A_SIGNED": 0, "A_WIDTH": len(a), "Y_WIDTH": width}
        return self.add(kind, parameters, {"A": a}, "Y")

    def binary(self, kind: str, a: Sequence[Bit], b: Sequence[Bit], width: int) -> list[Bit]:
        """An unsigned operator of two words."""
        parameters = {
            **{"A_SIGNED": 0, "A_WIDTH": len(a), "B_SIGNED": 0, "B_WIDTH": len(b), "Y_WIDTH": width}
        }
        return self.add(kind, parameters, {"A": a, "B": b}, "Y")

    def register(self, bits: Sequence[Bit]) -> list[Bit]:
        """``bits`` a clock later."""
        inputs = {"CLK": self.ports["clk"]["bits"], "D": bits}
        return self.add("$dff", {"WIDTH": len(bits), "CLK_POLARITY": 1}, inputs, "Q")

    def reading(self) -> dict[Bit, list[str]]:
        """Bit -> the cells that read it."""
        found: dict[Bit, list[str]] = defaultdict(list)
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] == "input":
                    for bit in set(bits):
                        found[bit].append(name)
        return found

    def driving(self) -> dict[Bit, str]:
        """Bit -> the cell that drives it."""
        return {bit: name for name, cell in self.cells.items() for bit in outputs_of(cell)}

    def port_of(self, name: str, direction: str, bits: Sequence[Bit]) -> None:
        """Add a port of the module."""
        self.ports[name] = {"direction": direction, "bits": list(bits)}

    def save(self, path: Path) -> None:
        """As Yosys' JSON."""
        module = {
            "attributes": {"top": "1"},
            "ports": self.ports,
            "cells": self.cells,
            "netnames": self.names,
        }
        path.write_text(json.dumps({"modules": {self.top: module}}), encoding="utf-8")

    def verilog(self, folder: Path, name: str) -> Path:
        """As Verilog, in ``folder``."""
        self.save(folder / f"{name}.json")
        passes.run(name, WRITE.format(json=f"{name}.json", out=f"{name}.v"), folder)
        path = folder / f"{name}.v"
        # a fault may let two branches of a case match; the first one is then taken, as a chain of gates does
        path.write_text(PARALLEL.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
        return path


def outputs_of(cell: Cell) -> list[Bit]:
    """All bits that a cell drives."""
    directions = cell["port_directions"]
    return [b for port, bits in cell["connections"].items() if directions[port] == "output" for b in bits]


def inputs_of(cell: Cell) -> list[Bit]:
    """All bits that a cell reads."""
    directions = cell["port_directions"]
    return [b for port, bits in cell["connections"].items() if directions[port] == "input" for b in bits]


def read_netlist(project: RtlProject, folder: Path) -> Netlist:
    """The netlist of a project's Verilog; Yosys leaves its log in ``folder``. Errors: as ``read_files``."""
    return read_files(project.sources, project.name, folder)


def read_files(
    files: Sequence[Path],
    top: str,
    folder: Path,
    options: str = "",
    boxes: Sequence[Path] = (),
    parameters: str = "",
) -> Netlist:
    """The netlist of ``top``; ``options`` of ``read_verilog``, ``parameters`` of ``hierarchy``.

    Of the modules in ``boxes`` only the ports.

    Raises
    ------
    InputError
        If Yosys rejects the design.
    """
    names = " ".join(str(file.resolve()) for file in files)
    script = READ.format(files=names, top=top, options=options, parameters=parameters, out="netlist.json")
    if boxes:
        script = f"read_verilog -lib {' '.join(str(file.resolve()) for file in boxes)}\n{script}"
    passes.run("read", script, folder)
    module = json.loads((folder / "netlist.json").read_text(encoding="utf-8"))["modules"][top]
    return Netlist(top, module["cells"], module["ports"], module["netnames"])


def reached_from(netlist: Netlist, start: Iterable[Bit]) -> set[str]:
    """Cells that these bits reach, through registers as well."""
    readers, found = netlist.reading(), set[str]()
    waiting = list(start)
    while waiting:
        for name in readers.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting += outputs_of(netlist.cells[name])
    return found
