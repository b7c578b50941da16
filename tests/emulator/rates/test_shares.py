"""Counted patterns and what follows from them, against literal sums over all outcomes of the prescalers."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from l1forge.emulator.path.prescale import PrescaleSettings
from l1forge.emulator.rates.intervals import fraction, weighted_fraction
from l1forge.emulator.rates.patterns import Patterns
from l1forge.emulator.rates.shares import Tally, probabilities, shares

INDICES = np.array([0, 1, 70, 300, 511])


def random_words(n: int, seed: int = 1) -> np.ndarray:
    flags = np.zeros((n, 512), bool)
    flags[:, INDICES] = np.random.default_rng(seed).random((n, INDICES.size)) < (0.3, 0.2, 0.1, 0.05, 0.02)
    return np.packbits(flags, axis=1, bitorder="little").view("<u8").T.copy()


def same(a: Patterns, b: Patterns) -> bool:
    return (
        np.array_equal(a.words, b.words) and np.array_equal(a.counts, b.counts) and a.crossings == b.crossings
    )


def test_patterns_are_counted_exactly() -> None:
    words = np.zeros((8, 6), np.uint64)
    words[0] = (3, 0, 1, 3, 1, 3)
    words[7, 2] = 1 << 63
    found = Patterns.of(words)
    assert found.crossings == 6
    columns = {
        tuple(column): count for column, count in zip(found.words.T.tolist(), found.counts, strict=True)
    }
    assert columns == {
        (3, 0, 0, 0, 0, 0, 0, 0): 3,
        (1, 0, 0, 0, 0, 0, 0, 0): 1,
        (1, 0, 0, 0, 0, 0, 0, 1 << 63): 1,
    }
    np.testing.assert_array_equal(found.flags(np.array([0, 511])).sum(axis=1), [3, 1])


@pytest.mark.parametrize("seed", range(5))
def test_any_partition_and_order_merge_to_the_same_bits(seed: int) -> None:
    words, rng = random_words(2000), np.random.default_rng(seed)
    whole = Patterns.of(words)
    order = rng.permutation(2000)
    bounds = [0, *np.sort(rng.choice(2000, 9, replace=False)).tolist(), 2000]
    parts = [Patterns.of(words[:, order[a:b]]) for a, b in pairwise(bounds)]
    rng.shuffle(parts)
    merged = Patterns.merged([Patterns.merged(parts[:4]), Patterns.merged(parts[4:])])
    assert same(whole, merged)


def test_a_lost_crossing_is_noticed() -> None:
    words = random_words(2000)
    fired = np.flatnonzero(words.any(axis=0))[0]
    assert not same(Patterns.of(words), Patterns.of(np.delete(words, fired, axis=1), 2000))


def test_literal_values_without_prescales() -> None:
    words = np.zeros((8, 5), np.uint64)
    words[0] = (1, 3, 3, 2, 0)  # seeds 0; 0 and 1 twice; 1; none
    yes, no = np.ones(2, bool), np.zeros(2, bool)
    found = shares(Patterns.of(words), np.array([0, 1]), np.ones(2), yes, no, {"g": [0], "all": [0, 1]})
    assert found.crossings == 5
    assert found.total == (Tally(3, 3), Tally(3, 3))
    assert found.pure == (Tally(1, 1), Tally(1, 1))
    assert found.proportional == (Tally(2, 1.5), Tally(2, 1.5))
    assert found.finor == Tally(4, 4)
    assert found.groups["g"] == (Tally(3, 3), Tally(1, 1), Tally(2, 2))
    assert found.groups["all"] == (Tally(4, 4), Tally(4, 4), Tally(0, 0))
    np.testing.assert_array_equal(found.overlap, [[3, 2], [2, 3]])


def test_prescaled_rates_are_the_mean_over_all_outcomes() -> None:
    words = random_words(400)
    factors = np.array([100, 250, 0, 1000, 150])
    settings = PrescaleSettings.default(INDICES.tolist())
    settings.factors[INDICES] = factors
    fires = probabilities(settings, INDICES)
    np.testing.assert_array_equal(fires, [1, 0.4, 0, 0.1, 1 / 1.5])
    finor = np.array([True, True, True, True, False])
    veto = np.array([False, False, False, False, True])
    patterns = Patterns.of(words)
    found = shares(patterns, INDICES, fires, finor, veto, {"g": [0, 1]})
    flags = patterns.flags(INDICES)
    expected = {key: np.zeros(5) for key in ("total", "pure", "share")}
    whole, group = 0.0, np.zeros(3)
    for pattern, count in zip(flags.T, patterns.counts, strict=True):
        for outcome in product((False, True), repeat=5):
            chosen = np.array(outcome)
            chance = np.prod(np.where(chosen, fires, 1 - fires)) * count
            fired = chosen & pattern
            expected["total"] += chance * fired
            taking = fired & finor
            if (fired & veto).any() or not taking.any():
                continue
            whole += chance
            expected["share"] += chance * taking / taking.sum()
            expected["pure"] += chance * (taking if taking.sum() == 1 else 0)
            inside, outside = taking[:2].any(), taking[2:].any()
            group += chance * np.array([inside, inside and not outside, inside and outside])
    for what, key in (("total", "total"), ("pure", "pure"), ("proportional", "share")):
        got = [tally.total for tally in getattr(found, what)]
        np.testing.assert_allclose(got, expected[key], rtol=1e-12, err_msg=what)
    assert found.finor.total == pytest.approx(whole, rel=1e-12)
    np.testing.assert_allclose([tally.total for tally in found.groups["g"]], group, rtol=1e-12)
    assert sum(tally.total for tally in found.proportional) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(("passed", "n"), [(0, 10), (3, 10), (10, 10), (7, 1000)])
def test_equal_weights_have_the_binomial_interval(passed: int, n: int) -> None:
    plain = fraction(passed, n)
    assert weighted_fraction(passed, passed, n) == pytest.approx((plain.value, plain.low, plain.high))
    half = weighted_fraction(passed / 2, passed / 4, n, 0.5)
    assert half == pytest.approx((plain.value / 2, plain.low / 2, plain.high / 2))


def test_no_crossing_says_nothing() -> None:
    assert weighted_fraction(0.0, 0.0, 0) == (0.0, 0.0, 1.0)
