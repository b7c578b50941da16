"""The packed layout: literal bytes, and one clear error for each way to be broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import read_events, write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three crossings: two muons, the first of them with a pt only; none; one in the second slot."""
    pt, eta = np.zeros((8, 3), np.int16), np.zeros((8, 3), np.int16)
    pt[:2, 0], eta[1, 0], pt[1, 2] = (300, 4), -5, 7
    etm = np.array([[9, 0, 8]], np.int16)
    write_events(
        tmp_path / "p.parquet", [Events({"mu.pt": pt, "etm.et": etm, "mu.eta": eta}, 3)], layout="packed"
    )
    return tmp_path / "p.parquet"


def test_literal_bytes(path: Path) -> None:
    table = pq.read_table(path)
    assert table.schema.names == ["mu", "etm.et"]
    assert json.loads(table.schema.metadata[b"l1forge"])["packed"] == {"mu": ["mu.pt", "mu.eta"]}
    assert table["mu"].to_pylist() == [
        bytes([0x2C, 1, 0, 0, 4, 0, 0xFB, 0xFF]),
        b"",
        bytes([0, 0, 0, 0, 7, 0, 0, 0]),
    ]
    assert open_events(path).columns == ("mu.pt", "mu.eta", "etm.et")
    (events,) = read_events(path, ["mu.eta", "etm.et"])
    assert list(events) == ["mu.eta", "etm.et"]
    assert events["mu.eta"][:3].tolist() == [[0, 0, 0], [-5, 0, 0], [0, 0, 0]]


def test_rows_from_the_middle(path: Path) -> None:
    (events,) = read_events(path, first=1, last=3)
    assert events["mu.pt"][:2].tolist() == [[0, 0], [0, 7]]
    assert [block["mu.pt"][1, 0] for block in read_events(path, block=1)] == [4, 0, 7]


def rewritten(path: Path, change: dict[str, Any], column: pa.Array | None = None) -> Path:
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[b"l1forge"]) | change
    if column is not None:
        table = table.set_column(0, "mu", column)
    pq.write_table(table.replace_schema_metadata({"l1forge": json.dumps(header)}), path)
    return path


@pytest.mark.parametrize(
    "value",
    [
        {"mu": ["mu.pt", "mu.pt"]},
        {"mu": ["mu.pt", "eg.et"]},
        {"mu": ["mu.speed"]},
        {"mu": []},
        {"mu": "mu.pt"},
        {"mu": [3]},
        {"etm": ["etm.et"]},
        {"photon": ["photon.et"]},
        {"eg": ["eg.et"]},
        ["mu"],
    ],
)
def test_a_description_that_does_not_fit(path: Path, value: Any) -> None:
    rewritten(path, {"packed": value})
    with pytest.raises(InputError, match="packed"):
        list(read_events(path))
    with pytest.raises(InputError, match="packed"):
        open_events(path)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([b"abc", b"", b""], pa.binary()), "parts of integers"),
        (pa.array([b"ab", b"", b""], pa.binary()), "a part of one"),
        (pa.array([b"", bytes(4 * 9), b""], pa.binary()), "the 8 hardware slots.*36 bytes"),
        (pa.array([b"", None, b""], pa.binary()), "holds nulls"),
        (pa.array([1, 2, 3]), "wrong type"),
        (pa.array(["a", "b", "c"]), "wrong type"),
        (pa.array([b"\xff\x7f\0\0", b"", b""], pa.binary()), "mu.pt"),  # beyond 9 bits
    ],
)
def test_damaged_objects(path: Path, column: pa.Array, message: str) -> None:
    rewritten(path, {}, column)
    with pytest.raises(InputError, match=message):
        list(read_events(path))


def test_without_the_description_nothing_is_found(path: Path) -> None:
    rewritten(path, {"packed": {}})
    assert open_events(path).columns == ("etm.et",)
