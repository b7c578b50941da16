"""Verilating a project once and linking every driver to it: cocotb's executable and two shared libraries.

The build goes through cocotb's runner, with its --public-flat-rw replaced by a control file and the C++ split
into small files. What was built is found again by the content of everything that went in, and used again if
nobody else can write to its folder (``emulator.trust``) and it still is what was built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.emulator.trust import trusted_folder
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.tools import children
from l1forge.firmware.tools.locks import DONE, locked
from l1forge.firmware.tools.verilator_root import verilator_environment, verilator_root
from l1forge.testbench.drivers.packed_top import SHELL, control_file, shell_verilog

HARNESS = Path(__file__).with_name("harness.cpp")
VERILATOR_OPTIONS = (
    *("--output-split", "4000", "--output-split-cfuncs", "200"),
    *("-Wno-fatal", "-CFLAGS", "-fPIC -O1 -fno-gnu-unique", "--x-assign", "fast"),
)


@dataclass(frozen=True)
class Simulation:
    """A Verilated project: ``folder`` holds cocotb's executable (named as the shell) and the objects."""

    project: RtlProject
    folder: Path
    waves: bool

    @property
    def objects(self) -> list[Path]:
        """The model and Verilator's run-time library."""
        return [self.folder / "Vtop__ALL.a", *sorted(self.folder.glob("verilated*.o"))]


def verilate(project: RtlProject, *, waves: bool = False, folder: Path | None = None) -> Simulation:
    """Build (or find) the simulation of ``project``; one process builds, others wait for it.

    Raises
    ------
    InputError
        If a tool is missing, a path has blanks, or the build fails (the last lines of its log are shown).
    """
    root = verilator_root()
    parent = trusted_folder(folder or build_folder() / "cosim", "set L1FORGE_BUILD to a folder of your own")
    for place, variable in ((parent, "L1FORGE_BUILD"), (root, "L1FORGE_CACHE")):
        if any(character.isspace() for character in str(place.resolve())):
            raise InputError(
                "GNU make cannot build in a path with spaces",
                file=place,
                remedy=f"set {variable} to a folder without",
            )
    state = hashlib.sha256(f"{root.name} {waves} {VERILATOR_OPTIONS}".encode())
    for source in project.sources:
        state.update(source.read_bytes())
    for text in (
        shell_verilog(project),
        control_file(project),
        HARNESS.read_text(),
        Path(__file__).read_text(),
    ):
        state.update(text.encode())
    name = f"{project.name}-{state.hexdigest()[:16]}{'-waves' if waves else ''}"
    target = parent / name
    with locked(target):
        if _content(target, state.hexdigest()) != _kept(target):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            _build(project, target, waves)
            (target / DONE).write_text(_content(target, state.hexdigest()))
    return Simulation(project, target, waves)


def _kept(target: Path) -> str:
    """What a finished build noted of itself; "-" if there is none."""
    try:
        return (target / DONE).read_text()
    except (OSError, UnicodeDecodeError):
        return "-"


