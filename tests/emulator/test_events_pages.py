"""Compact files decoded page by page: the same integers as Arrow's, and no harm done by damaged bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emulator.errors import InputError
from emulator.events import compact
from emulator.events.objects import COLUMNS, Events
from emulator.events.pages import Arena, PageReader
from emulator.events.parquet import read_events, write_events

SAMPLE = Path(__file__).parents[2] / "simulation" / "sample"
NAMES = tuple(COLUMNS)


def random_events(n: int, seed: int = 1, names: tuple[str, ...] = NAMES) -> Events:
    """Few objects with gaps between them; one column constant, one of a single value per run."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name in names:
        slots, field = COLUMNS[name]
        values = rng.integers(field.minimum, field.maximum, (slots, n), endpoint=True)
        columns[name] = (values * (rng.random((slots, n)) < 0.3)).astype(np.int16)
    columns["eg.iso"][:] = 0
    columns["htt.et"][0] = np.arange(n) // 500
    return Events(columns, n)


def by_arrow(path: Path, group: int, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    table = pq.ParquetFile(path).read_row_group(group, columns=list(names)).combine_chunks()
    (batch,) = table.to_batches()
    return {name: compact.from_arrow(name, batch.column(name), batch.num_rows, path) for name in names}


def assert_as_arrow(path: Path, expected: set[str]) -> None:
    file = pq.ParquetFile(path)
    reader = PageReader(path, file.metadata, file.schema_arrow.names)
    for group in range(file.num_row_groups):
        ours = reader.read(group)
        assert set(ours) == expected
        theirs = by_arrow(path, group, tuple(ours))
        for name, values in ours.items():
            assert values.dtype == np.int16
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*.parquet")), ids=lambda path: path.stem)
def test_committed_samples_as_arrow_reads_them(path: Path) -> None:
    assert_as_arrow(path, set(pq.ParquetFile(path).schema_arrow.names))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "none"},
        {"compression": "gzip"},
        {"use_dictionary": False},
        {"data_page_size": 2000},
        {"dictionary_pagesize_limit": 300},  # plain pages follow the dictionary's
        {"dictionary_pagesize_limit": 300, "data_page_size": 2000, "compression": "none"},
        {"write_statistics": True, "write_page_checksum": True, "write_page_index": True},
    ],
    ids=str,
)
def test_every_way_to_write_the_layout(tmp_path: Path, options: dict[str, Any]) -> None:
    events = random_events(5000)
    schema = compact.schema(NAMES)
    table = pa.Table.from_arrays(compact.arrow_columns(events), schema=schema)
    path = tmp_path / "e.parquet"
    pq.write_table(table, path, row_group_size=3000, **options)
    assert_as_arrow(path, set(NAMES))
    read = Events.concatenate(list(read_events(path)))
    for name in NAMES:
        np.testing.assert_array_equal(read[name], events[name], err_msg=name)


@pytest.mark.parametrize(
    "options",
    [
        {"data_page_version": "2.0"},
        {"compression": "brotli"},
        {"use_dictionary": False, "column_encoding": "DELTA_BINARY_PACKED"},
        {"data_page_size": 50, "max_rows_per_page": 10},
    ],
    ids=str,
)
def test_what_is_not_known_is_left_to_arrow(tmp_path: Path, options: dict[str, Any]) -> None:
    events = random_events(3000)
    table = pa.Table.from_arrays(compact.arrow_columns(events), schema=compact.schema(NAMES))
    path = tmp_path / "e.parquet"
    pq.write_table(table, path, **options)
    assert_as_arrow(path, set())
    read = Events.concatenate(list(read_events(path)))
    for name in NAMES:
        np.testing.assert_array_equal(read[name], events[name], err_msg=name)


