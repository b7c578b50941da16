"""Soft collisions that show objects of their own: the few that the tails of trigger rates stand on.

A crossing at 52 collisions holds 50 soft ones, so that each of a pool of 50 000 stands for 31 kHz. Few of
them matter: the cluster, jet or muon of a tail comes from one collision. These are the *bright* ones. Whether
a collision is bright is a function of its own deposits and muons alone, so that bright and other collisions
can be strata: independent Poisson numbers of each add up to the Poisson number of all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.jit import compiled
from l1forge.simulation.geometry import N_ETA, N_HALF, N_HBHE, N_PHI

LEAST = (9.0, 14.0, 26.0, 3.0)
"""GeV from which a collision is bright, in the order of ``sizes``."""


@compiled
def _largest(grid, half_eta, half_phi, first, last):
    """Largest sum of a window whose centre is a tower above zero in rows first .. last - 1."""
    largest = 0.0
    for ieta in range(first, last):
        for iphi in range(N_PHI):
            # the sum of a window is largest around one of its own largest towers: others need no look
            if grid[ieta, iphi] * (2 * half_eta + 1) * (2 * half_phi + 1) <= largest:
                continue
            total = 0.0
            for de in range(-half_eta, half_eta + 1):
                row = ieta + de
                if 0 <= row < N_ETA:
                    for dp in range(-half_phi, half_phi + 1):
                        total += grid[row, (iphi + dp) % N_PHI]
            largest = max(largest, total)
    return largest


@compiled
def _sizes(tower, em, had, count, muon, muon_count, out):
    grid_em = np.zeros((N_ETA, N_PHI), np.float32)
    grid = np.zeros((N_ETA, N_PHI), np.float32)
    start = 0
    muon_start = 0
    for event in range(count.size):
        grid_em[:] = 0
        grid[:] = 0
        for k in range(start, start + count[event]):
            row, column = tower[k] // N_PHI, tower[k] % N_PHI
            grid_em[row, column] += em[k]
            grid[row, column] += em[k] + had[k]
        start += count[event]
        inner = N_HALF - N_HBHE, N_HALF + N_HBHE
        out[event, 0] = _largest(grid_em, 1, 1, inner[0], inner[1])
        out[event, 1] = _largest(grid, 1, 1, inner[0], inner[1])
        out[event, 2] = _largest(grid, 4, 4, 0, N_ETA)
        for k in range(muon_start, muon_start + muon_count[event]):
            if muon[k, 5] == 0:
                out[event, 3] = max(out[event, 3], muon[k, 0])
        muon_start += muon_count[event]


def sizes(collisions: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Largest energies of every collision in GeV, float32 (n, 4).

    3×3 towers electromagnetic, 3×3 towers, 9×9 towers, prompt muon pT.

    Parameters
    ----------
    collisions
        Arrays of ``generator.generate``.
    """
    out = np.zeros((len(collisions["tower_count"]), 4), np.float32)
    em, had = (collisions[name].astype(np.float32) for name in ("em", "had"))
    _sizes(
        *(collisions["tower"], em, had, collisions["tower_count"]),
        *(collisions["muon"], collisions["muon_count"], out),
    )
    return out


def bright(collisions: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which collisions are bright, (n,)."""
    found: NDArray[np.bool_] = np.any(sizes(collisions) >= np.array(LEAST, np.float32), axis=1)
    return found
