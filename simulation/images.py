"""The committed calorimeter images: the regions of crossings that stand in the committed event sample.

An image file is parquet with one column ``regions``, a list of 252 integers of 0.5 GeV for each crossing, and
says in its metadata which crossings of which event file it shows. Chunks are simulated with the seeds of the
events; each is compared with the events that are there, so that image and objects are of one crossing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.json_text import parse_json
from l1forge.simulation.pool import Pool, PoolPart, load, parts
from l1forge.simulation.processes import ZERO_BIAS
from l1forge.simulation.production import CHUNK, Run
from l1forge.simulation.regions import N_REGION_ETA, N_REGION_PHI, N_REGIONS, REGION_MAX
from l1forge.simulation.sample import FOLDER as SAMPLE
from l1forge.simulation.sample import N_TRAIN
from l1forge.simulation.sample import runs as sample_runs
from l1forge.simulation.workers import parallel

FOLDER = SAMPLE / "calorimeter"
COLUMN = "regions"
KEY = b"l1forge"
FORMAT, VERSION = "l1forge-images", 1
ZERO_BIAS_ROWS = (N_TRAIN - 30_000, N_TRAIN + 150_000)
"""Crossings of the committed zero bias with images: all that judge, and 30 000 before them."""
SIGNAL_ROWS = 4_000
"""Images of each signal: its first crossings. This keeps the committed images within 6 MB."""
Images = NDArray[np.uint16]


@dataclass(frozen=True)
class ImageRun:
    """Images of crossings ``first .. last - 1`` of the event file ``events``, which ``run`` has made."""

    run: Run
    events: Path
    first: int
    last: int

    def pool_parts(self) -> list[PoolPart]:
        """Every chunk of pool that the run needs; of a signal only the collisions that are shown."""
        wanted = self.run.pool_parts()
        if self.run.process == ZERO_BIAS:
            return wanted
        needed = {part.path for part in parts(self.run.process, self.last, self.run.seed, self.run.pools)}
        return [part for part in wanted if part.name != self.run.process or part.path in needed]

    def chunks(self) -> range:
        """Numbers of the chunks that hold the crossings."""
        return range(self.first // CHUNK, -(-self.last // CHUNK))

    def path(self, index: int) -> Path:
        """Where a finished chunk is kept."""
        return self.run.work / "images" / f"{index:05d}.npz"

    @property
    def finished(self) -> int:
        """Chunks that are there."""
        return sum(self.path(index).exists() for index in self.chunks())

    def make_chunks(self, jobs: int) -> Iterator[int]:
        """Simulate the chunks that are missing; yields 1 for each."""
        todo = [(self, index) for index in self.chunks() if not self.path(index).exists()]
        for _, done in parallel(make_chunk, todo, jobs):
            yield done

    def write(self, output: Path) -> int:
        """Join the chunks into one image file; returns the number of images."""
        found = []
        for index in self.chunks():
            with self.path(index).open("rb") as stream, np.load(stream) as file:
                found.append(file[COLUMN])
        begin = self.chunks().start * CHUNK
        images = np.concatenate(found)[self.first - begin : self.last - begin]
        write_images(
            output,
            images,
            {
                "process": self.run.process,
                "seed": self.run.seed,
                "pool_seed": self.run.pool_seed,
                "pileup": self.run.pileup,
                "events": self.events.name,
                "first": self.first,
            },
        )
        return len(images)


def committed(cache: Path) -> list[tuple[ImageRun, Path]]:
    """Each run of the committed images and the file that it writes."""
    found = []
    for run, events in sample_runs(cache):
        rows = ZERO_BIAS_ROWS if run.process == ZERO_BIAS else (0, SIGNAL_ROWS)
        found.append((ImageRun(run, events, *rows), FOLDER / events.name))
    return found


def make_chunk(image_run: ImageRun, index: int) -> int:
    """Simulate one chunk again, with images; demand the objects of the event file."""
    from l1forge.simulation.crossing import crossings_with_images
    from l1forge.simulation.mixing import library

    run = image_run.run
    strata, signal = _pools(image_run)
    seed = np.random.SeedSequence([run.seed, zlib.crc32(run.process.encode()), index])
    first = index * CHUNK
    events, images = crossings_with_images(
        np.random.default_rng(seed),
        library(strata, run.pileup, signal),
        min(CHUNK, run.n - first, *([] if signal is None else [signal.n - first])),
        -1 if signal is None else first,
    )
    demand_same(events, image_run.events, first)
    target = image_run.path(index)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, regions=images)
    return 1


@lru_cache(maxsize=1)
def _pools(image_run: ImageRun) -> tuple[list[Pool], Pool | None]:
    """The pile-up, and as many collisions of the signal as are shown."""
    run = image_run.run
    strata = [load(name, n, run.pool_seed, run.pools) for name, n in run.strata().items()]
    if run.process == ZERO_BIAS:
        return strata, None
    return strata, load(run.process, min(image_run.last, run.n), run.seed, run.pools)


def demand_same(events: Events, path: Path, first: int) -> None:
    """Demand that ``events`` are the crossings of the event file from row ``first`` on.

    Raises
    ------
    InputError
        If they differ: images and objects would be of different crossings.
    """
    part = open_events(path).part(first, first + events.n)
    there = next(part.blocks(block_size=events.n), None)
    if there is None or there.n < events.n:
        raise InputError("holds fewer crossings than the images show", file=path, value=part.n)
    for name in there:
        if name in events and not np.array_equal(there[name], events[name]):
            row = first + int(np.argwhere((there[name] != events[name]).any(axis=0))[0, 0])
            raise InputError(
                "the simulation makes another crossing than the event file holds",
                file=path,
                field=f"{name}, row {row}",
                remedy="make the events again with this version: make data",
            )


def write_images(path: Path, images: Images, about: dict[str, Any]) -> None:
    """Write an image file; ``images`` uint16 (n, 252)."""
    flat = pa.array(np.ascontiguousarray(images, np.uint16).ravel())
    kind = pa.list_(pa.field("element", pa.uint16(), nullable=False), N_REGIONS)
    note = {"format": FORMAT, "version": VERSION, "phi": N_REGION_PHI, "eta": N_REGION_ETA, **about}
    schema = pa.schema([pa.field(COLUMN, kind, nullable=False)], metadata={KEY: json.dumps(note).encode()})
    column = pa.FixedSizeListArray.from_arrays(flat, type=kind)
    with atomic_path(path) as temporary:
        table = pa.Table.from_arrays([column], schema=schema)
        pq.write_table(table, temporary, compression="zstd", compression_level=19)


@dataclass(frozen=True)
class ImageFile:
    """Images: uint16 (n, 252), and the crossings of an event file that they show.

    ``rejected_by``: menu that rejects the crossings, if only such images were kept; "" else.
    """

    path: Path
    images: Images
    events: str
    first: int
    rejected_by: str = ""


def read_images(path: Path) -> ImageFile:
    """Read an image file.

    Raises
    ------
    InputError
        If it is none, has another granularity, or a value that no region can have.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"not a readable parquet file: {str(error).splitlines()[0]}", file=path, remedy="write it again"
        ) from error
    if COLUMN not in table.column_names:
        raise InputError(
            "holds no calorimeter images", file=path, field=COLUMN, remedy="a list column of 252 regions"
        )
    column = table[COLUMN].combine_chunks()
    size = column.type.list_size if pa.types.is_fixed_size_list(column.type) else None
    if size != N_REGIONS or not pa.types.is_integer(column.type.value_type) or column.flatten().null_count:
        raise InputError(
            f"images of {N_REGION_PHI} × {N_REGION_ETA} regions are expected, whole numbers of 0.5 GeV",
            file=path,
            field=COLUMN,
            value=str(column.type),
            remedy="sum the towers into 4 × 4 regions, phi slowest: region 14 phi + eta",
        )
    values = column.flatten().to_numpy(zero_copy_only=False)
    if values.size and (values.min() < 0 or values.max() > REGION_MAX):
        bad = values.min() if values.min() < 0 else values.max()
        raise InputError(
            "a region's energy is out of range", file=path, field=COLUMN, value=int(bad),
            remedy=f"0 .. {REGION_MAX}, of 0.5 GeV",
        )  # fmt: skip
    about = _about(path, table.schema.metadata or {})
    images = values.astype(np.uint16).reshape(-1, N_REGIONS)
    events, first = str(about.get("events", "")), int(about.get("first", 0))
    return ImageFile(path, images, events, first, str(about.get("rejected_by", "")))


def _about(path: Path, metadata: dict[bytes, bytes]) -> dict[str, Any]:
    if KEY not in metadata:
        return {}
    try:
        found = parse_json(metadata[KEY].decode())
    except ValueError as error:
        raise InputError("schema metadata l1forge is not JSON", file=path) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("version") != VERSION:
        raise InputError(f"this program reads {FORMAT} version {VERSION}", file=path, value=str(found)[:60])
    first = found.get("first", 0)
    if not isinstance(first, int) or first < 0:
        raise InputError("is not the number of a crossing", file=path, field="first", value=first)
    return found
