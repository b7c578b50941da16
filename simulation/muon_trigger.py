"""Global muons: efficiency, 1/pT resolution and quality by eta, as a parametrisation of the track finders.

The hits and the regional algorithms are simulated in ``simulation.muons``; this is the fast form for
events with pile-up.
"""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.detector import FIELD
from l1forge.simulation.geometry import N_HALF, N_PHI, PAD
from l1forge.simulation.towers import window_sum

ETA_MAX = 2.4
BARREL, OVERLAP = 0.83, 1.24  # |eta| edges of the three track finders
RESOLUTION = (0.14, 0.19, 0.23)
"""Width of 1/pT per track finder; a fraction TAIL of the tracks is three times worse."""
TAIL = 0.03
PT_SCALE = 1.16
"""Reported pT is 16 % high, so that a threshold is 90 % efficient at its own value."""
COIL_RADIUS, COIL_Z, STATION_RADIUS, STATION_Z = 2.9, 3.2, 4.9, 8.3  # m
PHI_BINS = 576
ISO_ABSOLUTE, ISO_RELATIVE = 1, 2  # bits of the iso code
ISO_SUM = 16  # 8 GeV of calorimeter energy in 5x5 towers
GOOD = 8
"""Quality from which a muon counts as one."""
RARE_PT = 15  # code: 7 GeV; 2 % of the crossings at 52 collisions are rare
COLUMNS = ("pt", "qual", "eta", "phi", "iso", "charge", "index", "phi_station", "upt")


@compiled
def bend(eta):
    """Azimuth (rad) times pT (GeV) from the vertex to the second muon station, straight after the coil."""
    slope = max(abs(np.sinh(eta)), 1e-3)
    leaves = min(COIL_RADIUS, COIL_Z / slope)
    station = max(min(STATION_RADIUS, STATION_Z / slope), leaves)
    return 0.299792458 * FIELD * leaves * (1 - leaves / (2 * station))


@compiled
def track_index(region, side, phi):
    """uGMT index: 0-17 EMTF+, 18-35 OMTF+, 36-71 BMTF, 72-89 OMTF-, 90-107 EMTF-; three tracks per sector."""
    if region == 0:
        return 36 + 3 * (int(phi * 12 / (2 * np.pi)) % 12)
    sector = 3 * (int(phi * 6 / (2 * np.pi)) % 6)
    if region == 1:
        return (18 if side > 0 else 72) + sector
    return (0 if side > 0 else 90) + sector


@compiled
def measure_muons(rng, muons, n_muons, rings, out, places):
    """Fill ``out`` (int32 rows in the order of COLUMNS; unsorted) from the true muons; returns the number.

    All but the isolation, which needs the calorimeter. ``rings`` are the tower edges in eta; ``places``: row
    and column of the tower of each muon, and its pt code, for ``isolate_muons``.
    """
    n = 0
    for k in range(n_muons):
        pt, eta, phi, charge = muons[k]
        size = abs(eta)
        momentum = pt * np.cosh(eta)
        if size > ETA_MAX or momentum < (3.8 * np.cosh(eta) if size < 1.2 else 4.5):
            continue
        if rng.random() > 0.95 * min(max((momentum - 3) / 2, 0.0), 1.0):
            continue
        region = 0 if size < BARREL else (1 if size < OVERLAP else 2)
        sigma = np.hypot(RESOLUTION[region], 0.0007 * pt)
        pull = rng.standard_normal() * (3.0 if rng.random() < TAIL else 1.0)
        inverse = (1 + sigma * pull) / pt
        if inverse < 0:
            charge = -charge
        inverse = max(abs(inverse), 1e-3)
        loose = max(abs(1 + 2.0 * sigma * rng.standard_normal()) / pt, 1 / 254.0)
        quality = rng.random()
        station = phi - charge * bend(eta) / pt
        vertex = station + charge * bend(eta) * inverse + 0.005 * rng.standard_normal()
        ring = np.searchsorted(rings, size) - 1
        row = (N_HALF + ring if eta >= 0 else N_HALF - 1 - ring) + PAD
        column = int(phi * N_PHI / (2 * np.pi)) % N_PHI + PAD
        code = int(2 * PT_SCALE / inverse) + 1
        out[n, 0] = min(code, 511)
        out[n, 1] = 12 if quality < 0.92 else (8 if quality < 0.96 else 4)
        out[n, 2] = int(np.floor(eta / 0.010875 + 0.3 * rng.standard_normal() + 0.5))
        out[n, 3] = int(np.floor((vertex % (2 * np.pi)) * PHI_BINS / (2 * np.pi))) % PHI_BINS
        out[n, 4] = 0
        places[n, 0] = row
        places[n, 1] = column
        places[n, 2] = code
        out[n, 5] = 2 if charge > 0 else 3
        out[n, 6] = track_index(region, eta, phi % (2 * np.pi))
        out[n, 7] = int(np.floor((station % (2 * np.pi)) * PHI_BINS / (2 * np.pi))) % PHI_BINS
        out[n, 8] = min(int(1 / loose) + 1, 255)
        n += 1
    return n


@compiled
def isolate_muons(total, out, places, n):
    """Isolation bits of the ``n`` muons that were measured."""
    for k in range(n):
        around = window_sum(total, places[k, 0], places[k, 1], 2, 2)
        absolute = ISO_ABSOLUTE if around <= ISO_SUM else 0
        out[k, 4] = absolute | (ISO_RELATIVE if 4 * around <= places[k, 2] else 0)


@compiled
def find_muons(rng, muons, n_muons, total, rings, out):
    """Fill ``out`` (int32 rows in the order of COLUMNS; unsorted) from the true muons; returns the number."""
    places = np.empty((out.shape[0], 3), np.int64)
    n = measure_muons(rng, muons, n_muons, rings, out, places)
    isolate_muons(total, out, places, n)
    return n


@compiled
def is_rare(found, n):
    """Is the crossing rare by its muons: one of good quality from RARE_PT on, or two?"""
    good = 0
    for k in range(n):
        if found[k, 1] >= GOOD:
            good += 1
            if found[k, 0] >= RARE_PT:
                return True
    return good >= 2


def empty() -> np.ndarray:
    """Work space for ``find_muons``."""
    return np.zeros((64, len(COLUMNS)), np.int32)
