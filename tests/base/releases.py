"""The emulator's tests with the lowest or the newest releases of the base dependencies: `make test-lowest`.

    python tests/base/releases.py lowest     # this Python, the lower end of every range in pyproject.toml
    python tests/base/releases.py newest     # $PYTHON_NEWEST (python3.13), what pip chooses today

The environment lies in build/lowest or build/newest. Warnings of other releases are no errors here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/emulator",)
TOOLS = ("pytest", "hypothesis")
NEED_EXTRAS = (
    "tests/emulator/graph/test_fixed.py::test_all_modes_against_the_ap_fixed_headers",
    "tests/emulator/path/test_path_command.py::test_latency_is_that_of_the_graph_given",
)
"""Tests that need hls4ml's headers or alkaid; all others run on the base alone."""


def lowest(requirements: list[str]) -> list[str]:
    """``numpy>=2.2`` -> ``numpy==2.2.*``, and ``==2.2.6`` where three numbers are given."""
    pinned = []
    for line in requirements:
        match = re.fullmatch(r"([\w.-]+)>=([\d.]+)", line)
        if match is None:
            raise SystemExit(f"error: pyproject.toml: dependencies: {line!r} is not NAME>=VERSION")
        name, version = match.groups()
        pinned.append(f"{name}=={version}" + (".*" if version.count(".") < 2 else ""))
    return pinned


def main(which: str) -> int:
    """Make the environment, run the tests; returns pytest's exit code."""
    for test in NEED_EXTRAS:  # pytest says nothing where it finds no such test
        file, name = test.split("::")
        if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"):
            raise SystemExit(f"error: tests/base/releases.py: NEED_EXTRAS: there is no test {test}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dependencies = project["dependencies"]
    newest = os.environ.get("PYTHON_NEWEST", "python3.13")
    python, wanted = {"lowest": (sys.executable, lowest(dependencies)), "newest": (newest, dependencies)}[
        which
    ]
    folder = ROOT / "build" / which
    inside = folder / "venv" / "bin" / "python"
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([python, "-m", "venv", "--clear", folder / "venv"], check=True, env=own)
    subprocess.run([inside, "-m", "pip", "install", "-q", *wanted, *TOOLS], check=True, env=own)
    subprocess.run([inside, "-m", "pip", "list"], check=True, env=own)
    own |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    own |= {"NUMBA_CACHE_DIR": str(folder / "numba"), "L1FORGE_CACHE": str(folder / "cache")}
    own["PATH"] = os.pathsep.join([str(inside.parent), own["PATH"]])
    command = [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *TESTS]
    command += [f"--deselect={test}" for test in NEED_EXTRAS]
    return subprocess.run(command, cwd=ROOT, env=own, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1:] not in (["lowest"], ["newest"]):
        sys.exit("usage: releases.py lowest|newest")
    sys.exit(main(sys.argv[1]))
