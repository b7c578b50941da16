"""Proofs of monotony: bounds hold on random graphs, verdicts agree with all inputs, faults are found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.node import Constant, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.monotone import Question, named_elements, prove
from l1forge.emulator.monotone.operations import BOUNDS, bounds_of
from l1forge.emulator.monotone.pairs import Pair
from tests.emulator.kernel.random_graphs import OPERATIONS, Maker

X = ("x", 0)


def types(text):
    return FixedType.parse(text)


def constant(values, text):
    return Constant(types(text), np.array(values, np.int64))


def network(first, second, bias=(0, 0, 0), out="fixed<12,12>"):
    """Two inputs of 4 bits, three hidden units, one output."""
    accum = "fixed<16,16>"
    nodes = [
        Node("x", "input", (), (2,), types("int<4>")),
        Node("hidden", "dense", ("x",), (3,), types(accum), {"accum": accum},
             {"weight": constant(first, "int<6>"), "bias": constant(bias, "int<8>")}),
        Node("relu", "relu", ("hidden",), (3,), types("ufixed<8,8,TRN,SAT>")),
        Node("y", "dense", ("relu",), (1,), types(out), {"accum": accum},
             {"weight": constant(second, "int<6>"), "bias": constant([0], "int<8>")}),
    ]  # fmt: skip
    return Graph("net", nodes, ["y"])


def by_trying(graph, element, direction=1):
    """Whether the outputs are monotone, from all inputs (small graphs only)."""
    (node,) = graph.inputs
    axes = [np.arange(node.type.minimum, node.type.maximum + 1)] * node.size
    rows = np.array(list(itertools.product(*axes)))
    start = rows[rows[:, element] < node.type.maximum]
    after = start.copy()
    after[:, element] += 1
    before, then = (evaluate(graph, part) for part in (start, after))
    return all(((then[n] - before[n]) * direction >= 0).all() for n in graph.outputs)


@pytest.mark.parametrize("seed", range(60))
def test_bounds_hold_on_random_graphs(seed):
    """Of every node: the values and changes of random inputs lie within the bounds of their box."""
    rng = np.random.default_rng(seed)
    maker = Maker(seed, widest=12)
    for op in rng.choice(OPERATIONS, 4):
        maker.grow(str(op))
    graph = Graph("random", maker.nodes, [maker.nodes[-1].name])
    (given,) = graph.inputs
    middle = rng.integers(given.type.minimum, given.type.maximum + 1, (1, given.size))
    reach = rng.choice([0, 1, 5, 1000], given.size)
    low, high = np.maximum(middle - reach, given.type.minimum), np.minimum(middle + reach, given.type.maximum)
    element = int(rng.integers(given.size))
    high[0, element] = max(low[0, element], min(high[0, element], given.type.maximum - 1))
    if low[0, element] == given.type.maximum:
        return
    step = np.zeros_like(low)
    step[0, element] = 1
    rows = rng.integers(low, high + 1, (200, given.size))
    values, after = (evaluate(graph, part, keep=True) for part in (rows, rows + step))
    known = {given.name: Pair(low, high, step, step)}
    for node in graph.nodes[1:]:
        if node.op == "constant":
            known[node.name] = Pair.constant(node.constants["value"].data, 1)
        else:
            known[node.name], _ = bounds_of(
                node, [graph[n] for n in node.inputs], [known[n] for n in node.inputs]
            )
        pair = known[node.name]
        value = values[node.name].reshape(200, -1)
        change = after[node.name].reshape(200, -1) - value
        for number, least, most in ((value, pair.low, pair.high), (change, pair.down, pair.up)):
            assert (number >= least).all(), node.op
            assert (number <= most).all(), node.op


def test_every_operation_has_bounds_but_those_named_here():
    from l1forge.emulator.graph.operations import OPERATIONS as ALL

    assert set(ALL) - set(BOUNDS) == {"input", "constant", "argmax"}


@pytest.mark.parametrize("seed", range(25))
def test_verdicts_agree_with_all_inputs_tried(seed):
    rng = np.random.default_rng(seed)
    out = str(rng.choice(["fixed<12,12>", "fixed<7,9,RND,SAT>", "fixed<8,9,RND_CONV,SAT>"]))
    weights = rng.integers(-6, 9, (2, 3)), rng.integers(-3, 9, (3, 1))
    graph = network(*weights, rng.integers(-20, 20, 3), out)
    for direction in (1, -1):
        proof = prove(graph, Question({X: direction}), seconds=20)
        assert proof.verdict == ("monotone" if by_trying(graph, 0, direction) else "not monotone")


def test_a_lipschitz_network_with_its_linear_term_is_proven_and_one_weight_breaks_it():
    """Hidden weights of either sign, slopes up to 2 * 3 = 6; the linear term adds 7 per step."""
    first = [[1, -1, 7], [5, 3, 0]]
    good = network(first, [[3], [3], [1]], bias=(0, 0, 56))  # the third unit is x0 * 7, always above 0
    assert prove(good, Question({X: 1})).verdict == "monotone"
    bad = network(first, [[-4], [5], [1]], bias=(0, 0, 56))
    proof = prove(bad, Question({X: 1}))
    assert proof.verdict == "not monotone"
    assert proof.example.element == X
    inputs = np.array([proof.example.inputs["x"]])
    after = inputs + np.array([[1, 0]])
    assert [int(evaluate(bad, part)["y"][0, 0]) for part in (inputs, after)] == [
        proof.example.before, proof.example.after,
    ]  # fmt: skip
    assert proof.example.after < proof.example.before


def test_the_first_bounds_prove_it_without_a_search():
    graph = network([[1, 2, 3], [-4, 4, 0]], [[2], [0], [1]])
    proof = prove(graph, Question({X: 1}))
    assert (proof.verdict, proof.boxes) == ("monotone", 1)


def test_nothing_is_decided_without_time_and_says_why():
    nodes = [
        Node("x", "input", (), (6,), types("int<10>")),
        Node("best", "argmax", ("x",), (1,), types("int<4>")),
    ]
    proof = prove(Graph("g", nodes, ["best"]), Question({("x", 5): 1}), seconds=0.2)
    assert proof.verdict == "not decided"
    assert proof.remarks == ("node best (argmax): the operation has no bound",)


def trees(leaves, feature=(0, 1, 1, -1, -1, -1, -1), threshold=(0, 2, -3, 0, 0, 0, 0)):
    left, right = [[1, 3, 5, -1, -1, -1, -1]], [[2, 4, 6, -1, -1, -1, -1]]
    one = {
        "feature": constant([feature], "int<3>"),
        "threshold": constant([threshold], "int<4>"),
        "left": constant(left, "int<4>"),
        "right": constant(right, "int<4>"),
        "value": constant([[0, 0, 0, *leaves]], "int<8>"),
        "tree_class": constant([0], "uint<1>"),
        "bias": constant([1], "int<8>"),
    }
    nodes = [
        Node("x", "input", (), (2,), types("int<4>")),
        Node("y", "tree_ensemble", ("x",), (1,), types("int<9>"), {"split": "<", "accum": "int<9>"}, one),
    ]
    return Graph("trees", nodes, ["y"])


CASES = {(1, 5, 6, 9): True, (1, 5, 6, 4): False, (1, 7, 6, 9): True, (5, 5, 3, 9): False}


@pytest.mark.parametrize("leaves", CASES)
def test_trees(leaves):
    """For x1 < -3, -3..1, 2..: leaves 1 or 6, 1 or 9, 5 or 9 below and above x0 = 0."""
    graph = trees(leaves)
    assert prove(graph, Question({X: 1})).verdict == ("monotone" if CASES[leaves] else "not monotone")
    assert by_trying(graph, 0) == CASES[leaves]


def test_ranges_leave_out_what_cannot_happen():
    graph = trees((1, 5, 6, 4))  # falls from 5 to 4 at x0 = 0 only for x1 >= 2
    question = Question({X: 1}, ranges={("x", 1): (-8, 1)})
    assert prove(graph, question).verdict == "monotone"


def test_names_of_elements():
    graph = trees((1, 2, 3, 4))
    graph.meta["features"] = ["bend", "eta"]
    assert named_elements(graph, "x") == [("x", 0), ("x", 1)]
    assert named_elements(graph, "x[1]") == named_elements(graph, "eta") == [("x", 1)]
    with pytest.raises(InputError, match=r"no such input \(got 'y'\); inputs: x\[0..1\], bend, eta"):
        named_elements(graph, "y")
    with pytest.raises(InputError, match="no input is declared"):
        prove(graph, Question({}))
