"""Energy sums: over towers (ETT, ETM, ETMHF, tower count) and over jets (HTT, HTM, HTMHF)."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.geometry import N_ETA, N_HALF, N_HBHE, N_PHI, PAD, TOWER_PHI

THRESHOLDS = (6, 10, 20, 24)
"""Smallest tower et (codes of 0.5 GeV) that counts in ETT and ETM: barrel, inner and outer end cap, forward.

They stand for the pile-up and eta dependent thresholds of the real trigger.
"""
RING_EDGES = (16, 22, 28)
MISSING_SCALE = 1.25
"""On ETM and ETMHF, for the energy lost below threshold; chosen for the published ETMHF rates."""
JET_ET, JET_ETA = 60, 57  # 30 GeV, |eta| < 2.5
COUNT_RINGS = 28
SUM_COLUMNS = (
    "ett.et",
    "ett.em",
    "htt.et",
    "htt.towercount",
    "etm.et",
    "etm.phi",
    "htm.et",
    "htm.phi",
    "etmhf.et",
    "etmhf.phi",
    "htmhf.et",
    "htmhf.phi",
)
COS_PHI, SIN_PHI = np.cos(TOWER_PHI), np.sin(TOWER_PHI)
CALO_BIN = 2 * np.pi / 144


@compiled
def tower_thresholds():
    """Threshold of each ring, int32 (40,)."""
    result = np.zeros(N_HALF, np.int32)
    for ring in range(N_HALF):
        region = 0
        while region < 3 and ring >= RING_EDGES[region]:
            region += 1
        result[ring] = THRESHOLDS[region]
    return result


@compiled
def missing(x, y):
    """Length and direction bin (0-143) of the vector that balances (x, y)."""
    # directions of single towers lie on bin edges: the tiny shift makes them fall into the upper bin
    et = int(np.hypot(x, y) + 1e-6)
    phi = int(np.floor((np.arctan2(-y, -x) % (2 * np.pi)) / CALO_BIN + 1e-6)) % 144 if et > 0 else 0
    return et, phi


@compiled
def find_sums(em, total, jets, n_jets, thresholds, out):
    """Fill ``out`` (int64, in the order of SUM_COLUMNS); not yet saturated."""
    ett = ettem = count = 0
    x = y = x_hf = y_hf = 0.0
    for ieta in range(N_ETA):
        ring = ieta - N_HALF if ieta >= N_HALF else N_HALF - 1 - ieta
        for iphi in range(N_PHI):
            et = total[ieta + PAD, iphi + PAD]
            if et > 0 and ring < COUNT_RINGS:
                count += 1
            if et < thresholds[ring]:
                continue
            x_hf += et * COS_PHI[iphi]
            y_hf += et * SIN_PHI[iphi]
            if ring < N_HBHE:
                x += et * COS_PHI[iphi]
                y += et * SIN_PHI[iphi]
                ett += et
                ettem += em[ieta + PAD, iphi + PAD]
    htt = 0
    jx = jy = jx_hf = jy_hf = 0.0
    for k in range(n_jets):
        et = jets[k, 0]
        if et < JET_ET:
            continue
        c, s = COS_PHI[jets[k, 4]], SIN_PHI[jets[k, 4]]
        jx_hf += et * c
        jy_hf += et * s
        if -JET_ETA - 1 <= jets[k, 1] <= JET_ETA:
            htt += et
            jx += et * c
            jy += et * s
    out[0], out[1], out[2], out[3] = ett, ettem, htt, count
    out[4], out[5] = missing(MISSING_SCALE * x, MISSING_SCALE * y)
    out[6], out[7] = missing(jx, jy)
    out[8], out[9] = missing(MISSING_SCALE * x_hf, MISSING_SCALE * y_hf)
    out[10], out[11] = missing(jx_hf, jy_hf)
