"""The crossings that fired, as a file of a rate study: what two studies are compared by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.remote import is_remote, local_copy
from l1forge.emulator.json_text import parse_json
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.path.prescale import PrescaleSettings
from l1forge.emulator.rates.fired import MOST, Fired, keeps
from l1forge.emulator.rates.patterns import WORDS
from l1forge.emulator.rates.shares import probabilities
from l1forge.studies.rates_counting import Totals

FORMAT, VERSION = "l1forge-crossings", 1
FINGERPRINT = 1 << 20
"""Bytes at both ends of a file that identify it."""


@dataclass(frozen=True)
class FiredCrossings:
    """Crossings that fired: ``file`` (k,) is the place in ``files``, ``row`` (k,), ``words`` (8, k).

    ``files``: identity of each file, whatever its name. ``weights`` (k,): the plain crossings that each
    stands for. ``indices``, ``names``, ``fires`` (probability behind the prescale), ``finor``, ``veto``: of
    the menu's seeds. ``khz``: rate of one plain crossing; ``halvings``: one of 2^halvings was kept.
    """

    files: tuple[str, ...]
    file: NDArray[np.int64]
    row: NDArray[np.int64]
    words: NDArray[np.uint64]
    weights: NDArray[np.float64]
    indices: NDArray[np.int64]
    names: tuple[str, ...]
    fires: NDArray[np.float64]
    finor: NDArray[np.bool_]
    veto: NDArray[np.bool_]
    khz: float
    halvings: int

    def kept(self, halvings: int) -> NDArray[np.bool_]:
        """Which crossings stay if one of 2^halvings is kept, (k,)."""
        return keeps(self.row, halvings)

    def save(self, path: Path) -> None:
        """Write a parquet file: file, row, weight and algorithm bits of each crossing."""
        bits = (self.words[:, :, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(bool)
        flags = bits.transpose(1, 0, 2).reshape(self.row.size, WORDS * 64)
        counts = flags.sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        values = np.nonzero(flags)[1].astype(np.int16)
        table = pa.table(
            {
                "file": pa.array(self.file, pa.int32()),
                "row": pa.array(self.row, pa.int64()),
                "weight": pa.array(self.weights, pa.float64()),
                "bits": pa.ListArray.from_arrays(pa.array(offsets), pa.array(values)),
            }
        )
        header = {
            "format": FORMAT,
            "version": VERSION,
            "files": self.files,
            "indices": self.indices.tolist(),
            "names": self.names,
            "fires": self.fires.tolist(),
            "finor": self.finor.tolist(),
            "veto": self.veto.tolist(),
            "khz": self.khz,
            "halvings": self.halvings,
        }
        pq.write_table(
            table.replace_schema_metadata({"l1forge": json.dumps(header)}), path, compression="zstd"
        )

    @staticmethod
    def load(path: Path) -> FiredCrossings:
        """Read a saved file.

        Raises
        ------
        InputError
            If it is no such file, or of another version.
        """
        try:
            table = pq.read_table(path)
            header = parse_json((table.schema.metadata or {})[b"l1forge"].decode())
            if (header["format"], header["version"]) != (FORMAT, VERSION):
                raise ValueError(f"not {FORMAT} version {VERSION}")
            found = FiredCrossings(
                tuple(map(str, header["files"])),
                table["file"].to_numpy().astype(np.int64),
                table["row"].to_numpy().astype(np.int64),
                _words(table["bits"].combine_chunks()),
                table["weight"].to_numpy().astype(np.float64),
                np.array(header["indices"], np.int64),
                tuple(map(str, header["names"])),
                np.array(header["fires"], np.float64),
                np.array(header["finor"], bool),
                np.array(header["veto"], bool),
                float(header["khz"]),
                int(header["halvings"]),
            )
            found._check()
            return found
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            pa.ArrowException,
        ) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"is not a file of crossings: {said}", file=path, remedy="run l1forge rates again"
            ) from error

    def _check(self) -> None:
        sizes = {len(part) for part in (self.indices, self.names, self.fires, self.finor, self.veto)}
        if len(sizes) != 1 or not np.isfinite(self.weights).all() or not 0 <= self.halvings < 64:
            raise ValueError("its parts do not fit together")
        if self.file.size and not 0 <= int(self.file.min()) <= int(self.file.max()) < len(self.files):
            raise ValueError("a crossing of a file that is not listed")
        if self.indices.size and not 0 <= int(self.indices.min()) <= int(self.indices.max()) < WORDS * 64:
            raise ValueError("an algorithm index outside 0 .. 511")


def _words(lists: pa.ListArray) -> NDArray[np.uint64]:
    offsets = lists.offsets.to_numpy()
    values = lists.values.to_numpy().astype(np.int64)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < WORDS * 64:
        raise ValueError("a bit outside 0 .. 511")
    words = np.zeros((WORDS, len(lists)), np.uint64)
    crossing = np.repeat(np.arange(len(lists)), np.diff(offsets))
    np.bitwise_or.at(words, (values >> 6, crossing), np.uint64(1) << (values & 63).astype(np.uint64))
    return words


def crossings_of(totals: Totals, menu: CompiledMenu, settings: PrescaleSettings) -> FiredCrossings:
    """The crossings of a study that fired."""
    indices = np.array([algorithm.index for algorithm in menu.algorithms], np.int64)
    halvings = max((fired.halvings for fired in totals.fired.values()), default=0)
    fired = [part.thinned(halvings) for part in totals.fired.values()]
    while sum(part.rows.size for part in fired) > MOST:
        halvings += 1
        fired = [part.thinned(halvings) for part in fired]
    sample = totals.samples[0]
    return FiredCrossings(
        tuple(fingerprint(name) for name in totals.fired),
        np.repeat(np.arange(len(fired)), [part.rows.size for part in fired]),
        _joined([part.rows for part in fired], np.zeros(0, np.int64)),
        _joined([part.words for part in fired], np.zeros((WORDS, 0), np.uint64)),
        _joined([_weights(part) for part in fired], np.zeros(0)),
        indices,
        tuple(algorithm.name for algorithm in menu.algorithms),
        probabilities(settings, indices),
        settings.finor[indices],
        settings.veto[indices],
        sample.rate / 1e3 / max(sample.patterns.exposure, 1e-300),
        halvings,
    )


def _joined(parts: Sequence[NDArray[Any]], empty: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(parts, axis=-1) if parts else empty


def _weights(part: Fired) -> NDArray[np.float64]:
    return part.weights if part.weights.size else np.ones(part.rows.size)


def fingerprint(name: str) -> str:
    """Identity of a file's content, the same for copies: its size and the hash of both its ends."""
    path = local_copy(name) if is_remote(name) else Path(name)
    size = path.stat().st_size
    with path.open("rb") as file:
        found = hashlib.sha256(file.read(FINGERPRINT))
        file.seek(max(size - FINGERPRINT, 0))
        found.update(file.read(FINGERPRINT))
    return f"{size}-{found.hexdigest()}"
