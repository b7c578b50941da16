"""The recipe of the committed sample under simulation/sample/."""

from __future__ import annotations

from pathlib import Path

from l1forge.simulation.production import Run
from l1forge.simulation.weighted import WeightedRun

FOLDER = Path(__file__).parent / "sample"
SEED = 1
PILEUP = 52.0
N_TRAIN = 300_000
"""Zero-bias events 0 .. N_TRAIN - 1 are for training, the rest for rates and thresholds."""
EVENTS = {
    "zerobias": 450_000,
    "ttbar": 10_000,
    "zmumu": 10_000,
    "htautau": 10_000,
    "A4l": 10_000,
    "LQ_btau": 10_000,
    "h_tautau": 10_000,
    "Hp_taunu": 10_000,
}


def runs(cache: Path) -> list[tuple[Run, Path]]:
    """Each run and the file that it writes."""
    return [
        (Run(name, n, SEED, cache, PILEUP, pool_seed=SEED), FOLDER / f"{name}.parquet")
        for name, n in EVENTS.items()
    ]


WEIGHTED = FOLDER / "weighted" / "zerobias.parquet"
WEIGHTED_SEED = 16
"""Of crossings and pools: no collision of the weighted sample is in the plain one."""
EXPOSURE = 5_000_000
"""Plain crossings that the weighted sample is worth."""


def weighted(cache: Path) -> tuple[WeightedRun, Path]:
    """The weighted zero-bias run and its file."""
    run = WeightedRun(EXPOSURE, WEIGHTED_SEED, cache, PILEUP, pool_seed=WEIGHTED_SEED)
    return run, WEIGHTED


def zero_bias() -> Path:
    """Zero bias for rates: the weighted sample where it was made, else the plain one."""
    return WEIGHTED if WEIGHTED.exists() else FOLDER / "zerobias.parquet"
