"""Candidates carry the towers around them and the truth of the collision they came from."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.simulation.candidates import SCALARS, WINDOW, find
from l1forge.simulation.generator import ELECTRON, TAU_HADRONIC
from l1forge.simulation.geometry import HARDWARE_ETA, N_HALF, N_PHI, TOWER_ETA, TOWER_PHI
from l1forge.simulation.mixing import library
from l1forge.simulation.pool import Pool

IETA, IPHI = N_HALF + 5, 71


def pool(name: str, n: int, truth: int, em: float, had: float) -> Pool:
    """``n`` collisions, each one tower and one generated particle of 40 GeV there."""
    offsets = np.arange(n + 1)
    particle = [truth, 40.0, TOWER_ETA[IETA], TOWER_PHI[IPHI] - 2 * np.pi]
    return Pool(
        name=name,
        n=n,
        sigma_mb=1.0,
        tower=np.full(n, IETA * N_PHI + IPHI, np.uint16),
        em=np.full(n, em, np.float32),
        had=np.full(n, had, np.float32),
        tower_offset=offsets,
        muon=np.zeros((0, 6), np.float32),
        muon_offset=np.zeros(n + 1, np.int64),
        truth=np.array([particle] * n, np.float32),
        truth_offset=offsets,
        met=np.zeros(n, np.float32),
        pthat=np.zeros(n, np.float32),
    )


@pytest.mark.parametrize(
    ("kind", "truth", "em", "had"), [("tau", TAU_HADRONIC, 12.0, 28.0), ("eg", ELECTRON, 40.0, 0.0)]
)
def test_a_candidate_matches_its_particle_across_the_seam(
    kind: str, truth: int, em: float, had: float
) -> None:
    signal = pool("signal", 3, truth, em, had)
    quiet = library([pool("pile-up", 1, truth, 0.0, 0.0)], 0.0, signal)
    found = find(np.random.default_rng(1), quiet, 3, kind, 10.0, signal)
    assert set(found) == {*SCALARS, "em_towers", "had_towers"}
    assert found["truth"].tolist() == [1, 1, 1]
    assert found["truth_pt"].tolist() == [80, 80, 80]
    assert found["event"].tolist() == [0, 1, 2]
    assert (found["eta"] == HARDWARE_ETA[IETA]).all()
    assert (found["phi"] == 2 * IPHI + 1).all()
    assert found["em_towers"].shape == (3, *WINDOW)
    middle = found["em_towers"][:, 2, 4] + found["had_towers"][:, 2, 4]
    assert (np.abs(middle - 80) <= 6).all()
    assert (found["cluster"] == middle).all()
    assert (found["ring"] == 0).all()
    assert (found["towers"] == 1).all()


def test_another_kind_of_particle_is_not_truth() -> None:
    signal = pool("signal", 2, ELECTRON, 12.0, 28.0)
    quiet = library([pool("pile-up", 1, ELECTRON, 0.0, 0.0)], 0.0, signal)
    found = find(np.random.default_rng(1), quiet, 2, "tau", 10.0, signal)
    assert found["truth"].tolist() == [0, 0]
