"""The dense layout of event files: one fixed-width parquet column per slot, read without decoding.

Parquet has no 16-bit physical type: an int16 column is stored as 32-bit words, and lists need levels for
every value. Reading either costs several times more than scoring the crossing. Here ``"mu.pt[3]"`` is a
FIXED_LEN_BYTE_ARRAY(2) column holding little-endian two's complement, PLAIN, uncompressed, without nulls,
one page per row group, so that the integers of a row group lie in the file as they lie in memory and are
used where they are, in a memory map. Any parquet library can still read it; ``docs/formats.md`` says how.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS, EXTRA_COLUMNS, Events, layout_of

ROW_GROUP = (1 << 18) + 64
"""Crossings; looking a row group up takes long whatever its size. Not a power of two: then all slots of a
crossing would lie near the same place of their memory pages, and caches hold few lines of one such place."""
WRITER_OPTIONS = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,  # bytes have no useful order
    "data_page_size": 1 << 30,
    "max_rows_per_page": ROW_GROUP,
    "data_page_version": "1.0",
}
"""What ParquetWriter must be told to lay a row group's column out as one plain page."""


def slot_names(name: str) -> list[str]:
    """File columns of one in-memory column: ``mu.pt[0] .. mu.pt[7]``, or ``etm.et``."""
    slots, _ = layout_of(name)
    return [name] if slots == 1 else [f"{name}[{slot}]" for slot in range(slots)]


def check_slots(path: str | Path, names: Iterable[str]) -> None:
    """Demand that a collection whose columns ``names`` are its slots has all of them: none is 0 unsaid.

    Raises
    ------
    InputError
        Some of a column's slots are missing, or there are more than the hardware has.
    """
    present = set(names)
    for name in dict.fromkeys(text.partition("[")[0] for text in sorted(present)):
        if name in present or (name not in COLUMNS and name not in EXTRA_COLUMNS):
            continue
        expected = slot_names(name)
        slots = (text[len(name) + 1 : -1] for text in present if text.startswith(f"{name}["))
        given = {f"{name}[{slot}]" for slot in slots if slot.isdecimal()} & present
        if beyond := sorted(given - set(expected)):
            known = f"{name} has {expected[0]} … {expected[-1]}" if len(expected) > 1 else f"call it {name}"
            raise InputError("beyond the hardware slots", file=path, field=beyond[0], remedy=known)
        missing = [text for text in expected if text not in present]
        if given and missing:
            raise InputError(
                f"only {len(given)} of {len(expected)} slots are there",
                file=path,
                field=name,
                remedy=f"add {missing[0]}{' …' if len(missing) > 1 else ''} (0 where there is no object),"
                f" or write a list column {name}",
            )


def schema(names: tuple[str, ...]) -> pa.Schema:
    """Arrow schema of the dense layout."""
    return pa.schema(
        [
            pa.field(slot, pa.binary(layout_of(name)[1].itemsize), nullable=False)
            for name in names
            for slot in slot_names(name)
        ]
    )


def arrow_columns(events: Events) -> list[pa.Array]:
    """One array of fixed-width bytes per slot."""
    arrays = []
    for name in events:
        little_endian = events[name].astype(events[name].dtype.newbyteorder("<"), copy=False)
        kind = pa.binary(little_endian.itemsize)
        for row in little_endian:
            arrays.append(pa.FixedSizeBinaryArray.from_buffers(kind, events.n, [None, pa.py_buffer(row)]))
    return arrays


def from_arrow(name: str, columns: list[pa.Array], n: int) -> NDArray[np.generic]:
    """(slots, n) from the slots' decoded Arrow columns: for files that another program re-encoded."""
    slots, dtype = layout_of(name)
    field = np.empty((slots, n), dtype)
    for slot, column in enumerate(columns):
        raw = np.frombuffer(column.buffers()[1], np.uint8)
        start = column.offset * dtype.itemsize
        field[slot].view(np.uint8)[:] = raw[start : start + n * dtype.itemsize]
    return field


def mapped_groups(path: str | Path, file: pq.ParquetFile, names: tuple[str, ...]) -> list[Events] | None:
    """The row groups in a memory map, uncopied; None if a page is not plain.

    Ranges were checked when the file was written. Rows of a column are strided, perhaps at odd addresses.
    """
    raw = np.memmap(path, np.uint8, mode="r").view(np.ndarray)  # its own indexing is slow
    index = {file.metadata.schema.column(i).path: i for i in range(file.metadata.num_columns)}
    groups: list[Events] = []
    for g in range(file.num_row_groups):
        group = file.metadata.row_group(g)
        columns: dict[str, NDArray[np.generic]] = {}
        for name in names:
            slots = slot_names(name)
            ends = [group.column(index[slot]) for slot in dict.fromkeys((slots[0], slots[-1]))]
            view = _view(raw, name, group.num_rows, ends)
            if view is None:
                return None
            columns[name] = view
        groups.append(Events.of_rows(columns, group.num_rows))
    return groups


def _view(
    raw: NDArray[np.uint8], name: str, rows: int, ends: list[pq.ColumnChunkMetaData]
) -> NDArray[np.generic] | None:
    """(slots, rows) in place, or None if the slots' chunks are not single plain pages at equal distances.

    ``ends``: chunks of the first and last slot. A page header is Thrift compact: field 1, type, 0 = data
    page; field 2, uncompressed size; both as zigzag variable-length integers. A page as large as all of the
    chunk's values is the only one, and its values are the last bytes of the chunk.
    """
    slots, dtype = layout_of(name)
    size = rows * dtype.itemsize
    head = np.frombuffer(b"\x15\x00\x15" + _varint(2 * size), np.uint8)
    if any(chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page for chunk in ends):
        return None
    first, last = ends[0].data_page_offset, ends[-1].data_page_offset
    step, rest = divmod(last - first, max(slots - 1, 1))
    length = ends[0].total_compressed_size
    if rest or last + length > raw.size or any(chunk.total_compressed_size != length for chunk in ends):
        return None
    heads = raw[(first + step * np.arange(slots))[:, None] + np.arange(head.size)]
    if (slots > 1 and step != length) or np.any(heads != head):
        return None
    return np.ndarray((slots, rows), dtype, raw, first + length - size, (step, dtype.itemsize))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
