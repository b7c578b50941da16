"""What is compiled and kept on disk must follow the sources, also those of other modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import l1forge.emulator.menu.engine.kernels
from l1forge.emulator import jit

CODE = """\
from l1forge.emulator.jit import compiled, kernel
from triggers.scale import FACTOR
from triggers.inner import inner
from triggers import ends
from triggers.deep import (
    HIGH,  # (re-exported)
)
from .near import LEAST


@compiled
def scaled(x):
    return FACTOR * x


@kernel
def nested(x):
    return inner(x)


@compiled
def clipped(x):
    return max(LEAST, min(x, ends.LIMIT, HIGH))
"""
INNER = """\
from l1forge.emulator.jit import kernel
from triggers.offset import OFFSET


@kernel
def inner(x):
    return x + OFFSET
"""


def results(folder: Path, *prefix: str) -> str:
    answers = "scaled(10), nested(10), clipped(0), clipped(99)"
    code = f"from triggers.code import clipped, nested, scaled; print({answers})"
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
    (package / "deep").mkdir()
    files = {"__init__": "", "code": CODE, "inner": INNER, "scale": "FACTOR = 2\n", "offset": "OFFSET = 3\n"}
    files |= {"ends": "LIMIT = 50\n", "near": "LEAST = 1\n", "deep/limits": "HIGH = 60\n"}
    files["deep/__init__"] = "from triggers.deep.limits import HIGH\n"
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    return package


def test_no_room_to_keep_it(package: Path, tmp_path: Path) -> None:
    assert results(tmp_path, "sh", "-c", 'ulimit -f 0; exec "$@"', "sh") == "20 13 1 50\n"
    assert not list(package.rglob("*.nb?"))


def test_edited_constants_of_other_modules_are_noticed(package: Path, tmp_path: Path) -> None:
    assert results(tmp_path) == "20 13 1 50\n"
    assert list(package.rglob("*.nbi"))
    (package / "scale.py").write_text("FACTOR = 4\n")
    assert results(tmp_path) == "40 13 1 50\n"
    (package / "offset.py").write_text("OFFSET = 5\n")
    assert results(tmp_path) == "40 15 1 50\n"


def test_every_way_of_importing_is_followed(package: Path, tmp_path: Path) -> None:
    assert results(tmp_path) == "20 13 1 50\n"
    for file, text, answer in (
        ("ends", "LIMIT = 45", "1 45"),  # from package import module
        ("near", "LEAST = 7", "7 45"),  # from .module import name
        ("deep/limits", "HIGH = 40", "7 40"),  # through the names that a package hands on
        ("deep/__init__", "HIGH = 35", "7 35"),
    ):
        (package / f"{file}.py").write_text(f"{text}\n")
        assert results(tmp_path) == f"20 13 {answer}\n"


def test_a_linked_package_is_followed(package: Path, tmp_path: Path) -> None:
    """As l1forge/emulator is a link to the folder at the top of a checkout."""
    (tmp_path / "house").mkdir()
    package.rename(tmp_path / "house" / "inside")
    package.symlink_to(Path("house", "inside"))
    assert results(tmp_path) == "20 13 1 50\n"
    (tmp_path / "house" / "inside" / "deep" / "limits.py").write_text("HIGH = 41\n")
    (tmp_path / "house" / "inside" / "offset.py").write_text("OFFSET = 5\n")
    assert results(tmp_path) == "20 15 1 41\n"


def test_our_kernels_see_what_they_are_made_of() -> None:
    """The modules of a kernel's own package and of the rooms around it, wherever the house lies."""
    file = Path(l1forge.emulator.menu.engine.kernels.__file__)
    root = file.parents[4]
    found = {path.relative_to(root).as_posix() for path in jit._imported(file.read_text(), file, root)}
    assert {"l1forge/emulator/menu/engine/rows", "l1forge/emulator/menu/engine/single_crossing"} <= found
