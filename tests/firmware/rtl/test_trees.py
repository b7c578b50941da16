"""Tree ensembles as look-up logic, exact on all inputs: uneven trees, ends of ranges, orders that matter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.rtl import trees
from l1forge.firmware.rtl.delay import ADD, ADD_CONSTANT, SUBTRACT, TABLE
from l1forge.firmware.rtl.generate import trace
from l1forge.firmware.rtl.lowering import inputs_of


def constant(text: str, data: object) -> Constant:
    return Constant(FixedType.parse(text), np.asarray(data, dtype=np.int64))


def drawn(
    seed: int, levels: int, split: str, kind: str, accum: str, *, count: int = 5, classes: int = 2
) -> Graph:
    """Trees that end at any level; thresholds also outside of the range; one class may be empty."""
    rng = np.random.default_rng(seed)
    x = FixedType.parse(kind)
    rows: list[list[tuple[int, int, int, int]]] = []
    for number in range(count):
        nodes: list[tuple[int, int, int, int]] = []

        def grow(level: int, nodes: list[tuple[int, int, int, int]] = nodes, number: int = number) -> int:
            place = len(nodes)
            nodes.append((-1, 0, 0, 0))
            if number and level < levels and rng.random() < 0.85:  # the first tree is a single leaf
                feature = int(rng.integers(3))
                limit = int(rng.integers(2 * x.minimum - 3, 2 * x.maximum + 4))  # one bit finer than x
                left, right = grow(level + 1), grow(level + 1)
                nodes[place] = (feature, limit, left, right)
            return place

        grow(0)
        rows.append(nodes)
    size = max(map(len, rows))
    padded = np.array([row + [(-1, 0, 0, 0)] * (size - len(row)) for row in rows])
    data = {
        "feature": padded[..., 0],
        "threshold": padded[..., 1],
        "left": padded[..., 2],
        "right": padded[..., 3],
        "value": rng.integers(-32, 32, (count, size)),
        "tree_class": np.arange(count) % max(classes - 1, 1),
        "bias": rng.integers(-64, 64, classes),
    }
    kinds = {
        "threshold": f"fixed<{x.width + 4},{x.integer + 3}>",
        "value": "fixed<6,3>",
        "bias": "fixed<7,4>",
    }
    constants = {name: constant(kinds.get(name, "fixed<16,16>"), values) for name, values in data.items()}
    node = Node(
        "s",
        "tree_ensemble",
        ("x",),
        (classes,),
        FixedType.parse("fixed<9,5,RND,SAT>"),
        {"split": split, "accum": accum},
        constants,
    )
    return Graph("t", [Node("x", "input", (), (3,), x), node], ["s"])


def check(graph: Graph) -> None:
    """All inputs through alkaid's interpreter and the literal reference."""
    x = graph.inputs[0].type
    every = np.array(list(itertools.product(range(x.minimum, x.maximum + 1), repeat=3)))
    expected = evaluate(graph, {"x": every})["s"]
    found = trace(graph).predict(every * x.lsb, n_threads=1) / graph["s"].type.lsb
    np.testing.assert_array_equal(found, expected.astype(np.float64))


@pytest.mark.parametrize("kind", ["fixed<4,2>", "ufixed<4,3>"])
@pytest.mark.parametrize("split", ["<", "<="])
@pytest.mark.parametrize("levels", [1, 2, 4, trees.MOST_LEVELS + 1])
@pytest.mark.parametrize(
    "accum", ["fixed<20,10>", "fixed<7,4,TRN,SAT>", "fixed<6,3>", "fixed<6,4,RND_CONV,SAT>"]
)
def test_exact_on_all_inputs(kind: str, split: str, levels: int, accum: str) -> None:
    check(drawn(levels, levels, split, kind, accum))


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_classes_and_a_class_without_trees(classes: int) -> None:
    check(drawn(11, 3, "<=", "fixed<4,4>", "fixed<20,10>", classes=classes))


def test_one_tree_whose_leaves_fill_the_accumulator() -> None:
    """The difference between its leaves would not fit the accumulator's type."""
    graph = drawn(3, 3, "<", "fixed<4,4>", "fixed<20,10>", count=2, classes=1)
    data = graph["s"].constants
    values = np.where(np.arange(data["value"].data.size).reshape(data["value"].data.shape) % 2, -32, 31)
    constants = {**data, "value": constant("fixed<6,3>", values), "bias": constant("fixed<7,4>", [0])}
    constants["value"].data[0] = 0
    node = Node(
        "s", "tree_ensemble", ("x",), (1,), graph["s"].type, {"split": "<", "accum": "fixed<6,3>"}, constants
    )
    check(Graph("t", [graph.inputs[0], node], ["s"]))


def test_comparisons_and_constants_are_no_adders() -> None:
    """What is left to add up are the trees: one addition less than there are trees in a score."""
    program = trace(drawn(5, 4, "<", "fixed<4,4>", "fixed<20,10>", count=9, classes=1))
    codes = [op.opcode for op in program.ops]
    added = sum(op.opcode == ADD and op.data[0] == 0 for op in program.ops)  # others put bits side by side
    assert 4 <= added <= 8
    assert SUBTRACT not in codes
    assert ADD_CONSTANT not in codes
    assert TABLE in codes


def test_comparisons_of_one_feature_share_their_low_bits() -> None:
    x = FixedType.parse("ufixed<8,8>")
    graph = Graph("t", [Node("x", "input", (), (1,), x)], ["x"])
    below = trees._Below(inputs_of(graph)["x"].ravel()[0])
    below.less(0b0110_0101)
    made = len(below.known)
    below.less(0b1010_0101)
    assert len(below.known) - made == 2  # only the bits from the first that differs on
    assert [float(below.less(limit).low) for limit in (0, -5, 256, 300)] == [0.0, 0.0, 1.0, 1.0]
