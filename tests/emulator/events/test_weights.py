"""Weights of events: written, read if asked for, refused where nobody counts by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import read_events, write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events


def events(weights: list[float]) -> Events:
    n = len(weights)
    columns = {
        "htt.et": np.arange(n, dtype=np.int16)[None],
        "weight": np.array(weights)[None],
        "stratum": np.full((1, n), 3, np.uint8),
        "collision": np.arange(2 * n, dtype=np.uint32).reshape(2, n),
    }
    return Events(columns, n)


@pytest.mark.parametrize("layout", ["compact", "packed", "dense"])
def test_weights_come_back_if_asked_for(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "w.parquet"
    given = events([0.25, 0, 7e5])
    write_events(path, [given], layout=layout)
    source = open_events(path, weighted=True)
    assert source.columns == ("htt.et",)
    assert source.optional == ("weight", "stratum", "collision")
    assert list(next(source.blocks())) == ["htt.et"]
    read = next(source.blocks([*source.columns, *source.optional]))
    for name in given:
        np.testing.assert_array_equal(read[name], given[name])


def test_who_does_not_use_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.parquet"
    write_events(path, [events([1.0, 2.0])])
    with pytest.raises(InputError, match="must not be counted as plain"):
        open_events(path)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_weights_are_refused(tmp_path: Path, bad: float) -> None:
    path = tmp_path / "w.parquet"
    with pytest.raises(InputError, match="not a weight"):
        write_events(path, [events([1.0, bad])])
    assert not path.exists()
    pq.write_table(pa.table({"htt.et": pa.array([1], pa.int16()), "weight": [bad]}), path)
    with pytest.raises(InputError, match="not a weight"):
        list(read_events(path, ["weight"]))


@pytest.mark.parametrize(
    ("column", "message"), [(["a"], "wrong type"), ([None], "holds nulls"), ([[1.0]], "wrong type")]
)
def test_foreign_weights_of_the_wrong_kind(tmp_path: Path, column: list[object], message: str) -> None:
    path = tmp_path / "w.parquet"
    table = pa.table({"htt.et": pa.array([1], pa.int16()), "weight": pa.array(column)})
    pq.write_table(table, path)
    with pytest.raises(InputError, match=message):
        list(read_events(path, ["weight"]))


def test_foreign_weights_of_other_types(tmp_path: Path) -> None:
    path = tmp_path / "w.parquet"
    for kind in (pa.float32(), pa.int32()):
        pq.write_table(
            pa.table({"htt.et": pa.array([1, 1], pa.int16()), "weight": pa.array([2, 3], kind)}), path
        )
        np.testing.assert_array_equal(next(read_events(path, ["weight"]))["weight"], [[2, 3]])


def test_convert_keeps_weights_in_parquet_and_refuses_other_formats(tmp_path: Path) -> None:
    from l1forge.commands.convert import app

    path, plain = tmp_path / "w.parquet", tmp_path / "plain.parquet"
    write_events(path, [events([1.0, 2.0, 4.0])], {"exposure": 7})
    write_events(plain, [Events({"htt.et": np.ones((1, 2), np.int16)}, 2)])
    target = tmp_path / "out.parquet"
    result = CliRunner().invoke(app, [str(path), "-o", str(target), "--skip", "1", "--select", "htt.et"])
    assert result.exit_code == 0, result.output
    source = open_events(target, weighted=True)
    np.testing.assert_array_equal(next(source.blocks(["weight"]))["weight"], [[2, 4]])
    assert "exposure" not in source.metadata
    refused = CliRunner().invoke(app, [str(path), "-o", str(tmp_path / "out.txt")])
    assert isinstance(refused.exception, InputError)
    mixed = CliRunner().invoke(app, [str(plain), str(path), "-o", str(target)])
    assert "no weights" in str(mixed.exception)
    mixed = CliRunner().invoke(app, [str(path), str(plain), "-o", str(target)])
    assert "no such column" in str(mixed.exception)
