"""A weighted zero-bias sample: every class of crossings simulated as often as its tails need.

Four steps, each of which keeps the sum of the weights:

1. A crossing belongs to the class of its hardest stratum (``mixing.class_probabilities``). Of class k, with
   probability P_k, d_k crossings are drawn; each stands for X P_k / d_k of the X plain crossings of the
   exposure.
2. Muons come first, they are cheap. Crossings that are rare by their muons are all simulated, of the others
   a part of the class: each stands for drawn / simulated of them.
3. Crossings are kept by their contents (``rarity``): about one in 2^l of level l, chosen at random.
4. Each kept crossing stands for found / kept of its class, kind of muons and level.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.events.blocks import first_crossings
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import PILEUP, Events
from l1forge.simulation.mixing import Library, class_probabilities, library
from l1forge.simulation.pool import PoolPart, load, parts
from l1forge.simulation.processes import FINE_STRATA, ZERO_BIAS
from l1forge.simulation.production import check_limits, kept_columns, make_pools
from l1forge.simulation.rarity import LEVELS, Rarity
from l1forge.simulation.sources import STAMP
from l1forge.simulation.workers import parallel

CHUNK = 20_000
PILOT = 40_000
"""Plain crossings that say how rare contents are."""
KINDS = 2
"""Crossings without rare muons, and with them."""
OFTEN = {
    "quiet": 1.0,
    "bright0to8": 1.0,
    "bright8to15": 1.0,
    "qcd15to20": 1.0,
    "qcd20to25": 1.0,
    "qcd25to30": 1.0,
    "qcd30to40": 1.0,
    "qcd40to50": 1.2,
    "qcd50to65": 1.5,
    "qcd65to80": 2.0,
    "qcd80to120": 3.0,
    "qcd120to170": 5.0,
    "qcd170to300": 10.0,
    "qcd300toinf": 10.0,
    "w": 10.0,
    "dy": 10.0,
}
"""How many times as often as it comes a class is drawn."""
CALORIMETER = {
    "quiet": 0.05,
    "bright0to8": 0.3,
    "bright8to15": 0.4,
    "qcd15to20": 0.12,
    "qcd20to25": 0.2,
    "qcd25to30": 0.4,
}
"""Part of a class's crossings without rare muons that is simulated (others: all): soft ones add little."""
POOL_EVENTS = {
    "quiet": 50_000,
    "bright0to8": 1_000,
    "bright8to15": 6_000,
    "qcd15to20": 50_000,
    "qcd20to25": 30_000,
    "qcd25to30": 24_000,
    "qcd30to40": 30_000,
    "qcd40to50": 20_000,
    "qcd50to65": 20_000,
    "qcd65to80": 12_000,
    "qcd80to120": 14_000,
    "qcd120to170": 8_000,
    "qcd170to300": 6_000,
    "qcd300toinf": 3_000,
    "w": 12_000,
    "dy": 8_000,
}
"""Collisions per stratum in a full pool."""


