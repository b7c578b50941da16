"""The compact layout of event files: object fields as lists cut after the last object that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, Events, layout_of, spaced
from l1forge.emulator.jit import compiled

Array = NDArray[np.generic]
_INT16: np.dtype[np.generic] = np.dtype(np.int16)
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
def _find_places(offsets: NDArray[Any], slots: int, stride: int, places: NDArray[Any]) -> int:
    """Where in a flat (slots, ``stride``) array each element of the lists belongs; returns the first event
    with too many objects, or -1.
    """
    for event in range(len(offsets) - 1):
        start = offsets[event]
        length = offsets[event + 1] - start
        if length > slots:
            return event
        for slot in range(length):
            places[start + slot] = slot * stride + event
    return -1


@compiled
def _scatter(values: NDArray[Any], places: NDArray[Any], flat: NDArray[Any]) -> None:
    for i in range(len(places)):
        flat[places[i]] = values[i]


def column_type(name: str) -> pa.DataType:
    """Arrow type of an in-memory column."""
    if name in OBJECT_COLUMNS:
        return pa.list_(pa.field("element", pa.int16(), nullable=False))
    if name in COLUMNS:
        return pa.int16()
    slots, dtype = layout_of(name)
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


def real_numbers(column: pa.Array, name: str, path: str | Path) -> NDArray[np.floating[Any]]:
    """A column of floats, (n,), of any type of number."""
    if column.null_count:
        raise InputError("holds nulls", file=path, field=name, remedy="every event needs a number, or NaN")
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise InputError("wrong type", file=path, field=name, value=str(column.type), remedy="use floats")
    dtype = layout_of(name)[1]
    return _numbers(column.cast(pa.from_numpy_dtype(dtype), safe=False), dtype)


def _numbers(array: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The buffer of an Arrow array without nulls, in place; ``to_numpy`` would import pandas."""
    if not len(array):
        return np.zeros(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def exact(column: pa.Array, dtype: np.dtype[Any], name: str, path: str | Path) -> NDArray[Any]:
    """An Arrow array of integers as ``dtype``; InputError for nulls and values that do not fit."""
    if column.null_count:
        raise InputError("holds nulls", file=path, field=name, remedy="write 0 for an absent object")
    try:
        return _numbers(column.cast(pa.from_numpy_dtype(dtype)), dtype)
    except pa.ArrowInvalid as error:
        raise InputError(str(error), file=path, field=name, remedy=f"must fit {dtype}") from error


class BatchReader:
    """Decodes the columns of one Arrow batch of ``n`` crossings; lists that are equal are gone through once.

    All rows lie in one large array: memory comes from the system in large pages then, which is several
    times faster than in small ones.
    """

    def __init__(self, names: tuple[str, ...], n: int, path: str | Path) -> None:
        self.n, self.path = n, path
        slots = {name: layout_of(name)[0] for name in names if name in OBJECT_COLUMNS}
        self._rows = np.zeros((sum(slots.values()), spaced(n, _INT16)), _INT16)
        ends = np.cumsum(list(slots.values()), dtype=int)
        self._first = {name: int(end) - slots[name] for name, end in zip(slots, ends, strict=True)}
        self._known: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}

    def column(self, name: str, column: pa.Array) -> Array:
        """One column as (slots, n); integers of any width are accepted if the values fit.

        Raises
        ------
        InputError
            Wrong type, nulls, values beyond 16 bits, or more objects than slots.
        """
        slots, dtype = layout_of(name)
        if dtype.kind == "f":
            return real_numbers(column, name, self.path).reshape(1, self.n)
        kind = column.type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        scalar = kind.value_type if is_list else kind
        if not pa.types.is_integer(scalar) or is_list != (slots > 1):
            raise self._error("wrong type", name, str(kind), f"expected {column_type(name)}")
        if column.null_count:
            raise self._error("holds nulls", name, None, "write 0 for an absent object")
        values = exact(column.flatten() if is_list else column, dtype, name, self.path)
        if slots == 1:
            return values.reshape(1, self.n)  # type: ignore[no-any-return]
        if name in self._first:
            field: Array = self._rows[self._first[name] : self._first[name] + slots]
        else:
            field = np.zeros((slots, self.n), dtype)
        _scatter(values, self._places(name, column, slots, field.shape[1]), field.reshape(-1))
        return field[:, : self.n]

    def _places(self, name: str, column: pa.Array, slots: int, stride: int) -> NDArray[Any]:
        """Where the column's values go, found once for equal lists of one collection."""
        kind = column.type
        if pa.types.is_fixed_size_list(kind):
            offsets = np.arange(self.n + 1, dtype=np.int32) * np.int32(kind.list_size)
        else:
            offsets = _numbers(column.offsets, np.dtype(str(column.offsets.type)))
        collection = name.partition(".")[0]
        if collection in self._known and np.array_equal(self._known[collection][0], offsets):
            return self._known[collection][1]
        start = offsets - offsets[0]
        places = np.empty(int(start[-1]), np.int64)
        bad = _find_places(start, slots, stride, places)
        if bad >= 0:
            problem = f"more objects in one crossing than the {slots} hardware slots"
            raise self._error(problem, name, int(start[bad + 1] - start[bad]), "keep the leading ones")
        self._known[collection] = offsets, places
        return places

    def _error(self, problem: str, name: str, value: object, remedy: str) -> InputError:
        return InputError(problem, file=self.path, field=name, value=value, remedy=remedy)
