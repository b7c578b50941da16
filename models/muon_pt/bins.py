"""The 43 pT bins, and the prior under which the networks' probabilities are meant."""

from __future__ import annotations

import numpy as np

from l1forge.simulation.muons.spectrum import density

LOWER_EDGES = np.concatenate(
    [
        [0, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6],
        np.arange(7, 22),
        np.arange(22, 36, 2),
        [36, 40, 44, 48, 54, 60, 70, 80, 100, 120, 150],
    ]
)
"""GeV. Bin k holds LOWER_EDGES[k] <= pT < LOWER_EDGES[k + 1]; the last bin is open."""
N_BINS = len(LOWER_EDGES)
PT_CODES = (2 * LOWER_EDGES + 1).astype(np.int16)
"""Hardware pT of a muon in bin k: code c > 0 means 0.5 (c - 1) <= pT < 0.5 c GeV; 0 is no muon."""
CHARGE_LOGIT = N_BINS
N_OUTPUTS = N_BINS + 1
GENERATED_UP_TO = 200.0
MIN_PT = 1.5
"""Training samples begin here: slower muons do not reach the muon layers."""


def bin_of(pt: np.ndarray) -> np.ndarray:
    """Bin of each pT (GeV), int64, same shape."""
    return np.searchsorted(LOWER_EDGES, pt, side="right") - 1


def log_prior(power: float = 1.0) -> np.ndarray:
    """Log share of inclusive muons per bin, relative to a sample flat in ln(pT), times ``power``; (43,)."""
    upper = np.append(LOWER_EDGES[1:], GENERATED_UP_TO)
    centre = np.sqrt(np.maximum(LOWER_EDGES, MIN_PT) * upper)
    share = density(centre) * centre
    return power * np.log(share / share.max())
