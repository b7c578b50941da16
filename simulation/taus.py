"""Hadronic taus: a narrow main cluster, an optional second cluster beside it in phi, and isolation."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.geometry import HARDWARE_ETA, N_HALF, N_HBHE, N_PHI, PAD
from l1forge.simulation.towers import fine_position, interpolated, is_maximum, window_sum

SEED = 5  # 2.5 GeV
NEIGHBOUR = 3  # 1.5 GeV
SECOND_SEED = 5
MINIMUM = 24  # 12 GeV calibrated: softer candidates are not sent
RAW_CODES = 1024
CALIBRATION = interpolated((5, 15, 25, 40, 60, 100), (1.12, 1.06, 1.04, 1.03, 1.02, 1.01), RAW_CODES)
ISO = (3, 8)
"""Isolated if the ring sum <= first + second * nTT / 64, relaxed by 1/4 of the et above ISO_RELAX."""
ISO_RELAX = 120  # 60 GeV


@compiled
def cluster(total, row, column):
    """Energy of the seed's 3x3 neighbours above threshold and of the larger second cluster, if any."""
    energy = 0
    for de in range(-1, 2):
        for dp in range(-1, 2):
            value = total[row + de, column + dp]
            if value >= NEIGHBOUR or (de == 0 and dp == 0):
                energy += value
    best = 0
    for side in (-1, 1):
        second = 0
        top = 0
        for de in range(-1, 2):
            for dp in range(2, 4):
                value = total[row + de, column + side * dp]
                top = max(top, value)
                second += value if value >= NEIGHBOUR else 0
        if top >= SECOND_SEED:
            best = max(best, second)
    return energy + best, best


@compiled
def find_taus(total, n_tt, table, out):
    """Fill ``out`` (int32 rows: calibrated et, eta, phi, iso, ieta, iphi, raw, ring); returns the number."""
    n = 0
    for ieta in range(N_HALF - N_HBHE, N_HALF + N_HBHE):
        for iphi in range(N_PHI):
            row, column = ieta + PAD, iphi + PAD
            if total[row, column] < SEED or not is_maximum(total, row, column, 1, 3):
                continue
            raw, _ = cluster(total, row, column)
            et = table[min(raw, RAW_CODES - 1)]
            if et < MINIMUM or n == out.shape[0]:
                continue
            ring = window_sum(total, row, column, 2, 4) - raw
            allowed = 64 * ISO[0] + ISO[1] * n_tt + 16 * max(et - ISO_RELAX, 0)
            eta, phi = fine_position(total, row, column, HARDWARE_ETA[ieta])
            out[n, 0] = et
            out[n, 1] = eta
            out[n, 2] = phi
            out[n, 3] = 1 if 64 * ring <= allowed else 0
            out[n, 4] = ieta
            out[n, 5] = iphi
            out[n, 6] = raw
            out[n, 7] = ring
            n += 1
    return n


def empty() -> np.ndarray:
    """Work space for ``find_taus``."""
    return np.zeros((256, 8), np.int32)
