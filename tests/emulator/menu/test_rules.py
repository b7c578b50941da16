"""Every rule of the global trigger against decisions that are written out."""

from __future__ import annotations

import pytest

from tests.emulator.menu.cases import CASES, Case
from tests.emulator.menu.crossings import block
from tests.emulator.menu.world import compile_case, decide, modules, scores_of


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels_decide_as_written(case: Case) -> None:
    assert decide(case, modules()) == case.expected


@pytest.mark.parametrize("case", [c for c in CASES if c.neighbours != "halo"], ids=str)
def test_reference_decides_as_written(case: Case) -> None:
    m = modules()
    reference = m.reference.Reference(compile_case(case, m))
    bits = reference(block(case.crossings), scores_of(case), wrap=case.neighbours == "orbit")
    assert "".join(str(int(bit)) for bit in bits[0]) == case.expected


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
