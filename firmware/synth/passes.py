"""Yosys in a process of its own (Ctrl-C works), followed pass by pass."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.tools.children import Child

WORKER = "import sys; from pyosys import libyosys as ys; ys.run_pass('script ' + sys.argv[1], ys.Design())"

Progress = Callable[[str], None]


def yosys_version() -> str:
    """The version of Yosys; InputError if it is not installed."""
    if importlib.util.find_spec("pyosys") is None:
        raise InputError(
            "Python package is not installed", field="pyosys", remedy="pip install 'l1forge[firmware]'"
        )
    return importlib.metadata.version("pyosys")


def read(project: RtlProject) -> str:
    """The command that reads the sources: by slang where a file is SystemVerilog.

    Yosys' own reader takes no arrays of constants, which the tables of patterns are.
    """
    files = " ".join(str(source.resolve()) for source in project.sources)
    if any(source.suffix == ".sv" for source in project.sources):
        return f"read_slang --top {project.name} {files}\n"
    return f"read_verilog -defer {files}\n"


def run(name: str, script: str, folder: Path, progress: Progress | None = None) -> dict[str, float]:
    """Run ``script`` in ``folder``, which keeps it and its log; the seconds of every pass.

    Raises
    ------
    InputError
        If Yosys ends with an error; its log is left beside ``folder``.
    """
    (folder / f"{name}.ys").write_text(script)
    command = [sys.executable, "-u", "-c", WORKER, f"{name}.ys"]
    log = folder / f"{name}.log"
    with (
        open(log, "w") as output,
        Child(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
    ):
        assert process.stdout is not None
        seconds = _follow(process.stdout, output.write, progress)
    if process.returncode:
        errors = [line for line in log.read_text().splitlines() if "ERROR" in line]
        raise InputError(f"Yosys failed: {' '.join(errors) or 'no message'}", file=failed_log(log))
    return seconds


def failed_log(log: Path) -> Path:
    """A copy of ``log`` beside the folder that it is in, which vanishes with the failed run."""
    kept = log.parent.parent / f"{log.parent.name.strip('.').split('.')[0]}-failed.log"
    shutil.copy(log, kept)
    return kept


def longest(*runs: dict[str, float]) -> dict[str, float]:
    """Seconds by pass, the longest first; what takes less than a tenth is left out."""
    total = {name: round(sum(run.get(name, 0.0) for run in runs), 1) for run in runs for name in run}
    return {name: total[name] for name in sorted(total, key=lambda name: -total[name]) if total[name]}


def _follow(
    lines: Iterable[str], write: Callable[[str], object], progress: Progress | None
) -> dict[str, float]:
    seconds: dict[str, float] = {}
    current, start = "", time.perf_counter()
    for line in lines:
        write(line)
        found = re.match(r"[\d.]+\. Executing (\S+?)[ .(]", line)
        if found is None:
            continue
        now = time.perf_counter()
        seconds[current] = seconds.get(current, 0.0) + now - start
        current, start = found[1], now
        if progress is not None and line.count(".") <= 4:
            progress(current)
    seconds[current] = seconds.get(current, 0.0) + time.perf_counter() - start
    return seconds
