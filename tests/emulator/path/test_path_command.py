"""`l1forge path` as users run it: default menu, replay with written bits, prescales, and refused input."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.formats.ugt_vectors import write_test_vectors
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.menu.language.load import DEFAULT, load_menu
from l1forge.emulator.path.path import Decision, TriggerPath
from l1forge.firmware.rtl import generate

Run = Callable[..., tuple[int, str, str]]
SAMPLE = Path(__file__).parents[3] / "simulation" / "sample"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in this process; exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["l1forge", "path", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def menu(tmp_path: Path) -> Path:
    path = tmp_path / "menu.yaml"
    path.write_text(
        "menu: small\nalgorithms:\n"
        '  - {index: 5, name: L1_SingleJet100, seed: "JET100"}\n'
        '  - {index: 77, name: L1_DoubleJet50, seed: "comb{JET50,JET50}"}\n'
    )
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    rng = np.random.default_rng(8)
    et = np.sort(rng.integers(0, 220, (12, 5000), np.int16), axis=0)[::-1].copy()
    write_events(tmp_path / "zb.parquet", [Events({"jet.et": et}, 5000)])
    return tmp_path / "zb.parquet"


def test_default_menu_on_the_committed_sample(run: Run, tmp_path: Path) -> None:
    code, out, err = run("--orbits", 20, "--json", tmp_path / "r.json")
    assert code == 0, err
    report = json.loads((tmp_path / "r.json").read_text())
    names = [row["name"] for row in report["algorithms"]]
    assert names == [algorithm.name for algorithm in load_menu(DEFAULT).algorithms]
    assert len(names) >= 40
    assert (report["crossings"], report["colliding"]) == (20 * 3564, 20 * 2748)
    assert report["accepts"] + sum(report["lost"].values()) == report["finor"]
    assert 40e3 < report["accept_rate"] < 130e3  # 20 orbits: +- 7 kHz
    assert set(report["latency"]) >= {"vae"}
    assert "L1_SingleMu22" in out
    assert "40.079 MHz" in out


def test_models_take_columns_that_the_source_lacks_as_zero(run: Run, sample: Path, tmp_path: Path) -> None:
    """The default menu's models read muons, sums and taus; these events have jets only."""
    (events,) = open_events(sample).blocks()
    whole = Events({name: events.column(name) for name in COLUMNS}, events.n)
    write_events(tmp_path / "whole.parquet", [whole])
    rates = []
    for path in (sample, tmp_path / "whole.parquet"):
        code, _, error = run(path, "--orbits", 2, "--json", tmp_path / "r.json")
        assert code == 0, error
        rates.append(json.loads((tmp_path / "r.json").read_text())["algorithms"])
    assert rates[0] == rates[1]


