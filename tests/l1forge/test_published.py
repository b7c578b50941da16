"""Published designs: joint quantisation by hand, the paper's circuit exact, networks as described."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from l1forge.benchmarks.published import networks, tree_logic
from l1forge.benchmarks.published.rows import PublishedTable
from l1forge.benchmarks.published.shared_trees import check_equal
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.bdt.choose import score_type
from l1forge.firmware.bdt.ensemble import Ensemble, TreeBuilder
from l1forge.firmware.bdt.to_graph import Precision, to_graph
from l1forge.firmware.rtl import generate

pytestmark = pytest.mark.xdist_group("rtl")


def ensemble() -> Ensemble:
    """Two trees for one score, one for another; the widest spans 1.5."""
    trees = []
    for low, middle, high in ((-0.5, 0.25, 1.0), (0.1, 0.1, 0.7), (0.0, 0.5, 0.25)):
        made = TreeBuilder()

        def leaf(value: float, made: TreeBuilder = made) -> int:
            return made.leaf(value)

        def right(made: TreeBuilder = made, middle: float = middle, high: float = high) -> int:
            return made.split(1, 9.0, False, lambda: leaf(middle, made), lambda: leaf(high, made))

        made.split(0, 5.0, False, lambda low=low, made=made: leaf(low, made), right)
        trees.append(made.tree())
    return Ensemble(tuple(trees), (0, 1, 0), (0.0, 0.0), ("a", "b"), "<", "none")


def test_leaves_share_one_scale() -> None:
    found = tree_logic.leaves_together(ensemble(), 3)
    # 7 steps over 1.5: 0.75 is 3.5 steps (to even: 4), 0.6 is 2.8, 0.5 is 2.33
    leaves = [tree.value[tree.feature == -1].tolist() for tree in found.trees]
    assert leaves == [[0, 4, 7], [0, 0, 3], [0, 2, 1]]
    # taken off: -0.5 + 0 of score 0, 0.1 of score 1; the lower one becomes 0, 0.6 is 2.8 steps
    assert found.base == (0.0, 3.0)


def test_the_paper_s_circuit_is_exact_and_a_fault_is_found(tmp_path: Path) -> None:
    quantised = tree_logic.leaves_together(ensemble(), 3)
    kinds = (FixedType.parse("ufixed<4,4>"),) * 2
    graph = to_graph(quantised, Precision(kinds, score_type(quantised, 0)), "three_trees")
    paper = tree_logic.write(graph, generate(graph, tmp_path / "ours"), tmp_path / "paper")
    check_equal(paper, graph)
    file = paper.sources[0]
    text = file.read_text()
    assert text.count("features_0 <") == 1
    broken = tree_logic.write(graph, paper, tmp_path / "broken")
    broken.sources[0].write_text(broken.sources[0].read_text().replace("features_1 < 9", "features_1 < 8"))
    with pytest.raises(RuntimeError, match="mismatches in"):
        check_equal(broken, graph)


def test_networks_have_the_published_sizes() -> None:
    spec = networks.ENCODERS[0]
    graph = networks.network(spec)
    dense = [node for node in graph.nodes if node.op == "dense"]
    assert [node.constants["weight"].data.shape for node in dense] == [(57, 32), (32, 16), (16, 8)]
    assert all(str(node.constants["weight"].type) == "fixed<6,1>" for node in dense)
    assert networks.network(spec).to_json() == graph.to_json()
    half = graph
    assert half[half.outputs[0]].type == FixedType.parse("ufixed<18,14>")
    for node in half.nodes:
        if node.op == "dense":
            assert np.count_nonzero(node.constants["weight"].data) <= 0.5 * node.constants["weight"].data.size


def test_trained_taggers_say_their_accuracy() -> None:
    for model in networks.TRAINED:
        assert re.fullmatch(r"\d\d\.\d ± \d\.\d %", networks._accuracy(model))


def test_a_table() -> None:
    assert str(PublishedTable(("a", "b"), [("1", "2")])) == "| a | b |\n|---|---|\n| 1 | 2 |"
