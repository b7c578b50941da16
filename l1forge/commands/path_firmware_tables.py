"""The Verilog of a path on the screen: its latency, and what its co-simulation found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from l1forge.emulator.lhc import BUNCH_SPACING_NS

if TYPE_CHECKING:
    from l1forge.screen.console import Console
    from l1forge.studies.path_firmware import PathCosimulation, PathFirmware


def print_firmware(console: Console, made: PathFirmware) -> None:
    """Where the Verilog is and how long it takes, stage by stage."""
    project = made.project
    table = Table(
        "stage", "clocks", "since the inputs", "ns", title=f"{project.rtl.name}: {project.menu.name}"
    )
    for name, crossings, since in made.budget:
        table.add_row(name, str(crossings), str(since), f"{since * BUNCH_SPACING_NS:.1f}")
    console.print(table)
    console.print(
        f"{len(project.menu.algorithms)} algorithms, {len(project.registers.registers)} registers, latency"
        f" {project.latency} crossings ({project.latency * BUNCH_SPACING_NS:.1f} ns) -> {project.rtl.folder}",
        highlight=False,
    )


def cosimulation_lines(result: PathCosimulation) -> list[str]:
    """What was sent, what was compared, and the verdict."""
    lines = []
    for driver, o in result.outcomes.items():
        lines.append(
            f"{driver}: {o.crossings:,} crossings ({o.gaps:,} without data, {o.resets} resets), {o.sections}"
            f" luminosity sections, {o.accepts:,} accepts; latency {o.latency} crossings, checked on every"
            " clock"
        )
        lines += o.examples
        lines.append(
            f"{driver}: {o.mismatches} mismatches in {sum(o.compared.values()):,} values of {len(o.compared)}"
            f" outputs and {o.registers:,} answers of registers"
        )
    algorithms = len(result.firmware.project.menu.algorithms)
    lines.append(f"algorithms seen true and false: {algorithms - len(result.never)} of {algorithms}")
    if result.never:
        lines.append(f"not seen both ways: {', '.join(result.never)}")
    return lines + result.coverage.lines()
