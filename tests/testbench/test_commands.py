"""The command lines around co-verification: exit codes, files, one clear line for bad input."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from l1forge.commands.cosim import app as cosim
from l1forge.commands.report import app as report
from l1forge.commands.synth import app as synth
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph

pytestmark = pytest.mark.xdist_group("rtl")


@pytest.fixture
def graph_file(design: Graph, tmp_path: Path) -> str:
    design.save(tmp_path / "trigger.json")
    return str(tmp_path / "trigger.json")


def test_cosim_passes_and_leaves_its_report(graph_file: str, tmp_path: Path) -> None:
    json_file = tmp_path / "cosim.json"
    result = CliRunner().invoke(cosim, [graph_file, "-n", "2000", "--seed", "3", "--json", str(json_file)])
    assert result.exit_code == 0, result.output
    assert "0 mismatches in 2,000 crossings × 2 implementations" in result.output
    saved = json.loads(json_file.read_text())
    assert saved["passed"]
    assert saved["crossings"] == saved["checked"]["rtl"] == 2000
    assert "table entries addressed: " in result.output
    assert saved["directed"]["entries"]["fraction"] > 0.95
    assert saved["directed"]["rows_driven"] == saved["directed"]["rows_found"] > 50


def test_cosim_of_other_stages_leaves_the_usual_record_alone(graph_file: str) -> None:
    from l1forge.emulator.folders import build_folder

    usual = build_folder() / "reports" / "trigger" / "cosim.json"
    before = usual.read_bytes() if usual.exists() else None
    result = CliRunner().invoke(cosim, [graph_file, "-n", "100", "--deep", "--stages", "9"])
    assert result.exit_code == 0, result.output
    assert "latency 10 clocks" in result.output
    saved = json.loads((build_folder() / "reports" / "trigger-9-default" / "cosim.json").read_text())
    assert (saved["passed"], saved["latency"]) == (True, 10)
    assert (usual.read_bytes() if usual.exists() else None) == before


def test_cosim_of_different_circuits_fails(graph_file: str, tmp_path: Path, monkeypatch) -> None:
    import l1forge.testbench.cosim

    honest = l1forge.testbench.cosim.emulator_of

    def dishonest(graph: Graph):
        run = honest(graph)
        return lambda block: run(block) + 1

    monkeypatch.setattr(l1forge.testbench.cosim, "emulator_of", dishonest)
    result = CliRunner().invoke(cosim, [graph_file, "-n", "100", "--deep", "-o", str(tmp_path)])
    assert result.exit_code == 1
    assert "300 mismatches in 100 crossings" in result.output
    assert not json.loads((tmp_path / "cosim.json").read_text())["passed"]


def test_a_short_run_keeps_the_record_of_a_longer_one(graph_file: str, tmp_path: Path) -> None:
    for crossings in ("900", "100"):
        result = CliRunner().invoke(cosim, [graph_file, "-n", crossings, "--deep", "-o", str(tmp_path)])
        assert result.exit_code == 0, result.output
        assert f"0 mismatches in {crossings} crossings" in result.output
    assert "keeps the stronger record: 0 mismatches in 900 crossings" in " ".join(result.output.split())
    assert json.loads((tmp_path / "cosim.json").read_text())["crossings"] == 900
    history = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["crossings"] for line in history] == [900, 100]


def test_report_shows_the_verdict(graph_file: str, tmp_path: Path) -> None:
    assert CliRunner().invoke(cosim, [graph_file, "-n", "1000", "--deep"]).exit_code == 0
    page = tmp_path / "page.html"
    result = CliRunner().invoke(report, [graph_file, "-o", str(page)])
    assert result.exit_code == 0, result.output
    assert "0 mismatches in 1,000 crossings" in page.read_text()
    assert "cuts pinned" in page.read_text()
    assert "of another graph" not in page.read_text()
    other = Graph.load(graph_file)
    other.meta["changed"] = True
    other.save(graph_file)
    assert CliRunner().invoke(report, [graph_file, "-o", str(page)]).exit_code == 0
    assert "of another graph or by another version of the generator" in page.read_text()


@pytest.mark.parametrize(
    ("app", "arguments", "message"),
    [
        (cosim, ["nothing"], "neither a model nor a graph file"),
        (cosim, ["GRAPH", "--hls", "nowhere"], "nowhere"),
        (cosim, ["GRAPH", "--period", "inf"], "--period: is not a clock period in ns"),
        (synth, ["GRAPH", "--tool", "quartus"], "--tool: unknown tool"),
    ],
)
def test_bad_input_is_one_error(graph_file: str, app, arguments: list[str], message: str) -> None:
    words = [graph_file if word == "GRAPH" else word for word in arguments]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


@pytest.mark.parametrize(("app", "option"), [(cosim, "-n"), (cosim, "--stages"), (synth, "--stages")])
def test_numbers_that_prove_nothing_are_refused(graph_file: str, app, option: str) -> None:
    result = CliRunner().invoke(app, [graph_file, option, "0"])
    assert result.exit_code == 2


def test_blanks_that_make_cannot_handle_are_named(graph_file: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "my builds"))
    result = CliRunner().invoke(cosim, [graph_file, "-n", "10", "-o", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "cannot build in a path with spaces; set L1FORGE_BUILD" in str(result.exception)
