"""One chunk of jets of one class: run Pythia, smear, cluster with anti-kT, compute features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.simulation.jets import ANGLE_UNIT, CLASSES, FEATURES, PT_UNIT, SLOTS
from l1forge.simulation.jets.detector import smeared
from l1forge.simulation.jets.processes import BEAM, ORIGIN, SETTINGS
from l1forge.simulation.jets.sample import Jets
from l1forge.simulation.jets.substructure import features, separation

RADIUS = 0.8
PT_RANGE = (800.0, 1400.0)  # GeV; what is harder holds radiation of the other side
ETA_MAX = 2.4
NEAR = 0.4  # largest distance of the jet's axis to the hard particle
BATCH = 100
BITS = 11
"""Significant bits of the features that are stored."""

Array = NDArray[np.float64]


def generate(name: str, n: int, seed: int, number: int) -> Jets:
    """``n`` jets of class ``name``: those of chunk ``number``, whatever else is generated beside it.

    The two leading jets of a collision are taken if they lie in ``PT_RANGE``, within ``ETA_MAX`` and near to
    a particle of the hard process that the class is named after.

    Raises
    ------
    RuntimeError
        If Pythia does not start.
    """
    import pythia8mc

    stream = np.random.SeedSequence([seed, CLASSES.index(name), number])
    rng = np.random.default_rng(stream)
    pythia = pythia8mc.Pythia("", False)
    start = int(stream.generate_state(1)[0] % 899_999_999) + 1
    for line in (*BEAM, "Print:quiet=on", "Random:setSeed=on", f"Random:seed={start}", *SETTINGS[name]):
        pythia.readString(line)
    if not pythia.init():
        raise RuntimeError(f"Pythia refuses {SETTINGS[name]}")
    rows: list[_Row] = []
    event = 0
    while len(rows) < n:
        for jets in _collisions(pythia.nextBatch(BATCH), ORIGIN[name], rng):
            rows += [(event, *jet) for jet in jets]
            event += 1
    return _packed(rows[:n], CLASSES.index(name))


_Jet = tuple[float, float, Array, tuple[Array, Array, Array]]
_Row = tuple[int, float, float, Array, tuple[Array, Array, Array]]


def _collisions(batch: Any, origin: tuple[int, ...], rng: np.random.Generator) -> list[list[_Jet]]:
    """The wanted jets of every collision: pT, eta, features, and pT, eta, phi of the constituents."""
    import awkward as ak
    import fastjet

    particles = batch.prt
    owner = np.repeat(np.arange(len(batch)), ak.to_numpy(ak.num(particles)))
    flat = ak.flatten(particles)
    pdg, status = ak.to_numpy(flat.id), ak.to_numpy(flat.status)
    px, py, pz = (ak.to_numpy(getattr(flat.p, name)) for name in ("px", "py", "pz"))
    pt = np.maximum(np.hypot(px, py), 1e-9)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    hard = np.isin(status, (-22, -23)) & np.isin(np.abs(pdg), origin)

    final = np.flatnonzero((status > 0) & (pt > 1e-3))
    seen, new_pt, new_eta, new_phi = smeared(pdg[final], pt[final], eta[final], phi[final], rng)
    of, pts, etas, phis = owner[final][seen], new_pt[seen], new_eta[seen], new_phi[seen]
    momenta = {
        "px": pts * np.cos(phis),
        "py": pts * np.sin(phis),
        "pz": pts * np.sinh(etas),
        "E": pts * np.cosh(etas),
    }
    counts = np.bincount(of, minlength=len(batch))
    events = ak.unflatten(ak.zip(momenta, with_name="Momentum4D"), counts)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    members = fastjet.ClusterSequence(events, definition).constituent_index(PT_RANGE[0] / 2)
    first = np.concatenate([[0], np.cumsum(counts)])
    found: list[list[_Jet]] = []
    for i, jets in enumerate(ak.to_list(members)):
        truth = np.flatnonzero(hard & (owner == i))
        axes = []
        for jet in jets:
            index = np.array(jet) + first[i]
            x, y, z = (float(momenta[name][index].sum()) for name in ("px", "py", "pz"))
            axes.append(
                (float(np.hypot(x, y)), float(np.arcsinh(z / np.hypot(x, y))), float(np.arctan2(y, x)), index)
            )
        axes.sort(key=lambda axis: -axis[0])
        wanted = []
        for jet_pt, jet_eta, jet_phi, index in axes[:2]:
            near = any(separation(jet_eta, jet_phi, eta[k], phi[k]) < NEAR**2 for k in truth)
            if near and PT_RANGE[0] < jet_pt < PT_RANGE[1] and abs(jet_eta) < ETA_MAX:
                order = index[np.argsort(-pts[index], kind="stable")]
                angle = np.angle(np.exp(1j * (phis[order] - jet_phi)))
                parts = (pts[order], etas[order] - jet_eta, angle)
                wanted.append((jet_pt, jet_eta, features(*parts), parts))
        found.append(wanted)
    return found


def rounded(values: Array) -> NDArray[np.float32]:
    """The values with ``BITS`` significant bits: half the room on disk."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, BITS)), exponent - BITS).astype(np.float32)


def _packed(rows: list[_Row], truth: int) -> Jets:
    n = len(rows)
    pt, eta, phi = (
        np.zeros((n, SLOTS), np.uint16),
        np.zeros((n, SLOTS), np.int16),
        np.zeros((n, SLOTS), np.int16),
    )
    for i, (*_, parts) in enumerate(rows):
        code = np.minimum(np.rint(parts[0][:SLOTS] / PT_UNIT), 65_535)
        there = code > 0
        pt[i, : len(code)] = code
        for place, angle in ((eta, parts[1]), (phi, parts[2])):
            place[i, : len(code)] = np.where(there, np.rint(angle[:SLOTS] / ANGLE_UNIT), 0)
    table = np.array([row[3] for row in rows])
    assert table.shape == (n, len(FEATURES))
    return Jets(
        truth=np.full(n, truth, np.uint8),
        event=np.array([row[0] for row in rows], np.int32),
        jet_pt=np.array([row[1] for row in rows], np.float32),
        jet_eta=np.array([row[2] for row in rows], np.float32),
        n_constituents=np.array([len(row[4][0]) for row in rows], np.uint16),
        features=rounded(table),
        pt=pt,
        eta=eta,
        phi=phi,
    )
