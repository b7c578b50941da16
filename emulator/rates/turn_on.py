"""Turn-on curves: efficiency of a seed against a quantity, and the fit of a smeared threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import erf

from l1forge.emulator.rates.intervals import Fraction, fraction

Values = NDArray[np.float64]
PARAMETERS = ("threshold", "resolution", "plateau")
FEWEST = 20
"""Events that pass, and that fail, below which nothing is fitted."""


@dataclass(frozen=True)
class TurnOnFit:
    """Plateau x (1 + erf((x - threshold) / (sqrt(2) resolution))) / 2: a threshold smeared by a Gaussian.

    ``values`` and ``covariance`` are in the order of ``PARAMETERS``; ``chi2`` of the bins, ``degrees`` of
    freedom.
    """

    values: tuple[float, float, float]
    covariance: tuple[tuple[float, ...], ...]
    chi2: float
    degrees: int

    @property
    def errors(self) -> tuple[float, ...]:
        """Standard deviations of the parameters."""
        return tuple(float(np.sqrt(max(self.covariance[i][i], 0.0))) for i in range(3))

    def __call__(self, x: ArrayLike) -> Values:
        """The fitted efficiency."""
        return curve(np.asarray(x, float), np.array(self.values))


@dataclass(frozen=True)
class TurnOn:
    """Efficiency in bins of a quantity: ``edges`` (n + 1,), one fraction each; ``fit`` None: no fit.

    ``below``, ``above``: events outside the edges; ``absent``: those in which the quantity is not defined.
    ``reason``: why there is no fit.
    """

    edges: tuple[float, ...]
    bins: tuple[Fraction, ...]
    fit: TurnOnFit | None
    below: int
    above: int
    absent: int
    reason: str = ""


def curve(x: Values, parameters: Values) -> Values:
    """The model of ``TurnOnFit``."""
    threshold, resolution, plateau = parameters
    result: Values = plateau * 0.5 * (1 + erf((x - threshold) / (np.sqrt(2) * resolution)))
    return result


def default_edges(values: Values) -> Values:
    """20 bins from the first to the 99th percentile, on a grid that reads well."""
    defined = values[np.isfinite(values)]
    if not defined.size:
        return np.array([0.0, 1.0])
    low, high = np.quantile(defined, [0.01, 0.99])
    width = max((high - low) / 20, 1e-9)
    step = 10.0 ** np.floor(np.log10(width))
    step *= next(m for m in (1, 2, 5, 10) if m * step >= width)
    first, last = np.floor(low / step), np.ceil(high / step)
    edges: Values = np.arange(first, max(last, first + 1) + 1) * step
    return edges


def turn_on(x: Values, passed: NDArray[np.bool_], edges: Values | None = None) -> TurnOn:
    """Efficiency of ``passed`` in bins of ``x`` and the fit, by maximum likelihood without bins.

    Parameters
    ----------
    x
        (n,); NaN: not defined in that event, which is left out and counted.
    passed
        (n,)
    edges
        Rising bin edges; None: ``default_edges``.
    """
    defined = np.isfinite(x)
    bounds = default_edges(x) if edges is None else np.asarray(edges, float)
    place = np.searchsorted(bounds, x, side="right") - 1
    inside = defined & (place >= 0) & (x < bounds[-1])
    n = bounds.size - 1
    total = np.bincount(place[inside], minlength=n)
    good = np.bincount(place[inside & passed], minlength=n)
    bins = tuple(fraction(int(k), int(m)) for k, m in zip(good, total, strict=True))
    fit, reason = _fit(x[inside], passed[inside], bounds, bins)
    below = int((defined & (x < bounds[0])).sum())
    above = int((defined & (x >= bounds[-1])).sum())
    return TurnOn(tuple(map(float, bounds)), bins, fit, below, above, int((~defined).sum()), reason)


def _fit(
    x: Values, passed: NDArray[np.bool_], edges: Values, bins: tuple[Fraction, ...]
) -> tuple[TurnOnFit | None, str]:
    fewer = min(int(passed.sum()), int((~passed).sum()))
    if fewer < FEWEST:
        return None, f"fewer than {FEWEST} events pass or fail"
    centre = (edges[1:] + edges[:-1]) / 2
    values = np.array([part.value for part in bins])
    filled = np.array([part.total > 0 for part in bins])
    top = float(np.clip(values[filled].max(), 0.05, 0.999))
    above = filled & (values > top / 2)
    scale = (edges[-1] - edges[0]) / 10
    start = np.array([centre[above][0], np.log(scale), np.log(top / (1 - top))])

    def parameters(free: Values) -> Values:
        return np.array(
            [free[0], np.exp(np.clip(free[1], -30, 30)), 1 / (1 + np.exp(-np.clip(free[2], -30, 30)))]
        )

    def loss(free: Values) -> float:
        p = np.clip(curve(x, parameters(free)), 1e-9, 1 - 1e-9)
        return float(-np.log(np.where(passed, p, 1 - p)).mean())

    found = minimize(
        loss, start, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-10}
    )
    best = parameters(found.x)
    covariance = _covariance(x, best)
    if not found.success or covariance is None:
        return None, "the fit did not converge: the curve has no rise or no plateau within the edges"
    expected = np.clip(curve(centre, best), 1e-6, 1 - 1e-6)
    totals = np.array([part.total for part in bins])
    used = totals * np.minimum(expected, 1 - expected) >= 1
    pulls = (values - expected)[used] / np.sqrt(expected * (1 - expected) / np.maximum(totals, 1))[used]
    matrix = tuple(tuple(map(float, row)) for row in covariance)
    a, b, c = map(float, best)
    return TurnOnFit((a, b, c), matrix, float((pulls**2).sum()), int(used.sum()) - 3), ""


def _covariance(x: Values, best: Values) -> Values | None:
    """Inverse of the expected Fisher information of passed and failed events; None if it has none."""
    p = np.clip(curve(x, best), 1e-9, 1 - 1e-9)
    gradient = np.empty((3, x.size))
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-4 * max(abs(best[i]), 1e-3)
        gradient[i] = (curve(x, best + step) - curve(x, best - step)) / (2 * step[i])
    information = (gradient / (p * (1 - p))) @ gradient.T
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
        return None
    inverse: Values = np.linalg.inv(information).astype(np.float64)
    return inverse
