"""The committed training images: zero bias that the cut menu rejects, from pools of collisions of its own.

Nothing that judges shares a collision with it: the committed events have pools of seed 1.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.menu.language.load import DEFAULT, load_menu
from l1forge.models.anomaly.crossings import CutMenu
from l1forge.models.calorimeter.samples import TRAINING
from l1forge.simulation.images import write_images
from l1forge.simulation.pool import Pool, load
from l1forge.simulation.production import CHUNK, Run
from l1forge.simulation.sample import PILEUP
from l1forge.simulation.workers import parallel

CROSSINGS = 60_000
SEED = POOL_SEED = 16


def run(cache: Path) -> Run:
    """The simulation of the training crossings."""
    return Run("zerobias", CROSSINGS, SEED, cache, PILEUP, pool_seed=POOL_SEED)


def make_chunks(simulated: Run, jobs: int) -> Iterator[int]:
    """Simulate the chunks that are missing; yields 1 for each."""
    todo = [(simulated, i) for i in range(len(simulated.chunk_sizes())) if not _path(simulated, i).exists()]
    for _, done in parallel(_make_chunk, todo, jobs):
        yield done


def write(simulated: Run, output: Path = TRAINING) -> int:
    """Join the chunks into one image file; returns the number of images."""
    found = []
    for index in range(len(simulated.chunk_sizes())):
        with _path(simulated, index).open("rb") as stream, np.load(stream) as file:
            found.append(file["regions"])
    images = np.concatenate(found)
    about = {
        "process": simulated.process,
        "seed": simulated.seed,
        "pool_seed": simulated.pool_seed,
        "pileup": simulated.pileup,
        "crossings": simulated.n,
        "rejected_by": load_menu(DEFAULT).name,
    }
    write_images(output, images, about)
    return len(images)


def _path(simulated: Run, index: int) -> Path:
    return simulated.work / "training_images" / f"{index:05d}.npz"


@lru_cache(maxsize=1)
def _pools(simulated: Run) -> list[Pool]:
    return [load(n, size, simulated.pool_seed, simulated.pools) for n, size in simulated.strata().items()]


def _make_chunk(simulated: Run, index: int) -> int:
    from l1forge.simulation.crossing import crossings_with_images
    from l1forge.simulation.mixing import library

    strata = _pools(simulated)
    seed = np.random.SeedSequence([simulated.seed, zlib.crc32(simulated.process.encode()), index])
    events, images = crossings_with_images(
        np.random.default_rng(seed),
        library(strata, simulated.pileup),
        min(CHUNK, simulated.n - index * CHUNK),
    )
    accepted = CutMenu.of(DEFAULT, tuple(events)).evaluator()(events)
    target = _path(simulated, index)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, regions=images[~accepted])
    return 1
