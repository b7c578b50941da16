"""The project's event files: parquet, streamed in row groups (layout: docs/formats.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emulator.atomic import atomic_path
from emulator.errors import InputError
from emulator.events import dense
from emulator.events.blocks import BLOCK_SIZE, check_ranges, choose_columns, rechunk
from emulator.events.objects import COLLECTIONS, COLUMNS, EXTRA_COLUMNS, Events, layout_of
from emulator.jit import compiled

Array = NDArray[np.generic]
Layout = Literal["compact", "dense"]
KEY = b"l1forge"
FORMAT, VERSION = "l1forge-events", 1
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


def _column_type(name: str) -> pa.DataType:
    if name in OBJECT_COLUMNS:
        return pa.list_(pa.field("element", pa.int16(), nullable=False))
    if name in COLUMNS:
        return pa.int16()
    slots, dtype = EXTRA_COLUMNS[name]
    scalar = pa.from_numpy_dtype(dtype)
    return scalar if slots == 1 else pa.list_(pa.field("element", scalar, nullable=False), slots)


def _schema(names: tuple[str, ...]) -> pa.Schema:
    return pa.schema([pa.field(name, _column_type(name), nullable=False) for name in names])


def _arrow_columns(events: Events) -> list[pa.Array]:
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
            arrays.append(pa.ListArray.from_arrays(pa.array(ends), pa.array(values), type=_column_type(name)))
        elif events[name].shape[0] == 1:
            arrays.append(pa.array(events[name][0]))
        else:
            flat = pa.array(np.ascontiguousarray(events[name].T).ravel())
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, type=_column_type(name)))
    return arrays


def write_events(
    path: str | Path,
    blocks: Iterable[Events],
    metadata: dict[str, Any] | None = None,
    layout: Layout = "compact",
) -> int:
    """Write crossings as they come, atomically, in row groups of 65536; returns how many.

    ``layout``: "compact" (lists of the objects that are there, zstd) or "dense" (read without decoding,
    several times larger). ``metadata`` must be JSON; it is kept under the schema key ``l1forge``. Every
    block must have the same columns as the first.

    Raises
    ------
    InputError
        If there are no blocks, the columns change, a value does not fit its hardware field, or the file
        cannot be written.
    """
    header = {**(metadata or {}), "format": FORMAT, "version": VERSION, "layout": layout}
    options: dict[str, Any] = dense.WRITER_OPTIONS if layout == "dense" else {"compression": "zstd"}
    count = 0
    with atomic_path(path) as temporary:
        writer: pq.ParquetWriter | None = None
        names: tuple[str, ...] = ()
        try:
            for block in rechunk(blocks, BLOCK_SIZE):
                check_ranges(block, path)
                if writer is None:
                    names = tuple(block)
                    schema = (dense.schema if layout == "dense" else _schema)(names).with_metadata(
                        {KEY: json.dumps(header).encode()}
                    )
                    writer = pq.ParquetWriter(temporary, schema, **options)
                if tuple(block) != names:
                    raise InputError("the columns changed from one block to the next", file=path)
                arrays = (dense.arrow_columns if layout == "dense" else _arrow_columns)(block)
                table = pa.Table.from_arrays(arrays, schema=schema)
                writer.write_table(table, row_group_size=BLOCK_SIZE)
                count += block.n
            if writer is None:
                raise InputError("there are no crossings to write", file=path)
        finally:
            if writer is not None:
                writer.close()
    return count


def open_parquet(path: str | Path) -> pq.ParquetFile:
    """The open file; InputError if it is not a whole parquet file."""
    try:
        return pq.ParquetFile(path, memory_map=True)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"not a readable parquet file: {_first_line(error)}",
            file=path,
            remedy="it may be truncated; write it again",
        ) from error


def available_columns(file: pq.ParquetFile) -> tuple[str, ...]:
    """The in-memory columns that the file holds whole, in file order."""
    present = file.schema_arrow.names
    known = dict.fromkeys(name.partition("[")[0] for name in present)
    return tuple(
        name
        for name in known
        if (name in COLUMNS or name in EXTRA_COLUMNS)
        and (name in present or set(dense.slot_names(name)) <= set(present))
    )


def metadata(path: str | Path) -> dict[str, Any]:
    """The file's own description (generator, seed, pile-up ...); empty for parquet of another origin."""
    raw = (open_parquet(path).schema_arrow.metadata or {}).get(KEY)
    if raw is None:
        return {}
    header: dict[str, Any] = json.loads(raw)
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise InputError(
            f"this program reads {FORMAT} version {VERSION}",
            file=path,
            value=f"{header.get('format')} version {header.get('version')}",
        )
    return header


