"""The inclusive muon spectrum that turns samples into trigger rates."""

from __future__ import annotations

import numpy as np

LOG_MEAN, LOG_WIDTH = -0.725, 0.4333
"""dN/dpT of inclusive vertex muons is Gaussian in log10(pT/GeV) (fit used by CMS muon trigger studies)."""
PEAK_HZ_PER_GEV = 2 * 1.3084e6 * 1e-34 * 2e34
"""The fit's peak, both charges, per unit of |eta|, at 2e34 cm^-2 s^-1."""
ETA_WIDTH = 2 * 0.41
"""|eta| 0.83-1.24 on both sides."""

PER_BIN, MOST_BINS = 20, 400
"""Muons, and bins: of the density of a sample that others made."""


def density(pt: np.ndarray) -> np.ndarray:
    """Relative dN/dpT at ``pt`` (GeV), any shape."""
    return np.exp(-((np.log10(pt) - LOG_MEAN) ** 2) / (2 * LOG_WIDTH**2))


def rate_weights(pt: np.ndarray, pt_min: float, pt_max: float) -> np.ndarray:
    """Hz that each muon of a sample stands for, if it was drawn flat in ln(pT) in pt_min..pt_max (GeV)."""
    return PEAK_HZ_PER_GEV * ETA_WIDTH * density(pt) * pt * np.log(pt_max / pt_min) / len(pt)


def rate_weights_of(pt: np.ndarray) -> np.ndarray:
    """Hz that each muon of a sample of any spectrum stands for: (n,), for ``pt`` (n,) in GeV, above 0.

    The sample's own density is taken from the sample: bins of ``PER_BIN`` muons or more share the rate of
    the inclusive spectrum between their edges. The weights add up to the rate between the smallest and the
    largest pT, which is all that such a sample can tell; they are 0 if that is one value.
    """
    ordered = np.sort(pt)
    count = max(1, min(MOST_BINS, len(pt) // PER_BIN))
    edges = np.unique(ordered[np.linspace(0, len(pt) - 1, count + 1).astype(np.int64)])
    if len(edges) < 2:
        return np.zeros(len(pt))
    grid = np.geomspace(edges[:-1], edges[1:], 33)
    rates = PEAK_HZ_PER_GEV * ETA_WIDTH * np.trapezoid(density(grid), grid, axis=0)
    places = np.clip(np.searchsorted(edges, pt, side="right") - 1, 0, len(rates) - 1)
    return (rates / np.maximum(np.bincount(places, minlength=len(rates)), 1))[places]
