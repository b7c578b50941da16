"""The public names of the emulator's rooms: each room names them, and they cost only what is used."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import l1forge.emulator
from l1forge.emulator.lazy import lazily

ROOMS = sorted(m.name for m in pkgutil.iter_modules(l1forge.emulator.__path__) if m.ispkg)
EAGER = ("c_export", "graph", "kernel")
"""Rooms that are light, or that nobody enters without using them."""
ROOT = Path(__file__).parents[2]


def lazy_names(text: str) -> tuple[list[str], set[str], dict[str, str]]:
    """``__all__``, what the type checker is told, and the homes of the names, from a room's ``__init__``."""
    tree = ast.parse(text)
    public: list[str] = []
    told: set[str] = set()
    homes: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.If):
            for line in statement.body:
                assert isinstance(line, ast.ImportFrom)
                told |= {f"{alias.name}={line.module}" for alias in line.names}
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if statement.targets[0].id == "__all__":
                public = ast.literal_eval(statement.value)
            elif isinstance(statement.value, ast.Call):
                homes = ast.literal_eval(statement.value.args[1])
    return public, told, homes


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_there(room: str) -> None:
    package = importlib.import_module(f"l1forge.emulator.{room}")
    assert package.__all__, room
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert not (Path(package.__path__[0]) / f"{name}.py").exists(), "a name that is also a module"


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in EAGER])
def test_lazy_rooms_tell_type_checker_and_interpreter_the_same(room: str) -> None:
    text = (ROOT / "emulator" / room / "__init__.py").read_text()
    public, told, homes = lazy_names(text)
    assert sorted(public) == sorted(homes)
    assert told == {f"{name}=l1forge.emulator.{room}.{home}" for name, home in homes.items()}


def test_a_name_that_nothing_has_is_an_attribute_error() -> None:
    load = lazily("l1forge.emulator.events", {"Events": "objects"})
    assert load("Events").__name__ == "Events"
    with pytest.raises(AttributeError, match=r"module 'l1forge.emulator.events' has no attribute 'Evens'"):
        load("Evens")


def test_a_room_is_cheap_to_enter() -> None:
    """Neither Numba nor the readers of foreign files are loaded for a name that does not need them."""
    heavy = ("numba", "scipy", "uproot", "h5py", "pyarrow", "matplotlib")
    code = (
        "import sys; from l1forge.emulator import events, menu, path, rates, scoring, stream, graph;"
        f"events.Events, graph.Graph; print([n for n in {heavy} if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
