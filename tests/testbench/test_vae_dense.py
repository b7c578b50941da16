"""The dense VAE: 100,000 crossings through cocotb, pyverilator and the compiled harness, against the
emulator and hls4ml's compiled C++."""

import json
from pathlib import Path

import pytest

from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.models import graph_path
from l1forge.models.hls_projects import hls_project
from l1forge.testbench.flow import hls_implementation, verify

pytestmark = pytest.mark.xdist_group("rtl")

CROSSINGS = 100_000
CSIM = 10_000


@pytest.fixture(scope="module")
def dense() -> Graph:
    return Graph.load(graph_path("vae_dense"))


def test_three_implementations_agree(dense: Graph, tmp_path: Path) -> None:
    hls = hls_implementation(hls_project("vae_dense", dense, build_folder() / "hls"), dense)
    project, report = verify(dense, CROSSINGS, extra={"hls": hls}, extra_limit=CSIM)
    assert report.verdict.startswith("0 mismatches in 100,000 crossings × 3 implementations (hls: ")
    assert report.passed
    assert report.checked["rtl"] == CROSSINGS
    assert report.checked["hls"] >= CSIM
    assert report.driver == "cocotb + pyverilator + harness"
    assert report.stimuli["real"] == CROSSINGS // 2
    assert report.coverage > 0.95
    assert len(project.inputs) == 57
    assert [port.name for port in project.outputs] == ["mu2_score", "kl_score"]
    report.save(tmp_path / "report.json")
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["passed"] is True
    assert saved["latency"] == project.latency
