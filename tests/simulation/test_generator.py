"""The only tests that run Pythia: a few collisions, checked against conservation and geometry."""

from __future__ import annotations

import numpy as np

from l1forge.simulation.brightness import LEAST, bright, sizes
from l1forge.simulation.generator import TAU_HADRONIC, generate
from l1forge.simulation.geometry import N_TOWERS
from l1forge.simulation.processes import process


def test_a_chunk_is_reproducible_and_sensible() -> None:
    chunks = [generate(process("htautau"), 30, np.random.SeedSequence([5, 1])) for _ in range(2)]
    first, second = (chunk.arrays for chunk in chunks)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert chunks[0].sigma_mb > 0
    assert len(first["met"]) == 30
    assert first["tower_count"].sum() == len(first["tower"])
    assert first["tower"].max() < N_TOWERS
    taus = first["truth"][first["truth"][:, 0] == TAU_HADRONIC]
    assert 15 <= len(taus) <= 60
    assert (taus[:, 1] < 200).all()
    assert (first["muon"][:, 4] <= 1).all()


def test_bright_collisions_are_cut_on_hardness_and_objects() -> None:
    chunk = generate(process("bright8to15"), 3, np.random.SeedSequence([5, 2]))
    assert len(chunk.arrays["met"]) == len(chunk.arrays["tower_count"]) == 3
    assert bright(chunk.arrays).all()
    found = sizes(chunk.arrays)
    assert (found >= np.array(LEAST)).any(axis=1).all()
    # of collisions without diffraction (of pTHat above 3 GeV) Pythia's pTHat is the hardness
    pthat = chunk.arrays["pthat"]
    assert ((pthat < 3) | ((pthat >= 8) & (pthat < 15))).all()
    # 13 % of the inelastic 78.6 mb are as hard, a fiftieth of these is bright
    assert chunk.sigma_mb < 78.6 * 0.15 * 0.2


def test_literal_sizes_of_a_collision() -> None:
    row, column = 40, 71  # the window goes over the edge in phi
    tower = np.array([row * 72 + column, row * 72, (row + 1) * 72 + 70, 0], np.uint16)
    collision = {
        "tower": tower,
        "em": np.array([6, 2, 0.5, 0], np.float16),
        "had": np.array([1, 0, 0, 30], np.float16),
        "tower_count": np.array([4], np.int32),
        "muon": np.array([[5, 0, 0, 1, 1, 0], [9, 0, 0, 1, 0.1, 1]], np.float32),
        "muon_count": np.array([2], np.int32),
    }
    assert sizes(collision).tolist() == [[8.5, 9.5, 30, 5]]  # the forward tower is no e/gamma or tau
    assert bright(collision).all()
