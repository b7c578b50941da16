"""The recipe of the committed sample under simulation/sample/."""

from __future__ import annotations

from pathlib import Path

from l1forge.simulation.production import Run

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
