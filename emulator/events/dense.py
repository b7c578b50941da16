"""The dense layout of event files: one fixed-width parquet column per slot, read without decoding.

Parquet has no 16-bit physical type: an int16 column is stored as 32-bit words, and lists need levels for
every value. Reading either costs several times more than scoring the crossing. Here ``"mu.pt[3]"`` is a
FIXED_LEN_BYTE_ARRAY(2) column holding little-endian two's complement, PLAIN, uncompressed, without nulls,
one page per row group, so that the integers of a row group lie in the file as they lie in memory and a
memory map serves them. Any parquet library can still read it; ``docs/formats.md`` says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emulator.events.blocks import BLOCK_SIZE
from emulator.events.objects import Events, layout_of

WRITER_OPTIONS = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,  # bytes have no useful order
    "data_page_size": 1 << 30,
    "max_rows_per_page": BLOCK_SIZE,
    "data_page_version": "1.0",
}
"""What ParquetWriter must be told to lay a row group's column out as one plain page."""


def slot_names(name: str) -> list[str]:
    """File columns of one in-memory column: ``mu.pt[0] .. mu.pt[7]``, or ``etm.et``."""
    slots, _ = layout_of(name)
    return [name] if slots == 1 else [f"{name}[{slot}]" for slot in range(slots)]


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


def mapped_blocks(path: str | Path, file: pq.ParquetFile, names: tuple[str, ...]) -> Iterator[Events] | None:
    """The row groups of ``file`` copied straight from a memory map; None if a page is not plain."""
    raw = np.memmap(path, np.uint8, mode="r")
    index = {file.metadata.schema.column(i).path: i for i in range(file.metadata.num_columns)}
    groups: list[tuple[int, dict[str, list[int]]]] = []
    for g in range(file.num_row_groups):
        group = file.metadata.row_group(g)
        starts: dict[str, list[int]] = {}
        for name in names:
            size = group.num_rows * layout_of(name)[1].itemsize
            chunks = [_payload(group.column(index[slot]), size, raw) for slot in slot_names(name)]
            starts[name] = [start for start in chunks if start is not None]
            if len(starts[name]) != len(chunks):
                return None
        groups.append((group.num_rows, starts))
    return (_copy(raw, rows, starts) for rows, starts in groups)


def _payload(chunk: pq.ColumnChunkMetaData, size: int, raw: NDArray[np.uint8]) -> int | None:
    """Offset of the ``size`` bytes of the chunk's only page, or None if it is not one plain page.

    The page header is Thrift compact: field 1, type, 0 = data page; field 2, uncompressed size; both as
    zigzag variable-length integers. A page as large as the whole chunk's values is the only one.
    """
    if chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page:
        return None
    head = b"\x15\x00\x15" + _varint(2 * size)
    start = chunk.data_page_offset
    stop = start + chunk.total_compressed_size
    if stop > raw.size or raw[start : start + len(head)].tobytes() != head:
        return None
    return int(stop - size)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _copy(raw: NDArray[np.uint8], rows: int, starts: dict[str, list[int]]) -> Events:
    columns: dict[str, NDArray[np.generic]] = {}
    for name, offsets in starts.items():
        slots, dtype = layout_of(name)
        field = np.empty((slots, rows), dtype)
        size = rows * dtype.itemsize
        for slot, offset in enumerate(offsets):
            field[slot].view(np.uint8)[:] = raw[offset : offset + size]
        columns[name] = field
    return Events(columns, rows)
