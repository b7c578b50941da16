"""Synthesis without a vendor tool: Yosys for UltraScale+, in a process of its own (Ctrl-C works)."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import re
import time
from dataclasses import replace
from pathlib import Path

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.synth import kept, passes
from l1forge.firmware.synth import lut_pins as pins
from l1forge.firmware.synth.backend import Design, Request
from l1forge.firmware.synth.carry_inputs import passed_through
from l1forge.firmware.synth.passes import Progress, longest, yosys_version
from l1forge.firmware.synth.result import RESULT, Synthesis
from l1forge.firmware.synth.table import FAMILY

FAMILIES = {"xcup": "UltraScale+", "xcu": "UltraScale", "xc7": "7 series"}
NETLIST, FUNCTIONAL, PINS = "netlist.v", "functional.v", "netlist.json"
PARTIAL = "functional.part.v"
TIMING = f"""\
read_verilog -lib -specify +/xilinx/cells_sim.v
read_json {PINS}
hierarchy -top {{top}}
write_verilog -noattr {NETLIST}
tee -o sta.txt sta
"""
MODEL = f"""\
read_verilog +/xilinx/cells_sim.v
read_verilog -overwrite {NETLIST}
hierarchy -top {{top}}
proc
flatten
opt_clean
write_verilog -noattr {PARTIAL}
"""
MAPPING = "+&scorr;&sweep;&if -C 32 -F 3 -A 3 {W} {D} {R} -v;&mfs"
"""ABC's script. With 32 instead of 8 cuts per node it finds the four look-up tables and three multiplexers of
a table of eight address bits; the rewriting (&dch) of Yosys' own script hides them (docs/rtl.md)."""
ON_PATH = re.compile(r"^ +\d+ .*\((?:LUT\d|CARRY\d|MUXF\d)\.", re.MULTILINE)
"""A cell of logic on the longest path, as ``sta`` lists it."""
FF = re.compile(r"(FD[RSCP]E|LD[CP]E)(_1)?")


