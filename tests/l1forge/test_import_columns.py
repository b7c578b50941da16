"""Imported models bound to event columns, all the way to rates and menus; types chosen at a rate."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import l1forge
from l1forge.cli import main
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.rates.working_point import loss_at_rate, loss_for_search, near_threshold
from l1forge.studies.cosim import check_project
from l1forge.studies.own_models import inputs
from l1forge.studies.rates_menu import menu_rates
from l1forge.testbench.cosim import emulator_of
from l1forge.testbench.flow import hls_implementation
from l1forge.testbench.stimuli import random_bits

XGBOOST = Path(__file__).parents[1] / "firmware" / "bdt" / "data" / "xgboost-3.2.0-binary.json"
COLUMNS_OF_NET = ["-s", "jet.et[0]", "-s", "etm.et[0]", "--units", "physical", "--shift", "4"]
COLUMN = "jet.et[0]*0.0625,jet.et[1]*0.0625,etm.et[0]*0.0625,eg.et[0]*0.125 offset=4"


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    return int(done.value.code or 0)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scores of two columns, on inputs in units of 16 GeV."""
    folder = tmp_path_factory.mktemp("network")
    net = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 0.5], [-1.0, 0.25]]))
        net[0].bias.copy_(torch.tensor([0.0, 2.0]))
    torch.save(net.eval(), folder / "net.pt")
    options = ["-t", "fixed<12,6,RND,SAT>", "--input-shape", "2", "--name", "hard,soft", "--verify", "100"]
    options += ["--project", folder / "hls"]
    assert run("import-model", folder / "net.pt", *options, *COLUMNS_OF_NET, "-o", folder / "net.json") == 0
    return folder / "net.json"


def test_a_network_runs_on_events(network: Path) -> None:
    graph = Graph.load(network)
    assert graph.outputs == ["hard", "soft"]
    made = l1forge.emulate(str(network), l1forge.sample("ttbar")).scores
    jet, etm = inputs(l1forge.sample("ttbar"), ["jet.et[0]", "etm.et[0]"]).T / 32
    jet, etm = (np.minimum(np.floor(v * 64 + 0.5) / 64, 32 - 1 / 64) for v in (jet, etm))
    lsb = graph["hard"].type.lsb
    np.testing.assert_array_equal(np.ravel(made["hard"]) * lsb, jet + 0.5 * etm)
    np.testing.assert_array_equal(np.ravel(made["soft"]) * lsb, 2 - jet + 0.25 * etm)


def test_the_hls_project_gives_the_same_graph(network: Path, tmp_path: Path) -> None:
    hls, output = network.parent / "hls", tmp_path / "again.json"
    assert run("import-hls", hls, *COLUMNS_OF_NET, "--name", "hard,soft", "-o", output) == 0
    first, again = Graph.load(network), Graph.load(output)
    assert [node.name for node in again.nodes] == [node.name for node in first.nodes]
    rows = random_bits(first, 300, np.random.default_rng(1))
    np.testing.assert_array_equal(emulator_of(again)(rows), emulator_of(first)(rows))


def test_its_compiled_project_gets_what_the_graph_makes_of_the_codes(network: Path) -> None:
    """As ``cosim --hls`` does; without the scaling the C++ computes something else."""
    hls, graph = network.parent / "hls", Graph.load(network)
    check_project(hls, graph)
    rows = random_bits(graph, 300, np.random.default_rng(2))
    np.testing.assert_array_equal(hls_implementation(hls, graph)(rows), emulator_of(graph)(rows))
    del graph.meta["bound_inputs"]
    assert (hls_implementation(hls, graph)(rows) != emulator_of(graph)(rows)).any()


def test_a_menu_takes_it(network: Path, tmp_path: Path) -> None:
    (tmp_path / "menu.yaml").write_text(
        f"menu: own\nscores: {{net: {{graph: {network}}}}}\n"
        'algorithms:\n  - {index: 3, name: L1_Hard, seed: "SCORE(net) >= 1.0"}\n',
        encoding="utf-8",
    )
    found = menu_rates(tmp_path / "menu.yaml", [l1forge.sample("ttbar")])
    (seed,) = found.seeds
    scores = np.ravel(l1forge.emulate(str(network), l1forge.sample("ttbar"), outputs=["hard"]).scores["hard"])
    assert seed.count == int((scores * Graph.load(network)["hard"].type.lsb >= 1).sum())


def test_event_files_and_arrays_without_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import-bdt", XGBOOST, "-f", "ufixed<8,4>", "-o", tmp_path / "g.json") == 0
    assert run("rates", tmp_path / "g.json", "-o", tmp_path / "r") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "the model's input features is not an event column" in told
    assert "import it with --source" in told
    assert not (tmp_path / "r").exists()


