"""Raw scores on disk and their distribution: what `l1forge emulate` writes and prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType

KEY = b"l1forge"
HISTOGRAM_BITS = 20
FORMATS = (".parquet", ".npz")


class ScoreWriter(Protocol):
    """Appends blocks of raw scores to an open file; made by ``open_writer``."""

    def append(self, scores: Mapping[str, NDArray[Any]]) -> None:
        """Add a block; ``scores[name]`` has shape (n,) or, for vector outputs, (size, n)."""


class ParquetScores:
    """Scores as parquet, a row group for each block."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema

    def append(self, scores: Mapping[str, NDArray[Any]]) -> None:
        """One row group."""
        arrays = []
        for field in self._schema:
            values = scores[field.name]
            if values.ndim == 2:
                flat = pa.array(np.ascontiguousarray(values.T).reshape(-1), field.type.value_type)
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, values.shape[0]))
            else:
                arrays.append(pa.array(values, field.type))
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))


class NumpyScores:
    """Scores as NumPy arrays, gathered until the file is written."""

    def __init__(self) -> None:
        self._blocks: list[Mapping[str, NDArray[Any]]] = []

    def append(self, scores: Mapping[str, NDArray[Any]]) -> None:
        """Keep a block."""
        self._blocks.append(scores)

    def arrays(self, fields: pa.Schema) -> dict[str, NDArray[Any]]:
        """Everything appended: (n,) or (n, size) for each output."""
        result = {}
        for field in fields:
            size = field.type.list_size if pa.types.is_fixed_size_list(field.type) else 1
            stored = field.type.value_type if size > 1 else field.type
            item = pa.array([], stored).to_numpy().dtype  # to_pandas_dtype() wants pandas before pyarrow 26
            empty = np.zeros((0,) if size == 1 else (0, size), item)
            parts = [block[field.name].T.astype(item) for block in self._blocks]
            result[field.name] = np.concatenate([empty, *parts])
        return result


def check_format(path: str | Path) -> None:
    """Raise InputError unless scores can be written to a file of this name."""
    if Path(path).suffix not in FORMATS:
        raise InputError(
            "cannot tell what format to write",
            file=path,
            value=Path(path).suffix,
            remedy=f"name it {' or '.join(FORMATS)}",
        )


@contextmanager
def open_writer(
    path: str | Path, outputs: Mapping[str, tuple[FixedType, int]], metadata: Mapping[str, Any]
) -> Iterator[ScoreWriter]:
    """Write scores to ``path`` atomically: integers in LSBs, the types in the file's metadata.

    Parquet, or .npz by the name: one array for each output, and ``l1forge``, the metadata as JSON text.

    Parameters
    ----------
    outputs
        Output name -> (type, number of elements).

    Raises
    ------
    InputError
        If the name ends otherwise, or the file cannot be written.
    """
    check_format(path)
    fields = []
    for name, (type_, size) in outputs.items():
        if type_.width - type_.signed > 63:
            raise InputError("is too wide for a file of 64-bit integers", field=name, value=str(type_))
        item = pa.int32() if type_.width < 32 else pa.int64()
        fields.append(pa.field(name, item if size == 1 else pa.list_(item, size), nullable=False))
    note = {"format": "l1forge-scores", "version": 1, **metadata}
    note["types"] = {name: str(type_) for name, (type_, _) in outputs.items()}
    schema = pa.schema(fields, metadata={KEY: json.dumps(note).encode()})
    with atomic_path(path) as temporary:
        if Path(path).suffix == ".npz":
            gathered = NumpyScores()
            yield gathered
            arrays = {"l1forge": np.array(json.dumps(note)), **gathered.arrays(schema)}
            with ZipFile(temporary, "w", ZIP_DEFLATED) as archive:  # savez takes some names for its own
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                        np.lib.format.write_array(file, array, allow_pickle=False)
        else:
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                yield ParquetScores(writer, schema)


