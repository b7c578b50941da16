"""Trigger rates and efficiencies with their statistical errors.

Rate of a selection = revolution frequency x colliding bunches x passed / zero-bias crossings. Intervals are
Clopper-Pearson (68.3 % central, binomial), so that zero passed crossings still give an upper end.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT_FREQUENCY

COVERAGE = 0.6827


@dataclass(frozen=True)
class Fraction:
    """``passed`` of ``total`` with the ends of its central 68.3 % interval."""

    passed: int
    total: int
    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> tuple[float, float, float]:
        """(value, low, high) times ``factor``."""
        return self.value * factor, self.low * factor, self.high * factor

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain numbers, for JSON."""
        return asdict(self)


def fraction(passed: int, total: int) -> Fraction:
    """Clopper-Pearson interval of a binomial fraction (Biometrika 26 (1934) 404)."""
    if not 0 <= passed <= total:
        raise ValueError(f"{passed} of {total} is not a fraction")
    tail = (1 - COVERAGE) / 2
    low = 0.0 if passed == 0 else float(beta.ppf(tail, passed, total - passed + 1))
    high = 1.0 if passed == total else float(beta.ppf(1 - tail, passed + 1, total - passed))
    return Fraction(passed, total, passed / total if total else 0.0, low, high)


def weighted_fraction(
    total: float, squares: float, crossings: int, largest: float = 1.0
) -> tuple[float, float, float]:
    """(value, low, high) of a mean weight: Clopper-Pearson of the effective number of crossings.

    ``total`` and ``squares`` are the sums of the weights (0 .. 1) of ``crossings`` crossings and of their
    squares. total^2 / squares crossings of weight squares / total have the same mean and variance (Bohm and
    Zech, NIM A 748 (2014) 1); equal weights give the interval of ``fraction`` times the weight. No weight
    seen: the upper end is that of crossings with weight ``largest``.
    """
    if crossings == 0:
        return 0.0, 0.0, largest
    tail = (1 - COVERAGE) / 2
    if total == 0:
        return 0.0, 0.0, largest * fraction(0, crossings).high
    unit, passed = squares / total, min(total * total / squares, float(crossings))
    low = float(beta.ppf(tail, passed, crossings - passed + 1))
    high = 1.0 if passed == crossings else float(beta.ppf(1 - tail, passed + 1, crossings - passed))
    return total / crossings, unit * low, unit * high


def weighted_mean(
    total: float, squares: float, exposure: float, all_squares: float, largest: float = 1.0
) -> tuple[float, float, float]:
    """(value, low, high) of a fraction of a weighted sample: Clopper-Pearson of effective numbers.

    ``total`` and ``squares``: sums of (weight x probability) and of its square over what passed;
    ``exposure`` and ``all_squares``: sums of the weights of all events and of their squares. The interval is
    that of total^2 / squares passed events (Bohm and Zech, NIM A 748 (2014) 1) among so many that the
    fraction is the same: equal weights give the binomial one, an event that always passes no error. Nothing
    seen: the upper end is that of events with the mean weight all_squares / exposure and probability
    ``largest``.
    """
    if not exposure or not all_squares:
        return 0.0, 0.0, largest
    tail = (1 - COVERAGE) / 2
    if total == 0:
        return 0.0, 0.0, largest * float(beta.ppf(1 - tail, 1, exposure**2 / all_squares))
    value, passed = total / exposure, total**2 / squares
    if value >= 1:
        return value, value, value
    failed = passed * (1 / value - 1)
    low = float(beta.ppf(tail, passed, failed + 1))
    high = float(beta.ppf(1 - tail, passed + 1, failed)) if failed > 0 else 1.0
    return value, min(low, value), max(high, value)


def full_rate_khz(bunches: int = COLLIDING_BUNCHES) -> float:
    """Rate in kHz of a selection that every colliding crossing passes."""
    return ORBIT_FREQUENCY * bunches / 1e3


def threshold_for_rate(scores: NDArray[Any], rate_khz: float, bunches: int = COLLIDING_BUNCHES) -> Any:
    """Smallest score ``t`` for which ``score >= t`` on zero bias stays within ``rate_khz``.

    Integer scores give an integer threshold (what the menu compares with); float scores the float just
    above the first excluded one. Shape of ``scores``: (n,).
    """
    allowed = int(rate_khz / full_rate_khz(bunches) * len(scores))
    if allowed >= len(scores):
        return scores.min()
    first_excluded = np.partition(scores, len(scores) - 1 - allowed)[len(scores) - 1 - allowed]
    if np.issubdtype(scores.dtype, np.integer):
        return int(first_excluded) + 1
    return np.nextafter(first_excluded, np.inf)


def rate_curve(scores: NDArray[Any], thresholds: NDArray[Any]) -> NDArray[np.int64]:
    """Number of ``scores >= t`` for each threshold, shape of ``thresholds``."""
    ordered = np.sort(scores)
    return len(ordered) - np.searchsorted(ordered, thresholds, side="left")
