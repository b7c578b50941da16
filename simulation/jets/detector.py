"""A light smearing of particles, in place of a detector: what a good particle-flow reconstruction may give.

Charged particles above 0.5 GeV: momentum to 1 %. Photons above 0.5 GeV: energy to 5 % / sqrt(E) and 1 %, each
angle to 0.005. Neutral hadrons above 1 GeV: energy to 70 % / sqrt(E) and 5 %, each angle to 0.025. No
pile-up, no magnetic field, no merging of near particles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.simulation.detector import INVISIBLE, charge

Array = NDArray[np.float64]
ETA_MAX = 5.0


def smeared(
    pdg: NDArray[np.int64], pt: Array, eta: Array, phi: Array, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Array, Array, Array]:
    """Which particles are seen, and pT (GeV), eta, phi of all after smearing, (n,) each."""
    energy = pt * np.cosh(np.minimum(np.abs(eta), ETA_MAX))
    root = np.sqrt(np.maximum(energy, 1e-3))
    charged, photon = charge(pdg) != 0, (pdg == 22) | (pdg == 111)
    width = np.where(charged, 0.01, np.where(photon, 0.05 / root + 0.01, 0.7 / root + 0.05))
    angle = np.where(charged, 0.0, np.where(photon, 0.005, 0.025))
    noise = rng.normal(size=(3, len(pt)))
    new_pt = pt * np.maximum(1 + width * noise[0], 0)
    threshold = np.where(charged | photon, 0.5, 1.0)
    seen = (np.abs(eta) < ETA_MAX) & ~np.isin(np.abs(pdg), INVISIBLE) & (new_pt > threshold)
    return seen, new_pt, eta + angle * noise[1], np.angle(np.exp(1j * (phi + angle * noise[2])))
