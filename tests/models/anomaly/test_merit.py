"""Thresholds, efficiencies and their errors on arrays whose answer is known."""

import numpy as np
import pytest

from l1forge.models.anomaly.merit import PURE, TOTAL, Efficiency, ScoredSample, auc, compare, efficiencies

FULL = 1000.0  # kHz: every crossing


def sample(
    scores: dict[str, np.ndarray], accepted: np.ndarray | None = None, weight: float = 1.0
) -> ScoredSample:
    n = len(next(iter(scores.values())))
    taken = np.zeros(n, bool) if accepted is None else accepted
    return ScoredSample(scores, taken, np.full(n, weight))


def test_efficiency_at_a_rate_and_its_error() -> None:
    rng = np.random.default_rng(1)
    background, signal = rng.normal(0, 1, 100_000), rng.normal(2, 1, 10_000)
    (found,) = efficiencies(
        sample({"s": background}), {"x": sample({"s": signal})}, {TOTAL: (1.0,)}, FULL, 100, 1
    )
    cut = np.sort(background)[::-1][100]  # 1 of 1000 kHz are 100 of 100 000 crossings
    assert found.value == (signal > cut).mean()
    # error of the signal, and of the threshold: +-10 crossings
    steps = [(signal > np.sort(background)[::-1][n]).mean() for n in (90, 110)]
    expected = np.hypot(np.sqrt(found.value * (1 - found.value) / 10_000), (steps[1] - steps[0]) / 2)
    assert found.error == pytest.approx(expected, rel=0.3)


def test_pure_counts_what_the_menu_rejects() -> None:
    scores = np.arange(1000.0)
    accepted = scores >= 990
    signal = np.array([0.0, 985.0, 988.0, 995.0])
    zero_bias = sample({"s": scores}, accepted)
    found = efficiencies(
        zero_bias,
        {"x": sample({"s": signal}, signal >= 990)},
        {PURE: (3.0,), TOTAL: (12.0,)},
        FULL,
        20,
        1,
    )
    pure, total = found
    assert (pure.kind, pure.value) == (PURE, 0.25)  # 987, 988, 989 pass: 988 of the signal
    assert (total.kind, total.value) == (TOTAL, 0.5)


def test_equal_scores_are_not_divided() -> None:
    zero_bias = sample({"s": np.repeat([5, 1], [10, 990])})
    (found,) = efficiencies(
        zero_bias, {"x": sample({"s": np.array([5, 6, 1])})}, {TOTAL: (4.0,)}, FULL, 20, 1
    )
    assert found.value == pytest.approx(1 / 3)  # ten crossings have 5, only four may pass


def test_weights_are_crossings() -> None:
    rng = np.random.default_rng(2)
    background, signal = rng.normal(0, 1, 5000), rng.normal(1, 1, 500)
    given = [
        efficiencies(
            sample({"s": values}, weight=weight), {"x": sample({"s": signal})}, {TOTAL: (10.0,)}, FULL, 20, 1
        )[0].value
        for values, weight in ((background, 3.0), (np.repeat(background, 3), 1.0))
    ]
    assert given[0] == given[1]


def test_differences_have_errors_of_differences() -> None:
    rng = np.random.default_rng(3)
    background, signal = rng.normal(0, 1, 50_000), rng.normal(2, 1, 5000)
    better = {"a": signal, "b": signal + rng.normal(0.5, 0.05, 5000)}
    both = {"a": background, "b": background}
    found = efficiencies(sample(both), {"x": sample(better)}, {TOTAL: (5.0,)}, FULL, 100, 1)
    (row,) = compare(found, ["b"], ["a", "b", "absent"])
    assert (row.score, row.other) == ("b", "a")
    assert row.probability == 1.0
    assert row.difference == found[1].value - found[0].value
    assert row.error < 0.7 * max(e.error for e in found)  # they share thresholds and events


def test_equal_efficiencies_are_half_better() -> None:
    rows = [Efficiency(name, "x", TOTAL, 1.0, np.full(11, 0.2)) for name in ("a", "b")]
    assert compare(rows, ["a"], ["b"])[0].probability == 0.5


def test_area_under_the_curve() -> None:
    zero_bias, signal = sample({"s": np.array([1, 2, 3, 4])}), sample({"s": np.array([3, 5])})
    area, error = auc(zero_bias, signal, "s")
    assert area == (2.5 / 4 + 1) / 2
    assert 0 < error < 0.5


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_unsigned_scores_are_sorted_as_signed_ones(kind: type) -> None:
    rng = np.random.default_rng(2)
    background, signal = rng.integers(0, 50, 5000), rng.integers(10, 60, 500)
    rates = {PURE: (5.0,), TOTAL: (5.0, 50.0)}

    def measured(as_type: type) -> list[float]:
        zero_bias, found = sample({"s": background.astype(as_type)}), sample({"s": signal.astype(as_type)})
        return [e.value for e in efficiencies(zero_bias, {"x": found}, rates, FULL, 20, 1)]

    assert measured(kind) == measured(np.int64)
