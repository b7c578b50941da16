"""The table of designs: growth is told from noise by exact limits; files that are no table are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.firmware.synth.table import Row, Table, grown, key, markdown, merged

ROW = Row("c" * 64, "r" * 64, "Yosys 0.70", "xcup", 1000, 200, 0, 0, 12, 20, 4.0, 3.5, 9.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"lut": 1050, "ff": 210, "latency_clocks": 21}, []),
        ({"lut": 900, "delay_ns": 9.0}, []),
        ({"lut": 1051}, ["LUT 1000 -> 1051 (+5.1 %, at most 5 % allowed)"]),
        ({"ff": 211}, ["FF 200 -> 211 (+5.5 %, at most 5 % allowed)"]),
        ({"latency_clocks": 22}, ["latency 20 -> 22 (+10.0 %, at most 5 % allowed)"]),
    ],
)
def test_five_per_cent(changes: dict[str, int], said: list[str]) -> None:
    assert grown(ROW, replace(ROW, **changes)) == said


def test_growth_from_nothing_is_growth() -> None:
    assert grown(replace(ROW, lut=0), ROW) == ["LUT 0 -> 1000 (from nothing, at most 5 % allowed)"]


def test_saved_loaded_merged_and_shown(tmp_path: Path) -> None:
    table = Table({"b": ROW, "a": replace(ROW, delay_ns=None)}, {"c": "too large"})
    table.save(tmp_path / "t.json")
    assert Table.load(tmp_path / "t.json") == table
    both = merged(table, Table({"c": ROW}, {"a": "broken"}))
    assert (sorted(both.rows), dict(both.not_run)) == (["b", "c"], {"a": "broken"})
    text = markdown(table)
    row = "| `b` | xcup | 1 000 | - | 200 | 0 | 0 | 12 | 20 clocks, 80.0 ns | 3.50 of 4.00 ns | - | about"
    assert row in text
    assert text.count("| 9 s | `cccccccccccc` |") == 2
    assert text.endswith("* `c`: too large")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": "l1forge-synthesis", "version": 2, "designs": {}, "not_run": {}}',
        '{"format": "l1forge-synthesis", "version": 1, "designs": {"a": {"lut": 3}}, "not_run": {}}',
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InputError, match=r"t.json: is not a table of synthesised designs"):
        Table.load(tmp_path / "t.json")


def test_numbers_must_be_numbers(tmp_path: Path) -> None:
    Table({"a": replace(ROW, lut="many")}).save(tmp_path / "t.json")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"design a: lut, ff, latency_clocks must be integers"):
        Table.load(tmp_path / "t.json")


def test_rows_of_other_parts(tmp_path: Path) -> None:
    routed = replace(ROW, family="LFE5U-85F-8", routed=True, delay_ns=8.0, netlist=None)
    table = Table({"a": ROW, key("a", "xc7"): replace(ROW, family="xc7"), key("a", "LFE5U-85F-8"): routed})
    assert (key("a", "xcup"), key("a", "xc7")) == ("a", "a@xc7")
    assert table.parts_of("a") == ["xcup", "xc7", "LFE5U-85F-8"]
    assert table.parts_of("b") == []
    table.save(tmp_path / "t.json")
    assert Table.load(tmp_path / "t.json") == table
    text = markdown(table)
    assert "| `a` | xc7 | 1 000 |" in text
    assert "| - | - | 8.00 ns, 125 MHz (missed) | 1.14 | - |" in text
    other = Table({"a": replace(ROW, circuit="d" * 64), key("a", "LFE5U-85F-8"): routed})
    assert "125 MHz (missed) | - | - |" in markdown(other)
