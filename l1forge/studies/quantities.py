"""Quantities that turn-on curves are drawn against: columns of the event file, one number for each event."""

from __future__ import annotations

import re
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.objects import COLUMNS

_SLOT = re.compile(r"([\w.]+)\[(\d+)\]")


def quantity(source: EventSource, name: str) -> NDArray[np.float64]:
    """A quantity of every event, (n,); NaN where the event has none.

    ``gen.mu.pt`` or any other column of numbers in a parquet file; of a column of lists ``offline_pt`` the
    first element, or ``offline_pt[1]`` another. Of level-1 columns (``jet.et[0]``, ``htt.et``) the value in
    GeV or radians, none where there is no object.

    Raises
    ------
    InputError
        If the file has no such column, or it holds no numbers.
    """
    match = _SLOT.fullmatch(name)
    column, slot = (match[1], int(match[2])) if match else (name, 0)
    if column in COLUMNS:
        return _level1(source, column, slot)
    if source.format != "parquet":
        raise InputError(
            "only parquet files have columns other than those of level-1 objects",
            file=source.path,
            field=name,
            remedy="name a column such as jet.et[0], or convert the file and add the column",
        )
    file = pq.ParquetFile(source.path)
    names = file.schema_arrow.names
    if column not in names:
        near = get_close_matches(column, names, 1)
        listed = f"did you mean {near[0]}?" if near else f"it has {', '.join(names[-8:])} and others"
        raise InputError("the file has no such column", file=source.path, field=column, remedy=listed)
    values = file.read([column]).column(0).combine_chunks()[source.first :]
    return _numbers(values, slot, source, column)


def _numbers(values: pa.Array, slot: int, source: EventSource, name: str) -> NDArray[np.float64]:
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        rows = values.to_pylist()
        picked = [row[slot] if row is not None and len(row) > slot else None for row in rows]
        values = pa.array(picked, kind.value_type)
    elif slot:
        raise InputError("holds one number for each event", file=source.path, field=f"{name}[{slot}]")
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        remedy = "a column of numbers is needed"
        raise InputError(
            "holds no numbers", file=source.path, field=name, value=str(values.type), remedy=remedy
        )
    found = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    result: NDArray[np.float64] = np.where(np.isfinite(found), found, np.nan)
    return result


def _level1(source: EventSource, column: str, slot: int) -> NDArray[np.float64]:
    slots, field = COLUMNS[column]
    if column not in source.columns or slot >= slots:
        raise InputError("the file has no such column", file=source.path, field=f"{column}[{slot}]")
    collection = column.partition(".")[0]
    size = next(c for c in (f"{collection}.pt", f"{collection}.et") if c in COLUMNS)
    wanted = list(dict.fromkeys([column, *source.has([size])]))
    parts = []
    for events in source.blocks(wanted):
        # muon code p stands for pT from (p - 1) / 2 GeV
        offset = 1 if column == "mu.pt" else 0
        values = (events[column][slot].astype(np.float64) - offset) * field.lsb
        there = events[size][slot] > 0 if size in events and slots > 1 else np.ones(events.n, bool)
        parts.append(np.where(there, values, np.nan))
    return np.concatenate(parts) if parts else np.zeros(0)
