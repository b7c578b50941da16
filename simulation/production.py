"""Making event files: pools, then chunks of crossings, in several processes; finished pieces are kept.

Each pool part and each chunk has its own seed derived from (seed, process, number), so the result depends
neither on the number of processes nor on where an earlier run stopped.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.simulation.generated import generated
from l1forge.simulation.pool import Pool, PoolPart, load, parts
from l1forge.simulation.processes import SIGNALS, ZERO_BIAS
from l1forge.simulation.sources import STAMP
from l1forge.simulation.workers import parallel

CHUNK = 5000
POOL_EVENTS = {
    "soft": 40_000,
    "qcd15": 20_000,
    "qcd30": 12_000,
    "qcd50": 8_000,
    "qcd80": 4_000,
    "qcd120": 3_000,
    "qcd170": 2_000,
    "qcd300": 1_000,
    "w": 4_000,
    "dy": 3_000,
}
"""Collisions per stratum in a full pool."""


class Wanted(Protocol):
    """A run that needs pools."""

    def pool_parts(self) -> list[PoolPart]:
        """Every chunk of pool that the run needs."""


def check_limits(run: object) -> None:
    """InputError for the first number of ``run`` that makes no sense."""
    for name, low, high in (
        ("n", 1, 10**9),
        ("seed", 0, 2**32),
        ("pool_seed", 0, 2**32),
        ("pileup", 0, 400),
        ("pool_scale", 0.001, 100),
    ):
        value = getattr(run, name)
        if not low <= value <= high:
            raise InputError(f"must lie in {low} .. {high}", field=name, value=value)


@dataclass(frozen=True)
class Run:
    """What to simulate.

    ``pool_scale`` multiplies POOL_EVENTS; ``pool_seed`` seeds the pile-up pools (kept and shared between
    runs), ``seed`` everything else. ``cache`` is the folder of pools and unfinished work.
    """

    process: str
    n: int
    seed: int
    cache: Path
    pileup: float = 52.0
    pool_scale: float = 1.0
    pool_seed: int = 1

    def __post_init__(self) -> None:
        if self.process != ZERO_BIAS and self.process not in SIGNALS:
            raise InputError(
                "unknown process",
                field="process",
                value=self.process,
                remedy=f"use one of {ZERO_BIAS}, {', '.join(SIGNALS)}",
            )
        check_limits(self)

    @property
    def pools(self) -> Path:
        return self.cache / "pools"

    @property
    def work(self) -> Path:
        """Folder of finished chunks; its name depends on everything that they depend on but their number."""
        settings = {**asdict(self), "cache": "", "n": 0, "source": STAMP}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        return self.cache / "simulate" / f"{self.process}-{digest}"

    def strata(self) -> dict[str, int]:
        """Collisions wanted of each pile-up stratum."""
        return {name: max(1, round(self.pool_scale * n)) for name, n in POOL_EVENTS.items()}

    def pool_parts(self) -> list[PoolPart]:
        """Every chunk of pool that the run needs."""
        wanted = [p for name, n in self.strata().items() for p in parts(name, n, self.pool_seed, self.pools)]
        if self.process != ZERO_BIAS:
            wanted += parts(self.process, self.n, self.seed, self.pools)
        return wanted

    def chunk_sizes(self) -> list[int]:
        """Crossings per chunk."""
        whole, rest = divmod(self.n, CHUNK)
        return [CHUNK] * whole + ([rest] if rest else [])

    @property
    def to_simulate(self) -> int:
        """Crossings of all chunks."""
        return self.n

    @property
    def finished(self) -> int:
        """Crossings of the chunks that are there."""
        sizes = enumerate(self.chunk_sizes())
        return sum(size for index, size in sizes if chunk_path(self, index, size).exists())

    def make_chunks(self, jobs: int) -> Iterator[int]:
        """Simulate the chunks that are missing; yields the number of crossings of each."""
        return make_chunks(self, jobs)

    def write(self, output: Path) -> int:
        """Join the chunks into one event file; returns the number of crossings."""
        return write(self, output)


def chunk_path(run: Run, index: int, size: int) -> Path:
    """The file of one finished piece of a run."""
    return run.work / f"{index:05d}-{size}.npz"


def make_pools(run: Wanted, jobs: int) -> Iterator[int]:
    """Generate what is missing; yields 1 for each finished part."""
    todo = [(part,) for part in run.pool_parts() if not part.path.exists()]
    for _, done in parallel(_make_part, todo, jobs):
        yield done


def make_chunks(run: Run, jobs: int) -> Iterator[int]:
    """Simulate the chunks that are missing; yields the number of crossings of each."""
    paths = [(i, n, chunk_path(run, i, n)) for i, n in enumerate(run.chunk_sizes())]
    todo = [(run, *chunk) for chunk in paths if not chunk[2].exists()]
    for _, done in parallel(make_chunk, todo, jobs):
        yield done


def write(run: Run, output: Path) -> int:
    """Join the chunks into one event file; returns the number of crossings."""
    pools, sample = _pools(run)
    total = sum(pool.sigma_mb for pool in pools)
    metadata = {
        "process": run.process,
        "seed": run.seed,
        "pileup": run.pileup,
        "cross_section_mb": sample.sigma_mb if sample else total,
        "inelastic_mb": total,
        "n": run.n,
        "pool_seed": run.pool_seed,
        "pool_events": {pool.name: pool.n for pool in pools},
    }
    return write_events(output, _joined(run, sample), metadata)


def _joined(run: Run, sample: Pool | None) -> Iterator[Events]:
    """The chunks in order; of a signal with what was generated in its collisions."""
    for i, n in enumerate(run.chunk_sizes()):
        events = _read_chunk(chunk_path(run, i, n))
        if sample is not None:
            truth = generated(sample, i * CHUNK, n)
            events = Events.of_rows({**events, **truth}, n)
        yield events


def simulate(run: Run, output: Path, jobs: int = 1) -> int:
    """All three steps."""
    for _ in make_pools(run, jobs):
        pass
    for _ in make_chunks(run, jobs):
        pass
    return write(run, output)


def _make_part(part: PoolPart) -> int:
    part.make()
    return 1


@lru_cache(maxsize=1)
def _pools(run: Run) -> tuple[list[Pool], Pool | None]:
    strata = [load(name, n, run.pool_seed, run.pools) for name, n in run.strata().items()]
    if run.process == ZERO_BIAS:
        return strata, None
    return strata, load(run.process, run.n, run.seed, run.pools)


def make_chunk(run: Run, index: int, size: int, target: Path) -> int:
    """Simulate chunk ``index`` of the run and keep it as ``target``."""
    from l1forge.simulation.crossing import crossings
    from l1forge.simulation.mixing import library

    strata, sample = _pools(run)
    seed = np.random.SeedSequence([run.seed, zlib.crc32(run.process.encode()), index])
    first = index * CHUNK if sample else -1
    events = crossings(np.random.default_rng(seed), library(strata, run.pileup, sample), size, first)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dict(events))  # type: ignore[arg-type]
    return size


def kept_columns(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a finished piece.

    Raises
    ------
    InputError
        If it is damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"chunk cannot be read: {error}", file=path, remedy="delete it and run again"
        ) from error


def _read_chunk(path: Path) -> Events:
    columns = kept_columns(path)
    return Events(columns, columns["mu.pt"].shape[1])