def _content(target: Path, key: str) -> str:
    """Digest of a build's key and of what is executed or linked later."""
    state = hashlib.sha256(key.encode())
    files = [
        target / name for name in (SHELL, "Vtop", "harness.so", "Vtop__ALL.a") if (target / name).is_file()
    ]
    for file in (*files, *sorted(target.glob("verilated*.o"))):
        with open(file, "rb") as stream:
            state.update(file.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return state.hexdigest()


def _build(project: RtlProject, target: Path, waves: bool) -> None:
    shell, control = target / f"{SHELL}.v", target / "visible.vlt"
    shell.write_text(shell_verilog(project))
    control.write_text(control_file(project))
    log = target / "build.log"
    kept = kept_objects(waves)
    lend_objects(kept, target)
    simulator = runner(waves)
    try:
        simulator.build(
            sources=[control, *project.sources, shell],
            hdl_toplevel=SHELL,
            build_dir=target,
            build_args=list(VERILATOR_OPTIONS),
            timescale=("1ns", "1ps"),
            waves=waves,
            always=True,
            log_file=log,
        )
    except (SystemExit, RuntimeError) as error:
        raise build_failure("Verilator", log) from error
    keep_objects(kept, target)
    for header in target.glob("*.gch"):  # precompiled for this build only, and more than half of the folder
        header.unlink()
    (target / "registers.inc").write_text(_registers(project))
    link_library(Simulation(project, target, waves), HARNESS, "harness.so")


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def kept_objects(waves: bool) -> Path:
    """Where the objects of Verilator's own run time are kept for builds with these options."""
    return verilator_root() / f"objects-{_digest(VERILATOR_OPTIONS, waves)}"


def lend_objects(kept: Path, target: Path) -> None:
    """Verilator's own run time, compiled once for all designs: half of a small build."""
    later = time.time() + 3600  # newer than the headers that make compares it with
    for file in kept.glob("*.o"):
        shutil.copy(file, target)
        os.utime(target / file.name, (later, later))


def keep_objects(kept: Path, target: Path) -> None:
    """Keep what ``lend_objects`` lends, after the first build."""
    if kept.exists():
        return
    temporary = Path(tempfile.mkdtemp(dir=kept.parent, prefix=".objects-"))
    for file in target.glob("verilated*.o"):
        shutil.copy(file, temporary)
    try:
        temporary.rename(kept)
    except OSError:  # another process was first
        shutil.rmtree(temporary)


def runner(waves: bool) -> Any:
    """cocotb's runner for the completed Verilator (its type is not exported)."""
    from cocotb_tools.runner import Verilator

    environment = verilator_environment()

    class QuietVerilator(Verilator):  # type: ignore[misc]
        """cocotb's runner with the completed Verilator and without --public-flat-rw."""

        def _simulator_in_path_build_only(self) -> None:
            self.executable = str(Path(environment["VERILATOR_ROOT"]) / "bin" / "verilator")

        def _set_env_common(self) -> None:
            super()._set_env_common()
            self.env.update({key: environment[key] for key in ("VERILATOR_ROOT", "PATH")})

        def _test_command(self) -> list[list[str]]:
            self.waves = waves
            return list(super()._test_command())

        def _build_command(self) -> list[list[str]]:
            self.waves = waves  # cocotb lets $WAVES override what a build is asked for
            verilate, make = super()._build_command()
            return [[word for word in verilate if word != "--public-flat-rw"], make]

        def _execute_cmds(self, cmds: Any, cwd: Any, stdout: Any = None) -> None:
            """As cocotb's, with children that end with this process."""
            stderr = None if stdout is None else subprocess.STDOUT
            for command in cmds:
                done = children.run(command, cwd=cwd, env=self.env, stdout=stdout, stderr=stderr)
                if done.returncode:
                    raise RuntimeError(f"{command[0]} ended with {done.returncode}")

    return QuietVerilator()


def _registers(project: RtlProject) -> str:
    """C++ that samples the pipeline registers."""
    names = [f"{SHELL}__DOT__dut__DOT__core__DOT__{register.name}" for register in project.registers]
    names = names if project.core else []
    lines = [f"constexpr size_t REGISTERS = {len(names)};"]
    lines.append("inline void see_registers(const Vtop___024root& root, Toggle* toggles) {")
    lines += [f"    see(toggles[{i}], root.{name});" for i, name in enumerate(names)]
    return "\n".join([*lines, "}", ""])


def link_library(simulation: Simulation, source: Path, name: str, options: Sequence[str] = ()) -> Path:
    """Compile ``source`` with the Verilated model into a shared library in its folder."""
    folder, root = simulation.folder, verilator_root()
    command = [
        *("g++", "-std=gnu++17", "-O2", "-fPIC", "-fno-gnu-unique", "-shared", "-Wl,-Bsymbolic", "-pthread"),
        *(f"-I{path}" for path in (folder, root / "include", root / "include" / "vltstd")),
        *("-DVM_COVERAGE=0", "-DVM_SC=0", f"-DVM_TRACE={int(simulation.waves)}", "-DVL_TIME_CONTEXT"),
        *("-o", str(folder / f".{name}"), str(source), *options),
        *(str(path) for path in simulation.objects),
    ]
    log = folder / f"{name}.log"
    with open(log, "w") as output:
        if children.run(command, stdout=output, stderr=subprocess.STDOUT).returncode:
            raise build_failure("g++", log)
    (folder / f"{name}.sha256").write_text(_library_digest(folder, folder / f".{name}"))
    return (folder / f".{name}").rename(folder / name)


def is_linked(simulation: Simulation, name: str) -> bool:
    """Whether ``link_library`` has made the library ``name`` of this simulation and it is unchanged."""
    library, noted = simulation.folder / name, simulation.folder / f"{name}.sha256"
    if not library.is_file() or not noted.is_file():
        return False
    return noted.read_text() == _library_digest(simulation.folder, library)


def _library_digest(folder: Path, library: Path) -> str:
    return hashlib.sha256(folder.name.encode() + hashlib.sha256(library.read_bytes()).digest()).hexdigest()


def build_failure(tool: str, log: Path) -> InputError:
    """The error to raise when ``tool`` failed: the log's error lines, or its last ones."""
    lines = log.read_text().splitlines() if log.exists() else []
    errors = [line for line in lines if "rror" in line][:3] or lines[-3:] or ["no log"]
    return InputError(f"{tool} failed: {' | '.join(errors)}", file=log, remedy="the log has the details")
