"""The student of calorimeter images in Verilog and hls4ml's C++ against the emulator; a fault is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.graph.graph import Graph
from l1forge.models import graph_path
from l1forge.models.registry import rows_of
from l1forge.testbench.flow import verify

pytestmark = pytest.mark.xdist_group("rtl")
GRAPH = Graph.load(graph_path("calorimeter"))


def test_verilog_equals_the_emulator_on_real_images_within_100_ns() -> None:
    rows = rows_of("calorimeter")
    assert rows is not None
    project, report = verify(GRAPH, 4000, rows=rows[:4000], deep=True)
    assert report.passed
    assert report.verdict == "0 mismatches in 4,000 crossings × 2 implementations"
    assert report.stimuli["real"] == 2000
    assert project.latency_ns < 100


def test_a_weight_that_differs_is_noticed(tmp_path: Path) -> None:
    from l1forge.firmware.rtl import generate

    changed = Graph.from_json(GRAPH.to_json())
    weight = changed["dense_1"].constants["weight"].data
    place = np.argwhere(weight != 0)[0]
    weight[tuple(place)] ^= 1
    project = generate(changed, tmp_path / "changed")
    rows = rows_of("calorimeter")
    assert rows is not None
    _, report = verify(GRAPH, 2000, rows=rows[:1000], deep=True, project=project)
    assert not report.passed
