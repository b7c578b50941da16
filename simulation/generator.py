"""One chunk of a pool: run Pythia, and keep of each collision its tower deposits, muons and truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from l1forge.simulation.detector import INVISIBLE, charge, deposits, muon_candidates, to_calorimeter
from l1forge.simulation.geometry import N_TOWERS
from l1forge.simulation.processes import BEAM, Process

GEN_JET_PT = 12.0
MIN_DEPOSIT = 0.03  # GeV, per collision and tower
TAU_HADRONIC, ELECTRON = 15, 11
BATCH = 1000
"""Collisions that Pythia hands over at a time."""
VARIABLE = {"tower": ("tower", "em", "had"), "muon": ("muon",), "truth": ("truth",), "jet": ("jet",)}
"""Arrays with several rows per collision, by what counts them."""


@dataclass(frozen=True)
class Chunk:
    """Flat arrays of many collisions; row ``i`` of kind ``x`` is ``x[x_offset[i]:x_offset[i + 1]]``."""

    arrays: dict[str, np.ndarray]
    sigma_mb: float
    generated: int


def generate(process: Process, n: int, seed: np.random.SeedSequence) -> Chunk:
    """Generate ``n`` collisions that pass the veto.

    Arrays: ``tower`` uint16, ``em``/``had`` float16 (ET, GeV); ``muon`` float32 (pt, eta, phi, charge,
    probability, kind); ``jet`` float32 (pt, eta, phi) generator anti-kT 0.4 jets; ``truth`` float32 (kind,
    visible pt, eta, phi at the calorimeter) of hadronic taus and electrons of the hard process; ``met``.
    """
    import awkward as ak
    import pythia8mc

    rng = np.random.default_rng(seed)
    pythia = pythia8mc.Pythia("", False)
    number = int(seed.generate_state(1)[0] % 899_999_999) + 1
    for line in (*BEAM, "Print:quiet=on", "Random:setSeed=on", f"Random:seed={number}", *process.settings):
        pythia.readString(line)
    cut = None
    if process.hardness is not None:
        from l1forge.simulation.hardness import HardnessCut

        # Pythia does not keep the Python object alive: without a name here its methods would not be called
        cut = HardnessCut(pythia, *process.hardness)
        pythia.setUserHooksPtr(cut)
    if not pythia.init():
        raise RuntimeError(f"Pythia refuses {process.settings}")
    if cut is not None:
        found = _selected(pythia, process, n, rng)
        if not cut.used:
            raise RuntimeError("Pythia did not ask for the hardness of collisions")
        return found
    parts: dict[str, list[np.ndarray]] = {}
    kept = generated = 0
    while kept < n:
        events = pythia.nextBatch(min(1000, max(n - kept, 50)))
        generated += len(events)
        if process.veto is not None:
            events = events[np.sqrt(ak.to_numpy(events.info.pT2Hat)) < process.veto]
        surplus = max(kept + len(events) - n, 0)
        generated -= surplus
        events = events[: n - kept]
        kept += len(events)
        for name, array in _collisions(events, process, rng).items():
            parts.setdefault(name, []).append(array)
    sigma = pythia.infoPython().sigmaGen() * kept / generated
    arrays = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return Chunk(arrays, float(sigma), generated)


def _selected(pythia: Any, process: Process, n: int, rng: np.random.Generator) -> Chunk:
    """The first ``n`` collisions within the hardness of ``process`` that are as bright as it wants."""
    from l1forge.simulation.brightness import bright

    parts: dict[str, list[np.ndarray]] = {}
    kept = accepted = 0
    while kept < n:
        made = _collisions(pythia.nextBatch(BATCH), process, rng)
        wanted = np.flatnonzero(bright(made) == process.bright)[: n - kept]
        kept += len(wanted)
        # up to the last one that is kept
        accepted += int(wanted[-1]) + 1 if kept == n else len(made["met"])
        for name, array in rows(made, wanted).items():
            parts.setdefault(name, []).append(array)
    # the last of the accepted ones is always a wanted one: (n - 1) / (N - 1) is the unbiased fraction
    sigma = pythia.infoPython().sigmaGen() * ((n - 1) / (accepted - 1) if n > 1 else 1 / accepted)
    return Chunk({name: np.concatenate(a) for name, a in parts.items()}, float(sigma), accepted)


def rows(collisions: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Some collisions of ``_collisions``."""
    counts = {f"{kind}_count" for kind in VARIABLE if f"{kind}_count" in collisions}
    result = {name: collisions[name][chosen] for name in (*counts, "met", "pthat")}
    for kind, names in VARIABLE.items():
        if f"{kind}_count" not in collisions:
            continue
        count = collisions[f"{kind}_count"]
        mask = np.repeat(np.isin(np.arange(len(count)), chosen), count)
        result |= {name: collisions[name][mask] for name in names}
    return result


