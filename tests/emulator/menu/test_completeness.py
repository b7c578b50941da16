"""A kind of menu condition is whole: kernels, both checks, the language, the page. Nothing is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from l1forge.emulator.menu.checks.numpy_peer import NumpyMenu
from l1forge.emulator.menu.checks.reference import Reference
from l1forge.emulator.menu.engine import evaluate
from tests.emulator.menu import completeness
from tests.emulator.menu.completeness import gaps, kinds


@pytest.mark.parametrize("kind", kinds())
def test_condition_kind_is_whole(kind: str, tmp_path: Path) -> None:
    assert gaps(kind, tmp_path) == []


def test_kinds_are_those_of_the_schema() -> None:
    assert kinds() == ["combination", "correlation", "triple", "value", "signal", "external", "score"]


def test_a_new_kind_is_told_what_it_needs(tmp_path: Path) -> None:
    assert gaps("quadruple", tmp_path) == ["a row in docs/menu.md", "cases in tests/emulator/menu/cases.py"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Reference, "emulator/menu/checks/reference.py"),
        (NumpyMenu, "emulator/menu/checks/numpy_peer.py"),
        (evaluate.MenuEvaluator, "kernels: emulator/menu/engine/plan.py"),
    ],
)
def test_a_forgotten_rule_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: type, said: str
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise TypeError("no rule")

    monkeypatch.setattr(where, "__call__", nothing)
    assert gaps("value", tmp_path) == [said]


def test_a_seed_that_is_not_read_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(completeness, "NOT_IN_YAML", {"triple": "invented"})
    assert gaps("triple", tmp_path) == ["a seed: emulator/menu/language/build.py"]
