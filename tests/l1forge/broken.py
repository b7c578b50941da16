"""Event files as a careless copy, a full disk or another program leaves them, by name."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.formats.ugt_vectors import write_test_vectors
from l1forge.emulator.events.objects import COLUMNS, Events

Writer = Callable[[Path], object]
SEED = 20


def random_events(n: int, seed: int = SEED) -> Events:
    """Every object field of ``n`` crossings, uniform over what its bits hold."""
    rng = np.random.default_rng(seed)
    return Events(
        {
            name: rng.integers(field.minimum, field.maximum, (slots, n), np.int16, endpoint=True)
            for name, (slots, field) in COLUMNS.items()
        },
        n,
    )


def constant_events(n: int, edge: str) -> Events:
    """``n`` equal crossings with every field at its ``edge``: "minimum", "maximum" or "zero"."""
    return Events(
        {
            name: np.full((slots, n), 0 if edge == "zero" else getattr(field, edge), np.int16)
            for name, (slots, field) in COLUMNS.items()
        },
        n,
    )


def particles(n: int = 4) -> np.ndarray:
    """ADC2021 events with one good electron, muon and jet each."""
    data = np.zeros((n, 19, 4), np.float32)
    data[:, 0] = (30, 0, 1, 1)
    data[:, 1] = (20, 0.5, 1, 2)
    data[:, 5] = (10, -0.5, 2, 3)
    data[:, 9] = (40, 1.5, -2, 4)
    return data


def _hdf5(data: object, name: str = "Particles") -> Writer:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file[name] = data

    return write


def _changed(index: object, value: float) -> Writer:
    data = particles()
    data[index] = value
    return _hdf5(data)


def _table(**columns: object) -> Writer:
    return lambda path: pq.write_table(pa.table(columns), path)


def _cut(write: Writer, share: float) -> Writer:
    """The first part of a good file."""

    def cut(path: Path) -> None:
        write(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])

    return cut


def parquet(path: Path) -> None:
    """A good file."""
    write_events(path, [random_events(2000)])


def vector(path: Path, rows: int = 20) -> None:
    """A good test vector."""
    write_test_vectors(path, [random_events(rows)])


def _vector_with(old: bytes, new: bytes) -> Writer:
    def write(path: Path) -> None:
        vector(path)
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    return write


def _flipped(path: Path) -> None:
    """A parquet file with garbage in the middle of its data."""
    parquet(path)
    whole = bytearray(path.read_bytes())
    whole[1000:3000] = b"\xa5" * 2000
    path.write_bytes(whole)


def _sparse(magic: bytes) -> Writer:
    """Begins like a known format, then a gigabyte of nothing."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(magic)
            file.truncate(1 << 30)

    return write


def _nanoaod_object(events: object) -> Writer:
    def write(path: Path) -> None:
        with uproot.recreate(path) as file:
            file["Events"] = events

    return write


def _nanoaod(**branches: object) -> Writer:
    return _nanoaod_object(branches)


def _duplicated(path: Path) -> None:
    """A parquet file with two columns of one name."""
    one = pa.array([[1], [2]], pa.list_(pa.int16()))
    pq.write_table(pa.table([one, one], ["mu.pt", "mu.pt"]), path)


def _no_rows(path: Path) -> None:
    parquet(path)
    pq.write_table(pq.read_table(path).slice(0, 0), path)


BROKEN: dict[str, tuple[Writer, str]] = {
    "empty.parquet": (lambda path: path.write_bytes(b""), "is empty"),
    "folder.parquet": (lambda path: path.mkdir(), "is a folder"),
    "missing.parquet": (lambda path: None, "No such file"),
    "cut.parquet": (_cut(parquet, 0.6), "truncated"),
    "flipped.parquet": (_flipped, "damaged parquet data"),
    "sparse.parquet": (_sparse(b"PAR1"), "not a readable parquet"),
    "foreign.parquet": (_table(a=[1, 2], b=[3.0, 4.0]), "none of the columns is a level-1 object field"),
    "duplicated.parquet": (_duplicated, "mu.pt"),
    "range.parquet": (_table(**{"mu.pt": [[600]], "etm.et": [0]}), "mu.pt"),
    "negative.parquet": (_table(**{"mu.pt": [[-1]], "etm.et": [0]}), "mu.pt"),
    "float.parquet": (_table(**{"mu.pt": [[1.5]], "etm.et": [0]}), "wrong type"),
    "null.parquet": (_table(**{"mu.pt": [[1, None]], "etm.et": [0]}), "holds nulls"),
    "slots.parquet": (_table(**{"mu.pt": [[1] * 9], "etm.et": [0]}), "hardware slots"),
    "none.parquet": (_no_rows, "no crossings"),
    "cut.h5": (_cut(_hdf5(particles(100)), 0.5), "truncated"),
    "shape.h5": (_hdf5(np.zeros((4, 18, 4))), "(N, 19, 4) expected"),
    "flat.h5": (_hdf5(np.zeros(76)), "(N, 19, 4) expected"),
    "integers.h5": (_hdf5(np.zeros((4, 19, 4), np.int32)), "floating-point"),
    "text.h5": (_hdf5("hello"), "expected"),
    "name.h5": (_hdf5(particles(), "Jets"), "Particles"),
    "nan.h5": (_changed((2, 1, 0), np.nan), "Particles[2, 1, 0]: not a finite number"),
    "infinite.h5": (_changed((3, 9, 1), -np.inf), "Particles[3, 9, 1]: not a finite number"),
    "negative.h5": (_changed((0, 5, 0), -3.0), "Particles[0, 5, 0]: negative pT"),
    "class.h5": (_changed((1, 9, 3), 2.0), "Particles[1, 9, 3]: class"),
    "none.h5": (_hdf5(particles(0)), "no events"),
    "sparse.h5": (_sparse(b"\x89HDF\r\n\x1a\n"), "HDF5"),
    "branches.root": (_nanoaod(nMuon=np.arange(3)), "branch missing"),
    "histogram.root": (_nanoaod_object(np.histogram([1, 2])), "Events: is not a tree"),
    "cut.root": (_cut(_nanoaod(nMuon=np.arange(3000)), 0.3), "ROOT"),
    "sparse.root": (_sparse(b"root\0\0\xf7\xea"), "Events: no such tree"),
    "three.txt": (lambda path: vector(path, 3), "only 3 crossings"),
    "digit.txt": (_vector_with(b"\n0003 ", b"\n0003 g"), "line 4"),
    "gap.txt": (_vector_with(b"\n0003 ", b"\n0004 "), "BX number 3 expected"),
    "columns.txt": (_vector_with(b"\n0005 ", b"\n0005 00 "), "line 6"),
    "zipped.txt": (lambda path: path.write_bytes(gzip.compress(b"0000 " * 100)), "compressed with gzip"),
    "prose.txt": (lambda path: path.write_text("Dear diary,\n"), "not a known event format"),
    "binary.dat": (lambda path: path.write_bytes(bytes(range(256))), "not a known event format"),
}
"""File name -> (how to write it, what the error has to say)."""