def _collisions(events: Any, process: Process, rng: np.random.Generator) -> dict[str, np.ndarray]:
    import awkward as ak

    n = len(events)
    final = events.prt[events.prt.status > 0]
    event = np.repeat(np.arange(n), ak.to_numpy(ak.num(final)))
    flat = ak.flatten(final)
    pdg = ak.to_numpy(flat.id)
    px, py, pz, energy = (ak.to_numpy(getattr(flat.p, name)) for name in ("px", "py", "pz", "e"))
    pt = np.hypot(px, py)
    eta, phi = np.arcsinh(pz / np.maximum(pt, 1e-9)), np.arctan2(py, px)
    unseen = np.isin(np.abs(pdg), INVISIBLE)
    visible = (np.abs(eta) < 5.5) & ~unseen & (pt > 0.05)

    result: dict[str, np.ndarray] = {}
    calo = np.flatnonzero(visible & (np.abs(pdg) != 13))
    tower, em, had = deposits(pdg[calo], pt[calo], eta[calo], phi[calo], energy[calo], rng)
    hit = tower >= 0
    key, inverse = np.unique(event[calo][hit] * N_TOWERS + tower[hit], return_inverse=True)
    em, had = (np.asarray(np.bincount(inverse, energies[hit]), np.float64) for energies in (em, had))
    big = em + had > MIN_DEPOSIT
    result["tower"] = (key[big] % N_TOWERS).astype(np.uint16)
    result["em"], result["had"] = em[big].astype(np.float16), had[big].astype(np.float16)
    result["tower_count"] = np.bincount(key[big] // N_TOWERS, minlength=n).astype(np.int32)

    index, kind, probability = muon_candidates(pdg, pt, eta)
    rows = (pt[index], eta[index], phi[index], charge(pdg[index]), probability, kind)
    result["muon"] = np.stack(rows, 1).astype(np.float32)
    result["muon_count"] = np.bincount(event[index], minlength=n).astype(np.int32)

    result["met"] = np.hypot(
        np.bincount(event[unseen], px[unseen], n), np.bincount(event[unseen], py[unseen], n)
    ).astype(np.float32)
    result["pthat"] = np.sqrt(ak.to_numpy(events.info.pT2Hat)).astype(np.float32)
    result["truth"], result["truth_count"] = _truth(events)
    if process.gen_jets:
        result["jet"], result["jet_count"] = _jets(n, event, px, py, pz, energy, visible)
    return result


def _truth(events: Any) -> tuple[np.ndarray, np.ndarray]:
    """Hadronic taus (visible part) and electrons of the hard process."""
    import awkward as ak

    n = len(events)
    particles = events.prt
    count = ak.to_numpy(ak.num(particles))
    start = np.concatenate([[0], np.cumsum(count)])
    flat = ak.flatten(particles)
    pdg, status = ak.to_numpy(flat.id), ak.to_numpy(flat.status)
    code = np.abs(pdg)
    owner = np.repeat(np.arange(n), count)
    rows: list[tuple[int, int, float, float, float]] = []
    momentum = np.stack([ak.to_numpy(getattr(flat.p, name)) for name in ("px", "py", "pz")], 1)
    first, last = ak.to_numpy(flat.daughter1), ak.to_numpy(flat.daughter2)
    for i in np.flatnonzero((code == 15) & (status < 0)):
        offset = start[owner[i]]
        daughters = np.arange(offset + first[i], offset + max(last[i], first[i]) + 1)
        if np.isin(code[daughters], (11, 13, 15)).any() or 16 not in code[daughters]:
            continue
        seen = momentum[i] - momentum[daughters[np.isin(code[daughters], INVISIBLE)]].sum(0)
        rows.append((owner[i], TAU_HADRONIC, *_direction(seen, 0.0)))
    for i in np.flatnonzero((code == 11) & (np.abs(status) == 23)):
        rows.append((owner[i], ELECTRON, *_direction(momentum[i], float(-np.sign(pdg[i])))))
    rows.sort(key=lambda row: row[0])
    table = np.array(rows, np.float32).reshape(-1, 5)
    return table[:, 1:], np.bincount(table[:, 0].astype(int), minlength=n).astype(np.int32)


def _direction(p: np.ndarray, q: float) -> tuple[float, float, float]:
    pt = max(float(np.hypot(p[0], p[1])), 1e-3)
    eta, phi, _ = to_calorimeter(
        np.array([np.arcsinh(p[2] / pt)]), np.array([np.arctan2(p[1], p[0])]), np.array([pt]), np.array([q])
    )
    return pt, float(eta[0]), float(phi[0])


def _jets(n: int, event: np.ndarray, px: Any, py: Any, pz: Any, e: Any, visible: Any) -> tuple[Any, Any]:
    import awkward as ak
    import fastjet

    flat = ak.zip(
        {"px": px[visible], "py": py[visible], "pz": pz[visible], "E": e[visible]}, with_name="Momentum4D"
    )
    inputs = ak.unflatten(flat, np.bincount(event[visible], minlength=n))
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4)
    jets = fastjet.ClusterSequence(inputs, definition).inclusive_jets(GEN_JET_PT)
    count = ak.to_numpy(ak.num(jets.px)).astype(np.int32)
    px, py, pz = (ak.to_numpy(ak.flatten(getattr(jets, name))) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    return np.stack([pt, np.arcsinh(pz / pt), np.arctan2(py, px)], 1).astype(np.float32), count
