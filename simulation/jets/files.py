"""Reading files of jets: our own, and the public ones of the published study.

* ``.h5``, ``.hdf5``: hls4ml-LHC-jet (Zenodo 3602260): ``jets`` with ``jetFeatureNames`` (``j_zlogz`` …, the
  classes as ``j_g`` … ``j_t`` of 0 and 1) and, where they are, constituents in ``jetConstituentList`` with
  ``particleFeatureNames`` (``j1_pt``, ``j1_etarel``, ``j1_phirel``).
* ``.parquet``, ``.csv``, ``.arff``: hls4ml_lhc_jets_hlf of OpenML: the 16 columns of ``FEATURES`` and
  ``class`` (``g``, ``q``, ``w``, ``z``, ``t``), or a column of 0 and 1 for each class.

The jet's number in the file is its ``event``: parts are taken from it as from those of our sample.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.simulation.jets import ANGLE_UNIT, CLASSES, FEATURES, PT_UNIT, SLOTS
from l1forge.simulation.jets.sample import Jets, checked, read_own

HDF5, TABLES = (".h5", ".hdf5", ".hdf"), (".parquet", ".csv", ".arff")
_LAYOUT = "see docs/jets.md for the files that are read"


def read(path: str | Path) -> Jets:
    """The jets of a file, whichever of the formats it has.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing, or a value is none that can be (also NaN).
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(problem, file=path, remedy="give a file of jets")
    suffix = path.suffix.lower()
    if suffix in HDF5:
        return _read_hdf5(path)
    if suffix not in TABLES:
        raise InputError(
            "is no known kind of file of jets",
            file=path,
            value=suffix,
            remedy=f"use {', '.join((*HDF5, *TABLES))}",
        )
    if suffix == ".parquet":
        try:
            names = pq.read_schema(path).names
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"cannot be read: {error}", file=path) from None
        if "n_constituents" in names:
            return read_own(path)
    return _from_table(_table(path, suffix), path)


def _table(path: Path, suffix: str) -> dict[str, Any]:
    """Columns by name; names as the file has them, in lower case."""
    try:
        if suffix == ".parquet":
            table = pq.read_table(path)
        elif suffix == ".csv":
            table = csv.read_csv(path)
        else:
            names, data = _arff(path)
            table = csv.read_csv(
                io.BytesIO(data),
                csv.ReadOptions(column_names=names),
                csv.ParseOptions(quote_char="'"),
                csv.ConvertOptions(null_values=["?"]),
            )
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None
    return {name.lower(): table.column(i) for i, name in enumerate(table.column_names)}


def _arff(path: Path) -> tuple[list[str], bytes]:
    """Names of the attributes, and what follows @DATA without comments."""
    names: list[str] = []
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines):
        words = line.decode().split(None, 2)
        if words and words[0].lower() == "@attribute" and len(words) == 3:
            names.append(words[1].strip("'\""))
        if words and words[0].lower() == "@data":
            rows = [row for row in lines[number + 1 :] if row.strip() and not row.startswith(b"%")]
            if rows and rows[0].lstrip().startswith(b"{"):
                raise InputError(
                    "is a sparse ARFF file", file=path, remedy="write it with a value for each column"
                )
            return names, b"\n".join(rows)
    raise InputError("has no line @DATA", file=path, remedy=_LAYOUT)


def _numbers(column: Any, name: str, path: Path) -> NDArray[np.float32]:
    """A column as float32; InputError where it is not of numbers."""
    try:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"is not of numbers: {error}", file=path, field=name) from None
    return np.asarray(values, np.float32)


def _from_table(columns: Mapping[str, Any], path: Path) -> Jets:
    missing = [name for name in FEATURES if name not in columns]
    if missing:
        raise InputError("has no such column", file=path, field=missing[0], remedy=_LAYOUT)
    features = np.stack([_numbers(columns[name], name, path) for name in FEATURES], 1)
    if "class" in columns:
        truth = _by_name(columns["class"].to_pylist(), path)
    else:
        table = {name: columns.get(name, columns.get(f"j_{name}")) for name in CLASSES}
        absent = [name for name, column in table.items() if column is None]
        if absent:
            raise InputError("has neither this column nor class", file=path, field=absent[0], remedy=_LAYOUT)
        truth = _by_marks(np.stack([_numbers(c, name, path) for name, c in table.items()], 1), path)
    return checked(Jets(truth, np.arange(len(truth), dtype=np.int32), features), path)


