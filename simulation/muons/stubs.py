"""Stub files: read anyone's muon stubs from npz or parquet, and write ours.

One row (parquet) or array element (npz) per stub; docs/muon.md describes the columns. A row with layer -1
carries no stub: it keeps a candidate that left none.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.simulation.muons.layers import (
    BENDING,
    ETA_MAX,
    N_LAYERS,
    NO_STUB,
    PHIB_MAX,
    PHIB_PER_RADIAN,
    SECTOR_HALF_WIDTH,
    SLOTS,
)
from l1forge.simulation.muons.sample import MuonSample, order_slots

REQUIRED = ("candidate", "layer", "phi")
OPTIONAL = ("phib", "eta", "quality")
TRUTH = ("pt", "true_eta", "true_phi", "charge", "displacement")
UNITS = "phib_units"
NO_LAYER = -1
MAX_QUALITY = 15


@dataclass(frozen=True)
class StubReport:
    """What the reader did: every stub of the file is in the sample or in one of these counts."""

    candidates: int
    stubs: int
    recentred: int
    """Candidates with stubs beyond +-600 bins of the sector centre, turned so that as many as can fit in."""
    outside_sector: int
    """Stubs beyond +-600 bins also then: left out."""
    too_many: int
    """Beyond the SLOTS stubs of a layer: the best qualities stay, of equal ones the first in the file."""
    saturated_angles: int
    """Bending angles beyond +-1023 units of 1/512 rad: held at the limit."""
    absent: tuple[str, ...] = ()
    """Optional columns that the file does not have: no angle, eta 0, quality 0."""


def _columns(path: Path, needed: dict[str, str]) -> tuple[dict[str, np.ndarray], float | None]:
    known = {*REQUIRED, *OPTIONAL, *TRUTH}
    units = None
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                columns = {name: file[name] for name in file.files if name in known}
                if UNITS in file.files:
                    units = float(file[UNITS])
        elif path.suffix == ".parquet":
            table = pq.read_table(path)
            columns = {n: table.column(n).to_numpy() for n in table.column_names if n in known}
            metadata = table.schema.metadata or {}
            if UNITS.encode() in metadata:
                units = float(metadata[UNITS.encode()])
        else:
            raise InputError("unknown file type", file=path, remedy="give .npz or .parquet")
    except (OSError, ValueError, TypeError, zipfile.BadZipFile, pa.ArrowException) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"cannot be read: {error}", file=path, remedy="give an npz or parquet of stubs"
        ) from error
    for name in REQUIRED:
        if name not in columns:
            raise InputError(
                "column is missing", file=path, field=name, remedy=f"needed: {', '.join(REQUIRED)}"
            )
    for name, reason in needed.items():
        if name not in columns:
            raise InputError("column is missing", file=path, field=name, remedy=reason)
    length = columns["candidate"].size
    for name, column in columns.items():
        if column.shape != (length,):
            raise InputError("not one value per stub", file=path, field=name, value=column.shape)
        if name not in TRUTH and column.dtype.kind not in "iu":
            raise InputError("not integers", file=path, field=name, value=str(column.dtype))
        if column.dtype.kind not in "iuf":
            raise InputError("not numbers", file=path, field=name, value=str(column.dtype))
    if units is not None and not (np.isfinite(units) and units > 0):
        raise InputError("is not a number of units per radian", file=path, field=UNITS, value=units)
    if length == 0:
        raise InputError("no stubs", file=path)
    return columns, units


def _check_range(path: Path, name: str, column: np.ndarray, low: int, high: int) -> None:
    bad = (column < low) | (column > high)
    if bad.any():
        raise InputError(f"row {int(bad.argmax())} outside {low}..{high}", file=path, field=name,
                         value=int(column[bad.argmax()]))  # fmt: skip


def read_stubs(
    path: str | Path, *, phib_units: float | None = None, needed: dict[str, str] | None = None
) -> tuple[MuonSample, StubReport]:
    """Read a stub file into the form that the algorithms take.

    ``phib_units``: units of the file's bending angle per radian; default: what the file says, else 512.
    ``needed``: optional columns that the caller can not do without, and what to tell who left them out.
    Candidates come in the order of their numbers. Truth columns that are missing become NaN (charge: 0).

    Raises
    ------
    InputError
        If the file or a required column is missing, a column is not an integer array, or a layer, eta or
        quality is out of range. :class:`StubReport` counts stubs outside the sector and too many stubs.
    """
    path = Path(path)
    columns, file_units = _columns(path, needed or {})
    units = phib_units or file_units or PHIB_PER_RADIAN
    layer = columns["layer"].astype(np.int64)
    _check_range(path, "layer", layer, NO_LAYER, N_LAYERS - 1)
    if BENDING[layer[layer >= 0]].any():
        raise InputError("a bending layer has no stubs of its own", file=path, field="layer",
                         remedy="give the angle in column phib of the layer before it")  # fmt: skip
    zeros = np.zeros(len(layer), np.int64)
    eta = columns.get("eta", zeros).astype(np.int64)
    quality = columns.get("quality", zeros).astype(np.int64)
    _check_range(path, "eta", eta, -ETA_MAX, ETA_MAX)
    _check_range(path, "quality", quality, 0, MAX_QUALITY)
    numbers, first, candidate = np.unique(columns["candidate"], return_index=True, return_inverse=True)
    n = len(numbers)

    phi = columns["phi"].astype(np.int64)
    is_stub = layer != NO_LAYER
    phi, recentred = _recentred(phi, is_stub, candidate, n)
    outside = is_stub & (np.abs(phi) > SECTOR_HALF_WIDTH)
    rows = np.flatnonzero(is_stub & ~outside)
    rows = rows[np.lexsort((rows, -quality[rows], layer[rows], candidate[rows]))]
    group = candidate[rows] * N_LAYERS + layer[rows]
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]])) if len(rows) else rows
    slot = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    kept = slot < SLOTS
    rows, slot = rows[kept], slot[kept]

    shape = (n, N_LAYERS, SLOTS)
    value, eta_code, quality_code = (
        np.full(shape, NO_STUB, np.int16),
        np.zeros(shape, np.int16),
        np.zeros(shape, np.int16),
    )
    at = (candidate[rows], layer[rows], slot)
    value[at], eta_code[at], quality_code[at] = phi[rows], eta[rows], quality[rows]
    saturated = 0
    if "phib" in columns:
        with_angle = np.concatenate([BENDING[1:], [False]])[layer[rows]] & (columns["phib"][rows] != NO_STUB)
        angle = np.floor(columns["phib"][rows[with_angle]] * (PHIB_PER_RADIAN / units)).astype(np.int64)
        saturated = int((np.abs(angle) > PHIB_MAX).sum())
        at = (at[0][with_angle], at[1][with_angle] + 1, slot[with_angle])
        value[at] = np.clip(angle, -PHIB_MAX, PHIB_MAX)
        eta_code[at], quality_code[at] = eta[rows[with_angle]], quality[rows[with_angle]]
    order_slots(value, eta_code, quality_code)

    truth = {name: columns[name][first] if name in columns else np.full(n, np.nan) for name in TRUTH}
    charge = np.nan_to_num(truth["charge"]).astype(np.int8)
    sample = MuonSample(
        value,
        eta_code,
        quality_code,
        truth["pt"],
        truth["true_eta"],
        truth["true_phi"],
        charge,
        truth["displacement"],
    )
    absent = tuple(name for name in OPTIONAL if name not in columns)
    beyond = int(outside.sum())
    return sample, StubReport(n, int(is_stub.sum()), recentred, beyond, int((~kept).sum()), saturated, absent)


def _recentred(phi: np.ndarray, is_stub: np.ndarray, candidate: np.ndarray, n: int) -> tuple[np.ndarray, int]:
    """Azimuths of candidates that reach beyond the sector, counted from the median of their stubs.

    The algorithms read azimuths relative to the reference stub: turning a whole candidate changes nothing
    else. Candidates inside the sector stay as they are.
    """
    beyond = np.zeros(n, bool)
    beyond[candidate[is_stub & (np.abs(phi) > SECTOR_HALF_WIDTH)]] = True
    rows = np.flatnonzero(is_stub & beyond[candidate])
    if not len(rows):
        return phi, 0
    ordered = rows[np.lexsort((phi[rows], candidate[rows]))]
    numbers, first, count = np.unique(candidate[ordered], return_index=True, return_counts=True)
    middle = np.zeros(n, np.int64)
    middle[numbers] = phi[ordered[first + (count - 1) // 2]]
    moved = phi.copy()
    moved[rows] -= middle[candidate[rows]]
    return moved, len(numbers)


def write_stubs(sample: MuonSample, path: str | Path) -> None:
    """Write ``sample`` as parquet (zstd), one row per stub in the layout that :func:`read_stubs` takes."""
    empty = np.flatnonzero((sample.value == NO_STUB).all(axis=(1, 2)))
    filled = sample.value != NO_STUB
    filled[:, BENDING] = False
    candidate, layer, slot = np.nonzero(filled)
    at = (candidate, layer, slot)
    phib = np.full(len(candidate), NO_STUB, np.int16)
    angle = np.flatnonzero(np.concatenate([BENDING[1:], [False]])[layer])
    phib[angle] = sample.value[candidate[angle], layer[angle] + 1, slot[angle]]
    rows = np.concatenate([candidate, empty])
    order = np.argsort(rows, kind="stable")

    def column(stub: np.ndarray, without: int, dtype: type[np.integer]) -> np.ndarray:
        return np.concatenate([stub, np.full(len(empty), without)]).astype(dtype)[order]

    data = {
        "candidate": rows.astype(np.int32)[order],
        "layer": column(layer, NO_LAYER, np.int8),
        "phi": column(sample.value[at], 0, np.int16),
        "phib": column(phib, NO_STUB, np.int16),
        "eta": column(sample.eta[at], 0, np.int16),
        "quality": column(sample.quality[at], 0, np.int8),
    }
    truth = (sample.pt, sample.true_eta, sample.phi, sample.charge, sample.displacement)
    for name, array in zip(TRUTH, truth, strict=True):
        kind = np.int8 if name == "charge" else np.float32
        data[name] = array.astype(kind)[rows[order]]
    table = pa.table(data).replace_schema_metadata({UNITS: str(PHIB_PER_RADIAN)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