@dataclass(frozen=True)
class WeightedRun:
    """What to simulate: a sample worth ``n`` plain crossings; the other fields are those of ``Run``."""

    n: int
    seed: int
    cache: Path
    pileup: float = 52.0
    pool_scale: float = 1.0
    pool_seed: int = 1

    process = ZERO_BIAS

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def pools(self) -> Path:
        return self.cache / "pools"

    @property
    def work(self) -> Path:
        """Folder of finished chunks; its name depends on everything that they depend on."""
        settings = {
            **asdict(self),
            "cache": "",
            "pools": POOL_EVENTS,
            "often": [OFTEN, CALORIMETER],
            "source": STAMP,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        return self.cache / "simulate" / f"weighted-{digest}"

    def strata(self) -> dict[str, int]:
        """Collisions wanted of each stratum."""
        return {name: max(1, round(self.pool_scale * POOL_EVENTS[name])) for name in FINE_STRATA}

    def pool_parts(self) -> list[PoolPart]:
        """Every chunk of pool that the run needs."""
        return [p for name, n in self.strata().items() for p in parts(name, n, self.pool_seed, self.pools)]

    @cached_property
    def simulated(self) -> tuple[int, ...]:
        """Crossings to simulate of each class."""
        expected = self.n * class_probabilities(_library(self).mean)
        often = np.array([OFTEN[name] for name in self.strata()])
        return tuple(max(1, int(count)) for count in np.ceil(often * expected))

    def chunks(self) -> list[tuple[int, int, int, Path]]:
        """(class, number, crossings, file) of every piece."""
        return [
            (k, first // CHUNK, min(CHUNK, total - first), self.work / f"{k:02d}-{first // CHUNK:05d}.npz")
            for k, total in enumerate(self.simulated)
            for first in range(0, total, CHUNK)
        ]

    @property
    def to_simulate(self) -> int:
        """Crossings of all chunks."""
        return sum(self.simulated)

    @property
    def finished(self) -> int:
        """Crossings of the chunks that are there."""
        return sum(size for _, _, size, path in self.chunks() if path.exists())

    def make_chunks(self, jobs: int) -> Iterator[int]:
        """Simulate the chunks that are missing; yields the number of crossings of each."""
        _make_pilot(self)
        todo = [(self, *chunk) for chunk in self.chunks() if not chunk[3].exists()]
        for _, done in parallel(_make_chunk, todo, jobs):
            yield done

    def write(self, output: Path) -> int:
        """Join the chunks into one event file; returns the number of events in it."""
        return write(self, output)


def simulate(run: WeightedRun, output: Path, jobs: int = 1) -> int:
    """Pools, crossings and the file; returns the number of events in it."""
    for _ in make_pools(run, jobs):
        pass
    for _ in run.make_chunks(jobs):
        pass
    return write(run, output)


def write(run: WeightedRun, output: Path) -> int:
    """Join the chunks into one event file, classes and levels mixed; returns the number of events."""
    lib = _library(run)
    probability = class_probabilities(lib.mean)
    shape = (lib.mean.size, KINDS * LEVELS)
    drawn, found, kept = np.zeros((shape[0], KINDS)), np.zeros(shape), np.zeros(shape)
    blocks, classes, levels = [], [], []
    for k, _, _, path in run.chunks():
        columns = kept_columns(path)
        drawn[k] += columns.pop("drawn")
        found[k] += columns.pop("found")
        level = columns.pop("level")
        kept[k] += np.bincount(level, minlength=shape[1])
        n = level.size
        columns["stratum"] = np.full((1, n), k, np.uint8)
        blocks.append(Events(columns, n))
        classes.append(np.full(n, k))
        levels.append(level)
    per_class = run.n * probability / np.array(run.simulated)
    simulated = np.maximum(found.reshape(-1, KINDS, LEVELS).sum(axis=2), 1)
    per_kind = np.repeat(drawn / simulated, LEVELS, axis=1)
    weight = found / np.maximum(kept, 1) * per_kind * per_class[:, None]
    events = Events.concatenate(blocks)
    row_weights = weight[np.concatenate(classes), np.concatenate(levels)]
    events = Events.of_rows({**events, "weight": row_weights[None, :]}, events.n)
    # rows of all classes in any part of the file: a part of it is a sample too, of a part of the exposure
    events = events.select(np.random.default_rng([run.seed, 1]).permutation(events.n))
    return write_events(output, [events], _metadata(run, lib, probability, events), compression_level=19)


def kept_rows(rng: np.random.Generator, level: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which crossings of a chunk to keep, (n,): one in 2^l of level l at random, and one at least of each.

    However many are kept of a level, each of its crossings is as likely to be one of them.
    """
    chosen: NDArray[np.bool_] = rng.random(level.size) < 0.5**level
    for found in np.unique(level):
        rows = np.flatnonzero(level == found)
        if not chosen[rows].any():
            chosen[rng.choice(rows)] = True
    return chosen


def _metadata(
    run: WeightedRun, lib: Library, probability: NDArray[np.float64], events: Events
) -> dict[str, Any]:
    weight = events["weight"][0]
    strata = [
        {
            "name": name,
            "pool": int(lib.first[k + 1] - lib.first[k]),
            "mean": float(lib.mean[k]),
            "probability": float(probability[k]),
            "simulated": run.simulated[k],
            "kept": int((events["stratum"][0] == k).sum()),
        }
        for k, name in enumerate(run.strata())
    ]
    total = sum(pool_sigma(run))
    return {
        "process": run.process,
        "seed": run.seed,
        "pileup": run.pileup,
        "cross_section_mb": total,
        "inelastic_mb": total,
        "n": run.n,
        "pool_seed": run.pool_seed,
        "exposure": run.n,
        "effective": float(weight.sum() ** 2 / (weight**2).sum()),
        "strata": strata,
    }


@lru_cache(maxsize=2)
def _library(run: WeightedRun) -> Library:
    return library(_pools(run), run.pileup)


def _pools(run: WeightedRun) -> list[Any]:
    return [load(name, n, run.pool_seed, run.pools) for name, n in run.strata().items()]


@lru_cache(maxsize=2)
def pool_sigma(run: WeightedRun) -> tuple[float, ...]:
    """Cross section of every stratum in mb."""
    return tuple(pool.sigma_mb for pool in _pools(run))


def _pilot_path(run: WeightedRun) -> Path:
    return run.work / "pilot.npz"


def write_plain(run: WeightedRun, n: int, output: Path) -> int:
    """Write ``n`` plain crossings of the same pools: what the weighted sample is compared with.

    Finished pieces are kept, as those of the sample.
    """
    from l1forge.simulation.crossing import crossings

    paths = []
    for number in range(-(-n // CHUNK)):
        path = run.work / f"plain-{number:05d}.npz"
        if not path.exists():
            seed = np.random.SeedSequence([run.seed, zlib.crc32(b"plain"), number])
            _store(path, dict(crossings(np.random.default_rng(seed), _library(run), CHUNK)))
        paths.append(path)
    blocks = (Events(columns, CHUNK) for columns in map(kept_columns, paths))
    return write_events(output, first_crossings(blocks, n), {"process": run.process, "seed": run.seed})


def _make_pilot(run: WeightedRun) -> None:
    from l1forge.simulation.crossing import crossings

    target = _pilot_path(run)
    if target.exists():
        return
    seed = np.random.SeedSequence([run.seed, zlib.crc32(b"pilot")])
    rarity = Rarity.of(crossings(np.random.default_rng(seed), _library(run), PILOT))
    _store(target, {"sorted_values": rarity.sorted_values})


@lru_cache(maxsize=2)
def _rarity(run: WeightedRun) -> Rarity:
    return Rarity(kept_columns(_pilot_path(run))["sorted_values"])


def _make_chunk(run: WeightedRun, hardest: int, number: int, size: int, target: Path) -> int:
    """Simulate a piece of one class and keep what the levels say."""
    from l1forge.simulation.crossing import class_crossings

    seed = np.random.SeedSequence([run.seed, zlib.crc32(b"weighted"), hardest, number])
    rng = np.random.default_rng(seed)
    part = CALORIMETER.get(list(run.strata())[hardest], 1.0)
    made = class_crossings(rng, _library(run), hardest, number * CHUNK, size, part)
    level = _rarity(run).levels(made.events)
    chosen = np.zeros(level.size, bool)
    for kind in (False, True):
        mine = np.flatnonzero(made.rare == kind)
        chosen[mine] = kept_rows(rng, level[mine])
    group = level + LEVELS * made.rare.astype(np.uint8)
    kept = {name: array[:, chosen] for name, array in made.events.items()}
    kept["collision"] = (made.causes[chosen, :2].T + 1).astype(np.uint32)
    kept[PILEUP] = made.causes[chosen, 2][None].astype(np.uint16)
    kept["level"] = group[chosen]
    kept["found"] = np.bincount(group, minlength=KINDS * LEVELS)
    kept["drawn"] = made.drawn
    _store(target, kept)
    return size


def _store(target: Path, columns: dict[str, Any]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **columns)