def test_trees_with_factors_and_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "g.json"
    assert (
        run("import-bdt", XGBOOST, "-f", "fixed<12,6,RND,SAT>", "-s", COLUMN, "--name", "tops", "-o", output)
        == 0
    )
    graph = Graph.load(output)
    assert graph.outputs == ["tops"]
    assert graph.meta["columns"]["features"][3] == "eg.et[0]*0.125 offset=4"
    blocks = {name: np.zeros((COLUMNS[name][0], 3), np.int16) for name in ("jet.et", "etm.et", "eg.et")}
    blocks["jet.et"][:2], blocks["eg.et"][0] = [[7, 300, 16], [0, 90, 3]], [0, 31, 64]
    events = Events.of_rows({name: rows for name, rows in blocks.items()}, 3)
    alone = run_alone(tmp_path)
    got = compile_graph(graph).run(events, 1)["tops"]
    features = np.stack(
        [
            blocks["jet.et"][0] / 16,
            blocks["jet.et"][1] / 16,
            blocks["etm.et"][0] / 16,
            blocks["eg.et"][0] / 8 - 4,
        ],
        axis=1,
    )
    steps = np.clip(np.floor(features * 64 + 0.5), -2048, 2047).astype(np.int64)
    np.testing.assert_array_equal(
        np.ravel(got), np.ravel(compile_graph(alone).run_rows({"features": steps})["score"])
    )


def run_alone(folder: Path) -> Graph:
    """The trees without columns."""
    assert run("import-bdt", XGBOOST, "-f", "fixed<12,6,RND,SAT>", "-o", folder / "alone.json") == 0
    return Graph.load(folder / "alone.json")


def test_trees_chosen_at_a_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "g.json"
    options = ["--rate", "3MHz", "--zero-bias", l1forge.sample("ttbar"), "-s", COLUMN, "-o", output]
    assert run("import-bdt", XGBOOST, *options) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert re.search(r"types chosen from 5,000 events at 3000 kHz, \d+ tried; leaves alone: 2 bits", told)
    assert "events of zero bias" in told
    assert Graph.load(output).inputs[0].attributes["source"][0] == "jet.et[0]"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--zero-bias", "x.parquet"], "--zero-bias: needs --rate"),
        (["--rate", "5 apples", "-s", COLUMN], "--rate: rate expected"),
        (["--rate", "5"], "the features are not event columns"),
        (["--rate", "1Hz", "-s", COLUMN], "crossings of zero bias pass"),
        (["--rate", "5", "-s", COLUMN, "--loss", "2"], "--loss: is out of range"),
        (["--rate", "5", "-s", COLUMN, "--score", "fixed<8,4>"], "--score: does not go with --rate"),
        (["--rate", "5", "-s", COLUMN, "-f", "fixed<8,4>"], "--feature: does not go with --rate"),
        (["--units", "code"], "--units: needs event columns"),
        (["-f", "fixed<8,4>", "-s", "jet.et[0],jet.et[1]*2,0,0"], "what one count is worth"),
        (["-f", "fixed<8,4>", "-s", "jet.et[0]*2"], "expected one event column for each of 4 features"),
        (["-f", "fixed<8,4>", "--name", "a,b"], "2 names for score"),
    ],
)
def test_refused(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import-bdt", XGBOOST, *options, "-o", tmp_path / "g.json") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert message in told
    assert "Traceback" not in told
    assert not (tmp_path / "g.json").exists()


def test_loss_at_a_rate() -> None:
    """Of 28 MHz, 10 of 28,000 crossings are about 10 kHz."""
    rng = np.random.default_rng(3)
    exact = rng.permutation(np.arange(28_000.0))
    worse = np.where(exact >= 27_997, 0.0, exact)  # the three hardest are lost
    found = loss_at_rate(exact, worse, 10.3)
    assert (found.lost, found.accepted) == (3, found.above)
    coarse = np.floor(exact / 4)  # steps of four: not all of the accepted ones fit below the rate
    assert loss_at_rate(exact, coarse, 10.3).lost == found.accepted % 4
    signal = np.arange(28_000) % 2 == 0
    assert loss_at_rate(exact, exact, 100.0, signal).lost == 0
    assert loss_for_search(exact, exact, 10.3) == 0
    assert loss_for_search(exact, worse, 10.3) == 3 / 9
    few = np.where((exact >= 27_900) & (exact < 27_903), 0.0, exact)  # at 16 times the rate
    assert loss_for_search(exact, few, 10.3) == 3 / 149
    index, scaled = near_threshold(exact, 10.3, None, 1)
    assert len(index) == 4_000
    assert loss_at_rate(exact[index], worse[index], scaled) == found
