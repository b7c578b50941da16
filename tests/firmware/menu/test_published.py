"""Three-way: Verilog equal to the emulator is no pass if the emulator is not as published."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from l1forge.commands.menu import cosimulation_lines
from l1forge.emulator.menu.checks.check import FAIL, INCOMPLETE, KNOWN, MATCH, MISMATCH, PASS, UNSCORED
from l1forge.studies.menu_firmware import MenuCosimulation


def outcome(passed: bool) -> Any:
    lists: dict[str, Any] = {"examples": [], "holes": [], "coverage": None}
    counts = {"latency": 4, "mismatches": 0, "missing": 0, "misplaced": 0, "total": 9}
    return SimpleNamespace(passed=passed, seeds=("a",) * 9, crossings={"vectors": 9}, **lists, **counts)


def compared(verdict: str, **counts: int) -> Any:
    return SimpleNamespace(
        verdict=verdict, vectors="v.txt", count=lambda status: counts.get(status.split()[0], 0)
    )


@pytest.mark.parametrize(
    ("equal", "verdict", "passed"),
    [(True, PASS, True), (True, INCOMPLETE, True), (True, FAIL, False), (False, PASS, False)],
)
def test_published_bits_decide_too(equal: bool, verdict: str, passed: bool) -> None:
    result = MenuCosimulation(cast(Any, None), outcome(equal), (compared(verdict),))
    assert result.passed == passed


def test_the_lines_say_what_is_not_as_published() -> None:
    counts = {MATCH: 6, KNOWN: 1, UNSCORED.split()[0]: 1, MISMATCH: 1}
    lines = cosimulation_lines(MenuCosimulation(cast(Any, None), outcome(True), (compared(FAIL, **counts),)))
    assert lines[2] == (
        "v.txt: 6 of 9 seeds as published, 1 documented, 1 without scores: drawn for the Verilog, 1 NOT"
    )
