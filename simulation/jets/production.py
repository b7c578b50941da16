"""Making files of jets: chunks of one class in several processes; finished chunks are kept."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.simulation.jets import CLASSES
from l1forge.simulation.jets.generate import generate
from l1forge.simulation.jets.sample import EVENTS_PER_CHUNK, PER_CLASS, SEED, Jets, concatenated, write
from l1forge.simulation.workers import parallel

CHUNK = 500
"""Jets of a chunk."""


@dataclass(frozen=True)
class JetRun:
    """``n`` jets of every class from ``seed``; ``cache`` is the folder of finished chunks."""

    n: int = PER_CLASS
    seed: int = SEED
    cache: Path = Path(".cache")

    def __post_init__(self) -> None:
        for name, low, high in (("n", 1, 10**7), ("seed", 0, 2**32)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"must lie in {low} .. {high}", field=name, value=getattr(self, name))

    @property
    def chunks(self) -> list[tuple[str, int, Path]]:
        """Class, number and file of every chunk."""
        folder = self.cache / "jets" / f"{_source_stamp()}-{self.seed}"
        numbers = range(-(-self.n // CHUNK))
        return [(name, i, folder / f"{name}_{i:05d}.npz") for i in numbers for name in CLASSES]

    def make(self, jobs: int) -> Iterator[int]:
        """Generate the missing chunks in ``jobs`` processes; yields the jets of each finished one."""
        missing = [(name, self.seed, number, path) for name, number, path in self.chunks if not path.exists()]
        for _, _, _, path in missing[:1]:
            path.parent.mkdir(parents=True, exist_ok=True)
        for _ in parallel(_make_chunk, missing, jobs):
            yield CHUNK

    def write(self, path: Path) -> int:
        """Write the file: the jets of all classes mixed, in an order that the seed gives; their number."""
        parts = []
        for i, (name, number, place) in enumerate(self.chunks):
            jets = _load(place)[: min(CHUNK, self.n - number * CHUNK)]
            parts.append(replace(jets, event=(jets.event + i * EVENTS_PER_CHUNK).astype(np.int32)))
            assert (jets.truth == CLASSES.index(name)).all()
        jets = concatenated(parts)
        order = np.random.default_rng(self.seed).permutation(jets.n)
        write(path, jets[order])
        return jets.n


def _source_stamp() -> str:
    """Digest of the sources that the jets depend on."""
    folder = Path(__file__).parent
    names = ("__init__", "detector", "generate", "processes", "substructure")
    return hashlib.sha256(b"\0".join((folder / f"{n}.py").read_bytes() for n in names)).hexdigest()[:12]


def _make_chunk(name: str, seed: int, number: int, path: Path) -> None:
    jets = generate(name, CHUNK, seed, number)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **{field.name: getattr(jets, field.name) for field in fields(jets)})


def _load(path: Path) -> Jets:
    try:
        with np.load(path) as arrays:
            return Jets(**{field.name: arrays[field.name] for field in fields(Jets)})
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"chunk cannot be read: {error}", file=path, remedy="delete it and run again"
        ) from error
