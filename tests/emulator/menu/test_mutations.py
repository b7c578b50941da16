"""For every rule a mutant (mutants.yaml): the decisions written out in cases.py must notice each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from l1forge.emulator.errors import InputError
from tests.emulator.menu.cases import CASES, Case
from tests.emulator.menu.mutants import mutated
from tests.emulator.menu.world import decide, modules

MUTANTS = yaml.safe_load(Path(__file__).with_name("mutants.yaml").read_text())
BY_NAME = {case.name: case for case in CASES}


def _noticed(case: Case) -> bool:
    """Is the case decided otherwise than written, or can it not be evaluated at all?"""
    try:
        return decide(case, modules()) != case.expected
    except (InputError, LookupError, ValueError):
        return True


def test_unchanged_rules_in_plain_python() -> None:
    """The harness itself changes nothing: every case that a mutant relies on passes without it."""
    with mutated(()):
        assert [name for name in {m["case"] for m in MUTANTS.values()} if _noticed(BY_NAME[name])] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_noticed(name: str) -> None:
    with mutated(MUTANTS[name]["edits"]):
        assert _noticed(BY_NAME[MUTANTS[name]["case"]])
