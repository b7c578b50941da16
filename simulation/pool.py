"""Pools of single collisions on disk: made in chunks, each from its own seed, and read back whole."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.simulation.generator import generate
from l1forge.simulation.processes import process

VERSION = 1


@dataclass(frozen=True)
class Pool:
    """Collisions of one process. Offsets are int64 of length ``n + 1``; see ``generate`` for the arrays."""

    name: str
    n: int
    sigma_mb: float
    tower: np.ndarray
    em: np.ndarray
    had: np.ndarray
    tower_offset: np.ndarray
    muon: np.ndarray
    muon_offset: np.ndarray
    truth: np.ndarray
    truth_offset: np.ndarray
    met: np.ndarray
    pthat: np.ndarray


@dataclass(frozen=True)
class PoolPart:
    """One chunk to generate; the file name holds everything that its content depends on."""

    name: str
    index: int
    seed: int
    path: Path

    def make(self) -> None:
        """Generate and write the chunk, unless it is there."""
        if self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        key = zlib.crc32(self.name.encode())
        made = process(self.name)
        chunk = generate(made, made.part, np.random.SeedSequence([self.seed, key, self.index]))
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                sigma_mb=chunk.sigma_mb,
                **chunk.arrays,  # type: ignore[arg-type]
            )


def parts(name: str, n: int, seed: int, folder: Path) -> Iterator[PoolPart]:
    """The chunks that hold at least ``n`` collisions of a process."""
    for index in range(-(-n // process(name).part)):
        yield PoolPart(name, index, seed, folder / f"v{VERSION}-seed{seed}" / name / f"{index:04d}.npz")


def load(name: str, n: int, seed: int, folder: Path) -> Pool:
    """Read the chunks of a pool.

    Raises
    ------
    InputError
        If a chunk is missing or damaged.
    """
    columns: dict[str, list[np.ndarray]] = {}
    for part in parts(name, n, seed, folder):
        try:
            with part.path.open("rb") as stream, np.load(stream) as file:
                for key in file.files:
                    columns.setdefault(key, []).append(file[key])
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(
                f"pool chunk cannot be read: {error}", file=part.path, remedy="delete it and simulate again"
            ) from error
    sigma = process(name).k_factor * float(np.mean(columns.pop("sigma_mb")))
    whole = {key: np.concatenate(arrays) for key, arrays in columns.items()}

    def offsets(kind: str) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(whole[f"{kind}_count"], dtype=np.int64)])

    return Pool(
        name=name,
        n=len(whole["met"]),
        sigma_mb=sigma,
        tower=whole["tower"],
        em=whole["em"].astype(np.float32),
        had=whole["had"].astype(np.float32),
        tower_offset=offsets("tower"),
        muon=whole["muon"],
        muon_offset=offsets("muon"),
        truth=whole["truth"],
        truth_offset=offsets("truth"),
        met=whole["met"],
        pthat=whole["pthat"],
    )
