"""The cut-based selections the classifier is compared with, as scores: the threshold each event would pass.

``score >= 2 * T`` is the seed with threshold T GeV (codes of 0.5 GeV): DoubleIsoTau{T}er2p1, and
DoubleJet_{T}_35_Mass620 with the two leading jets' invariant mass in massless approximation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_ETA_LSB, CALO_PHI_BINS, ET_LSB, Events

TAU_ETA = 48  # codes: |eta| < 2.1
SECOND_JET, MASS = 35.0, 620.0  # GeV


def double_iso_tau(events: Events) -> NDArray[np.int64]:
    """et of the second isolated tau within |eta| < 2.1, shape (n,)."""
    et, eta, iso = (events.column(f"tau.{f}").astype(np.int64) for f in ("et", "eta", "iso"))
    good: NDArray[np.int64] = np.where((iso > 0) & (np.abs(eta) <= TAU_ETA), et, 0)
    return np.sort(good, axis=0)[-2]


def double_jet_mass(events: Events) -> NDArray[np.int64]:
    """et of the leading jet where the two leading jets pass 35 GeV and 620 GeV of mass, else 0; (n,)."""
    et, eta, phi = (events.column(f"jet.{f}")[:2].astype(np.float64) for f in ("et", "eta", "phi"))
    turn: Any = (phi[0] - phi[1]) * (2 * np.pi / CALO_PHI_BINS)
    mass2 = 2 * ET_LSB**2 * et[0] * et[1] * (np.cosh((eta[0] - eta[1]) * CALO_ETA_LSB) - np.cos(turn))
    keep = (mass2 >= MASS**2) & (et[1] * ET_LSB >= SECOND_JET)
    return np.where(keep, et[0], 0).astype(np.int64)


SEEDS = {"DoubleIsoTau": double_iso_tau, "DoubleJet_35_Mass620": double_jet_mass}
