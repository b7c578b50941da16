"""The inclusive muon spectrum that turns samples into trigger rates."""

from __future__ import annotations

import numpy as np

LOG_MEAN, LOG_WIDTH = -0.725, 0.4333
"""dN/dpT of inclusive vertex muons is Gaussian in log10(pT/GeV) (fit used by CMS muon trigger studies)."""
PEAK_HZ_PER_GEV = 2 * 1.3084e6 * 1e-34 * 2e34
"""The fit's peak, both charges, per unit of |eta|, at 2e34 cm^-2 s^-1."""
ETA_WIDTH = 2 * 0.41
"""|eta| 0.83-1.24 on both sides."""


def density(pt: np.ndarray) -> np.ndarray:
    """Relative dN/dpT at ``pt`` (GeV), any shape."""
    return np.exp(-((np.log10(pt) - LOG_MEAN) ** 2) / (2 * LOG_WIDTH**2))


def rate_weights(pt: np.ndarray, pt_min: float, pt_max: float) -> np.ndarray:
    """Hz that each muon of a sample stands for, if it was drawn flat in ln(pT) in pt_min..pt_max (GeV)."""
    return PEAK_HZ_PER_GEV * ETA_WIDTH * density(pt) * pt * np.log(pt_max / pt_min) / len(pt)
