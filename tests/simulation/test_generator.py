"""The only test that runs Pythia: a few collisions, checked against conservation and geometry."""

from __future__ import annotations

import numpy as np

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
