"""Training samples for candidate classifiers: towers around each tau and e/gamma, with truth."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation import crossing
from l1forge.simulation.egamma import cluster as eg_cluster
from l1forge.simulation.egamma import find_egamma
from l1forge.simulation.generator import ELECTRON, TAU_HADRONIC
from l1forge.simulation.geometry import PAD, empty_grid
from l1forge.simulation.mixing import Library, mix, work_space
from l1forge.simulation.pool import Pool
from l1forge.simulation.taus import cluster as tau_cluster
from l1forge.simulation.taus import find_taus
from l1forge.simulation.towers import ESTIMATOR_RINGS, active_towers, digitise, window_sum

HALF_ETA, HALF_PHI = 2, 4
WINDOW = (2 * HALF_ETA + 1, 2 * HALF_PHI + 1)
MATCH = 0.2
"""Largest distance in eta and phi between a candidate and the generator particle at the calorimeter."""
SCALARS = (
    "et",
    "eta",
    "phi",
    "iso",
    "cluster",
    "em",
    "had",
    "ring",
    "towers",
    "ntt",
    "truth",
    "truth_pt",
    "event",
)
"""Columns before the windows, all int16 but ``event``:

et, eta, phi, iso: as in the trigger object. cluster: uncalibrated et. em, had: energies of the 3x3 towers
around the seed. ring: et in 5x9 towers outside the cluster. towers: active ones in 5x9. ntt: active towers
in |eta| < 0.35. truth: 1 if matched. truth_pt: visible pT (codes of 0.5 GeV). event: crossing number.
Energies are codes of 0.5 GeV.
"""


@compiled
def _describe(k, found, energy, em, had, total, n_tt, truth, event, row_out, windows):
    row, column = found[k, 4] + PAD, found[k, 5] + PAD
    row_out[0:4] = found[k, 0:4]
    row_out[4] = energy
    row_out[5] = window_sum(em, row, column, 1, 1)
    row_out[6] = window_sum(had, row, column, 1, 1)
    row_out[7] = window_sum(total, row, column, HALF_ETA, HALF_PHI) - energy
    active = 0
    for de in range(-HALF_ETA, HALF_ETA + 1):
        for dp in range(-HALF_PHI, HALF_PHI + 1):
            windows[0, de + HALF_ETA, dp + HALF_PHI] = em[row + de, column + dp]
            windows[1, de + HALF_ETA, dp + HALF_PHI] = had[row + de, column + dp]
            active += 1 if total[row + de, column + dp] > 0 else 0
    row_out[8] = active
    row_out[9] = n_tt
    eta = (found[k, 1] + 0.5) * 0.0435
    phi = (found[k, 2] + 0.5) * (2 * np.pi / 144)
    for i in range(truth.shape[0]):
        turn = abs((truth[i, 3] - phi + np.pi) % (2 * np.pi) - np.pi)
        if abs(truth[i, 2] - eta) < MATCH and turn < MATCH:
            row_out[10] = 1
            row_out[11] = min(int(2 * truth[i, 1]), 32767)
    row_out[12] = event


@compiled
def _loop(rng, lib, first, n, truth, offset, electrons, least, space, grids, tables, work, scalars, windows):
    tower_em, tower_had, muons = space
    em, had, total = grids
    count = 0
    for event in range(n):
        signal = first + event if first >= 0 else -1
        mix(rng, lib, signal, tower_em, tower_had, muons)
        digitise(rng, tower_em, tower_had, em, had)
        total[:] = em + had
        n_tt = active_towers(total, ESTIMATOR_RINGS)
        mine = truth[offset[signal] : offset[signal + 1]] if signal >= 0 else truth[:0]
        found = find_egamma(em, had, total, n_tt, work) if electrons else find_taus(total, n_tt, tables, work)
        for k in range(found):
            if work[k, 0] < least or count == len(scalars):
                continue
            row, column = work[k, 4] + PAD, work[k, 5] + PAD
            if electrons:
                energy, behind = eg_cluster(em, had, row, column)
                energy += behind
            else:
                energy, _ = tau_cluster(total, row, column)
            _describe(k, work, energy, em, had, total, n_tt, mine, event, scalars[count], windows[count])
            count += 1
    return count


def find(
    rng: np.random.Generator, lib: Library, n: int, kind: str, least: float, signal: Pool | None = None
) -> dict[str, np.ndarray]:
    """Candidates of ``n`` crossings (with the collisions of ``signal``, in order, if given).

    Parameters
    ----------
    kind
        "tau" (matched to hadronic taus) or "eg" (matched to electrons).
    least
        Smallest calibrated et in GeV.

    Returns
    -------
    Columns named in SCALARS, int32 (m,), and ``em_towers``, ``had_towers``: int16 (m, 5, 9), eta by phi.
    """
    electrons = kind == "eg"
    wanted = ELECTRON if electrons else TAU_HADRONIC
    truth, offset = np.zeros((0, 4), np.float32), np.zeros(2, np.int64)
    if signal is not None:
        keep = signal.truth[:, 0] == wanted
        truth = signal.truth[keep]
        offset = np.concatenate([[0], np.cumsum(keep)])[signal.truth_offset]
    room = 16 * n
    scalars = np.zeros((room, len(SCALARS)), np.int32)
    windows = np.zeros((room, 2, *WINDOW), np.int16)
    tables = crossing.tables()
    work = crossing.work_arrays()[1 if electrons else 2]
    grids = (empty_grid(), empty_grid(), empty_grid())
    first = 0 if signal is not None else -1
    count = _loop(
        *(rng, lib, first, n, truth, offset, electrons, int(2 * least)),
        *(work_space(), grids, tables[1], work, scalars, windows),
    )
    columns: dict[str, np.ndarray] = {name: scalars[:count, k] for k, name in enumerate(SCALARS)}
    columns["em_towers"], columns["had_towers"] = windows[:count, 0], windows[:count, 1]
    return columns
