"""Pile-up: one crossing is a Poisson number of collisions of every stratum, plus at most one signal.

Every drawn collision is turned by a random number of towers in phi and mirrored in eta with probability
1/2 (the detector is symmetric under both), so that a pool entry used twice does not give the same crossing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.detector import DECAY_X_MIN, MUON_PT
from l1forge.simulation.geometry import N_ETA, N_PHI, N_TOWERS
from l1forge.simulation.pool import Pool

PHI_STEP = 2 * np.pi / N_PHI
MAX_MUONS = 64
MAX_COLLISIONS = 2000
"""Far above any Poisson number that comes: the mean may be 400."""
DECAY_SEEN = 0.7
"""Fraction of decays in flight that leave a track: late and kinked ones do not."""


class Library(NamedTuple):
    """Strata and, last, the signal in one set of arrays; stratum k is first[k] .. first[k + 1] - 1."""

    tower: np.ndarray
    em: np.ndarray
    had: np.ndarray
    tower_offset: np.ndarray
    muon: np.ndarray
    muon_offset: np.ndarray
    first: np.ndarray
    mean: np.ndarray


def library(strata: list[Pool], pileup: float, signal: Pool | None = None) -> Library:
    """Join pools; ``mean``: expected collisions per crossing, mu sigma_i / sigma_inelastic."""
    pools = [*strata, *([signal] if signal else [])]
    sigma = np.array([pool.sigma_mb for pool in strata])
    mean = pileup * sigma / sigma.sum()

    def joined(offsets: list[np.ndarray]) -> np.ndarray:
        steps = np.concatenate([np.diff(offset) for offset in offsets])
        return np.concatenate([[0], np.cumsum(steps)])

    tower, em, had = (
        np.concatenate([getattr(pool, name) for pool in pools]) for name in ("tower", "em", "had")
    )
    return Library(
        tower,
        em,
        had,
        joined([pool.tower_offset for pool in pools]),
        np.concatenate([pool.muon for pool in pools]),
        joined([pool.muon_offset for pool in pools]),
        np.concatenate([[0], np.cumsum([pool.n for pool in pools])]),
        mean,
    )


@compiled
def add_towers(lib, index, turn, mirror, em, had):
    """Add one collision to the tower sums (float32, flat)."""
    for k in range(lib.tower_offset[index], lib.tower_offset[index + 1]):
        ieta = lib.tower[k] // N_PHI
        iphi = lib.tower[k] % N_PHI + turn
        if iphi >= N_PHI:
            iphi -= N_PHI
        if mirror:
            ieta = N_ETA - 1 - ieta
        tower = ieta * N_PHI + iphi
        em[tower] += lib.em[k]
        had[tower] += lib.had[k]


@compiled
def add_muons(rng, lib, index, turn, mirror, muons, n_muons):
    """Add one collision to the muon list (pt, eta, phi, charge); returns the number of muons in it."""
    for k in range(lib.muon_offset[index], lib.muon_offset[index + 1]):
        pt, eta, phi, charge, probability, kind = lib.muon[k]
        if kind > 0:
            if rng.random() >= DECAY_SEEN * probability:
                continue
            lowest = DECAY_X_MIN[int(kind)]
            pt *= lowest + (1 - lowest) * rng.random()
        if pt < MUON_PT or n_muons == MAX_MUONS:
            continue
        muons[n_muons, 0] = pt
        muons[n_muons, 1] = -eta if mirror else eta
        muons[n_muons, 2] = (phi + turn * PHI_STEP) % (2 * np.pi)
        muons[n_muons, 3] = charge
        n_muons += 1
    return n_muons


@compiled
def add_collision(rng, lib, index, turn, mirror, em, had, muons, n_muons):
    """Add one collision to the tower sums and the muon list."""
    add_towers(lib, index, turn, mirror, em, had)
    return add_muons(rng, lib, index, turn, mirror, muons, n_muons)


@compiled
def mix(rng, lib, signal, em, had, muons):
    """Fill tower sums and muon list of one crossing (``signal`` < 0: none); n_muons, n_collisions."""
    em[:] = 0
    had[:] = 0
    n_muons = 0
    n_collisions = 0
    for stratum in range(lib.mean.size):
        size = lib.first[stratum + 1] - lib.first[stratum]
        drawn = rng.poisson(lib.mean[stratum])
        n_collisions += drawn
        for _ in range(drawn):
            index = lib.first[stratum] + rng.integers(0, size)
            turn = rng.integers(0, N_PHI)
            n_muons = add_collision(rng, lib, index, turn, rng.random() < 0.5, em, had, muons, n_muons)
    if signal >= 0:
        n_muons = add_collision(
            rng, lib, lib.first[lib.mean.size] + signal, 0, False, em, had, muons, n_muons
        )
    return n_muons, n_collisions


@compiled
def draw_class(rng, lib, hardest, chosen, drawn, muons, causes):
    """Draw a crossing whose hardest stratum is ``hardest``; returns the numbers of collisions and muons.

    Strata above ``hardest`` are empty, those below are Poisson as ever, its own is Poisson without zero
    (stratum 0 may be empty). One of its collisions is row ``chosen`` of the stratum; the others are drawn.
    ``drawn`` int64 (MAX_COLLISIONS, 3): row, turn and mirror of each collision, for ``fill_towers``.
    ``causes`` int64 (3,): row of that collision, and of the one with the hardest muon (-1: none); number of
    collisions.
    """
    n = 0
    n_muons = 0
    hardest_muon = 0.0
    causes[:2] = -1
    for stratum in range(hardest + 1):
        size = lib.first[stratum + 1] - lib.first[stratum]
        mean = lib.mean[stratum]
        if stratum == hardest and stratum > 0:
            # the first of the arrivals within the mean, then as many as still come: Poisson without zero
            count = 1 + rng.poisson(mean + np.log(1 - rng.random() * (1 - np.exp(-mean))))
        else:
            count = rng.poisson(mean)
        for k in range(count):
            if stratum == hardest and k == 0:
                index = lib.first[stratum] + chosen % size
                causes[0] = index
            else:
                index = lib.first[stratum] + rng.integers(0, size)
            turn = rng.integers(0, N_PHI)
            mirror = rng.random() < 0.5
            drawn[n, 0] = index
            drawn[n, 1] = turn
            drawn[n, 2] = mirror
            n += 1
            before = n_muons
            n_muons = add_muons(rng, lib, index, turn, mirror, muons, n_muons)
            for j in range(before, n_muons):
                if muons[j, 0] > hardest_muon:
                    hardest_muon = muons[j, 0]
                    causes[1] = index
    causes[2] = n
    return n, n_muons


@compiled
def fill_towers(lib, drawn, n, em, had):
    """Tower sums of the ``n`` collisions that ``draw_class`` drew."""
    em[:] = 0
    had[:] = 0
    for k in range(n):
        add_towers(lib, drawn[k, 0], drawn[k, 1], drawn[k, 2] > 0, em, had)


@compiled
def mix_class(rng, lib, hardest, chosen, em, had, muons, causes):
    """Like ``mix``, for a crossing of class ``hardest`` (see ``draw_class``); returns n_muons."""
    drawn = np.empty((MAX_COLLISIONS, 3), np.int64)
    n, n_muons = draw_class(rng, lib, hardest, chosen, drawn, muons, causes)
    fill_towers(lib, drawn, n, em, had)
    return n_muons


def class_probabilities(mean: np.ndarray) -> np.ndarray:
    """Probability that a crossing's hardest stratum is k, shape of ``mean``; they add up to 1.

    P(k) = (1 - exp(-m_k)) prod_{j > k} exp(-m_j), and stratum 0 takes what is left. Every crossing has one
    hardest stratum: the classes neither overlap nor leave a gap, however many collisions a crossing has.
    """
    harder = np.concatenate([np.cumsum(mean[::-1])[::-1][1:], [0.0]])
    probability = -np.expm1(-mean) * np.exp(-harder)
    probability[0] = np.exp(-harder[0])
    result: np.ndarray = probability
    return result


def work_space() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tower sums (em, had) and the muon list that ``mix`` fills."""
    return np.zeros(N_TOWERS, np.float32), np.zeros(N_TOWERS, np.float32), np.zeros((MAX_MUONS, 4))
