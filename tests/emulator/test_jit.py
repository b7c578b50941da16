"""What is compiled and kept on disk must follow the sources, also those of other modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """\
from l1forge.emulator.jit import compiled, kernel
from triggers.scale import FACTOR
from triggers.inner import inner


@compiled
def scaled(x):
    return FACTOR * x


@kernel
def nested(x):
    return inner(x)
"""
INNER = """\
from l1forge.emulator.jit import kernel
from triggers.offset import OFFSET


@kernel
def inner(x):
    return x + OFFSET
"""


def results(folder: Path, *prefix: str) -> str:
    code = "from triggers.code import nested, scaled; print(scaled(10), nested(10))"
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    return subprocess.run(
        [*prefix, sys.executable, "-B", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    ).stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "triggers"
    package.mkdir()
    files = {"__init__": "", "code": CODE, "inner": INNER, "scale": "FACTOR = 2\n", "offset": "OFFSET = 3\n"}
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    return package


def test_no_room_to_keep_it(package: Path, tmp_path: Path) -> None:
    assert results(tmp_path, "sh", "-c", 'ulimit -f 0; exec "$@"', "sh") == "20 13\n"
    assert not list(package.rglob("*.nb?"))


def test_edited_constants_of_other_modules_are_noticed(package: Path, tmp_path: Path) -> None:
    assert results(tmp_path) == "20 13\n"
    assert list(package.rglob("*.nbi"))
    (package / "scale.py").write_text("FACTOR = 4\n")
    assert results(tmp_path) == "40 13\n"
    (package / "offset.py").write_text("OFFSET = 5\n")
    assert results(tmp_path) == "40 15\n"
