"""Jets in memory, the committed sample, and reading and writing of the format that the package describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.simulation.jets import CLASSES, FEATURES, PARTS, SLOTS

FILE = Path(__file__).parent / "jets.parquet"
"""The committed sample."""
SEED = 17
PER_CLASS = 15_000
EVENTS_PER_CHUNK = 100_000
"""Numbers of events that a chunk may use: chunk ``i`` of all begins at ``i * EVENTS_PER_CHUNK``."""

_SCALARS: dict[str, tuple[str, Any]] = {
    "class": ("truth", np.uint8),
    "event": ("event", np.int32),
    "jet_pt": ("jet_pt", np.float32),
    "jet_eta": ("jet_eta", np.float32),
    "n_constituents": ("n_constituents", np.uint16),
}
"""Column -> (array of ``Jets``, dtype)."""
_SLOTS: dict[str, Any] = {"pt": np.uint16, "eta": np.int16, "phi": np.int16}


@dataclass(frozen=True, eq=False)
class Jets:
    """Jets, one a row of every array; what a file does not have is None.

    Attributes
    ----------
    truth
        (n,) uint8, index into ``CLASSES``.
    event
        (n,) int32, number of the collision: parts are made of whole collisions.
    features
        (n, 16) float32, in the order of ``FEATURES``.
    pt, eta, phi
        (n, SLOTS) uint16, int16, int16: constituents in units of ``PT_UNIT`` and ``ANGLE_UNIT``.
    jet_pt, jet_eta, n_constituents
        (n,) float32 (GeV), float32, uint16.
    """

    truth: NDArray[np.uint8]
    event: NDArray[np.int32]
    features: NDArray[np.float32]
    pt: NDArray[np.uint16] | None = None
    eta: NDArray[np.int16] | None = None
    phi: NDArray[np.int16] | None = None
    jet_pt: NDArray[np.float32] | None = None
    jet_eta: NDArray[np.float32] | None = None
    n_constituents: NDArray[np.uint16] | None = None

    @property
    def n(self) -> int:
        """Number of jets."""
        return len(self.truth)

    def __getitem__(self, rows: Any) -> Jets:
        """The jets that a NumPy index selects."""
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            values[field.name] = None if value is None else value[rows]
        return Jets(**values)

    def part(self, name: str) -> Jets:
        """``train``, ``validation`` or ``test``: by ``event % 10`` (``PARTS``)."""
        return self[np.isin(self.event % 10, PARTS[name])]

    def constituents(self, slots: int = SLOTS) -> NDArray[np.int32]:
        """pT, eta and phi codes of the leading ``slots`` constituents, (n, slots, 3) int32; empty slots: 0.

        Raises
        ------
        InputError
            If the file has no constituents, or not so many slots.
        """
        if self.pt is None or self.eta is None or self.phi is None:
            raise InputError("the jets have no constituents", remedy="give the HDF5 files of hls4ml-LHC-jet")
        if not 1 <= slots <= self.pt.shape[1]:
            raise InputError(f"must be 1 .. {self.pt.shape[1]}", field="slots", value=slots)
        return np.stack([array[:, :slots].astype(np.int32) for array in (self.pt, self.eta, self.phi)], 2)


def concatenated(parts: Sequence[Jets]) -> Jets:
    """Jets of several parts, one after the other; an array that one of them lacks is None."""
    merged: dict[str, Any] = {}
    for field in fields(Jets):
        arrays = [getattr(part, field.name) for part in parts]
        merged[field.name] = None if any(array is None for array in arrays) else np.concatenate(arrays)
    return Jets(**merged)


def write(path: Path, jets: Jets) -> None:
    """Write all columns of the format.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    columns: dict[str, Any] = {name: getattr(jets, array) for name, (array, _) in _SCALARS.items()}
    columns |= {name: np.ascontiguousarray(jets.features[:, i]) for i, name in enumerate(FEATURES)}
    for name in _SLOTS:
        array = getattr(jets, name)
        columns |= {f"{name}_{i}": np.ascontiguousarray(array[:, i]) for i in range(SLOTS)}
    table = pa.table(columns)
    floats = [name for name in table.column_names if pa.types.is_floating(table.schema.field(name).type)]
    with atomic_path(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=19,
            use_dictionary=[name for name in table.column_names if name not in floats],
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in floats},
            row_group_size=1 << 17,
            store_schema=False,
        )


def read_own(path: Path) -> Jets:
    """The jets of a file that ``write`` wrote.

    Raises
    ------
    InputError
        If it is no such file, a column is missing or of another kind, or a value is none that can be.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None

    def column(name: str, dtype: Any) -> Any:
        if name not in table.column_names:
            raise InputError("has no such column", file=path, field=name, remedy="see docs/jets.md")
        chunked = table.column(name)
        if chunked.null_count:
            raise InputError("has empty values", file=path, field=name)
        try:
            return chunked.cast(pa.from_numpy_dtype(dtype)).to_numpy()
        except (pa.ArrowException, ValueError) as error:
            raise InputError(f"is not {np.dtype(dtype)}: {error}", file=path, field=name) from None

    values: dict[str, Any] = {array: column(name, dtype) for name, (array, dtype) in _SCALARS.items()}
    values["features"] = np.stack([column(name, np.float32) for name in FEATURES], 1)
    for name, dtype in _SLOTS.items():
        values[name] = np.stack([column(f"{name}_{i}", dtype) for i in range(SLOTS)], 1)
    return checked(Jets(**values), path)


def checked(jets: Jets, path: Path) -> Jets:
    """The jets, or InputError for a class or feature that cannot be."""
    if jets.n == 0:
        raise InputError("has no jets", file=path)
    if (bad := jets.truth >= len(CLASSES)).any():
        raise InputError(
            f"row {int(np.argmax(bad))}: must be 0 .. {len(CLASSES) - 1}",
            file=path,
            field="class",
            value=int(jets.truth[np.argmax(bad)]),
        )
    bad = ~np.isfinite(jets.features)
    if bad.any():
        row, place = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"row {row}: is not a finite number",
            file=path,
            field=FEATURES[place],
            value=float(jets.features[row, place]),
            remedy="take the row out: a tagger is not defined on it",
        )
    return jets
