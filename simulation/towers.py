"""Trigger primitives: noise, zero suppression and 8-bit energies in 0.5 GeV steps on the padded grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.geometry import N_ETA, N_HALF, N_HBHE, N_PHI, PAD

NOISE_EM, NOISE_HAD = 0.12, 0.25  # GeV, on towers above QUIET
QUIET = 0.2
TOWER_MAX = 255
ESTIMATOR_RINGS = 4
"""Rings per side whose active towers estimate the pile-up (nTT)."""


@compiled
def digitise(rng, em, had, grid_em, grid_had):
    """Tower ET sums in GeV (flat, float32) to hardware integers; forward towers have hadronic energy only."""
    for ieta in range(N_ETA):
        ring = ieta - N_HALF if ieta >= N_HALF else N_HALF - 1 - ieta
        for iphi in range(N_PHI):
            e = em[ieta * N_PHI + iphi]
            h = had[ieta * N_PHI + iphi]
            if ring < N_HBHE:
                if e > QUIET:
                    e += NOISE_EM * rng.standard_normal()
                if h > QUIET:
                    h += NOISE_HAD * rng.standard_normal()
            else:
                h += e
                e = 0.0
                if h < 1.0:
                    h = 0.0
            grid_em[ieta + PAD, iphi + PAD] = min(max(int(2 * e), 0), TOWER_MAX)
            grid_had[ieta + PAD, iphi + PAD] = min(max(int(2 * h), 0), TOWER_MAX)
    wrap(grid_em)
    wrap(grid_had)


@compiled
def wrap(grid):
    """Copy the first and last columns to the other side: phi is a circle."""
    for row in range(grid.shape[0]):
        for k in range(PAD):
            grid[row, k] = grid[row, N_PHI + k]
            grid[row, N_PHI + PAD + k] = grid[row, PAD + k]


@compiled
def active_towers(grid, rings):
    """Number of towers with energy within ``rings`` rings of eta = 0."""
    count = 0
    for ieta in range(N_HALF - rings, N_HALF + rings):
        for iphi in range(N_PHI):
            if grid[ieta + PAD, iphi + PAD] > 0:
                count += 1
    return count


@compiled
def is_maximum(grid, row, column, half_eta, half_phi):
    """True if no tower of the window is larger; of equal towers the first one in eta, then phi, wins."""
    seed = grid[row, column]
    for de in range(-half_eta, half_eta + 1):
        for dp in range(-half_phi, half_phi + 1):
            value = grid[row + de, column + dp]
            earlier = de < 0 or (de == 0 and dp < 0)
            if value > seed or (earlier and value == seed):
                return False
    return True


@compiled
def window_sum(grid, row, column, half_eta, half_phi):
    """Sum over the window of (2 half_eta + 1) x (2 half_phi + 1) towers."""
    total = 0
    for de in range(-half_eta, half_eta + 1):
        for dp in range(-half_phi, half_phi + 1):
            total += grid[row + de, column + dp]
    return total


@compiled
def fine_position(grid, row, column, centre_eta):
    """Hardware (eta, phi) in half towers, from the balance of the neighbours' energies."""
    eta = centre_eta - (1 if grid[row - 1, column] > grid[row + 1, column] else 0)
    phi = 2 * (column - PAD) + (0 if grid[row, column - 1] > grid[row, column + 1] else 1)
    return eta, phi


def interpolated(points: Sequence[float], factors: Sequence[float], size: int) -> np.ndarray:
    """Calibration table: raw et code -> calibrated et code (not yet saturated), int32 (size,).

    ``points`` are raw et in GeV; the factor is constant outside them.
    """
    raw = np.arange(size)
    return np.floor(raw * np.interp(raw * 0.5, points, factors) + 0.5).astype(np.int32)