def synthesise(
    project: RtlProject,
    folder: Path,
    *,
    family: str = FAMILY,
    dsp: bool = True,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Synthesis:
    """Synthesise ``project`` out of context; found again, in ``folder`` or in the cache, if nothing changed.

    Leaves the netlist, its timing, the logs and ``synthesis.json``; other files of ``folder`` stay.
    Without ``dsp`` multipliers are made of LUTs; ``fresh`` runs Yosys also if nothing changed.

    Raises
    ------
    InputError
        If Yosys is not installed or rejects the design.
    """
    version = yosys_version()
    digest = _digest(project, family, dsp, version)
    known = None if fresh else _known(project, folder, digest)
    if known is None and not fresh and kept.recall(digest, folder):
        (folder / FUNCTIONAL).unlink(missing_ok=True)  # was made from the netlist that is replaced
        known = _known(project, folder, digest)
    if known is not None:
        return known
    with atomic_files(folder) as temporary:
        start = time.perf_counter()
        seconds = passes.run(
            "synthesis", passes.read(project) + _script(project, family, dsp), temporary, progress
        )
        _choose_pins(project.name, temporary)
        timing = passes.run("timing", TIMING.format(top=project.name), temporary, progress)
        result = _result(project, temporary, digest, family, version, time.perf_counter() - start)
        result = replace(result, passes=longest(seconds, timing))
        result.save(temporary / RESULT)
        kept.keep(digest, temporary)
        (folder / FUNCTIONAL).unlink(missing_ok=True)  # was made from the netlist that is replaced
    return result


def _known(project: RtlProject, folder: Path, digest: str) -> Synthesis | None:
    """The result of this run in ``folder``, if it is there and of this version.

    The digest is that of the Verilog: what the project says about its clock may have changed without it.
    """
    with contextlib.suppress(InputError):
        found = Synthesis.load(folder / RESULT)
        if found.digest == digest and (folder / NETLIST).is_file():
            return replace(
                found,
                design=project.circuit,
                latency_clocks=project.latency,
                clock_period_ns=project.clock_period_ns,
            )
    return None


def run_digest(project: RtlProject, family: str = FAMILY, dsp: bool = True) -> str:
    """Identifies the run that ``synthesise`` would make: Verilog, options, tool; equal runs find the same.

    Raises
    ------
    InputError
        If Yosys is not installed.
    """
    return _digest(project, family, dsp, yosys_version())


def check_installed() -> None:
    """Raise InputError unless Yosys is installed."""
    yosys_version()


def _digest(project: RtlProject, family: str, dsp: bool, version: str) -> str:
    """Identifies the run: the Verilog, what is done with it and by what; not where it lies."""
    state = hashlib.sha256(f"{version} {family} {_script(project, family, dsp)} {TIMING}".encode())
    for source in [*project.sources, Path(pins.__file__)]:
        state.update(source.read_bytes())
    return state.hexdigest()


def _script(project: RtlProject, family: str, dsp: bool) -> str:
    # tables stay in LUTs: Yosys has neither delays nor a model of an UltraScale+ block RAM
    options = f"-family {family} -flatten -noiopad -nobram {'' if dsp else '-nodsp'}"
    return f"""\
hierarchy -check -top {project.name}
scratchpad -set abc9.script "{MAPPING}"
synth_xilinx {options} -top {project.name} -run begin:check
delete t:$scopeinfo
tee -q -o stat.json stat -json -tech xilinx
select {project.name}
write_json -selected {PINS}
"""


def _choose_pins(top: str, folder: Path) -> None:
    file = folder / PINS
    netlist = json.loads(file.read_text())
    (share,) = importlib.util.find_spec("pyosys").submodule_search_locations  # type: ignore[union-attr,misc]
    library = Path(share) / "share/xilinx/cells_sim.v"
    pins.choose_pins(netlist, top, pins.timing_arcs(library.read_text()))
    file.write_text(json.dumps(netlist))


def _result(
    project: RtlProject, folder: Path, digest: str, family: str, version: str, seconds: float
) -> Synthesis:
    statistics = json.loads((folder / "stat.json").read_text())
    cells: dict[str, int] = statistics["design"]["num_cells_by_type"]

    def count(pattern: str) -> int:
        return sum(n for cell, n in cells.items() if re.fullmatch(pattern, cell))

    timing = (folder / "sta.txt").read_text()
    arrival = re.search(r"Latest arrival time in '.*' is (\d+)", timing)
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
        through=passed_through(json.loads((folder / PINS).read_text()), project.name),
        depth=len(ON_PATH.findall(timing)) if arrival else None,
    )


def netlist_project(project: RtlProject, folder: Path, progress: Progress | None = None) -> RtlProject:
    """The synthesised netlist of ``folder`` with the ports of ``project``, for the same co-verification.

    Yosys' models of the primitives are flattened into it, so that it simulates like any other Verilog; this
    is done on the first call.

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
    if not (folder / FUNCTIONAL).exists():
        passes.run("model", MODEL.format(top=project.name), folder, progress)
        (folder / PARTIAL).replace(folder / FUNCTIONAL)
    return replace(
        project, folder=folder, files=(FUNCTIONAL,), digest=f"netlist {result.digest}", registers=(), core=""
    )


class Yosys:
    """Yosys as a back end: no routing, no vendor tool."""

    name, rank, takes = "yosys", 2, "Verilog"

    def available(self) -> bool:
        return importlib.util.find_spec("pyosys") is not None

    def suits(self, design: Design) -> bool:
        return True

    def check_part(self, part: str) -> None:
        if part not in FAMILIES:
            remedy = f"one of {', '.join(f'{name} ({what})' for name, what in FAMILIES.items())}"
            raise InputError(
                "is not an FPGA family that Yosys supports", field="--part", value=part, remedy=remedy
            )

    def synthesise(self, design: Design, request: Request) -> Synthesis:
        label = f"Yosys, {design.rtl.stages} stages"
        request.progress(label)
        return synthesise(
            design.rtl,
            request.folder,
            family=request.part or FAMILY,
            dsp=request.dsp,
            fresh=request.fresh,
            progress=lambda name: request.progress(f"{label}: {name.lower()}"),
        )


BACKEND = Yosys()