def test_nullable_and_wide_columns_are_left_to_arrow(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    lists = pa.array([[1, 2], [], [3]], pa.list_(pa.int16()))
    pq.write_table(pa.table({"mu.pt": lists, "ett.et": pa.array([1, 2, 3], pa.int64())}), path)
    assert_as_arrow(path, set())
    (events,) = read_events(path)
    assert events["mu.pt"][:2].tolist() == [[1, 0, 3], [2, 0, 0]]
    assert events["ett.et"].tolist() == [[1, 2, 3]]


def test_fields_of_a_collection_may_have_different_lists(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    arrays = []
    names = ("jet.et", "jet.eta", "jet.phi")
    for _ in names:
        ends = np.concatenate([[0], np.cumsum(rng.integers(0, 13, 4000))]).astype(np.int32)
        values = rng.integers(0, 100, ends[-1]).astype(np.int16)
        arrays.append(
            pa.ListArray.from_arrays(pa.array(ends), pa.array(values)).cast(compact.column_type("jet.et"))
        )
    path = tmp_path / "e.parquet"
    pq.write_table(pa.Table.from_arrays(arrays, schema=compact.schema(names)), path)
    assert_as_arrow(path, set(names))


@pytest.mark.parametrize("value", [512, -1])
@pytest.mark.parametrize("dictionary", [True, False])
def test_values_out_of_range_are_refused(tmp_path: Path, value: int, dictionary: bool) -> None:
    kind = compact.column_type("mu.pt")
    table = pa.Table.from_arrays([pa.array([[1], [value]], kind)], schema=compact.schema(("mu.pt",)))
    pq.write_table(table, tmp_path / "e.parquet", use_dictionary=dictionary)
    with pytest.raises(InputError, match=rf"mu\.pt.*0 \.\. 511.*{value}"):
        list(read_events(tmp_path / "e.parquet"))


def test_too_many_objects_are_refused(tmp_path: Path) -> None:
    lists = pa.array([[1] * 8, [1] * 9], compact.column_type("mu.pt"))
    table = pa.Table.from_arrays([lists], schema=compact.schema(("mu.pt",)))
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(InputError, match="8 hardware slots"):
        list(read_events(tmp_path / "e.parquet"))


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_damaged_bytes_do_no_harm(tmp_path: Path, compression: str) -> None:
    """Whatever the bytes, a column is given up or holds values of its field."""
    names = ("mu.pt", "jet.eta", "etm.phi", "eg.iso", "htt.et")
    events = random_events(600, names=names)
    path = tmp_path / "e.parquet"
    table = pa.Table.from_arrays(compact.arrow_columns(events), schema=compact.schema(names))
    pq.write_table(table, path, compression=compression, data_page_size=1000)
    whole = np.fromfile(path, np.uint8)
    metadata = pq.ParquetFile(path).metadata
    rng = np.random.default_rng(5)
    given_up = 0
    for _ in range(1500):
        damaged = whole.copy()
        at = rng.integers(4, damaged.size // 2, rng.integers(1, 4))
        damaged[at] = rng.integers(0, 256, at.size)
        path.write_bytes(damaged.tobytes())
        columns = PageReader(path, metadata, names).read(0)
        given_up += len(columns) < len(names)
        for name, values in columns.items():
            field = COLUMNS[name][1]
            assert field.minimum <= values.min() <= values.max() <= field.maximum
    assert given_up > 100


def test_blocks_that_are_kept_stay_as_they_are(tmp_path: Path) -> None:
    events = random_events(20_000, names=("mu.pt", "mu.eta", "eg.iso", "htt.et"))
    path = tmp_path / "e.parquet"
    table = pa.Table.from_arrays(compact.arrow_columns(events), schema=compact.schema(tuple(events)))
    pq.write_table(table, path, row_group_size=1000)
    reader = PageReader(path, pq.ParquetFile(path).metadata, tuple(events))
    kept = {}
    for group in range(20):
        columns = reader.read(group)
        if group % 3 == 0:
            kept[group] = columns["mu.eta"][:, 10:]
    for group, eta in kept.items():
        np.testing.assert_array_equal(eta, events["mu.eta"][:, 1000 * group + 10 : 1000 * (group + 1)])


def test_arena_uses_only_arrays_again_that_nobody_holds() -> None:
    arena = Arena(3)
    first = arena.take(5)
    row = first[1]
    second = arena.take(5)
    assert not np.shares_memory(first, second)
    place = second.ctypes.data
    del second
    assert arena.take(4).shape == (3, 4)
    assert arena.take(5).ctypes.data == place
    del first
    assert not np.shares_memory(arena.take(5), row)


def test_written_files_are_read_this_way(tmp_path: Path) -> None:
    write_events(tmp_path / "e.parquet", [random_events(70_000, names=("mu.pt", "eg.iso", "htt.et"))])
    assert_as_arrow(tmp_path / "e.parquet", {"mu.pt", "eg.iso", "htt.et"})
