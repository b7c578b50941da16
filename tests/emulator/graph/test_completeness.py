"""An operation of the graph is whole, or says what it lacks: nothing is forgotten silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l1forge.emulator.graph.operations import OPERATIONS
from l1forge.emulator.graph.reference import EVALUATORS
from l1forge.emulator.kernel.builder import LOWERINGS
from tests.emulator.graph import completeness
from tests.emulator.graph.completeness import gaps, rows_of


@pytest.mark.parametrize("op", OPERATIONS)
def test_operation_is_whole(op: str) -> None:
    assert gaps(op) == []


@pytest.mark.parametrize("what", ["REFERENCE_ONLY", "INTERPRETED", "NO_LOGIC", "NOT_IN_C"])
def test_what_is_declared_missing_exists(what: str) -> None:
    assert set(getattr(completeness, what)) <= set(OPERATIONS)


def test_nothing_is_registered_that_is_no_operation() -> None:
    for table in (EVALUATORS, LOWERINGS, completeness.LOGIC):
        assert set(table) <= set(OPERATIONS)


def test_a_new_operation_is_told_all_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "twice", replace(OPERATIONS["relu"]))
    assert gaps("twice") == [
        "a row in docs/graph.md",
        "an evaluator in emulator/graph/reference.py",
        "a lowering in emulator/kernel/operations.py",
        "logic in firmware/rtl/lowering.py",
        "random graphs in tests/emulator/kernel/random_graphs.py",
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (EVALUATORS, "an evaluator in emulator/graph/reference.py"),
        (LOWERINGS, "a lowering in emulator/kernel/operations.py"),
        (completeness.LOGIC, "logic in firmware/rtl/lowering.py"),
    ],
)
def test_what_is_taken_away_is_noticed(
    monkeypatch: pytest.MonkeyPatch, table: dict[str, object], said: str
) -> None:
    monkeypatch.delitem(table, "square")
    monkeypatch.setattr(completeness, "_wrong", lambda op, graph: iter(()))
    assert gaps("square") == [said]


def test_a_fallback_that_is_not_declared_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LOWERINGS, "square")
    monkeypatch.setitem(completeness.REFERENCE_ONLY, "relu", "invented")
    assert "to be computed as declared: REFERENCE_ONLY has False" in gaps("square")
    assert "C++ as declared: NOT_IN_C has False" in gaps("square")
    assert "to be computed as declared: REFERENCE_ONLY has True" in gaps("relu")


def test_a_wrong_kernel_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOWERINGS, "square", LOWERINGS["relu"])
    assert "the reference's integers from the back end portable" in gaps("square")


def test_a_missing_row_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    page = tmp_path / "graph.md"
    page.write_text(completeness.CONTRACT.read_text().replace("| `square` |", "| square |"))
    monkeypatch.setattr(completeness, "CONTRACT", page)
    assert rows_of(page) >= set(OPERATIONS) - {"square"}
    assert gaps("square") == ["a row in docs/graph.md"]
