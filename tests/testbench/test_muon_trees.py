"""The Verilog of the muon trees against the emulator, on muons and corners."""

from __future__ import annotations

import pytest

from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import CLOCK_PERIOD_NS
from l1forge.models import graph_path
from l1forge.models.muon_trees.pareto import first_trees
from l1forge.testbench.flow import verify

pytestmark = pytest.mark.xdist_group("rtl")


def test_verilog_of_some_trees_equals_the_emulator_within_50_ns() -> None:
    """An eighth of the trees: what compiles in seconds; all of them: `make cosim`."""
    project, report = verify(first_trees(Graph.load(graph_path("muon_trees")), 0.125), 4000)
    assert report.verdict == "0 mismatches in 4,000 crossings × 2 implementations"
    assert report.passed
    assert project.latency * CLOCK_PERIOD_NS <= 50