def test_prescales_signal_and_trigger_control(run: Run, sample: Path, menu: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("algorithm,low,high\nL1_SingleJet100,1,10\nL1_DoubleJet50,0,2.5\n")
    options = ["--menu", menu, "--orbits", 3, "--noise", 0]
    reports = {}
    for name, extra in {
        "plain": [],
        "high": ["--prescales", tmp_path / "p.csv", "--column", "high"],
        "slow": ["--dead-time", 100, "--buffer", "2,500"],
        "signal": ["--signal", sample, "--cross-section", 5e8],
        "profile": ["--profile"],
    }.items():
        code, _, err = run(sample, *options, *extra, "--json", tmp_path / "r.json")
        assert code == 0, err
        reports[name] = json.loads((tmp_path / "r.json").read_text())
    before = [row["count_before"] for row in reports["plain"]["algorithms"]]
    after = [row["count_after"] for row in reports["high"]["algorithms"]]
    assert after == [before[0] // 10, before[1] * 10 // 25]
    assert reports["slow"]["lost"]["dead time 100 BX"] > 0
    assert reports["slow"]["lost"]["buffer full"] > 0
    assert reports["slow"]["accepts"] < reports["plain"]["accepts"]
    plain = reports["plain"]
    assert plain["repeats"] == 3 * 2748 / 5000  # errors do not shrink when events come again
    for row in plain["algorithms"]:
        expected = (row["count_before"] * plain["repeats"]) ** 0.5 / plain["simulated_s"]
        assert abs(row["error"] / expected - 1) < 1e-12
    assert set(reports["profile"]["cost_ns_per_crossing"]) == {"L1_SingleJet100", "L1_DoubleJet50"}


def test_replay_writes_our_bits(run: Run, menu: Path, tmp_path: Path) -> None:
    et = np.zeros((12, 3564), np.int16)
    et[0] = np.arange(3564) % 300
    write_test_vectors(tmp_path / "v.txt", [Events({"jet.et": et}, 3564)])
    code, _, err = run(tmp_path / "v.txt", "--menu", menu, "-n", 1, "-o", tmp_path / "ours.apx")
    assert code == 0, err
    (ours,) = open_events(tmp_path / "ours.apx").blocks()
    np.testing.assert_array_equal(ours["jet.et"], et)
    np.testing.assert_array_equal(ours["algo"][0] >> np.uint64(5) & np.uint64(1), et[0] >= 200)


def test_interrupted_endless_stream_reports_and_keeps_its_file(
    run: Run, sample: Path, menu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, calls = TriggerPath._decide, []

    def decide_and_interrupt(path: TriggerPath, *arguments: Any) -> Decision:
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return decide(path, *arguments)

    monkeypatch.setattr(TriggerPath, "_decide", decide_and_interrupt)
    files = ["--json", tmp_path / "r.json", "-o", tmp_path / "out.parquet"]
    code, out, err = run(sample, "--menu", menu, "--orbits", 0, *files)
    assert code == 0, err
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["crossings"] == 3 * 8 * 3564
    assert open_events(tmp_path / "out.parquet").n == report["crossings"]
    assert "dead time" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.parquet"], "No such file"),
        (["zb.parquet", "--menu", "zb.parquet"], "unknown kind of menu"),
        (["zb.parquet", "--menu", "menu.yaml", "--buffer", "many"], "depth,service expected"),
        (["zb.parquet", "--menu", "menu.yaml", "--column", "high"], "needs --prescales"),
        (["zb.parquet", "--menu", "menu.yaml", "--scheme", "menu.yaml"], "header must be"),
        (["zb.parquet", "--menu", "menu.yaml", "--model", "vae"], "name=graph.json expected"),
        (["zb.parquet", "--menu", "menu.yaml", "-o", "out.xyz"], "cannot tell what format"),
        (
            ["zb.parquet", "--menu", "menu.yaml", "--signal", "zb.parquet", "--cross-section", "1e15"],
            "0 to 1 signal events",
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_written(
    run: Run, sample: Path, menu: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    before = sorted(tmp_path.iterdir())
    files = [tmp_path / a if "." in a and not a.startswith("-") else a for a in arguments]
    code, _, err = run(*files, "--orbits", 1)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("found", ["uint<12>", "ufixed<11,10>", "fixed<12,11>", "ufixed<12,11,RND,SAT>"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_of_another_type_than_the_menu_declares(
    found: str, compiled: bool, run: Run, sample: Path, tmp_path: Path
) -> None:
    """A threshold of 100.5 is raw 201 in steps of a half, and would mean something else in any other type."""
    path = tmp_path / "m.yaml"
    path.write_text(
        'menu: m\nscores:\n  mine.y: {type: "ufixed<12,11>"}\nalgorithms:\n'
        '  - {index: 1, name: L1_Mine, seed: "mine.y >= 100.5"}\n'
    )
    if compiled:
        load_menu(path).save(path := tmp_path / "m.json")
    code = FixedType.parse("uint<11>")
    x = Node("x", "input", (), (1,), code, {"source": ["jet.et[0]"]})
    y = Node("y", "cast", ("x",), (1,), FixedType.parse(found))
    Graph("foreign", [x, y], ["y"]).save(tmp_path / "g.json")
    exit_code, _, err = run(sample, "--menu", path, "--model", f"mine={tmp_path / 'g.json'}", "-n", 1)
    if "RND" in found:  # how a value was rounded does not change what it means
        assert exit_code == 0, err
        return
    assert exit_code == 2
    assert err.startswith(
        f"error: {tmp_path / 'g.json'}: output y: the menu declares mine.y as ufixed<12,11>"
    )
    assert f"(got {str(FixedType.parse(found))!r})" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("size", "kind"), [(44, "fixed<10,5>"), (43, "fixed<10,6>")])
def test_a_muon_network_with_other_logits(
    size: int, kind: str, run: Run, sample: Path, tmp_path: Path
) -> None:
    """The path from logits to pT codes is made for those of the committed networks."""
    x = Node("x", "input", (), (45,), FixedType.parse("fixed<10,4>"))
    y = Node("y", "take", ("x",), (size,), x.type, {"index": list(range(size))})
    z = Node("z", "cast", ("y",), (size,), FixedType.parse(kind))
    Graph("other", [x, y, z], ["z"]).save(tmp_path / "graph.json")
    code, _, err = run(sample, "--model", f"muon_pt={tmp_path / 'graph.json'}", "-n", 1)
    assert (code, err.count("\n")) == (2, 1)
    assert "graph.json: output z: is not a muon network" in err
    assert f"{size} of {kind}" in err


def test_latency_is_that_of_the_graph_given(
    run: Run, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    (tmp_path / "m.yaml").write_text(
        'menu: m\nscores:\n  mine: {type: "uint<12>"}\nalgorithms:\n'
        '  - {index: 1, name: L1_Mine, seed: "SCORE(mine) >= 100"}\n'
    )
    code = FixedType.parse("uint<12>")
    x = Node("x", "input", (), (2,), code, {"source": ["jet.et[0]", "jet.et[1]"]})
    latencies = []
    for op in ("sum", "argmax"):  # RTL exists of the first graph only; both have one name
        y = Node("y", op, ("x",), (1,), code, {"accum": str(code)} if op == "sum" else {})
        graph = Graph("foreign", [x, y], ["y"])
        graph.save(tmp_path / "g.json")
        if op == "sum":
            project = generate(graph, tmp_path / "build" / "rtl" / "foreign")
        options = ["--menu", tmp_path / "m.yaml", "--model", f"mine={tmp_path / 'g.json'}"]
        exit_code, _, err = run(sample, *options, "-n", 1, "--json", tmp_path / "r.json")
        assert exit_code == 0, err
        latencies.append(json.loads((tmp_path / "r.json").read_text())["latency"]["mine"])
    assert latencies == [{"clocks": project.latency, "ns": project.latency_ns}, {}]