def _by_name(names: list[Any], path: Path) -> NDArray[np.uint8]:
    number = {name: i for i, name in enumerate(CLASSES)}
    found = [number.get(str(name).strip().lower().strip("b'\""), len(CLASSES)) for name in names]
    for row, code in enumerate(found):
        if code == len(CLASSES):
            raise InputError(
                f"row {row}: is no class of jets",
                file=path,
                field="class",
                value=names[row],
                remedy=f"use {', '.join(CLASSES)}",
            )
    return np.array(found, np.uint8)


def _by_marks(marks: NDArray[np.float32], path: Path) -> NDArray[np.uint8]:
    bad = ~(((marks == 0) | (marks == 1)).all(1) & (marks.sum(1) == 1))
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"row {row}: exactly one class must be 1, the others 0",
            file=path,
            field=", ".join(CLASSES),
            value=marks[row].tolist(),
        )
    return marks.argmax(1).astype(np.uint8)


def _read_hdf5(path: Path) -> Jets:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            names = _names(file, "jetFeatureNames", path)
            jets = np.asarray(_dataset(file, "jets", path), np.float32)
            if jets.ndim != 2 or jets.shape[1] != len(names):
                raise InputError(
                    f"has not one column for each of the {len(names)} names",
                    file=path,
                    field="jets",
                    value=list(jets.shape),
                )
            particles = None
            if "jetConstituentList" in file:
                fields = _names(file, "particleFeatureNames", path)
                place = [_place(fields, f"j1_{name}", path) for name in ("pt", "etarel", "phirel")]
                listed = file["jetConstituentList"]
                if listed.ndim != 3 or len(listed) != len(jets) or listed.shape[2] <= max(place):
                    raise InputError(
                        "has not the shape (jets, particles, features)",
                        file=path,
                        field="jetConstituentList",
                        value=list(listed.shape),
                    )
                whole = np.asarray(listed, np.float32)
                particles = np.stack([whole[:, :, i] for i in place], 2)
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be read: {error}", file=path) from None
    features = np.stack([jets[:, _place(names, f"j_{name}", path)] for name in FEATURES], 1)
    truth = _by_marks(np.stack([jets[:, _place(names, f"j_{name}", path)] for name in CLASSES], 1), path)
    event = np.arange(len(truth), dtype=np.int32)
    if particles is None:
        return checked(Jets(truth, event, features), path)
    return checked(Jets(truth, event, features, **_packed(particles, path)), path)


def _dataset(file: Any, name: str, path: Path) -> Any:
    if name not in file:
        raise InputError("has no such dataset", file=path, field=name, remedy=_LAYOUT)
    return file[name]


def _names(file: Any, name: str, path: Path) -> list[str]:
    values = np.asarray(_dataset(file, name, path)).ravel().tolist()
    return [os.fsdecode(value) if isinstance(value, bytes) else str(value) for value in values]


def _place(names: list[str], name: str, path: Path) -> int:
    if name not in names:
        raise InputError("is not among the names of the columns", file=path, field=name, remedy=_LAYOUT)
    return names.index(name)


def _packed(particles: NDArray[np.float32], path: Path) -> dict[str, Any]:
    """The hardest constituents as codes; fewer than ``SLOTS`` leave slots of 0."""
    if not np.isfinite(particles).all():
        row = int(np.argwhere(~np.isfinite(particles))[0][0])
        raise InputError(f"jet {row}: is not a finite number", file=path, field="jetConstituentList")
    order = np.argsort(-particles[:, :, 0], axis=1, kind="stable")[:, :SLOTS]
    kept = np.take_along_axis(particles, order[:, :, None], 1)
    full = np.zeros((len(particles), SLOTS, 3), np.float32)
    full[:, : kept.shape[1]] = kept
    pt = np.clip(np.rint(full[:, :, 0] / PT_UNIT), 0, 65_535).astype(np.uint16)
    limit = np.iinfo(np.int16)
    angles = np.clip(np.rint(full[:, :, 1:] / ANGLE_UNIT), limit.min, limit.max).astype(np.int16)
    angles[pt == 0] = 0
    count = (particles[:, :, 0] > 0).sum(1).astype(np.uint16)
    return {"pt": pt, "eta": angles[:, :, 0], "phi": angles[:, :, 1], "n_constituents": count}
