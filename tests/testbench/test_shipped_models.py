"""Every shipped model as Verilog against its emulator; longer runs and more implementations: `make cosim`.

The anomaly network is in test_vae.py, the muon networks in tests/firmware/test_muon_firmware.py, the muon
trees in test_muon_trees.py, the network of calorimeter images in test_calorimeter.py.
"""

import pytest

from l1forge.emulator.graph.graph import Graph
from l1forge.models import available, graph_path
from l1forge.models.registry import rows_of
from l1forge.testbench.conifer import has_trees
from l1forge.testbench.flow import verify

pytestmark = pytest.mark.xdist_group("rtl")

CROSSINGS = 20_000
TREES = ["event_bdt", "eg_iso", "tau_id"]
TABLES = ["tail_pairs"]
JETS = ["jet_tagger", "jet_tagger_ternary", "jet_tagger_binary"]
SETS = {"jet_graph", "jet_sets_8", "jet_sets_16", "jet_sets_32"}
"""Too large for a quick test: small ones in tests/l1forge/test_jet_sets.py, these by `l1forge cosim`."""
ELSEWHERE = {"vae", "vae_dense", "muon_pt", "muon_pt_small", "muon_trees", "calorimeter"}


def test_every_model_is_simulated_somewhere() -> None:
    assert set(TREES) | set(TABLES) | set(JETS) | SETS | ELSEWHERE == set(available())
    assert {name for name in available() if has_trees(Graph.load(graph_path(name)))} == set(TREES)


@pytest.mark.parametrize("model", TREES)
def test_verilog_of_the_trees_equals_the_emulator(model: str) -> None:
    project, report = verify(Graph.load(graph_path(model)), CROSSINGS, deep=True)
    assert report.verdict == "0 mismatches in 20,000 crossings × 2 implementations"
    assert report.passed
    assert project.latency == 5


@pytest.mark.parametrize("model", TABLES)
def test_verilog_of_tables_equals_the_emulator_within_25_ns(model: str) -> None:
    project, report = verify(Graph.load(graph_path(model)), CROSSINGS // 4)
    assert report.verdict == "0 mismatches in 5,000 crossings × 2 implementations"
    assert report.passed
    assert project.latency == {"vae": 6, "tail_pairs": 5}[model]  # 24.95 and 20.79 ns at 240.47 MHz


@pytest.mark.parametrize("model", JETS)
def test_verilog_of_the_jet_taggers_equals_the_emulator_within_100_ns(model: str) -> None:
    graph, rows = Graph.load(graph_path(model)), rows_of(model)
    project, report = verify(graph, CROSSINGS // 4, deep=True, rows=rows)
    assert report.verdict == "0 mismatches in 5,000 crossings × 2 implementations"
    assert report.passed
    assert report.stimuli["real"] == 2_500
    assert project.latency_ns < 100
