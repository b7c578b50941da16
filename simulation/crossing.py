"""From pools to hardware objects: the loop over bunch crossings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, Events
from l1forge.emulator.jit import compiled
from l1forge.simulation import egamma, jet_finding, muon_trigger, sums, taus
from l1forge.simulation.egamma import find_egamma
from l1forge.simulation.geometry import ETA_EDGES, empty_grid
from l1forge.simulation.jet_finding import find_jets
from l1forge.simulation.mixing import MAX_COLLISIONS, Library, draw_class, fill_towers, mix, work_space
from l1forge.simulation.muon_trigger import find_muons, is_rare, isolate_muons, measure_muons
from l1forge.simulation.regions import N_REGIONS, region_sums
from l1forge.simulation.sums import find_sums
from l1forge.simulation.taus import find_taus
from l1forge.simulation.towers import ESTIMATOR_RINGS, active_towers, digitise

CALO_FIELDS = ("et", "eta", "phi", "iso")
SLOTS = {name: COLLECTIONS[name].slots for name in ("mu", "eg", "tau", "jet")}


@compiled
def store(found, n, slots, event, fields):
    """Write the ``slots`` candidates of largest first column, in descending order; ties keep the found order.

    ``fields`` is int32 (n_fields, slots, n_events).
    """
    order = np.argsort(-found[:n, 0], kind="mergesort")
    for slot in range(min(n, slots)):
        for k in range(fields.shape[0]):
            fields[k, slot, event] = found[order[slot], k]


@compiled
def find_calorimeter_objects(em, had, total, tables, work, event, out):
    """Jets, e/gamma, tau and sums of one crossing whose towers are on the grids, into column ``event``."""
    jet_table, tau_table, thresholds, _ = tables
    jet_work, eg_work, tau_work, _ = work
    _, out_eg, out_tau, out_jet, out_sums = out
    n_tt = active_towers(total, ESTIMATOR_RINGS)
    n_jets = find_jets(total, jet_table, jet_work)
    store(jet_work, n_jets, out_jet.shape[1], event, out_jet)
    store(eg_work, find_egamma(em, had, total, n_tt, eg_work), out_eg.shape[1], event, out_eg)
    store(tau_work, find_taus(total, n_tt, tau_table, tau_work), out_tau.shape[1], event, out_tau)
    find_sums(em, total, jet_work, n_jets, thresholds, out_sums[:, event])


@compiled
def find_objects(rng, em, had, total, muons, n_muons, tables, work, event, out):
    """All objects of one crossing whose towers are on the grids, into column ``event`` of ``out``."""
    find_calorimeter_objects(em, had, total, tables, work, event, out)
    found = find_muons(rng, muons, n_muons, total, tables[3], work[3])
    store(work[3], found, out[0].shape[1], event, out[0])


@compiled
def _loop(rng, lib, first_signal, n, space, grids, tables, work, out, images):
    # images: (n, regions) to fill, or (0, regions); they draw nothing, so the objects do not depend on them
    tower_em, tower_had, muons = space
    em, had, total = grids
    for event in range(n):
        signal = first_signal + event if first_signal >= 0 else -1
        n_muons, _ = mix(rng, lib, signal, tower_em, tower_had, muons)
        digitise(rng, tower_em, tower_had, em, had)
        total[:] = em + had
        if images.shape[0]:
            region_sums(total, tables[2], images[event])
        find_objects(rng, em, had, total, muons, n_muons, tables, work, event, out)


@compiled
def _class_loop(rng, lib, hardest, first, part, space, grids, tables, work, out, causes, rare, simulated):
    tower_em, tower_had, muons = space
    em, had, total = grids
    drawn = np.empty((MAX_COLLISIONS, 3), np.int64)
    places = np.empty((work[3].shape[0], 3), np.int64)
    common = 0
    for event in range(rare.size):
        n, n_muons = draw_class(rng, lib, hardest, first + event, drawn, muons, causes[event])
        n_found = measure_muons(rng, muons, n_muons, tables[3], work[3], places)
        rare[event] = is_rare(work[3], n_found)
        # the calorimeter takes most of the time: of crossings without rare muons it is simulated for a part
        if not rare[event] and common > 0 and rng.random() >= part:
            continue
        common += not rare[event]
        simulated[event] = True
        fill_towers(lib, drawn, n, tower_em, tower_had)
        digitise(rng, tower_em, tower_had, em, had)
        total[:] = em + had
        find_calorimeter_objects(em, had, total, tables, work, event, out)
        isolate_muons(total, work[3], places, n_found)
        store(work[3], n_found, out[0].shape[1], event, out[0])


def tables() -> tuple[np.ndarray, ...]:
    """Calibration tables and thresholds that ``find_objects`` takes."""
    return jet_finding.CALIBRATION, taus.CALIBRATION, sums.tower_thresholds(), ETA_EDGES


def work_arrays() -> tuple[np.ndarray, ...]:
    """Candidate lists that ``find_objects`` overwrites."""
    return np.zeros((256, 5), np.int32), egamma.empty(), taus.empty(), muon_trigger.empty()


def output_arrays(n: int) -> tuple[np.ndarray, ...]:
    """Zeroed int32 (fields, slots, n) for mu, eg, tau, jet and int64 (sums, n)."""
    fields = {"mu": len(muon_trigger.COLUMNS), "eg": 4, "tau": 4, "jet": 3}
    objects = [np.zeros((fields[name], slots, n), np.int32) for name, slots in SLOTS.items()]
    return (*objects, np.zeros((len(sums.SUM_COLUMNS), n), np.int64))


def to_events(out: tuple[np.ndarray, ...], n: int) -> Events:
    """Hardware columns; an energy beyond the field's maximum becomes all ones, which means overflow.

    Raises
    ------
    ValueError
        If any other field is out of its range.
    """
    columns: dict[str, np.ndarray] = {}
    names = (muon_trigger.COLUMNS, CALO_FIELDS, CALO_FIELDS, CALO_FIELDS[:3])
    for collection, array, fields in zip(SLOTS, out, names, strict=False):
        for k, field in enumerate(fields):
            columns[f"{collection}.{field}"] = array[k]
    for k, name in enumerate(sums.SUM_COLUMNS):
        columns[name] = out[-1][k : k + 1]
    for name, array in columns.items():
        limits = COLUMNS[name][1]
        if limits.unit == "GeV":
            array = np.minimum(array, limits.maximum)
        if array.size and (array.min() < limits.minimum or array.max() > limits.maximum):
            raise ValueError(f"{name} leaves {limits.minimum} .. {limits.maximum}")
        columns[name] = array.astype(np.int16)
    return Events(columns, n)


def crossings(rng: np.random.Generator, lib: Library, n: int, first_signal: int = -1) -> Events:
    """Simulate ``n`` crossings; crossing i contains signal collision ``first_signal + i`` if that is >= 0."""
    return _crossings(rng, lib, n, first_signal, np.zeros((0, N_REGIONS), np.uint16))


def crossings_with_images(
    rng: np.random.Generator, lib: Library, n: int, first_signal: int = -1
) -> tuple[Events, np.ndarray]:
    """The crossings that ``crossings`` makes, and their calorimeter images, uint16 (n, 252) of 0.5 GeV."""
    images = np.zeros((n, N_REGIONS), np.uint16)
    return _crossings(rng, lib, n, first_signal, images), images


def _crossings(
    rng: np.random.Generator, lib: Library, n: int, first_signal: int, images: np.ndarray
) -> Events:
    out = output_arrays(n)
    grids = (empty_grid(), empty_grid(), empty_grid())
    _loop(rng, lib, first_signal, n, work_space(), grids, tables(), work_arrays(), out, images)
    return to_events(out, n)


@dataclass(frozen=True)
class ClassCrossings:
    """Crossings of one class; those whose calorimeter was simulated are in ``events``.

    ``causes`` int64 (k, 3): collisions that caused them, see ``mixing.draw_class``. ``rare`` (k,): rare by
    their muons. ``drawn`` (2,): all crossings that were drawn, common ones and rare ones.
    """

    events: Events
    causes: np.ndarray
    rare: np.ndarray
    drawn: np.ndarray


def class_crossings(
    rng: np.random.Generator, lib: Library, hardest: int, first: int, n: int, part: float = 1.0
) -> ClassCrossings:
    """Draw ``n`` crossings whose hardest stratum is ``hardest``; its collisions are used in turn.

    ``first``: number of the first crossing in its class. ``part``: of the crossings without rare muons whose
    calorimeter is simulated, chosen at random (one at least).
    """
    out, causes = output_arrays(n), np.zeros((n, 3), np.int64)
    rare, simulated = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    grids = (empty_grid(), empty_grid(), empty_grid())
    _class_loop(
        *(rng, lib, hardest, first, part, work_space(), grids, tables(), work_arrays(), out),
        *(causes, rare, simulated),
    )
    kept = tuple(np.ascontiguousarray(array[..., simulated]) for array in out)
    drawn = np.bincount(rare.astype(np.int64), minlength=2)
    events = to_events(kept, int(simulated.sum()))
    return ClassCrossings(events, causes[simulated], rare[simulated], drawn)
