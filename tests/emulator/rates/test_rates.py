"""Rates against hand-computed values and the binomial identities they must obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1forge.emulator.rates.intervals import fraction, full_rate_khz, rate_curve, threshold_for_rate
from l1forge.emulator.rates.study import study


def test_full_rate_is_bunches_times_revolution_frequency():
    assert full_rate_khz(2748) == 2748 * 11245.5 / 1000


def test_no_event_passed_still_has_an_upper_end():
    none = fraction(0, 1000)
    assert (none.value, none.low) == (0.0, 0.0)
    # (1 - p)^1000 = (1 - 0.6827) / 2
    assert abs(none.high - (1 - (0.31730 / 2) ** (1 / 1000))) < 1e-12


def test_all_passed_mirrors_none_passed():
    assert abs(fraction(1000, 1000).low - (1 - fraction(0, 1000).high)) < 1e-12


@pytest.mark.parametrize(("passed", "total"), [(-1, 10), (11, 10)])
def test_impossible_fraction_is_refused(passed, total):
    with pytest.raises(ValueError, match="is not a fraction"):
        fraction(passed, total)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.floats(0, 40000))
def test_threshold_is_the_smallest_within_the_rate(scores, target):
    scores = np.array(scores)
    threshold = threshold_for_rate(scores, target)
    allowed = int(target / full_rate_khz() * len(scores))
    assert (scores >= threshold).sum() <= max(allowed, 0) or allowed >= len(scores)
    if threshold > scores.min():
        assert (scores >= threshold - 1).sum() > allowed


def test_curve_counts_events_at_or_above_the_threshold():
    assert rate_curve(np.array([5, 1, 3, 3]), np.array([0, 1, 2, 3, 4, 5, 6])).tolist() == [
        4,
        4,
        3,
        3,
        1,
        1,
        0,
    ]


def test_study_reports_rate_and_efficiency_at_the_threshold():
    background, signal = np.arange(1000), np.array([10, 995, 999, 2000])
    report = study(background, {"signal": signal}, [full_rate_khz() * 0.01], lsb=0.5)
    (target,) = report["targets"]
    assert target["threshold"] == 990
    assert target["passed"] == 10
    assert target["efficiency"]["signal"]["passed"] == 3
    assert report["curve"][0]["threshold"] == 0
    assert report["curve"][0]["rate_khz"] == full_rate_khz()
