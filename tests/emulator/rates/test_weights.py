"""Weighted crossings: patterns and sums against literal ones, intervals against simulated repetitions."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.rates.intervals import COVERAGE, fraction, weighted_mean
from l1forge.emulator.rates.patterns import Patterns
from l1forge.emulator.rates.shares import Tally, shares


def test_literal_sums() -> None:
    words = np.zeros((8, 6), np.uint64)
    words[0] = (1, 3, 3, 2, 0, 3)  # seeds 0; 0 and 1 three times; 1; none
    weights = np.array([0.5, 2.0, 2.0, 4.0, 8.0, 1.0])
    patterns = Patterns.of(words, weights=weights)
    assert (patterns.exposure, patterns.squares) == (17.5, 89.25)
    assert patterns.effective == pytest.approx(17.5**2 / 89.25)
    assert patterns.crossings == 6
    assert sorted(patterns.counts) == [1, 1, 1, 1, 2]  # the same pattern once for each weight
    yes, no = np.ones(2, bool), np.zeros(2, bool)
    found = shares(patterns, np.array([0, 1]), np.array([1.0, 0.5]), yes, no, {"g": [0]})
    assert found.total == (Tally(5.5, 9.25), Tally(4.5, 6.25, 0.5))
    assert found.pure[1] == Tally(2.0, 4.0, 0.5)
    assert found.finor == Tally(7.5, 13.25)
    np.testing.assert_allclose(found.overlap, [[5.5, 2.5], [2.5, 4.5]])


def test_any_partition_and_order_merge_to_the_same_bits() -> None:
    rng = np.random.default_rng(1)
    words = np.zeros((8, 3000), np.uint64)
    words[[0, 5]] = rng.integers(0, 4, (2, 3000))
    weights = rng.choice([0.0, 1e-3, 1 / 3, 1.0, 777.7], 3000)
    whole = Patterns.of(words, weights=weights)
    order = rng.permutation(3000)
    parts = [Patterns.of(words[:, order[k::7]], weights=weights[order[k::7]]) for k in range(7)]
    merged = Patterns.merged([Patterns.merged(parts[4:]), Patterns.merged([]), Patterns.merged(parts[:4])])
    for name in ("words", "counts", "weights", "crossings"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(merged, name))
    assert whole.exposure == merged.exposure
    with pytest.raises(ValueError, match="do not add up"):
        Patterns.merged([whole, Patterns.of(words)])


def test_equal_weights_are_binomial() -> None:
    for passed, total, weight in ((7, 1000, 1.0), (7, 1000, 50.0), (600, 1000, 0.01)):
        expected = fraction(passed, total)
        found = weighted_mean(passed * weight, passed * weight**2, total * weight, total * weight**2)
        assert found == pytest.approx((expected.value, expected.low, expected.high), rel=1e-9)
    assert weighted_mean(0, 0, 1000, 1000) == pytest.approx((0, 0, fraction(0, 1000).high))
    assert weighted_mean(1000.0, 5000.0, 1000.0, 5000.0) == (1.0, 1.0, 1.0)
    assert weighted_mean(0, 0, 0, 0) == (0.0, 0.0, 1.0)


def test_intervals_cover_the_truth() -> None:
    """Of a sample of two classes, drawn again and again, about 68 % of the intervals hold the truth."""
    rng = np.random.default_rng(2)
    exposure, part, sizes, passes = 1e6, np.array([0.9, 0.1]), np.array([2000, 5000]), np.array([0.003, 0.02])
    weight = exposure * part / sizes
    truth = (part * passes).sum()
    inside, n = 0, 2000
    for k in rng.binomial(sizes, passes, (n, 2)):
        _, low, high = weighted_mean(
            (k * weight).sum(), (k * weight**2).sum(), exposure, (sizes * weight**2).sum()
        )
        inside += low <= truth <= high
    assert inside / n == pytest.approx(COVERAGE, abs=0.08)
