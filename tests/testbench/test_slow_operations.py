"""A softmax, whose products and sums are wider than one clock allows, simulated with any number of stages."""

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.rtl import generate
from l1forge.testbench import stimuli
from l1forge.testbench.cosim import cosimulate

pytestmark = pytest.mark.xdist_group("rtl")

WORD = "ufixed<18,1,RND,SAT>"


@pytest.fixture(scope="module")
def softmax() -> Graph:
    """Two classes: exp(x - max) from a table, their sum's inverse from another (16 bits), products."""

    def kind(text: str) -> FixedType:
        return FixedType.parse(text)

    def table(name: str, before: str, size: int, values: np.ndarray, **attributes: int) -> Node:
        integers = np.minimum(np.round(values * 2**17), 2**18 - 1).astype(np.int64)
        data = {"table": Constant(kind("ufixed<18,1>"), integers)}
        return Node(name, "table", (before,), (size,), kind(WORD), {"offset": 0, **attributes}, data)

    steps = np.arange(1 << 16)
    nodes = [
        Node("x", "input", (), (2,), kind("fixed<10,5,RND,SAT>")),
        Node("first", "take", ("x",), (1,), kind("fixed<10,5>"), {"index": [0]}),
        Node("second", "take", ("x",), (1,), kind("fixed<10,5>"), {"index": [1]}),
        Node("largest", "maximum", ("first", "second"), (1,), kind("fixed<10,5>")),
        Node("below", "subtract", ("largest", "x"), (2,), kind("ufixed<10,5>")),
        table("exp", "below", 2, np.exp(-np.arange(1024) / 32)),
        Node("sum", "sum", ("exp",), (1,), kind("ufixed<20,3>"), {"accum": "ufixed<20,3>"}),
        table("inverse", "sum", 1, 1 / np.maximum(steps * 2**-14, 0.5), shift=3),
        Node("y", "multiply", ("exp", "inverse"), (2,), kind("fixed<16,6>")),
    ]
    return Graph("softmax", nodes, ["y"])


@pytest.mark.parametrize(("stages", "latency"), [(None, 6), (20, 21)])
def test_simulated_verilog_is_exact(softmax: Graph, tmp_path, stages: int | None, latency: int) -> None:
    project = generate(softmax, tmp_path / "p", stages=stages)
    assert project.latency == latency
    generator = np.random.default_rng(1)
    block = np.concatenate(
        [stimuli.corners(softmax, 1000, generator), stimuli.random_bits(softmax, 2000, generator)]
    )
    report = cosimulate(project, softmax, {"all": [block]})
    assert report.verdict == "0 mismatches in 3,000 crossings × 2 implementations"
    assert report.passed
