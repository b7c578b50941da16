"""Prescales for a budget: literal optima, all combinations of small problems, what cannot be had."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.rates.budget import FRIENDLY, Crossings, Wanted, propose


def wanted(budget: float, n: int, **options: object) -> Wanted:
    groups = {f"s{i}": (i,) for i in range(n)}
    values: dict = {"weights": dict.fromkeys(groups, 1.0), "minimum_khz": {}, "fixed": {}} | options
    return Wanted(budget, values.pop("groups", groups), **values)


def apart(*khz: float) -> Crossings:
    return Crossings(np.eye(len(khz), dtype=bool), np.array(khz))


def test_nothing_is_prescaled_within_the_budget() -> None:
    found = propose(apart(10, 20), wanted(30, 2))
    assert found.prescales == (1, 1)
    assert (found.rate_khz, found.kept) == (30, pytest.approx(1))


def test_the_expensive_seed_pays() -> None:
    """Equal weights: 1 kHz of the seed of 40 kHz is worth a quarter of one of 10 kHz."""
    found = propose(apart(10, 40), wanted(30, 2))
    assert found.prescales == (1, 2)
    assert found.rate_khz == 30
    assert found.kept == pytest.approx((1 + 0.5) / 2)
    heavy = propose(apart(10, 40), wanted(42, 2, weights={"s0": 1.0, "s1": 10.0}))
    assert heavy.prescales == (5, 1)


def test_minimum_rates_fixed_prescales_and_seeds_that_are_off() -> None:
    assert propose(apart(10, 40), wanted(30, 2, fixed={1: 8.0})).prescales == (1, 8)
    found = propose(apart(10, 40), wanted(30, 2, minimum_khz={"s1": 20.0}, weights={"s0": 9.0, "s1": 0.0}))
    assert found.prescales == (1, 2)
    off = propose(apart(10, 40), wanted(1.0, 2, may_be_off=True))
    assert off.prescales == (10, 0)
    assert propose(apart(10, 40), wanted(30, 2, fixed={1: 0.0})).prescales == (1, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fixed": {1: 1.0}}, "cannot be had"),
        ({"minimum_khz": {"s1": 41.0}}, "only 40 kHz"),
        ({"minimum_khz": {"s0": 10.0, "s1": 40.0}}, "cannot be had"),
    ],
)
def test_what_cannot_be_had_is_said(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        propose(apart(10, 40), wanted(30, 2, **options))


@pytest.mark.parametrize("seed", range(8))
def test_as_good_as_the_best_of_all_combinations(seed: int) -> None:
    """Three seeds that overlap: what is proposed keeps nearly as much as the best of all prescales."""
    rng = np.random.default_rng(seed)
    flags = np.array(list(product([False, True], repeat=3)))[1:].T
    crossings = Crossings(flags, rng.exponential(10, 7))
    whole = crossings.khz.sum()
    of = wanted(0.5 * whole, 3)
    found = propose(crossings, of)
    assert found.rate_khz <= 0.5 * whole
    rates = flags @ crossings.khz
    value = (flags / rates[:, None]).sum(axis=0) * crossings.khz / 3
    best = 0.0
    for choice in product(FRIENDLY, repeat=3):
        accepted = crossings.accepted(1 / np.array(choice))
        if accepted @ crossings.khz <= 0.5 * whole:
            best = max(best, float(accepted @ value))
    assert found.kept <= best + 1e-12
    assert found.kept > 0.96 * best
