"""Synthesis without a vendor tool: Yosys for UltraScale+, in a process of its own (Ctrl-C works)."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from emulator.errors import InputError
from firmware.rtl import RtlProject
from firmware.synth.result import RESULT, Synthesis

FAMILY = "xcup"  # UltraScale+
NETLIST, FUNCTIONAL = "netlist.v", "functional.v"
WORKER = "import sys; from pyosys import libyosys as ys; ys.run_pass('script ' + sys.argv[1], ys.Design())"
FF = re.compile(r"(FD[RSCP]E|LD[CP]E)(_1)?")

Progress = Callable[[str], None]


def synthesise(
    project: RtlProject,
    folder: Path,
    *,
    family: str = FAMILY,
    dsp: bool = True,
    progress: Progress | None = None,
) -> Synthesis:
    """Synthesise ``project`` out of context; found again in ``folder`` if nothing changed.

    Leaves the netlist, the same netlist as plain logic for simulation, the log and ``synthesis.json``.
    Without ``dsp`` multipliers are made of LUTs.

    Raises
    ------
    InputError
        If Yosys is not installed or rejects the design.
    """
    if importlib.util.find_spec("pyosys") is None:
        raise InputError(
            "Python package is not installed", field="pyosys", remedy="pip install 'l1forge[firmware]'"
        )
    version = importlib.metadata.version("pyosys")
    state = hashlib.sha256(f"{version} {family} {_script(project, family, dsp)}".encode())
    for source in project.sources:
        state.update(source.read_bytes())
    digest = state.hexdigest()
    with contextlib.suppress(InputError):  # no result yet, or one of an older version: made again
        known = Synthesis.load(folder / RESULT)
        if known.digest == digest:
            return replace(known, design=project.circuit)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        temporary.chmod(0o755)
        start = time.perf_counter()
        _run(_script(project, family, dsp), temporary, progress)
        result = _result(project, temporary, digest, family, version, time.perf_counter() - start)
        result.save(temporary / RESULT)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return result


def _script(project: RtlProject, family: str, dsp: bool) -> str:
    files = " ".join(str(source) for source in project.sources)
    options = f"-family {family} -flatten -noiopad {'' if dsp else '-nodsp'}"
    return f"""\
read_verilog -defer {files}
hierarchy -check -top {project.name}
synth_xilinx {options} -top {project.name} -run begin:check
delete t:$scopeinfo
tee -q -o stat.json stat -json -tech xilinx
write_verilog -noattr {NETLIST}
design -reset
read_verilog -lib -specify +/xilinx/cells_sim.v
read_verilog {NETLIST}
hierarchy -top {project.name}
tee -o sta.txt sta
design -reset
read_verilog +/xilinx/cells_sim.v
read_verilog -overwrite {NETLIST}
hierarchy -top {project.name}
proc
flatten
opt_clean
write_verilog -noattr {FUNCTIONAL}
"""


def _run(script: str, folder: Path, progress: Progress | None) -> None:
    (folder / "script.ys").write_text(script)
    command = [sys.executable, "-u", "-c", WORKER, "script.ys"]
    log = folder / "yosys.log"
    with (
        open(log, "w") as output,
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            _follow(process.stdout, output.write, progress)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        errors = [line for line in log.read_text().splitlines() if "ERROR" in line]
        kept = folder.parent / f"{folder.name.split('.')[1]}-failed.log"
        shutil.copy(log, kept)
        raise InputError(f"Yosys failed: {' '.join(errors) or 'no message'}", file=kept)


def _follow(lines: Iterable[str], write: Callable[[str], object], progress: Progress | None) -> None:
    for line in lines:
        write(line)
        found = re.match(r"\d+\.\d+\. Executing (.*?)[ .]", line)
        if found and progress is not None:
            progress(found[1])


def _result(
    project: RtlProject, folder: Path, digest: str, family: str, version: str, seconds: float
) -> Synthesis:
    statistics = json.loads((folder / "stat.json").read_text())
    cells: dict[str, int] = statistics["design"]["num_cells_by_type"]

    def count(pattern: str) -> int:
        return sum(n for cell, n in cells.items() if re.fullmatch(pattern, cell))

    arrival = re.search(r"Latest arrival time in '.*' is (\d+)", (folder / "sta.txt").read_text())
    return Synthesis(
        name=project.name,
        digest=digest,
        design=project.circuit,
        tool=f"Yosys {version}",
        family=family,
        lut=count(r"LUT\d") + count(r"SRL.*") + count(r"RAM(32|64|128|256).*"),
        ff=count(FF.pattern),
        dsp=count(r"DSP.*"),
        bram=count(r"RAMB.*"),
        delay_ns=int(arrival[1]) / 1000 if arrival else None,
        routed=False,
        latency_clocks=project.latency,
        clock_period_ns=project.clock_period_ns,
        cells=dict(sorted(cells.items())),
        seconds=seconds,
        netlist=NETLIST,
    )


def netlist_project(project: RtlProject, folder: Path) -> RtlProject:
    """The synthesised netlist of ``folder`` with the ports of ``project``, for the same co-verification.

    Yosys' models of the primitives are flattened into it, so that it simulates like any other Verilog.

    Raises
    ------
    InputError
        If the netlist has DSP blocks, of which Yosys has no model.
    """
    result = Synthesis.load(folder / RESULT)
    if result.dsp:
        raise InputError(
            "netlist with DSP blocks cannot be simulated: Yosys has no model of them",
            file=folder,
            value=f"{result.dsp} DSP",
            remedy="synthesise with --no-dsp",
        )
    return replace(
        project, folder=folder, files=(FUNCTIONAL,), digest=f"netlist {result.digest}", registers=(), core=""
    )
