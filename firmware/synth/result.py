"""What a synthesis run found, in one form for every tool, as table rows and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError

RESULT = "synthesis.json"
CARRY = re.compile(r"CARRY\d|CCU2C")
MET = {None: "", True: ": met", False: ": not met"}


@dataclass(frozen=True)
class Synthesis:
    """Resources and timing of one design, out of context (no I/O buffers).

    ``delay_ns`` is the longest path between registers. Yosys knows cell delays but no routing: compare such
    numbers with each other, not with a clock period. ``cells`` counts every primitive of the netlist.
    ``passes`` has the seconds of the tool's own steps. ``digest`` identifies the run, ``design`` the Verilog
    (``RtlProject.circuit``). ``depth``: look-up tables, carry cells and wide multiplexers on the longest
    path; ``cells_ns``: what a routed path spends in cells; ``through``: look-up tables that only pass a
    signal into a carry chain, on top of ``lut``.
    """

    name: str
    digest: str
    design: str
    tool: str
    family: str
    lut: int
    ff: int
    dsp: int
    bram: int
    delay_ns: float | None
    routed: bool
    latency_clocks: int
    clock_period_ns: float
    initiation_interval: int = 1
    cells: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    netlist: str | None = None
    passes: dict[str, float] = field(default_factory=dict)
    depth: int | None = None
    cells_ns: float | None = None
    through: int | None = None

    @property
    def carry(self) -> int:
        """Carry cells: CARRY4 or CARRY8 of Xilinx parts, CCU2C (two bits) of ECP5."""
        return sum(n for cell, n in self.cells.items() if CARRY.fullmatch(cell))

    @property
    def meets_clock(self) -> bool | None:
        """Whether the routed path fits the clock period asked for; None if it is not routed or not known."""
        if not self.routed or self.delay_ns is None:
            return None
        return self.delay_ns <= self.clock_period_ns

    @property
    def latency_ns(self) -> float:
        return self.latency_clocks * self.clock_period_ns

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for a table."""
        kind = "routed" if self.routed else "cells only, no routing"
        if self.cells_ns is not None:
            kind += f", of which {self.cells_ns:.2f} ns in cells"
        return [
            ("LUT", f"{self.lut:,}"),
            *(
                [("LUT that pass a signal into a carry", f"{self.through:,}")]
                if self.through is not None
                else []
            ),
            ("FF", f"{self.ff:,}"),
            ("DSP", f"{self.dsp:,}"),
            ("BRAM", f"{self.bram:,}"),
            *([("carry cells", f"{self.carry:,}")] if self.cells else []),
            (
                "longest path",
                "-"
                if self.delay_ns is None
                else f"{self.delay_ns:.2f} of {self.clock_period_ns:.2f} ns ({kind})",
            ),
            *([("logic depth", f"{self.depth} cells on the longest path")] if self.depth is not None else []),
            ("latency", f"{self.latency_clocks} clocks = {self.latency_ns:.1f} ns"),
            ("clock", f"{1000 / self.clock_period_ns:.1f} MHz asked for{MET[self.meets_clock]}"),
            ("initiation interval", str(self.initiation_interval)),
            ("tool", f"{self.tool}, {self.family}, {self.seconds:.0f} s"),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "latency_ns": self.latency_ns}

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> Synthesis:
        """Read a saved result.

        Raises
        ------
        InputError
            If the file cannot be read or is of another version.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            del document["latency_ns"]
            return Synthesis(**document)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"is not a synthesis result: {error}", file=path) from error
