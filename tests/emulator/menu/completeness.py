"""What a kind of menu condition needs to be whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.checks.numpy_peer import NumpyMenu
from l1forge.emulator.menu.checks.reference import Reference
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.language.load import load_menu
from tests.emulator.graph.completeness import rows_of
from tests.emulator.menu.cases import CASES, Case
from tests.emulator.menu.crossings import block
from tests.emulator.menu.world import EXTERNALS, SCORES, compile_case, decide, modules, scores_of

PAGE = Path(__file__).parents[3] / "docs" / "menu.md"
NOT_IN_YAML: Mapping[str, str] = {}
"""Kinds that no YAML seed can ask for, and why."""


def kinds() -> list[str]:
    """The kinds of conditions that a compiled menu may hold."""
    union = get_args(compiled.Condition)[0]
    return [model.model_fields["kind"].default for model in get_args(union)]


def kinds_in(menu: CompiledMenu) -> set[str]:
    return {condition.kind for condition in menu.conditions.values()}


@cache
def _compiled() -> list[tuple[Case, CompiledMenu]]:
    """The cases whose neighbours all checks know."""
    m = modules()
    return [(case, compile_case(case, m)) for case in CASES if case.neighbours != "halo"]


def cases_of(kind: str) -> list[tuple[Case, CompiledMenu]]:
    """Up to three cases with a condition of ``kind``."""
    return [(case, menu) for case, menu in _compiled() if kind in kinds_in(menu)][:3]


def _yaml(case: Case) -> str:
    """The case as a menu file; JSON is YAML."""
    scores = {name: {"type": kind} for name, (kind, _) in SCORES.items()}
    menu: dict[str, Any] = {
        "menu": "case",
        "judge": case.judge,
        "cuts": {name: dict(cut) for name, cut in case.cuts.items()},
        "externals": EXTERNALS,
        "scores": scores,
        "algorithms": [{"index": 7, "name": "L1_Case", "seed": case.seed}],
    }
    return json.dumps(menu)


def gaps(kind: str, folder: Path) -> list[str]:
    """What conditions of ``kind`` still lack, each as the place where it has to be added."""
    return list(dict.fromkeys(_gaps(kind, folder)))


def _gaps(kind: str, folder: Path) -> Iterator[str]:
    if kind not in rows_of(PAGE):
        yield "a row in docs/menu.md"
    cases = cases_of(kind)
    if not cases:
        yield "cases in tests/emulator/menu/cases.py"
    for case, menu in cases:
        if _bits(decide, case, modules()) != case.expected:
            yield "kernels: emulator/menu/engine/plan.py"
        for name, check in (("reference", Reference(menu)), ("numpy_peer", NumpyMenu(menu))):
            wrap = case.neighbours == "orbit"
            if _bits(_first, check, block(case.crossings), scores_of(case), wrap) != case.expected:
                yield f"emulator/menu/checks/{name}.py"
        file = folder / "case.yaml"
        file.write_text(_yaml(case))
        try:
            read = kind in kinds_in(load_menu(file))
        except InputError:
            read = False
        if read == (kind in NOT_IN_YAML):
            yield "a seed: emulator/menu/language/build.py"


def _first(check: Any, *arguments: Any) -> Any:
    return check(*arguments)[0]


def _bits(function: Any, *arguments: Any) -> str:
    """Decisions as 0 and 1; a check that has no rule for a condition raises, or decides something else."""
    try:
        return "".join(str(int(bit)) for bit in function(*arguments))
    except Exception as error:  # whatever a missing rule ends in
        return f"{type(error).__name__}: {error}"
