"""Parameters annotated ``Any`` in the packages that mypy checks strictly: their number may only fall.

``Any`` switches the type checker off for whatever is passed on, and tells a reader nothing. A real type, a
Protocol (``l1forge.firmware.hls.objects``) or ``object`` (what is checked before use) does both.
"""

from __future__ import annotations

import ast
from pathlib import Path

import l1forge

ROOT = Path(l1forge.__file__).resolve().parent
ALLOWED = {"emulator": 0, "firmware": 95}
"""Limits by folder, of which the first that holds a file counts: lower them, never raise them."""


def any_parameters(source: str) -> list[str]:
    """``function(parameter)`` of each parameter annotated ``Any``, or what the module has named so."""
    tree = ast.parse(source)
    names = {"Any"}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _named(node.value, names):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            given = function.args
            parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            found += [
                f"{function.name}({parameter.arg})"
                for parameter in parameters
                if parameter is not None and parameter.annotation is not None
                if _named(parameter.annotation, names)
            ]
    return found


def _named(annotation: ast.expr, names: set[str]) -> bool:
    """Whether an annotation is ``Any``, also as a text, as ``typing.Any``, or joined with other types."""
    match annotation:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="typing"), attr=name):
            return name in names
        case ast.Constant(value=str(text)):
            return any(part.strip().removeprefix("typing.") in names for part in text.split("|"))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _named(left, names) or _named(right, names)
    return False


def _found() -> dict[str, list[str]]:
    """Module and parameter of every ``Any``, by folder of ``ALLOWED``."""
    found: dict[str, list[str]] = {folder: [] for folder in ALLOWED}
    for room in ("emulator", "firmware"):
        for file in sorted((ROOT / room).resolve().rglob("*.py")):
            place = f"{room}/{file.relative_to((ROOT / room).resolve()).as_posix()}"
            folder = next(name for name in ALLOWED if place.startswith(f"{name}/"))
            found[folder] += [f"{place}: {name}" for name in any_parameters(file.read_text(encoding="utf-8"))]
    return found


def test_any_parameters_do_not_become_more() -> None:
    more = {folder: names for folder, names in _found().items() if len(names) > ALLOWED[folder]}
    assert not more, f"more than {ALLOWED} parameters are Any: {more}"


def test_each_way_to_write_any_is_found() -> None:
    source = """
from typing import Any
import typing

Loose = Any
Looser: object = Loose

def plain(a: Any, b: int, *c: Any, d: "Any" = 1, **e: typing.Any) -> Any: ...
def named(a: Loose, b: Looser, c: Any | None, d: "Any | None") -> None: ...
def typed(a: list[Any], b: object, c: dict[str, Any], d) -> None: ...
class Held:
    async def method(self, a: Any) -> None:
        def inner(a: Any) -> None: ...
"""
    assert sorted(any_parameters(source)) == [
        *("inner(a)", "method(a)", "named(a)", "named(b)", "named(c)", "named(d)"),
        *("plain(a)", "plain(c)", "plain(d)", "plain(e)"),
    ]
