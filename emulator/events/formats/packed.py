"""The packed layout of event files: one column of bytes per collection, all fields of an object together.

Lists cost Arrow a level for every value, and integers of 16 bits come as 32: for the default menu decoding
takes longer than everything behind it. Here ``"mu"`` is a BYTE_ARRAY column that holds, for each object of a
crossing, its fields as 16-bit little-endian integers; the schema metadata tells their order
(``"packed": {"mu": ["mu.pt", …]}``). Arrow copies bytes, and one pass puts them where they belong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats import compact
from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, Events, spaced
from l1forge.emulator.jit import compiled

INT16 = np.dtype("<i2")
Packing = Mapping[str, tuple[str, ...]]
"""Collection -> its fields, in the order in which an object holds them."""


@compiled
def _gather(fields: NDArray[Any], counts: NDArray[Any], out: NDArray[Any]) -> None:
    """``fields`` (fields, slots, events) of the first ``counts`` objects into flat ``out``."""
    place = 0
    for event in range(counts.size):
        for slot in range(counts[event]):
            for field in range(fields.shape[0]):
                out[place] = fields[field, slot, event]
                place += 1


@compiled
def _scatter(
    data: NDArray[Any], offsets: NDArray[Any], width: int, rows: NDArray[Any], out: NDArray[Any]
) -> int:
    """Objects of ``width`` integers into rows of ``out``: slot s of field f into row ``rows[f]`` + s.

    ``rows[f]`` < 0: the field is not wanted; the last of ``rows`` is the number of slots. ``offsets``: of
    each crossing in ``data``. Returns the first crossing with a part of an object or too many, or -1.
    """
    slots = rows[width]
    for event in range(offsets.size - 1):
        start = offsets[event]
        length = offsets[event + 1] - start
        count = length // width
        if count * width != length or count > slots:
            return event
        for slot in range(count):
            for field in range(width):
                if rows[field] >= 0:
                    out[rows[field] + slot, event] = data[start + slot * width + field]
    return -1


def packing(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """How the columns ``names`` are packed: fields of collections of several objects."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        collection = name.partition(".")[0]
        if name in compact.OBJECT_COLUMNS:
            found[collection] = (*found.get(collection, ()), name)
    return found


def known_packing(
    header: Mapping[str, Any], present: Sequence[str], path: str | Path
) -> dict[str, tuple[str, ...]]:
    """What the metadata of a file says.

    Raises
    ------
    InputError
        If it is no such description, or does not fit the columns that are ``present``.
    """
    given = header.get("packed", {})
    if not isinstance(given, dict):
        raise InputError("schema metadata l1forge: packed must be an object", file=path, field="packed")
    found = {}
    for collection, names in given.items():
        fields = tuple(names) if isinstance(names, list) else ()
        good = [n for n in fields if isinstance(n, str) and n in COLUMNS and n.startswith(f"{collection}.")]
        if (
            collection not in COLLECTIONS
            or not fields
            or len(good) < len(fields)
            or len(set(good)) < len(good)
        ):
            remedy = f"expected the fields of {collection}, each once"
            raise InputError(
                "is not a packed collection", file=path, field=collection, value=names, remedy=remedy
            )
        if collection not in present or set(fields) & set(present):
            remedy = "write the file again"
            raise InputError(
                "packed column is absent, or there twice", file=path, field=collection, remedy=remedy
            )
        found[collection] = fields
    return found


def schema(names: tuple[str, ...]) -> pa.Schema:
    """Arrow schema of the packed layout."""
    groups = packing(names)
    fields = [pa.field(collection, pa.binary(), nullable=False) for collection in groups]
    rest = [name for name in names if not any(name in of for of in groups.values())]
    return pa.schema([*fields, *compact.schema(tuple(rest))])


def arrow_columns(events: Events) -> list[pa.Array]:
    """One array of bytes per collection, then the other columns as in the compact layout."""
    groups = packing(tuple(events))
    arrays = []
    for names in groups.values():
        fields = np.stack([events[name] for name in names])
        there = (fields != 0).any(axis=0)
        slots = there.shape[0]
        counts = np.where(there.any(axis=0), slots - np.argmax(there[::-1], axis=0), 0).astype(np.int64)
        data = np.empty(int(counts.sum()) * len(names), INT16)
        _gather(fields, counts, data)
        ends = np.concatenate([[0], np.cumsum(counts * len(names) * INT16.itemsize)]).astype(np.int32)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(data)]
        arrays.append(pa.BinaryArray.from_buffers(pa.binary(), events.n, buffers))
    packed = {name for names in groups.values() for name in names}
    rest = Events({name: events[name] for name in events if name not in packed}, events.n)
    return [*arrays, *compact.arrow_columns(rest)]


def unpacked(
    column: pa.Array, fields: tuple[str, ...], wanted: Sequence[str], path: str | Path
) -> dict[str, NDArray[Any]]:
    """The ``wanted`` fields of a packed column, (slots, n) each.

    Raises
    ------
    InputError
        Wrong type, nulls, parts of objects, or more objects than slots.
    """
    collection = fields[0].partition(".")[0]
    if column.type != pa.binary():
        raise InputError(
            "wrong type", file=path, field=collection, value=str(column.type), remedy="expected binary"
        )
    if column.null_count:
        remedy = "write no bytes for no object"
        raise InputError("holds nulls", file=path, field=collection, remedy=remedy)
    n, slots, width = len(column), COLLECTIONS[collection].slots, len(fields)
    out = np.zeros((slots * len(wanted), spaced(n, np.dtype(np.int16))), np.int16)
    places = {name: k * slots for k, name in enumerate(wanted)}
    if n:
        _, ends, values = column.buffers()
        offsets = np.frombuffer(ends, np.int32, n + 1, column.offset * 4).astype(np.int64)
        start, length = int(offsets[0]), int(offsets[-1] - offsets[0])
        offsets -= start
        data = np.zeros(0, np.uint8) if not length else np.frombuffer(values, np.uint8, length, start)
        if (offsets % 2).any():
            raise InputError("parts of integers", file=path, field=collection, remedy="write the file again")
        rows = np.array([*(places.get(name, -1) for name in fields), slots], np.int64)
        bad = _scatter(data.view(INT16), offsets // 2, width, rows, out)
        if bad >= 0:
            problem = f"more objects in one crossing than the {slots} hardware slots, or a part of one"
            size = int(offsets[bad + 1] - offsets[bad])
            remedy = f"{2 * width} bytes for each object"
            raise InputError(problem, file=path, field=collection, value=f"{size} bytes", remedy=remedy)
    return {name: out[at : at + slots, :n] for name, at in places.items()}