def read_events(
    path: str | Path, columns: Iterable[str] | None = None, block: int = BLOCK_SIZE
) -> Iterator[Events]:
    """Stream the file in blocks of ``block`` crossings (the last may be shorter); only ``columns`` decoded.

    Raises
    ------
    InputError
        Broken file, missing column, wrong type, null, more objects than slots, or a value that does not fit
        its hardware field.
    """
    file = open_parquet(path)
    is_dense = metadata(path).get("layout") == "dense"
    available = available_columns(file)
    if not available:
        raise InputError(
            "none of the columns is a level-1 object field",
            file=path,
            value=", ".join(file.schema_arrow.names[:8]),
            remedy='expected names such as "mu.pt" or "etm.et", see docs/formats.md',
        )
    names = choose_columns(columns, available, path)
    if is_dense and (mapped := dense.mapped_blocks(path, file, names)) is not None:
        for events in rechunk(mapped, block):
            check_ranges(events, path)
            yield events
        return
    if not names:
        yield from rechunk(
            (Events({}, file.metadata.row_group(i).num_rows) for i in range(file.num_row_groups)), block
        )
        return
    try:
        wanted = [slot for name in names for slot in (dense.slot_names(name) if is_dense else [name])]
        for batch in file.iter_batches(block, columns=wanted):
            decoded = {name: _read_column(name, batch, is_dense, path) for name in names}
            events = Events(decoded, batch.num_rows)
            check_ranges(events, path)
            yield events
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"damaged parquet data: {_first_line(error)}", file=path, remedy="write the file again"
        ) from error


def _read_column(name: str, batch: pa.RecordBatch, is_dense: bool, path: str | Path) -> Array:
    if not is_dense:
        return _decode(name, batch.column(name), batch.num_rows, path)
    columns = [batch.column(slot) for slot in dense.slot_names(name)]
    width = layout_of(name)[1].itemsize
    for column in columns:
        if column.type != pa.binary(width) or column.null_count:
            raise InputError(
                "wrong type", file=path, field=name, value=str(column.type), remedy=f"expected {width} bytes"
            )
    return dense.from_arrow(name, columns, batch.num_rows)


def _decode(name: str, column: pa.Array, n: int, path: str | Path) -> Array:
    """One Arrow column as (slots, n); integers of any width are accepted if the values fit."""
    slots, dtype = layout_of(name)
    kind = column.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    scalar = kind.value_type if is_list else kind
    if not pa.types.is_integer(scalar) or is_list != (slots > 1):
        raise InputError(
            "wrong type", file=path, field=name, value=str(kind), remedy=f"expected {_column_type(name)}"
        )
    flat = column.flatten() if is_list else column
    if column.null_count or flat.null_count:
        raise InputError("holds nulls", file=path, field=name, remedy="write 0 for an absent object")
    try:
        values = flat.cast(pa.from_numpy_dtype(dtype)).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise InputError(_first_line(error), file=path, field=name, remedy=f"must fit {dtype}") from error
    if slots == 1:
        return values.reshape(1, n)  # type: ignore[no-any-return]
    if pa.types.is_fixed_size_list(kind):
        offsets = np.arange(n + 1, dtype=np.int32) * np.int32(kind.list_size)
    else:
        offsets = column.offsets.to_numpy().astype(np.int32, copy=False)
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


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
