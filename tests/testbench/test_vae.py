"""The committed VAE: Verilog, C++ written from the graph, and emulator, in less than 25 ns."""

import pytest

from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.models import graph_path
from l1forge.models.hls_projects import hls_project
from l1forge.testbench.flow import hls_implementation, verify

pytestmark = pytest.mark.xdist_group("rtl")

CROSSINGS = 10_000


def test_three_implementations_agree_within_25_ns() -> None:
    vae = Graph.load(graph_path("vae"))
    folder = hls_project("vae", vae, build_folder() / "hls")
    assert folder is not None
    project, report = verify(vae, CROSSINGS, extra={"hls": hls_implementation(folder, vae)})
    assert report.verdict == "0 mismatches in 10,000 crossings × 3 implementations"
    assert report.passed
    assert report.checked["hls"] == CROSSINGS
    assert report.coverage > 0.95
    assert project.latency == 6
    assert project.latency * 1000 / 240.47 < 25
    assert [port.name for port in project.outputs] == ["mu2_score"]
