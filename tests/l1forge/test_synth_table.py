"""The regression check: green and quick while nothing changes, red when a weight is widened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.synth.table import Row, Table
from l1forge.models import available
from l1forge.studies.designs import WITHOUT_GRAPH
from l1forge.studies.synthesis_table import judged

pytestmark = pytest.mark.xdist_group("rtl")

ROW = Row("c" * 64, "r" * 64, "Yosys 0.70", "xcup", 1000, 200, 0, 0, 12, 20, 4.0, 3.5, 9.0)


def write(file: Path, weight: int, name: str = "scaled") -> None:
    """x0 * weight + x1, 8 bits each."""
    kind = FixedType.parse
    weights = Constant(kind("fixed<8,8>"), np.array([[weight], [1]]))
    dense = {"weight": weights, "bias": Constant(kind("fixed<4,4>"), np.array([0]))}
    nodes = [
        Node("x", "input", (), (2,), kind("fixed<8,8>")),
        Node("d", "dense", ("x",), (1,), kind("fixed<18,18>"), {"accum": "fixed<18,18>"}, dense),
    ]
    Graph(name, nodes, ["d"]).save(file)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["synth-table", *arguments])
    return int(end.value.code or 0)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("L1FORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_red_when_a_weight_is_widened(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(place / "g.json", 2)
    assert run("g.json", "--table", "t.json", "--jobs", "2") == 0
    circuit = json.loads((place / "t.json").read_text())["designs"]["scaled"]["circuit"]
    assert f"circuit {circuit}" in capsys.readouterr().out

    assert run("g.json", "--table", "t.json", "--check") == 0
    said = capsys.readouterr().out
    assert f"circuit {circuit}" in said
    assert "0 of 1 designs became worse (1 unchanged, not run again)" in said

    write(place / "g.json", 85)
    arguments = ("--check", "--json", "found.json", "--junit", "found.xml", "--github")
    assert run("g.json", "--table", "t.json", *arguments) == 1
    said = capsys.readouterr().out
    assert "worse: scaled: LUT " in said
    assert f"scaled: another circuit: {circuit[:12]} -> " in said
    assert "1 of 1 designs became worse (0 unchanged, not run again)" in said
    found = json.loads((place / "found.json").read_text())
    assert (found["passed"], list(found["worse"])) == (False, ["scaled"])
    assert "::error file=t.json,title=synthesis scaled::LUT " in said
    suite = ElementTree.parse(place / "found.xml").getroot()
    (case,) = suite
    assert (suite.get("failures"), case.get("classname"), case[0].tag) == (
        "1",
        "l1forge.synthesis",
        "failure",
    )
    assert case[0].get("message") == found["worse"]["scaled"]
    assert json.loads((place / "t.json").read_text())["designs"]["scaled"]["circuit"] == circuit


def test_a_design_without_a_row_and_a_row_without_a_design_are_red() -> None:
    table = Table({"new": ROW}, {"lost": "broken"})
    found = judged(table, Table({"lost": ROW, "gone": ROW}), complete=True)
    assert not found.passed
    assert {name: text.split(":")[0] for name, text in found.worse.items()} == {
        "new": "is not in the table",
        "lost": "was in the table, not run now",
        "gone": "is in the table, but there is no such model",
    }
    assert judged(Table({"new": ROW}), Table({"new": ROW, "gone": ROW}), complete=False).passed
    other_tool = judged(Table({"new": replace(ROW, run="s" * 64, tool="Yosys 1")}), Table({"new": ROW}))
    assert other_tool.notes == {"new": "same circuit, other tool or options: Yosys 0.70 -> Yosys 1"}


def test_what_the_table_leaves_out_is_left_out_and_said(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Table({}, dict.fromkeys([*available(), *WITHOUT_GRAPH], "takes an hour")).save(place / "t.json")
    assert run("--table", "t.json", "--check") == 1
    assert capsys.readouterr().out.splitlines() == [
        *(f"not run: {name}: takes an hour" for name in [*available(), *WITHOUT_GRAPH]),
        "nothing was compared, so nothing is proven",
    ]


def test_nothing_compared_is_red(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(place / "g.json", 2)
    Table().save(place / "t.json")
    assert run("g.json", "--table", "t.json", "--check", "--skip", "scaled") == 1
    assert "nothing was compared, so nothing is proven" in capsys.readouterr().out


def test_bad_input_is_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("g.json", "h.json"):
        write(place / name, 2)
    (place / "t.json").write_text("{}")
    for arguments, said in (
        (["g.json", "--table", "none.json", "--check"], "none.json: is not a table"),
        (["g.json", "--table", "t.json"], "t.json: is not a table"),
        (["g.json", "h.json", "--table", "u.json"], "two graphs have this name: g.json and h.json"),
        (["g.json", "--table", "u.json", "--docs", "page.md"], "page.md: no page with table markers"),
        (["g.json", "--table", "u.json", "--check", "--docs", "page.md"], "--check: writes nothing"),
        (["g.json", "--table", "u.json", "--junit", "x.xml"], "--junit: is what a check says"),
        (["g.json", "--table", "u.json", "--github"], "--github: is what a check says"),
        (["g.json", "--table", "u.json", "--part", "virtex2"], "--part: is neither a family of Yosys nor"),
    ):
        assert run(*arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert not (place / "u.json").exists()


def test_a_late_design_is_named_with_its_estimate(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(place / "g.json", 85)
    assert run("g.json", "--table", "t.json", "--limit", "0.01") == 1
    assert (
        "not run: scaled: not finished in 0.6 s; estimated from the graph alone: " in capsys.readouterr().out
    )
    assert Table.load(place / "t.json").rows == {}


def test_a_netlist_that_was_not_simulated_is(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without another synthesis; a row that is exact on more crossings stays as it is."""
    write(place / "g.json", 2)
    for netlist, expected, again in ((0, None, 0), (300, 300, 0), (200, 300, 1), (0, 300, 1)):
        assert run("g.json", "--table", "t.json", "--netlist", str(netlist), "--json", "found.json") == 0
        assert Table.load(place / "t.json").rows["scaled"].netlist == expected
        assert len(json.loads((place / "found.json").read_text())["unchanged"]) == again
    capsys.readouterr()
