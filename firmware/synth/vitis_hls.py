"""Vitis HLS on a model's hls4ml project, used where it is installed: C synthesis and its report."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.synth.backend import Design, Request
from l1forge.firmware.synth.result import RESULT, Synthesis
from l1forge.firmware.tools import children

COMMANDS = {  # by age of the tool, newest first; arguments as hls4ml's own build uses them
    "vitis-run": ["--tcl", "build_prj.tcl", "--mode", "hls"],
    "vitis_hls": ["-f", "build_prj.tcl"],
}
STEPS = ("reset", "csim", "synth", "cosim", "validation", "export", "vsynth", "fifo_opt")
REPORT = "*_prj/solution1/syn/report/*_csynth.xml"


def available() -> str | None:
    """Path of the first of ``vitis-run`` and ``vitis_hls`` that is on PATH."""
    return next((path for name in COMMANDS if (path := shutil.which(name))), None)


def synthesise(project: Path, folder: Path, *, name: str, design: str) -> Synthesis:
    """C synthesis of the hls4ml project in folder ``project``; log and result are left in ``folder``.

    Raises
    ------
    InputError
        If no Vitis is on PATH, it fails, or its report lacks a number.
    """
    program = available()
    if program is None:
        raise InputError("program is not installed", field="PATH", value="vitis-run or vitis_hls")
    if not (project / "build_prj.tcl").exists():
        raise InputError("is not an hls4ml project", file=project, remedy="run `l1forge firmware` first")
    options = "".join(f"    {step} {int(step in ('reset', 'synth'))}\n" for step in STEPS)
    (project / "build_opt.tcl").write_text(f"array set opt {{\n{options}}}\n")
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with open(folder / "vitis.log", "w") as log:
        command = [program, *COMMANDS[Path(program).name]]
        done = children.run(command, cwd=project, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        raise InputError("Vitis HLS failed", file=folder / "vitis.log", value=done.returncode)
    reports = [path for path in sorted(project.glob(REPORT)) if path.name != "csynth.xml"]
    if not reports:
        raise InputError("Vitis HLS left no report", file=project, value=REPORT)
    number = _Report(reports[-1])
    result = Synthesis(
        name=name,
        digest=design,
        design=design,
        tool="Vitis HLS",
        family=number.text("UserAssignments/Part"),
        lut=int(number("AreaEstimates/Resources/LUT")),
        ff=int(number("AreaEstimates/Resources/FF")),
        dsp=int(number("AreaEstimates/Resources/DSP")),
        bram=int(number("AreaEstimates/Resources/BRAM_18K")),
        delay_ns=number("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
        routed=False,
        latency_clocks=int(number("PerformanceEstimates/SummaryOfOverallLatency/Worst-caseLatency")),
        clock_period_ns=number("UserAssignments/TargetClockPeriod"),
        initiation_interval=int(number("PerformanceEstimates/SummaryOfOverallLatency/Interval-max")),
        seconds=time.perf_counter() - start,
    )
    result.save(folder / RESULT)
    return result


class _Report:
    """Numbers of a csynth.xml (UG1399), by path."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            # the default name space would have to be repeated in every path
            self.root = ElementTree.fromstring(re.sub(' xmlns="[^"]+"', "", file.read_text(), count=1))
        except ElementTree.ParseError as error:
            raise InputError(f"cannot read report: {error}", file=file) from error

    def text(self, path: str) -> str:
        found = self.root.findtext(path)
        if found is None:
            raise InputError("report lacks an entry", file=self.file, value=path)
        return found

    def __call__(self, path: str) -> float:
        try:
            return float(self.text(path))
        except ValueError as error:
            raise InputError("report holds no number", file=self.file, value=path) from error


class VitisHls:
    """C synthesis of the HLS project as a back end."""

    name, rank, takes = "vitis", 1, "HLS"

    def available(self) -> bool:
        return available() is not None

    def suits(self, design: Design) -> bool:
        return design.model_has_hls

    def check_part(self, part: str) -> None:
        remedy = "the HLS project sets the part: change it in project.tcl"
        raise InputError("cannot be used with Vitis HLS", field="--part", value=part, remedy=remedy)

    def synthesise(self, design: Design, request: Request) -> Synthesis:
        request.progress("Vitis HLS")
        return synthesise(design.hls(), request.folder, name=design.name, design=design.rtl.circuit)


BACKEND = VitisHls()
