"""The project's event files: parquet, streamed in row groups (layout: docs/formats.md)."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import (
    BLOCK_SIZE,
    check_ranges,
    choose_columns,
    first_crossings,
    rechunk,
    skip_crossings,
)
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.formats import compact, dense, packed
from l1forge.emulator.events.formats.format import Asked, Format, Layout, WriteOptions
from l1forge.emulator.events.objects import (
    COLUMNS,
    EXTRA_COLUMNS,
    GENERATED_COLUMNS,
    SAMPLE_COLUMNS,
    WEIGHT,
    Events,
    layout_of,
)
from l1forge.emulator.json_text import parse_json

Array = NDArray[np.generic]
KEY = b"l1forge"
LARGE_GROUP = dense.ROW_GROUP
"""Rows; larger row groups of foreign files are read in pieces, so that memory stays bounded."""
MOST_WORKERS = 4
FORMAT, VERSION = "l1forge-events", 1
_WRITTEN: dict[str, Any] = {"compact": compact, "packed": packed, "dense": dense}
"""Modules of the layouts: each has ``schema`` and ``arrow_columns``."""


def write_events(
    path: str | Path,
    blocks: Iterable[Events],
    metadata: dict[str, Any] | None = None,
    layout: Layout = "compact",
    compression_level: int | None = None,
) -> int:
    """Write crossings as they come, atomically, in row groups of 65536 (dense: 262208); returns how many.

    ``layout``: "compact" (lists of the objects that are there, zstd), "packed" (their bytes, zstd: read twice
    as fast) or "dense" (read without decoding, several times larger). ``compression_level``: of zstd, None:
    its default. ``metadata`` must be JSON; it is kept under the schema key ``l1forge``. Every block must have
    the same columns as the first. Blocks of no crossings give a file of no crossings.

    Raises
    ------
    InputError
        If there are no blocks, the columns change, a value does not fit its hardware field, or the file
        cannot be written.
    """
    header = {**(metadata or {}), "format": FORMAT, "version": VERSION, "layout": layout}
    rows = dense.ROW_GROUP if layout == "dense" else BLOCK_SIZE
    options: dict[str, Any] = dense.WRITER_OPTIONS if layout == "dense" else {"compression": "zstd"}
    write = _WRITTEN[layout]
    if layout != "dense" and compression_level is not None:
        options = {**options, "compression_level": compression_level}
    count = 0
    with atomic_path(path) as temporary:
        writer: pq.ParquetWriter | None = None
        seen: list[tuple[str, ...]] = []

        def open_writer(names: tuple[str, ...]) -> pq.ParquetWriter:
            schema, more = write.schema(names), {}
            if layout == "packed":
                header["packed"] = packed.packing(names)
                more["use_dictionary"] = [field for field in schema.names if field not in header["packed"]]
            described = schema.with_metadata({KEY: json.dumps(header).encode()})
            return pq.ParquetWriter(temporary, described, **options, **more)

        try:
            for block in rechunk(_noting(blocks, seen), rows):
                check_ranges(block, path)
                names = seen[0]
                writer = writer or open_writer(names)
                if tuple(block) != names:
                    raise InputError("the columns changed from one block to the next", file=path)
                table = pa.Table.from_arrays(write.arrow_columns(block), schema=writer.schema)
                writer.write_table(table, row_group_size=rows)
                count += block.n
            if writer is None and not seen:
                raise InputError("there are no crossings to write", file=path)
            writer = writer or open_writer(seen[0])  # an empty file that knows its columns
        finally:
            if writer is not None:
                writer.close()
    return count


def _noting(blocks: Iterable[Events], seen: list[tuple[str, ...]]) -> Iterator[Events]:
    """``blocks``, with the columns of the first one noted in ``seen`` though it may hold no crossing."""
    for block in blocks:
        if not seen:
            seen.append(tuple(block))
        yield block


def open_parquet(path: str | Path) -> pq.ParquetFile:
    """The open file; InputError if it is not a whole parquet file."""
    try:
        file = pq.ParquetFile(path, memory_map=True)
    except MemoryError:  # also Arrow's own: says nothing about the file
        raise
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        _refuse_blame(error)
        raise InputError(
            f"not a readable parquet file: {_first_line(error)}",
            file=path,
            remedy="it may be truncated; write it again",
        ) from error
    twice = [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]
    if twice:
        raise InputError("two columns of this name", file=path, field=twice[0], remedy="rename one")
    return file


def _refuse_blame(error: Exception) -> None:
    """A MemoryError where the system had no room for memory or a thread: the file is not at fault."""
    for sign in ("worker thread", "Resource temporarily unavailable", "Cannot allocate memory"):
        if sign in str(error):
            raise MemoryError(_first_line(error)) from error


def available_columns(file: pq.ParquetFile, packing: packed.Packing | None = None) -> tuple[str, ...]:
    """The in-memory columns that the file holds whole, in file order; ``packing``: see ``packed``."""
    present = file.schema_arrow.names
    inside = packing or {}
    known = dict.fromkeys(
        column for name in present for column in inside.get(name, (name.partition("[")[0],))
    )
    return tuple(
        name
        for name in known
        if (name in COLUMNS or name in EXTRA_COLUMNS)
        and (
            name in present
            or name in inside.get(name.partition(".")[0], ())
            or set(dense.slot_names(name)) <= set(present)
        )
    )


def sample_columns(file: pq.ParquetFile) -> tuple[str, ...]:
    """Columns that say how the events came into the sample; stratum and collision only beside weights."""
    present = set(file.schema_arrow.names)
    names = SAMPLE_COLUMNS if WEIGHT in present else GENERATED_COLUMNS
    return tuple(n for n in names if n in present or set(dense.slot_names(n)) <= present)


def metadata(path: str | Path, file: pq.ParquetFile | None = None) -> dict[str, Any]:
    """The file's own description (generator, seed, pile-up ...); empty for parquet of another origin.

    ``file``: the same, where it is open already.
    """
    raw = ((file or open_parquet(path)).schema_arrow.metadata or {}).get(KEY)
    if raw is None:
        return {}
    try:
        header: dict[str, Any] = parse_json(raw.decode())
    except ValueError as error:
        raise InputError("schema metadata l1forge is not JSON", file=path) from error
    if not isinstance(header, dict):
        raise InputError("schema metadata l1forge is not a JSON object", file=path)
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise InputError(
            f"this program reads {FORMAT} version {VERSION}",
            file=path,
            value=f"{header.get('format')} version {header.get('version')}",
        )
    return header


def block_size(path: str | Path, file: pq.ParquetFile) -> int:
    """65536, or for the dense layout its row groups, which are used where they lie in the file."""
    if metadata(path, file).get("layout") != "dense" or not file.num_row_groups:
        return BLOCK_SIZE
    return min(file.metadata.row_group(0).num_rows or BLOCK_SIZE, dense.ROW_GROUP)


def read_events(
    path: str | Path,
    columns: Iterable[str] | None = None,
    block: int | None = None,
    file: pq.ParquetFile | None = None,
    first: int = 0,
    last: int | None = None,
) -> Iterator[Events]:
    """Stream the file in blocks of ``block`` crossings (the last may be shorter); only ``columns`` decoded.

    ``block`` None: ``block_size``.
    ``file``: the same, where it is open already.
    ``first``, ``last``: rows to read, the last excluded; row groups without any of them are not touched.

    Raises
    ------
    InputError
        Broken file, missing column, wrong type, null, more objects than slots, or a value that does not fit
        its hardware field.
    """
    file = file or open_parquet(path)
    block = block or block_size(path, file)
    header = metadata(path, file)
    is_dense = header.get("layout") == "dense"
    dense.check_slots(path, file.schema_arrow.names)
    packing = packed.known_packing(header, file.schema_arrow.names, path)
    available = available_columns(file, packing)
    if not available:
        raise InputError(
            "none of the columns is a level-1 object field",
            file=path,
            value=", ".join(file.schema_arrow.names[:8]),
            remedy='expected names such as "mu.pt" or "etm.et", see docs/formats.md',
        )
    names = available
    if columns is not None:
        names = choose_columns(columns, (*available, *sample_columns(file)), path)
    groups, before = _groups_of(file, first, last)

    def cut(parts: Iterable[Events]) -> Iterator[Events]:
        wanted = skip_crossings(parts, first - before) if first > before else parts
        return rechunk(first_crossings(wanted, None if last is None else max(last - first, 0)), block)

    if is_dense and (mapped := dense.mapped_groups(path, file, names)) is not None:
        yield from cut(mapped[i] for i in groups)
        return
    if not names:
        yield from cut(Events({}, file.metadata.row_group(i).num_rows) for i in groups)
        return
    try:
        for events in cut(_decoded(path, file, names, is_dense, packing, block, groups)):
            check_ranges(events, path)
            yield events
    except MemoryError:
        raise
    except (OSError, pa.ArrowException) as error:
        _refuse_blame(error)
        raise InputError(
            f"damaged parquet data: {_first_line(error)}", file=path, remedy="write the file again"
        ) from error


def _groups_of(file: pq.ParquetFile, first: int, last: int | None) -> tuple[range, int]:
    """The row groups that hold rows ``first`` .. ``last - 1``, and the number of rows before them."""
    ends = np.cumsum([0, *(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))])
    begin = min(max(int(np.searchsorted(ends, first, side="right")) - 1, 0), file.num_row_groups)
    stop = file.num_row_groups if last is None else int(np.searchsorted(ends[:-1], last, side="left"))
    return range(begin, max(stop, begin)), int(ends[begin])


def _decoded(
    path: str | Path,
    file: pq.ParquetFile,
    names: tuple[str, ...],
    is_dense: bool,
    packing: packed.Packing,
    block: int,
    groups: range,
) -> Iterator[Events]:
    """Row groups in order, the next ones being decoded in other threads; large row groups in pieces."""
    inside = {name: collection for collection, of in packing.items() for name in of}
    bytes_of: dict[str, list[str]] = {}
    for name in names:
        if name in inside:
            bytes_of.setdefault(inside[name], []).append(name)
    listed = () if is_dense else tuple(name for name in names if name in file.schema_arrow.names)
    wanted = [
        slot
        for name in names
        if name not in inside
        for slot in ([name] if name in listed else dense.slot_names(name))
    ]
    wanted += bytes_of

    def decode(batch: pa.RecordBatch) -> Events:
        reader = compact.BatchReader(listed, batch.num_rows, path)
        found: dict[str, Array] = {}
        for collection, of in bytes_of.items():
            found |= packed.unpacked(batch.column(collection), packing[collection], of, path)
        for name in names:
            if name not in inside:
                whole = name in listed
                found[name] = reader.column(name, batch.column(name)) if whole else _slots(name, batch, path)
        return Events.of_rows({name: found[name] for name in names}, batch.num_rows)

    def load(group: int) -> Events:
        part = pq.ParquetFile(path, memory_map=True, metadata=file.metadata)
        table = part.read_row_group(group, columns=wanted, use_threads=False)
        parts = [decode(batch) for batch in table.combine_chunks().to_batches()]
        return parts[0] if len(parts) == 1 else Events.concatenate(parts)

    sizes = [file.metadata.row_group(i).num_rows for i in groups]
    if not groups:
        return
    if max(sizes, default=0) > LARGE_GROUP or sum(sizes) < 2 * BLOCK_SIZE:
        for batch in file.iter_batches(min(block, LARGE_GROUP), row_groups=list(groups), columns=wanted):
            yield decode(batch)
        return
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Events]] = deque()
        try:
            for group in groups:
                waiting.append(pool.submit(load, group))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _slots(name: str, batch: pa.RecordBatch, path: str | Path) -> Array:
    """A column that the file holds slot by slot: as bytes (dense), or as integers of other programs."""
    columns = [batch.column(slot) for slot in dense.slot_names(name)]
    dtype = layout_of(name)[1]
    if all(column.type == pa.binary(dtype.itemsize) and not column.null_count for column in columns):
        return dense.from_arrow(name, columns, batch.num_rows)
    for column in columns:
        if not pa.types.is_integer(column.type):
            remedy = f"expected {dtype.itemsize} bytes, or an integer, in every slot"
            raise InputError("wrong type", file=path, field=name, value=str(column.type), remedy=remedy)
    return np.stack([compact.exact(column, dtype, name, path) for column in columns])


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _open(path: Path, head: bytes, asked: Asked) -> EventSource:
    file: pq.ParquetFile = open_parquet(path)
    header = metadata(path, file)
    dense.check_slots(path, file.schema_arrow.names)
    described = ", ".join(
        f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in header.items()
        if isinstance(value, str | int | float) and key not in ("format", "version", "n")
    )
    return EventSource(
        path,
        "parquet",
        described or "parquet of another origin",
        available_columns(file, packed.known_packing(header, file.schema_arrow.names, path)),
        file.metadata.num_rows,
        lambda columns, block: read_events(path, columns, block, file),
        {key: value for key, value in header.items() if key not in ("format", "version", "layout", "packed")},
        block_size=block_size(path, file),
        read_rows=lambda columns, block, first, last: read_events(path, columns, block, file, first, last),
        optional=sample_columns(file),
    )


def _write(path: str | Path, blocks: Iterable[Events], options: WriteOptions) -> int:
    return write_events(path, blocks, options.metadata, options.layout)


_MAGIC = b"PAR1"
FORMATS = (
    Format(
        name="parquet",
        described="parquet",
        recognise=lambda head: head.startswith(_MAGIC),
        open=_open,
        order=10,
        magic={_MAGIC: "parquet"},
        write=_write,
        ending=".parquet",
    ),
)
