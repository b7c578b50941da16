"""Values that elements can take, and rows that reach the entries of pair tables."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.testbench.directed import directed
from l1forge.testbench.directed.possible import possible_values
from l1forge.testbench.directed.support import supports
from tests.emulator.kernel.pair_graphs import pair_sum
from tests.emulator.kernel.random_graphs import OPERATIONS, SHAPES, corner_inputs, random_graph


@pytest.mark.parametrize("op", [*OPERATIONS, *SHAPES])
def test_no_value_is_left_out(op):
    for seed in range(4):
        graph = random_graph(seed, 2, op, widest=9)
        every = Graph(graph.name, graph.nodes, [node.name for node in graph.nodes])
        found = evaluate(every, corner_inputs(graph, 400))
        for name, sets in possible_values(every).items():
            values = found[name].reshape(400, -1)
            for element, possible in enumerate(sets):
                if possible is not None:
                    assert np.isin(values[:, element].astype(np.int64), possible).all(), (seed, name)


def codes_that_skip() -> Graph:
    """Two codes that are never 1 or 2, and a table of the pair."""
    four, bits = FixedType.parse("uint<4>"), FixedType.parse("uint<8>")
    code = Constant(four, np.repeat([0, 3, 5, 15], 64))
    scale, bias = (Constant(FixedType.parse("uint<5>"), np.array([n])) for n in (16, 0))
    pair = Constant(bits, np.arange(256))
    plain = {"offset": 0}
    nodes = [
        Node("x", "input", (), (2,), FixedType.parse("uint<8>")),
        Node("c", "table", ("x",), (2,), four, plain, {"table": code}),
        Node("a", "take", ("c",), (1,), four, {"index": [0]}),
        Node("b", "take", ("c",), (1,), four, {"index": [1]}),
        Node("h", "scale_bias", ("a",), (1,), bits, {}, {"scale": scale, "bias": bias}),
        Node("i", "add", ("h", "b"), (1,), bits),
        Node("p", "table", ("i",), (1,), bits, plain, {"table": pair}),
    ]
    return Graph("skips", nodes, ["p"])


def test_entries_of_pairs_that_no_code_makes_are_proven():
    graph = codes_that_skip()
    (index,) = possible_values(graph)["i"]
    np.testing.assert_array_equal(index, sorted(16 * a + b for a in (0, 3, 5, 15) for b in (0, 3, 5, 15)))
    found = directed(graph, proofs=False, cache=False)
    coverage = found.coverage()
    found.watch(coverage, found.rows)
    pair = np.array([goal.node == "p" for goal in found.watcher.goals])
    assert coverage.unreachable[pair].sum() == 256 - 16
    assert coverage.reached[pair].sum() == 16


def test_rare_pairs_are_reached():
    """Of uniform bits nearly all have high codes; each result of a code table is tried as often.

    Two codes that share inputs, such as those of the first and second isolated object, exclude each other in
    ways that are not proven here.
    """
    graph = pair_sum(3, pairs=8)
    found = directed(graph, proofs=False, cache=False)
    coverage = found.coverage()
    found.watch(coverage, found.rows)
    structure = supports(graph)

    def apart(table: str) -> bool:
        high, low = graph[graph[table].inputs[0]].inputs
        return not (structure[high] & structure[low]).any()

    pairs = [node.name for node in graph.nodes if node.name.startswith("p") and apart(node.name)]
    mine = np.array([goal.node in pairs for goal in found.watcher.goals])
    assert len(pairs) >= 5
    assert mine.sum() >= 5 * 256
    assert not (mine & ~coverage.reached & ~coverage.unreachable).any()
