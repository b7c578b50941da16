"""Parquet event files: exact round trips, streaming, and one clear error for each way to be broken."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import rechunk
from l1forge.emulator.events.formats.dense import mapped_groups
from l1forge.emulator.events.formats.parquet import Layout, metadata, open_parquet, read_events, write_events
from l1forge.emulator.events.objects import COLUMNS, EXTRA_COLUMNS, Events
from l1forge.emulator.events.source import open_events


def random_events(n: int, seed: int = 1, extra: bool = True) -> Events:
    """Full-range values, with absent objects both between and after the others."""
    rng = np.random.default_rng(seed)
    present: dict[str, np.ndarray] = {}
    columns = {}
    for name, (slots, field) in COLUMNS.items():
        mask = present.setdefault(name.partition(".")[0], rng.random((slots, n)) < 0.4)
        values = rng.integers(field.minimum, field.maximum, (slots, n), endpoint=True)
        columns[name] = (values * mask).astype(np.int16)
    if extra:
        for name, (slots, dtype) in EXTRA_COLUMNS.items():
            high = {"bx": 3563, "finor": 1}.get(name, np.iinfo(dtype).max)
            columns[name] = rng.integers(0, high, (slots, n), dtype=dtype, endpoint=True)
    return Events(columns, n)


def assert_same(left: Events, right: Events) -> None:
    assert sorted(left) == sorted(right)
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
        assert left[name].dtype == right[name].dtype


def split(events: Events, *sizes: int) -> list[Events]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [events.select(slice(a, b)) for a, b in pairwise(ends)]


@pytest.mark.parametrize("layout", ["compact", "packed", "dense"])
@pytest.mark.parametrize("block", [1000, 65536, 100_000])
def test_round_trip_across_row_groups(tmp_path: Path, block: int, layout: Layout) -> None:
    events = random_events(70_000)
    path = tmp_path / "events.parquet"
    assert write_events(path, split(events, 1, 30_000, 39_999), {"seed": 7}, layout) == 70_000
    assert pq.ParquetFile(path).metadata.row_group(0).num_rows == (70_000 if layout == "dense" else 65536)
    blocks = list(read_events(path, block=block))
    assert [b.n for b in blocks[:-1]] == [block] * (70_000 // block - (70_000 % block == 0))
    assert_same(Events.concatenate(blocks), events)
    assert_same(Events.concatenate(list(read_events(path))), events)
    assert metadata(path)["seed"] == 7


def test_dense_file_is_mapped_and_still_readable_when_re_encoded(tmp_path: Path) -> None:
    events = random_events(70_000, extra=False)
    path = tmp_path / "e.parquet"
    write_events(path, [events], layout="dense")
    assert mapped_groups(path, open_parquet(path), tuple(events)) is not None
    table = pq.read_table(path)
    pq.write_table(table, path, compression="zstd")
    assert mapped_groups(path, open_parquet(path), tuple(events)) is None
    assert_same(Events.concatenate(list(read_events(path))), events)
    pq.write_table(table, path, compression="none", use_dictionary=False, data_page_size=1000)
    assert mapped_groups(path, open_parquet(path), tuple(events)) is None
    assert_same(Events.concatenate(list(read_events(path, block=777))), events)


@pytest.mark.parametrize("layout", ["compact", "packed", "dense"])
def test_only_wanted_columns(tmp_path: Path, layout: Layout) -> None:
    events = random_events(100)
    write_events(tmp_path / "e.parquet", [events], layout=layout)
    (block,) = read_events(tmp_path / "e.parquet", ["etm.et", "mu.pt"])
    assert sorted(block) == ["etm.et", "mu.pt"]
    np.testing.assert_array_equal(block["mu.pt"], events["mu.pt"])
    (block,) = read_events(tmp_path / "e.parquet", [])
    assert block.n == 100
    with pytest.raises(InputError, match=r"mu\.speed"):
        list(read_events(tmp_path / "e.parquet", ["mu.speed"]))


def test_trailing_empty_slots_are_not_stored(tmp_path: Path) -> None:
    pt = np.zeros((8, 2), np.int16)
    eta = np.zeros((8, 2), np.int16)
    pt[0, 1], eta[2, 1] = 5, -3
    write_events(tmp_path / "e.parquet", [Events({"mu.pt": pt, "mu.eta": eta}, 2)])
    table = pq.read_table(tmp_path / "e.parquet")
    assert table["mu.pt"].to_pylist() == [[], [5, 0, 0]]
    assert table["mu.eta"].to_pylist() == [[], [0, 0, -3]]


def test_rechunk_keeps_order() -> None:
    events = random_events(1000, extra=False)
    blocks = list(rechunk(split(events, 0, 1, 499, 500), 300))
    assert [b.n for b in blocks] == [300, 300, 300, 100]
    assert_same(Events.concatenate(blocks), events)


def test_value_that_does_not_fit_is_refused_and_nothing_written(tmp_path: Path) -> None:
    bad = Events({"eg.et": np.full((12, 3), 512, np.int16)}, 3)
    with pytest.raises(InputError, match=r"eg\.et.*0 \.\. 511.*512"):
        write_events(tmp_path / "e.parquet", [bad])
    assert list(tmp_path.iterdir()) == []


def test_no_blocks_or_changing_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no crossings"):
        write_events(tmp_path / "e.parquet", [])
    one = Events({"ett.et": np.zeros((1, 65536), np.int16)}, 65536)
    other = Events({"htt.et": np.zeros((1, 5), np.int16)}, 5)
    with pytest.raises(InputError, match="columns changed"):
        write_events(tmp_path / "e.parquet", [one, other])
    assert list(tmp_path.iterdir()) == []


def broken(tmp_path: Path, table: pa.Table) -> Path:
    pq.write_table(table, tmp_path / "b.parquet")
    return tmp_path / "b.parquet"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"x": [1]}, "none of the columns"),
        ({"mu.pt": [1.5]}, "wrong type"),
        ({"mu.pt": [1]}, "wrong type"),
        ({"ett.et": [[1]]}, "wrong type"),
        ({"ett.et": [None, 1]}, "nulls"),
        ({"mu.pt": [[1, None]]}, "nulls"),
        ({"mu.pt": [[1] * 9]}, "8 hardware slots"),
        ({"mu.pt": [[512]]}, "outside 0"),
        ({"ett.et": [70000]}, "must fit int16"),
    ],
)
def test_unusable_content(tmp_path: Path, table: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_events(broken(tmp_path, pa.table(table))))


def test_truncated_and_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    write_events(path, [random_events(5000)])
    whole = path.read_bytes()
    for size in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="not a readable parquet"):
            list(read_events(path))
    path.write_bytes(whole[:500] + bytes(2000) + whole[2500:])
    with pytest.raises(InputError, match=r"e\.parquet"):
        list(read_events(path))


def test_other_version_is_refused(tmp_path: Path) -> None:
    header = {b"l1forge": json.dumps({"format": "l1forge-events", "version": 99}).encode()}
    path = broken(tmp_path, pa.table({"ett.et": [1]}).replace_schema_metadata(header))
    with pytest.raises(InputError, match="version 1"):
        list(read_events(path))


@pytest.mark.parametrize("header", ["not json", "[1]"])
def test_damaged_description_is_refused(tmp_path: Path, header: str) -> None:
    table = pa.table({"ett.et": [1]}).replace_schema_metadata({"l1forge": header})
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(InputError, match="schema metadata l1forge is not"):
        list(read_events(tmp_path / "e.parquet"))


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int64()])
def test_integer_column_for_each_slot(tmp_path: Path, kind: pa.DataType) -> None:
    """Files of other programs may hold one column of integers a slot."""
    events = Events({"jet.et": np.arange(36, dtype=np.int16).reshape(12, 3)}, 3)
    columns = {f"jet.et[{slot}]": pa.array(row, kind) for slot, row in enumerate(events["jet.et"])}
    pq.write_table(pa.table(columns), tmp_path / "e.parquet")
    assert_same(Events.concatenate(list(read_events(tmp_path / "e.parquet"))), events)
    pq.write_table(pa.table({**columns, "jet.et[3]": ["a", "b", "c"]}), tmp_path / "e.parquet")
    with pytest.raises(InputError, match=r"jet\.et: wrong type .*string"):
        list(read_events(tmp_path / "e.parquet"))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["jet.et[0]", "jet.et[1]"], "jet.et: only 2 of 12 slots are there; add jet.et[2] …"),
        ([f"mu.pt[{i}]" for i in range(8) if i != 5], "mu.pt: only 7 of 8 slots are there; add mu.pt[5] (0"),
        (
            [f"mu.pt[{i}]" for i in range(9)],
            "mu.pt[8]: beyond the hardware slots; mu.pt has mu.pt[0] … mu.pt[7]",
        ),
        (["etm.et[0]"], "etm.et[0]: beyond the hardware slots; call it etm.et"),
    ],
)
@pytest.mark.parametrize("others", [[], ["htt.et"]])
def test_collections_written_slot_by_slot_are_whole(
    tmp_path: Path, names: list[str], said: str, others: list[str]
) -> None:
    pq.write_table(pa.table({name: [1, 2] for name in [*names, *others]}), tmp_path / "e.parquet")
    with pytest.raises(InputError) as refused:
        open_events(tmp_path / "e.parquet")
    assert said in str(refused.value)
