"""Costs of conditions: one kind through Yosys; a kind that is not there."""

from __future__ import annotations

import pytest

from l1forge.emulator.errors import InputError
from l1forge.studies.menu_costs import ConditionKind, Cost, menu_costs


def test_two_muons() -> None:
    (cost,) = menu_costs(["two muons"]).costs
    assert cost.dsp == 0
    assert cost.ff >= 8  # valid bits, two requirements on eight muons, condition, seed
    assert 0 < cost.lut < 200
    assert cost.row()[0] == "two muons"


def test_costs_of_a_pair() -> None:
    cost = Cost(ConditionKind("pairs", "seed", 28, "55 LUT"), 2800, 10, 56)
    assert cost.row() == ("pairs", "28", "2,800", "10", "56", "100", "2.0", "55 LUT")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="no such kind"):
        menu_costs(["three muons"])
