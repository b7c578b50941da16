"""A synthetic pool, so that only one test needs Pythia."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.simulation.geometry import N_TOWERS
from l1forge.simulation.pool import parts
from l1forge.simulation.processes import STRATA
from l1forge.simulation.production import POOL_EVENTS, Run

EVENTS = 20


def write_part(path: Path, seed: int, sigma: float, scale: float = 1.0) -> None:
    """A pool chunk of EVENTS collisions with exponential tower energies, and a few muon candidates.

    ``scale``: of the energies of its hard towers.
    """
    rng = np.random.default_rng(seed)
    towers = rng.integers(20, 120, EVENTS).astype(np.int32)
    muons = rng.integers(0, 3, EVENTS).astype(np.int32)
    total, n_muons = int(towers.sum()), int(muons.sum())
    muon = np.stack(
        [
            rng.exponential(8, n_muons) + 2,
            rng.uniform(-2.4, 2.4, n_muons),
            rng.uniform(-np.pi, np.pi, n_muons),
            rng.choice([-1, 1], n_muons),
            rng.random(n_muons),
            rng.integers(0, 3, n_muons),
        ],
        1,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        tower=rng.integers(0, N_TOWERS, total).astype(np.uint16),
        em=rng.exponential(0.4, total).astype(np.float16),
        had=(rng.exponential(0.6, total) + 40 * scale * (rng.random(total) < 0.003)).astype(np.float16),
        tower_count=towers,
        muon=muon.astype(np.float32),
        muon_count=muons,
        truth=np.zeros((0, 4), np.float32),
        truth_count=np.zeros(EVENTS, np.int32),
        met=np.zeros(EVENTS, np.float32),
        pthat=np.zeros(EVENTS, np.float32),
        sigma_mb=sigma,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A zero-bias run whose pools are synthetic and complete."""
    run = Run("zerobias", 12, 3, tmp_path / "cache", pileup=20.0, pool_scale=0.001)
    assert set(STRATA) == set(POOL_EVENTS)
    for k, part in enumerate(run.pool_parts()):
        write_part(part.path, k, 70.0 if part.name == "soft" else 0.5)
    for part in parts("ttbar", 12, 3, run.pools):
        write_part(part.path, 99, 1e-6)
    return run
