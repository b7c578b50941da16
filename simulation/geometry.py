"""The calorimeter trigger towers: 80 in eta by 72 in phi, and their place on the hardware scales.

Edges are those of the CMS towers |ieta| 1-28 (barrel and end cap) and 30-41 (forward); the wide tower 29
is left out, as in the trigger. Index ``ieta`` runs from -eta to +eta, ``iphi`` from phi = 0 upwards; the
flat tower number is ``ieta * N_PHI + iphi``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_ETA_LSB

ETA_EDGES = np.array(
    [
        *(
            0,
            0.087,
            0.174,
            0.261,
            0.348,
            0.435,
            0.522,
            0.609,
            0.696,
            0.783,
            0.870,
            0.957,
            1.044,
            1.131,
            1.218,
        ),
        *(1.305, 1.392, 1.479, 1.566, 1.653, 1.74, 1.830, 1.930, 2.043, 2.172, 2.322, 2.5, 2.65, 3.0, 3.139),
        *(3.314, 3.489, 3.664, 3.839, 4.013, 4.191, 4.363, 4.538, 4.716, 4.889, 5.191),
    ]
)
N_HALF = len(ETA_EDGES) - 1
N_ETA = 2 * N_HALF
N_PHI = 72
N_TOWERS = N_ETA * N_PHI
N_HBHE = 28
"""Towers with separate electromagnetic and hadronic energy, per side; the rest is forward."""

_centres = 0.5 * (ETA_EDGES[1:] + ETA_EDGES[:-1])
TOWER_ETA = np.concatenate([-_centres[::-1], _centres])
TOWER_PHI = (np.arange(N_PHI) + 0.5) * 2 * np.pi / N_PHI
HARDWARE_ETA = np.floor(TOWER_ETA / CALO_ETA_LSB + 1e-6).astype(np.int16)
"""Tower centre in calorimeter eta bins of 0.0435, int16 (80,)."""


PAD = 8
"""Rows and columns around the grid: empty in eta, the other side in phi, so that windows need no edges."""


def empty_grid() -> NDArray[np.int32]:
    """Padded tower grid, int32 (96, 88); tower (ieta, iphi) is at ``[ieta + PAD, iphi + PAD]``."""
    return np.zeros((N_ETA + 2 * PAD, N_PHI + 2 * PAD), np.int32)


def tower_index(eta: NDArray[np.floating], phi: NDArray[np.floating]) -> NDArray[np.int64]:
    """Flat tower number of each direction, -1 outside the calorimeter."""
    ring = np.digitize(np.abs(eta), ETA_EDGES) - 1
    ieta = np.where(eta >= 0, N_HALF + ring, N_HALF - 1 - ring)
    iphi = np.floor(np.mod(phi, 2 * np.pi) * (N_PHI / (2 * np.pi))).astype(np.int64) % N_PHI
    return np.where(ring < N_HALF, ieta * N_PHI + iphi, -1)
