"""One name, one class: two classes of one name in one package are the same idea, or called differently."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("emulator", "firmware", "l1forge", "models", "simulation", "testbench")
SAME_IDEA = {("models", "Options"): "how one model is trained: each training has its own"}


def doubles(folder: Path) -> dict[str, list[str]]:
    """Names of top-level classes that several modules below ``folder`` define, with these modules."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        if any((folder / parent).is_symlink() for parent in inside.parents if parent.name):
            continue  # l1forge/emulator is the folder at the top
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                found[statement.name].append(inside.as_posix())
    return {name: places for name, places in found.items() if len(places) > 1}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_classes_of_one_name(package: str) -> None:
    allowed = {name for where, name in SAME_IDEA if where == package}
    assert {name: at for name, at in doubles(ROOT / package).items() if name not in allowed} == {}


def test_a_double_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("class Plan: ...\nclass One: ...\n")
    (tmp_path / "inner" / "b.py").write_text("class Plan: ...\nclass _Two: ...\n")
    (tmp_path / "linked").symlink_to("inner")
    assert doubles(tmp_path) == {"Plan": ["a.py", "inner/b.py"]}
