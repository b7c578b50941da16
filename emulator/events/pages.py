"""Compact event files read without Arrow: parquet pages decoded straight into hardware slots.

Arrow builds lists of 32-bit integers from levels, narrows them, and we would spread them over slots: three
passes, some 6 ns per value. Here a page is unpacked and each value goes from its dictionary index to its
slot. Fields of one collection have equal lists, so that places are found once. Whatever this reader does not
know (other encodings, nullable columns, 64-bit integers, pages of version 2) or does not understand (damage,
values out of range) it leaves to Arrow, which reads or refuses it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emulator.events.objects import COLUMNS
from emulator.events.page_index import (
    BYTES,
    COUNT,
    DATA_PAGE,
    DICTIONARY_PAGE,
    KIND,
    PAGE_WIDTH,
    START,
    STORED,
    find_pages,
    understood,
)
from emulator.events.page_values import (
    MOST_BITS,
    PADDING,
    find_places,
    list_entries,
    place_values,
    read_dictionary,
    same_lists,
    scalar_entries,
)

CODECS = {"UNCOMPRESSED": None, "ZSTD": "zstd", "SNAPPY": "snappy", "GZIP": "gzip"}
MOST_PAGES, MOST_BYTES = 256, 1 << 30
"""Of one column chunk, and of one page; ours have ten pages at most."""

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]


class Arena:
    """Arrays of one shape that are used again when nobody holds a view of them any more.

    Fresh memory comes from the kernel zeroed page by page, which takes longer than decoding into it.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._arrays: list[NDArray[np.int16]] = []

    def take(self, rows: int) -> NDArray[np.int16]:
        """A view of (slots, at least rows), not cleared; rows never lie whole pages apart (see spaced_rows)."""
        length = rows + _LINE if rows % (64 * _LINE) == 0 else rows
        with self._lock:
            for array in self._arrays:
                if array.shape[1] == length and sys.getrefcount(array) == _UNUSED:
                    return array[:]
            self._arrays.append(np.empty((self._slots, length), np.int16))
            return self._arrays[-1][:]


_LINE = 32
"""Values in a cache line."""
_UNUSED = 3
"""References to an array that only the arena knows: in its list, as loop variable, as argument."""


