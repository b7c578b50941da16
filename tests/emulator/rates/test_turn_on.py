"""Turn-on curves: literal bins, fits of curves with known parameters, fits that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.rates.intervals import fraction
from l1forge.emulator.rates.turn_on import curve, default_edges, turn_on

TRUE = np.array([25.0, 4.0, 0.9])


def events(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 60, n)
    return x, rng.random(n) < curve(x, TRUE)


def test_literal_bins() -> None:
    x = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, np.nan])
    found = turn_on(x, np.array([1, 1, 0, 1, 1, 1, 1], bool), np.array([0.0, 1.0, 2.0]))
    assert found.bins == (fraction(1, 2), fraction(2, 2))
    assert (found.below, found.above, found.absent) == (1, 1, 1)
    assert found.fit is None
    assert "fewer than 20" in found.reason


def test_parameters_and_errors_of_many_samples() -> None:
    """Pulls of the parameters have mean 0 and width 1: the covariance is right."""
    pulls = []
    for seed in range(40):
        fit = turn_on(*events(2000, seed)).fit
        assert fit is not None
        pulls.append((np.array(fit.values) - TRUE) / fit.errors)
        assert fit.chi2 < 5 * fit.degrees
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.6
    assert np.std(pulls, axis=0) == pytest.approx([1, 1, 1], abs=0.35)


def test_a_curve_of_another_shape_has_a_bad_fit() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 60, 20_000)
    passed = rng.random(x.size) < np.where(x < 30, 0.2, 0.8)
    fit = turn_on(x, passed).fit
    assert fit is None or fit.chi2 > 10 * fit.degrees


def test_flat_efficiency_does_not_fit() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 60, 500)
    assert turn_on(x, np.ones(500, bool)).fit is None


def test_edges_read_well() -> None:
    edges = default_edges(np.linspace(0, 103, 1000))
    assert set(np.round(np.diff(edges), 9)) == {10.0}
    np.testing.assert_array_equal(default_edges(np.full(3, np.nan)), [0, 1])
    assert default_edges(np.full(3, 7.0)).size > 1