class Distribution:
    """Counts of one output's raw values, gathered block by block in constant memory."""

    def __init__(self, type_: FixedType) -> None:
        self.type = type_
        self.shift = max(0, type_.width - HISTOGRAM_BITS)
        self.origin = type_.minimum >> self.shift
        self.counts = np.zeros((type_.maximum >> self.shift) - self.origin + 1, np.int64)

    def add(self, values: NDArray[Any]) -> None:
        """Count raw integers of shape (n,)."""
        bins = (values.astype(np.int64) >> self.shift) - self.origin
        self.counts += np.bincount(bins, minlength=len(self.counts))

    @property
    def n(self) -> int:
        """Number of values counted."""
        return int(self.counts.sum())

    def quantile(self, probability: float) -> int:
        """Smallest raw value that at least this fraction of events does not exceed."""
        cumulative = np.cumsum(self.counts)
        index = int(np.searchsorted(cumulative, probability * cumulative[-1], side="left"))
        return (index + self.origin) << self.shift

    def maximum(self) -> int:
        """Largest raw value seen."""
        return (int(np.flatnonzero(self.counts)[-1]) + self.origin) << self.shift


@dataclass(frozen=True)
class ScoreFile:
    """Raw scores of a file: arrays (n,) or (objects, n), and the types that the file tells.

    ``model``: name of the graph that computed them, ``first``: its first output; "" if not told.
    """

    path: Path
    arrays: Mapping[str, NDArray[np.integer[Any]]]
    types: Mapping[str, str]
    model: str = ""
    first: str = ""

    @property
    def n(self) -> int:
        """Crossings."""
        return next((array.shape[-1] for array in self.arrays.values()), 0)


def read_scores(path: str | Path) -> ScoreFile:
    """Scores from parquet or npz, as ``open_writer`` writes them; files of other programs tell no types.

    Raises
    ------
    InputError
        If the file cannot be read, or a column is not one integer, or a list of equally many, per crossing.
    """
    path = Path(path)
    check_format(path)
    try:
        columns, note = _npz_columns(path) if path.suffix == ".npz" else _parquet_columns(path)
        header = json.loads(note) if note else {}
    except (OSError, ValueError, BadZipFile, UnicodeDecodeError) as error:
        raise InputError(f"cannot read scores: {error}", file=path) from error
    if not isinstance(header, dict) or not isinstance(header.get("types", {}), dict):
        raise InputError("cannot read scores: their description is damaged", file=path)
    arrays = {name: _integers(values, path, name) for name, values in columns.items()}
    lengths = {name: values.shape[-1] for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("columns of different length", file=path, value=lengths)
    text = {key: str(header.get(key, "")) for key in ("model", "first")}
    return ScoreFile(path, arrays, header.get("types", {}), **text)


def _parquet_columns(path: Path) -> tuple[dict[str, NDArray[Any]], bytes | str]:
    table = pq.read_table(path)
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
            columns[name] = np.ascontiguousarray(flat.reshape(-1, column.type.list_size).T)
        else:
            columns[name] = np.asarray(column.to_numpy(zero_copy_only=False))
    return columns, (table.schema.metadata or {}).get(KEY, b"")


def _npz_columns(path: Path) -> tuple[dict[str, NDArray[Any]], bytes | str]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: np.asarray(archive[name]) for name in archive.files}
    note = str(arrays.pop(KEY.decode(), ""))
    return {name: np.ascontiguousarray(array.T) for name, array in arrays.items()}, note


def _integers(values: NDArray[Any], path: Path, name: str) -> NDArray[np.integer[Any]]:
    if values.dtype.kind not in "iub" or values.ndim not in (1, 2):
        raise InputError(
            "scores are raw integers, one or a list of equally many per crossing",
            file=path,
            field=name,
            value=f"{values.dtype}, {values.ndim} dimensions",
        )
    return values
