"""The vendor flow, used instead of Yosys where it is installed: Vivado out of context, up to routing."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.synth.backend import Design, Request
from l1forge.firmware.synth.result import RESULT, Synthesis
from l1forge.firmware.tools import children

PART = "xcvu13p-flga2577-2-e"  # the CMS global-trigger and many phase-2 boards
PART_NAME = re.compile(r"x[a-z0-9]+(-[a-z0-9]+)+")  # device, package, speed grade; lower case
SCRIPT = "synth.tcl"
USED = {  # rows of report_utilization (UG906)
    "lut": r"CLB LUTs\*?",
    "ff": r"CLB Registers",
    "dsp": r"DSPs",
    "bram": r"Block RAM Tile",
}


def available() -> str | None:
    """Path of ``vivado``, if it is on PATH."""
    return shutil.which("vivado")


def script(project: RtlProject, part: str) -> str:
    """Tcl that synthesises, places and routes out of context and writes two reports."""
    files = "\n".join(f"read_verilog {{{source.resolve()}}}" for source in project.sources)
    return f"""\
{files}
synth_design -top {project.name} -part {part} -mode out_of_context
create_clock -name clk -period {project.clock_period_ns:.3f} [get_ports clk]
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -no_header -file timing.rpt
write_checkpoint -force routed.dcp
"""


def synthesise(project: RtlProject, folder: Path, *, part: str = PART) -> Synthesis:
    """Run Vivado in ``folder`` and read its reports.

    Raises
    ------
    InputError
        If Vivado is not on PATH, fails, or writes reports that cannot be read.
    """
    program = available()
    if program is None:
        raise InputError("program is not installed", field="PATH", value="vivado")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SCRIPT).write_text(script(project, part))
    start = time.perf_counter()
    with open(folder / "vivado.log", "w") as log:
        command = [program, "-mode", "batch", "-nojournal", "-nolog", "-source", SCRIPT]
        done = children.run(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        raise InputError("Vivado failed", file=folder / "vivado.log", value=done.returncode)
    used = {name: _used(folder / "utilization.rpt", row) for name, row in USED.items()}
    result = Synthesis(
        name=project.name,
        digest=project.circuit,
        design=project.circuit,
        tool="Vivado",
        family=part,
        lut=used["lut"],
        ff=used["ff"],
        dsp=used["dsp"],
        bram=used["bram"],
        delay_ns=project.clock_period_ns - _slack(folder / "timing.rpt"),
        routed=True,
        latency_clocks=project.latency,
        clock_period_ns=project.clock_period_ns,
        seconds=time.perf_counter() - start,
    )
    result.save(folder / RESULT)
    return result


def _used(report: Path, row: str) -> int:
    found = re.search(rf"^\|\s*{row}\s*\|\s*([\d.]+)\s*\|", _read(report), re.MULTILINE)
    if found is None:
        raise InputError("report lacks a row", file=report, value=row)
    return round(float(found[1]))


def _slack(report: Path) -> float:
    """Worst negative slack, ns: the first number under the heading WNS(ns)."""
    found = re.search(r"WNS\(ns\).*?\n[\s-]*\n?\s*(-?[\d.]+)", _read(report))
    if found is None:
        raise InputError("report lacks the worst slack", file=report, value="WNS(ns)")
    return float(found[1])


def _read(report: Path) -> str:
    try:
        return report.read_text()
    except OSError as error:
        raise InputError(f"cannot read report: {error.strerror}", file=report) from error


class Vivado:
    """Vivado out of context, up to routing, as a back end."""

    name, rank, takes = "vivado", 0, "Verilog"

    def available(self) -> bool:
        return available() is not None

    def suits(self, design: Design) -> bool:
        return True

    def check_part(self, part: str) -> None:
        if not PART_NAME.fullmatch(part):
            remedy = f"device, package and speed grade as Vivado names them, such as {PART}"
            raise InputError("is not a part", field="--part", value=part, remedy=remedy)

    def synthesise(self, design: Design, request: Request) -> Synthesis:
        request.progress("Vivado: synthesis, placement, routing")
        return synthesise(design.rtl, request.folder, part=request.part or PART)


BACKEND = Vivado()
