"""The committed images of the blind signals, which no choice looked at (``models.anomaly.samples``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from l1forge.models import FOLDER as MODELS
from l1forge.models.anomaly.samples import BLIND_SIGNALS
from l1forge.simulation.images import FOLDER, SIGNAL_ROWS, ImageRun
from l1forge.simulation.production import Run
from l1forge.simulation.sample import PILEUP, SEED

EVENTS: Mapping[str, Path] = {
    "h_aa4b": FOLDER / "events" / "h_aa4b.parquet",
    "vbf_htautau": MODELS / "event_bdt" / "data" / "vbf_htautau.parquet",
}
"""Name to the event file of the same crossings."""
OWN_EVENTS = ("h_aa4b",)
"""Made here, because no other sample has them."""
_SEEDS = {"h_aa4b": (16, 16), "vbf_htautau": (5, SEED)}
"""Seed, seed of the pools."""


def runs(cache: Path) -> list[tuple[ImageRun, Path]]:
    """Each run and the image file that it writes."""
    found = []
    for name in BLIND_SIGNALS:
        seed, pool_seed = _SEEDS[name]
        run = Run(name, SIGNAL_ROWS, seed, cache, PILEUP, pool_seed=pool_seed)
        found.append((ImageRun(run, EVENTS[name], 0, SIGNAL_ROWS), FOLDER / f"{name}.parquet"))
    return found


def images() -> dict[str, Path]:
    """Name to committed image file."""
    return {name: FOLDER / f"{name}.parquet" for name in BLIND_SIGNALS}
