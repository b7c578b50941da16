"""The compact layout of event files: object fields as lists cut after the last object that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.events.objects import COLLECTIONS, COLUMNS, EXTRA_COLUMNS, Events, layout_of
from emulator.jit import compiled

Array = NDArray[np.generic]
OBJECT_COLUMNS = tuple(name for name, (slots, _) in COLUMNS.items() if slots > 1)


@compiled
def _mark_present(field: NDArray[Any], present: NDArray[Any]) -> None:
    """present[e] = 1 + the last slot in which any field seen so far is not zero."""
    for slot in range(field.shape[0]):
        for event in range(field.shape[1]):
            if field[slot, event] != 0 and present[event] < slot + 1:
                present[event] = slot + 1


@compiled
def _to_lists(field: NDArray[Any], offsets: NDArray[Any], values: NDArray[Any]) -> None:
    for event in range(field.shape[1]):
        start = offsets[event]
        for slot in range(offsets[event + 1] - start):
            values[start + slot] = field[slot, event]


@compiled
def _from_lists(values: NDArray[Any], offsets: NDArray[Any], field: NDArray[Any]) -> int:
    """Fill ``field`` (slots, n), already zero; returns the first event with too many objects, or -1."""
    slots = field.shape[0]
    for event in range(field.shape[1]):
        start = offsets[event]
        length = offsets[event + 1] - start
        if length > slots:
            return event
        for slot in range(length):
            field[slot, event] = values[start + slot]
    return -1


def column_type(name: str) -> pa.DataType:
    """Arrow type of an in-memory column."""
    if name in OBJECT_COLUMNS:
        return pa.list_(pa.field("element", pa.int16(), nullable=False))
    if name in COLUMNS:
        return pa.int16()
    slots, dtype = EXTRA_COLUMNS[name]
    scalar = pa.from_numpy_dtype(dtype)
    return scalar if slots == 1 else pa.list_(pa.field("element", scalar, nullable=False), slots)


def schema(names: tuple[str, ...]) -> pa.Schema:
    """Arrow schema of the compact layout."""
    return pa.schema([pa.field(name, column_type(name), nullable=False) for name in names])


def arrow_columns(events: Events) -> list[pa.Array]:
    """The compact layout: object fields as lists cut after the last object that is there."""
    offsets: dict[str, NDArray[Any]] = {}
    for collection in COLLECTIONS.values():
        fields = [name for name in events if name.startswith(f"{collection.name}.")]
        if collection.slots > 1 and fields:
            present = np.zeros(events.n, np.int32)
            for name in fields:
                _mark_present(events[name], present)
            offsets[collection.name] = np.concatenate([np.zeros(1, np.int32), np.cumsum(present)]).astype(
                np.int32
            )
    arrays = []
    for name in events:
        collection_name = name.partition(".")[0]
        if collection_name in offsets:
            ends = offsets[collection_name]
            values = np.empty(ends[-1], np.int16)
            _to_lists(events[name], ends, values)
            arrays.append(pa.ListArray.from_arrays(pa.array(ends), pa.array(values), type=column_type(name)))
        elif events[name].shape[0] == 1:
            arrays.append(pa.array(events[name][0]))
        else:
            flat = pa.array(np.ascontiguousarray(events[name].T).ravel())
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, type=column_type(name)))
    return arrays


def _numbers(array: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The buffer of an Arrow array without nulls, in place; ``to_numpy`` would import pandas."""
    if not len(array):
        return np.zeros(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def from_arrow(name: str, column: pa.Array, n: int, path: str | Path) -> Array:
    """One Arrow column as (slots, n); integers of any width are accepted if the values fit."""
    slots, dtype = layout_of(name)
    kind = column.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    scalar = kind.value_type if is_list else kind
    if not pa.types.is_integer(scalar) or is_list != (slots > 1):
        raise InputError(
            "wrong type", file=path, field=name, value=str(kind), remedy=f"expected {column_type(name)}"
        )
    flat = column.flatten() if is_list else column
    if column.null_count or flat.null_count:
        raise InputError("holds nulls", file=path, field=name, remedy="write 0 for an absent object")
    try:
        exact = flat.cast(pa.from_numpy_dtype(dtype))
    except pa.ArrowInvalid as error:
        raise InputError(str(error), file=path, field=name, remedy=f"must fit {dtype}") from error
    values = _numbers(exact, dtype)
    if slots == 1:
        return values.reshape(1, n)  # type: ignore[no-any-return]
    if pa.types.is_fixed_size_list(kind):
        offsets = np.arange(n + 1, dtype=np.int32) * np.int32(kind.list_size)
    else:
        offsets = _numbers(column.offsets, np.dtype(column.offsets.type.to_pandas_dtype())).astype(
            np.int32, copy=False
        )
        offsets = offsets - offsets[0]
    field = np.zeros((slots, n), dtype)
    bad = _from_lists(values, offsets, field)
    if bad >= 0:
        raise InputError(
            f"more objects in one crossing than the {slots} hardware slots",
            file=path,
            field=name,
            value=int(offsets[bad + 1] - offsets[bad]),
            remedy="keep the leading ones",
        )
    return field
