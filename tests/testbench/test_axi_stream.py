"""The AXI4-Stream wrapper under back-pressure: nothing lost, nothing twice, and a broken FIFO is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.rtl import axi_stream, generate
from l1forge.testbench.cosim import cosimulate
from l1forge.testbench.drivers import axi_driver
from l1forge.testbench.drivers.axi_driver import AxiDriver
from l1forge.testbench.stimuli import random_bits

pytestmark = pytest.mark.xdist_group("rtl")


def graph() -> Graph:
    """Three inputs of 6 bits, two results of 7."""
    weight = Constant(FixedType.parse("fixed<4,1>"), np.array([[3, -5], [-8, 7], [0, 1]]))
    bias = Constant(FixedType.parse("fixed<4,1>"), np.array([1, -2]))
    nodes = [
        Node("x", "input", (), (3,), FixedType.parse("fixed<6,3>")),
        Node(
            "d",
            "dense",
            ("x",),
            (2,),
            FixedType.parse("fixed<7,3,RND_CONV,SAT>"),
            {"accum": "fixed<16,8>"},
            {"weight": weight, "bias": bias},
        ),
    ]
    return Graph("tiny", nodes, ["d"])


def test_wrapped_design_is_the_graph_and_a_broken_fifo_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    found = graph()
    project = generate(found, tmp_path / "p")
    block = random_bits(found, 400, np.random.default_rng(2))
    driver = AxiDriver(project)
    report = cosimulate(project, found, {"random": [block]}, driver=driver)
    assert report.passed
    assert driver.held > 50
    assert driver.stalled > 20

    monkeypatch.setattr(axi_driver, "PAUSE_PROBABILITIES", (0.0,))
    freely = AxiDriver(project).stream(block)
    assert (freely.results, freely.misplaced) == (400, 0)
    assert freely.clocks < 400 + 100 + 2 * project.latency + 20  # a word per clock, and the wait at the end
    monkeypatch.undo()

    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    broken = tmp_path / "axi_stream.v"
    text = axi_stream.SOURCE.read_text()
    assert "used != DEPTH" in text
    broken.write_text(text.replace("used != DEPTH", "1'b1"))  # takes words without a place for the result
    monkeypatch.setattr(axi_driver, "SOURCE", broken)
    report = cosimulate(project, found, {"random": [block]}, driver=AxiDriver(project))
    assert not report.passed


def test_words_are_whole_bytes(tmp_path: Path) -> None:
    project = generate(graph(), tmp_path / "p")
    assert (axi_stream.stream_bytes(project.inputs), axi_stream.stream_bytes(project.outputs)) == (3, 2)
    text = axi_stream.axi_stream_module(project)
    assert "input wire [23:0] s_axis_tdata" in text
    assert "output wire [15:0] m_axis_tdata" in text
    assert "assign m_axis_tdata = {2'b0, kept};" in text
    assert axi_stream.axis_name(project) == "tiny_axis"