class _Scratch:
    """Buffers of one thread, by purpose, kept from row group to row group."""

    def __init__(self) -> None:
        self._buffers: dict[str, Bytes] = {}

    def take(self, purpose: str, size: int) -> Bytes:
        """``size`` bytes, aligned, not cleared."""
        buffer = self._buffers.get(purpose)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[purpose] = np.empty(size + size // 4, np.uint8)
        return buffer[:size]


@dataclass(frozen=True)
class _Lists:
    """A chunk of ``collection`` whose levels are known and the positions of its values."""

    collection: str
    body: Bytes
    pages: Integers
    places: NDArray[np.uint32]


class PageReader:
    """The compact columns of one file that can be read this way: ``names``, a subset of those asked for."""

    def __init__(self, path: str | Path, metadata: pq.FileMetaData, names: Iterable[str]) -> None:
        self._raw = np.memmap(path, np.uint8, mode="r")
        self._metadata = metadata
        schema = metadata.schema
        paths = {schema.column(i).path.partition(".list.")[0]: i for i in range(len(schema))}
        self._index = {
            name: paths[name] for name in names if name in COLUMNS and _known(schema, paths.get(name), name)
        }
        self.names = tuple(self._index)
        self._arena = Arena(sum(COLUMNS[name][0] for name in self.names))
        self._scratch: list[_Scratch] = []

    def read(self, group: int) -> dict[str, NDArray[np.int16]]:
        """(slots, rows) of every column of ``names`` in a row group, values checked; columns given up absent.

        Crossings are contiguous, rows need not be. May be called from several threads.
        """
        found = self._metadata.row_group(group)
        values = self._arena.take(found.num_rows)
        scratch = self._scratch.pop() if self._scratch else _Scratch()
        columns: dict[str, NDArray[np.int16]] = {}
        lists: _Lists | None = None
        first = 0
        for name in self.names:
            last = first + COLUMNS[name][0]
            chunk = _Chunk(name, self._raw, found.column(self._index[name]), scratch)
            good, lists = chunk.decode(values[first:last], found.num_rows, lists)
            if good:
                columns[name] = values[first:last, : found.num_rows]
            first = last
        self._scratch.append(scratch)
        return columns


class _Chunk:
    """One column of a row group."""

    def __init__(self, name: str, raw: Bytes, chunk: pq.ColumnChunkMetaData, scratch: _Scratch) -> None:
        self._collection = name.partition(".")[0]
        self._field = COLUMNS[name][1]
        self._raw, self._chunk, self._scratch = raw, chunk, scratch

    def decode(self, out: NDArray[np.int16], rows: int, lists: _Lists | None) -> tuple[bool, _Lists | None]:
        """Fill ``out`` (slots, at least rows); ``lists`` of an earlier column serve if this one has the same."""
        if lists is not None and lists.collection != self._collection:
            lists = None
        purpose = "body" if lists is None else "later body"
        unpacked = self._unpack(purpose)
        if unpacked is None:
            return False, lists
        body, pages = unpacked
        if len(out) == 1:
            if scalar_entries(pages) != rows:
                return False, lists
            places = np.arange(rows, dtype=np.uint32)
        else:
            out[:] = 0
            if lists is not None and same_lists(body, pages, lists.body, lists.pages):
                places = lists.places
            else:
                found = self._places(body, pages, out.shape, rows, purpose)
                if found is None:
                    return False, lists
                places = found
                lists = lists or _Lists(self._collection, body, pages, places)
        dictionary = self._dictionary(body, pages)
        if dictionary is None:
            return False, lists
        table, size = dictionary
        low, high = self._field.minimum, self._field.maximum
        return place_values(body, pages, table, size, low, high, places, out.reshape(-1)), lists

    def _unpack(self, purpose: str) -> tuple[Bytes, Integers] | None:
        """Bodies of all pages one after the other, and the page table."""
        chunk = self._chunk
        compression = chunk.compression
        if chunk.physical_type != "INT32" or compression not in CODECS:
            return None
        start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
        stop = start + chunk.total_compressed_size
        if start < 0 or stop > self._raw.size:
            return None
        pages = np.zeros((MOST_PAGES, PAGE_WIDTH), np.int64)
        count = find_pages(self._raw, start, stop, MOST_BYTES, np.zeros(8, np.int64), pages)
        pages = pages[: max(count, 0)]
        total = int(pages[:, BYTES].sum())
        if count < 1 or total > chunk.total_uncompressed_size or not understood(pages):
            return None
        body = self._scratch.take(purpose, total + PADDING)
        name, at = CODECS[compression], 0
        codec = name and pa.Codec(name)
        for begin, stored, size in pages[:, [START, STORED, BYTES]].tolist():
            page = self._raw[begin : begin + stored]
            try:
                plain = codec.decompress(page, size) if codec else page
                body[at : at + size] = np.frombuffer(plain, np.uint8)
            except (OSError, ValueError, pa.ArrowException):
                return None
            at += size
        return body, pages

    def _places(
        self, body: Bytes, pages: Integers, shape: tuple[int, ...], rows: int, purpose: str
    ) -> NDArray[np.uint32] | None:
        """Positions of the values in an array of ``shape`` (slots, at least rows)."""
        slots, stride = shape
        total = int(pages[pages[:, KIND] == DATA_PAGE, COUNT].sum())
        if total > (slots + 1) * rows:
            return None
        entries = self._scratch.take("levels", 2 * (total + PADDING)).reshape(2, -1)
        if not list_entries(body, pages, entries):
            return None
        places = self._scratch.take(f"places of {purpose}", 4 * total).view(np.uint32)
        count = find_places(entries, rows, slots, stride, places)
        return None if count < 0 else places[:count]

    def _dictionary(self, body: Bytes, pages: Integers) -> tuple[NDArray[np.int16], int] | None:
        """The values that indices stand for, and how many; pages of plain values need none."""
        if pages[0, KIND] != DICTIONARY_PAGE:
            return np.zeros(1, np.int16), 0
        count = int(pages[0, COUNT])
        if count > 1 << MOST_BITS or 4 * count > pages[0, BYTES]:
            return None
        table = np.zeros(max(2, 1 << max(count - 1, 0).bit_length()), np.int16)  # indices have a bit at least
        good = read_dictionary(body, count, self._field.minimum, self._field.maximum, table)
        return (table, count) if good else None


def _known(schema: pq.ParquetSchema, column: int | None, name: str) -> bool:
    """A required scalar, or a required list of required elements?"""
    if column is None:
        return False
    levels = 0 if COLUMNS[name][0] == 1 else 1
    found = schema.column(column)
    return bool(found.max_definition_level == levels and found.max_repetition_level == levels)
