"""Verilator's warnings about a design, every one of them a reason to look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l1forge.firmware.rtl.project import RtlProject
from l1forge.firmware.tools import children
from l1forge.firmware.tools.verilator_root import verilator_environment

WAIVED = ("DECLFILENAME", "TIMESCALEMOD")
"""Matters of taste: one file per module, and a time scale in every file or in none."""


def lint(project: RtlProject, generated: Sequence[str] = ()) -> list[str]:
    """Warnings and errors of ``verilator -Wall`` about ``project``, one a line; none: clean.

    ``generated``: beginnings of the names of files that another generator writes and whose style is not ours;
    errors in them are told, warnings are not.

    Raises
    ------
    InputError
        If Verilator is missing.
    """
    environment = verilator_environment()
    program = str(Path(environment["VERILATOR_ROOT"]) / "bin" / "verilator")
    options = [program, "--lint-only", "-Wall", *(f"-Wno-{name}" for name in WAIVED), "-Wno-fatal"]
    command = [*options, "--top-module", project.name, *map(str, project.sources)]
    done = children.run(command, env=environment)
    lines = [line for line in done.stderr.splitlines() if line.startswith("%")]
    others = tuple(f"{project.folder}/{name}" for name in generated)
    return [
        line for line in lines if line.startswith("%Error") or not any(f": {name}" in line for name in others)
    ]
