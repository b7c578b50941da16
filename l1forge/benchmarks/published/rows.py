"""One table of published and own designs, and the synthesis behind a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.synth import Synthesis


@dataclass(frozen=True)
class PublishedTable:
    """A table of the page: its headings and its rows of texts."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        lines = ["| " + " | ".join(row) + " |" for row in (self.headings, *self.rows)]
        lines.insert(1, "|" + "---|" * len(self.headings))
        return "\n".join(lines)


def written(graph: Graph) -> RtlProject:
    """The Verilog of ``graph`` at the default clock."""
    from l1forge.firmware.rtl import generate

    return generate(graph, build_folder() / "rtl" / graph.name)


def synthesised(project: RtlProject) -> Synthesis:
    """By Yosys for UltraScale+, found again if it is known."""
    from l1forge.firmware.synth import yosys

    found = yosys.synthesise(project, build_folder() / "synth" / Path(project.folder).name)
    taken = f"{found.lut} + {found.through} LUT, {found.ff} FF, {found.latency_clocks} clocks"
    print(f"{project.name}: {taken}, path {found.delay_ns} ns; {found.seconds:.0f} s", flush=True)
    return found


def number(value: int) -> str:
    """With thin groups of three digits, as the pages have it."""
    return f"{value:,}".replace(",", " ")


def luts(found: Synthesis) -> str:
    """Look-up tables, and those that only pass a signal into a carry chain."""
    return f"{number(found.lut)} + {number(found.through or 0)} passing"


def spent(found: Synthesis) -> int:
    """Look-up tables that a part spends."""
    return found.lut + (found.through or 0)
