"""Electrons and photons: electromagnetic cluster of 3x3 towers with H/E cut, and isolation by pile-up."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.geometry import HARDWARE_ETA, N_HALF, N_HBHE, N_PHI, PAD
from l1forge.simulation.towers import fine_position, is_maximum, window_sum

SEED = 4  # 2 GeV
NEIGHBOUR = 2  # 1 GeV
MINIMUM = 8  # 4 GeV: softer candidates are not sent
H_OVER_E = ((0, 14), (40, 9), (80, 5))
"""Hadronic energy below 1/second of the cluster, from et code first upwards (looser at high et)."""
ISO_TIGHT, ISO_LOOSE = (10, 13), (16, 16)
"""Isolated if the ring sum <= (first + second * nTT / 64): codes of 0.5 GeV."""
LOOSE, TIGHT = 2, 1  # bits of the iso code; tight implies loose


@compiled
def cluster(em, had, row, column):
    """Energy of the seed and its neighbours above threshold; the hadronic energy behind them."""
    energy = 0
    behind = 0
    for de in range(-1, 2):
        for dp in range(-1, 2):
            value = em[row + de, column + dp]
            if value >= NEIGHBOUR or (de == 0 and dp == 0):
                energy += value
                behind += had[row + de, column + dp]
    return energy, behind


@compiled
def find_egamma(em, had, total, n_tt, out):
    """Fill ``out`` (int32 rows: et, eta, phi, iso, ieta, iphi; unsorted); returns the number found."""
    n = 0
    for ieta in range(N_HALF - N_HBHE, N_HALF + N_HBHE):
        for iphi in range(N_PHI):
            row, column = ieta + PAD, iphi + PAD
            if em[row, column] < SEED or not is_maximum(em, row, column, 1, 2):
                continue
            energy, behind = cluster(em, had, row, column)
            inverse = 0
            for least, value in H_OVER_E:
                if energy >= least:
                    inverse = value
            if energy < MINIMUM or behind * inverse >= energy or n == out.shape[0]:
                continue
            ring = window_sum(total, row, column, 2, 4) - energy - behind
            iso = 0
            if 64 * (ring - ISO_LOOSE[0]) <= ISO_LOOSE[1] * n_tt:
                iso |= LOOSE
            if 64 * (ring - ISO_TIGHT[0]) <= ISO_TIGHT[1] * n_tt:
                iso |= TIGHT | LOOSE
            eta, phi = fine_position(em, row, column, HARDWARE_ETA[ieta])
            out[n, 0] = energy
            out[n, 1] = eta
            out[n, 2] = phi
            out[n, 3] = iso
            out[n, 4] = ieta
            out[n, 5] = iphi
            n += 1
    return n


def empty() -> np.ndarray:
    """Work space for ``find_egamma``."""
    return np.zeros((256, 6), np.int32)
