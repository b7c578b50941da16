"""Parametrised response: generator particles to calorimeter deposits and muon candidates.

Helix in a 3.8 T solenoid to the calorimeter face, a stochastic resolution, a hadronic response that
grows with the logarithm of the energy, and the probability that a pion or kaon decays to a muon before
it showers. No showers across towers, no dead material, no timing, no magnetic field outside the coil.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.simulation.geometry import tower_index

FIELD = 3.8  # T
CALO_RADIUS, CALO_Z, FORWARD_Z = 1.29, 3.17, 6.0  # m; beyond z = 6 m there is no field
MUON_ETA, MUON_PT = 2.45, 1.5
Floats = NDArray[np.float64]

CHARGES = {211: 1, 321: 1, 2212: 1, 11: -1, 13: -1, 3112: -1, 3222: 1, 3312: -1, 3334: -1, 1000010020: 1}
INVISIBLE = (12, 14, 16)
KIND_MUON, KIND_PION, KIND_KAON = 0, 1, 2
_DECAY = {  # c tau (m), mass (GeV), branching fraction to a muon, smallest momentum fraction of the muon
    KIND_PION: (7.80, 0.1396, 1.0, 0.573),
    KIND_KAON: (3.71, 0.4937, 0.636, 0.046),
}
DECAY_X_MIN = np.array([1.0, _DECAY[KIND_PION][3], _DECAY[KIND_KAON][3]])


def charge(pdg: NDArray[np.integer]) -> Floats:
    """Electric charge of the particles that live long enough to reach the calorimeter."""
    result = np.zeros(len(pdg))
    for code, value in CHARGES.items():
        result[np.abs(pdg) == code] = value
    return result * np.sign(pdg)


def to_calorimeter(
    eta: Floats, phi: Floats, pt: Floats, q: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Direction at the calorimeter face after bending, and whether the particle arrives in time."""
    radius = pt / (0.299792458 * FIELD)
    slope = np.sinh(eta)
    half_barrel = np.arcsin(np.clip(CALO_RADIUS / (2 * radius), 0, 1))
    z_barrel = 2 * radius * half_barrel * slope
    barrel = (2 * radius > CALO_RADIUS) & (np.abs(z_barrel) < CALO_Z)
    steep = np.maximum(np.abs(slope), 1e-6)
    half_endcap = CALO_Z / (2 * radius * steep)
    r = np.where(barrel, CALO_RADIUS, np.maximum(np.abs(2 * radius * np.sin(half_endcap)), 1e-3))
    z = np.where(barrel, z_barrel, np.sign(slope) * CALO_Z)
    half = np.where(barrel, half_barrel, half_endcap)
    forward = np.abs(eta) > 3.0
    half = np.where(forward, np.minimum(FORWARD_Z / (2 * radius * steep), np.pi), half)
    neutral = q == 0
    new_eta = np.where(neutral | forward, eta, np.arcsinh(z / r))
    new_phi = np.where(neutral, phi, phi - q * half)
    return new_eta, new_phi, neutral | forward | barrel | (half_endcap < 50)


def deposits(
    pdg: NDArray[np.integer], pt: Floats, eta: Floats, phi: Floats, energy: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Tower number (-1: missed), electromagnetic and hadronic ET (GeV) of each particle."""
    code = np.abs(pdg)
    new_eta, new_phi, arrives = to_calorimeter(eta, phi, pt, charge(pdg))
    tower = np.where(arrives, tower_index(new_eta, new_phi), -1)
    et = energy / np.cosh(new_eta)
    electromagnetic = np.isin(code, (11, 22))
    # 30 % of hadrons pass the crystals as minimum-ionising particles (0.25 GeV), others start to shower there
    mip = rng.random(len(pdg)) < 0.3
    fraction = np.where(mip, 0.25 / np.maximum(energy, 0.25), 0.6 * rng.random(len(pdg)))
    response = np.where(
        electromagnetic, 1.0, np.clip(0.55 + 0.12 * np.log(np.maximum(energy, 1.0)), 0.5, 1.0)
    )
    sigma = np.where(
        electromagnetic,
        np.hypot(0.03 / np.sqrt(np.maximum(energy, 0.05)), 0.005),
        np.hypot(1.0 / np.sqrt(np.maximum(energy, 0.5)), 0.06),
    )
    seen = np.clip(1 + sigma * rng.standard_normal(len(pdg)), 0, 3) * response * et
    em = np.where(electromagnetic, seen, seen * fraction)
    return tower, em, seen - em


def muon_candidates(
    pdg: NDArray[np.integer], pt: Floats, eta: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Particles that are or may become muons: their index, kind and probability.

    The probability that a pion or kaon decays to a muon inside the tracker (exponential law over the
    free path); the decay is drawn when the crossing is mixed, so that a small pool has smooth tails.
    """
    code = np.abs(pdg)
    near = np.abs(eta) < MUON_ETA
    kind = np.full(len(pdg), -1)
    kind[near & (code == 13) & (pt > MUON_PT)] = KIND_MUON
    kind[near & (code == 211) & (pt > 2)] = KIND_PION
    kind[near & (code == 321) & (pt > 2)] = KIND_KAON
    index = np.flatnonzero(kind >= 0)
    kind = kind[index]
    probability = np.ones(len(index))
    path = 0.3 + np.minimum(
        CALO_RADIUS * np.cosh(eta[index]), CALO_Z / np.maximum(np.abs(np.tanh(eta[index])), 0.05)
    )
    momentum = pt[index] * np.cosh(eta[index])
    for hadron, (ctau, mass, branching, _) in _DECAY.items():
        chosen = kind == hadron
        probability[chosen] = branching * -np.expm1(-path[chosen] * mass / (momentum[chosen] * ctau))
    return index, kind, probability
