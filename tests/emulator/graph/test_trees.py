"""The tree_ensemble operation of the reference evaluator: literal expected values, and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate


def constant(kind: str, data: object) -> Constant:
    return Constant(FixedType.parse(kind), np.array(data, np.int64))


def stumps(split: str = "<=", accum: str = "fixed<8,6>", **changes: object) -> Graph:
    """Two trees on two features: tree 0 adds to score 0, tree 1 (a leaf alone) to score 1."""
    data: dict[str, Constant] = {
        "feature": constant("int<3>", [[1, -1, 0, -1, -1], [-1] * 5]),
        "threshold": constant("fixed<6,5>", [[3, 0, -4, 0, 0], [0] * 5]),  # 1.5, -2
        "left": constant("int<4>", [[1, 0, 3, 0, 0], [0] * 5]),
        "right": constant("int<4>", [[2, 0, 4, 0, 0], [0] * 5]),
        "value": constant("fixed<6,3>", [[0, 5, 0, -9, 31], [8] + [0] * 4]),
        "tree_class": constant("uint<1>", [0, 1]),
        "bias": constant("fixed<6,4>", [-4, 2]),
    }
    data |= changes  # type: ignore[arg-type]
    nodes = [
        Node("x", "input", (), (2,), FixedType.parse("fixed<6,4>")),
        Node(
            "trees",
            "tree_ensemble",
            ("x",),
            (2,),
            FixedType.parse("fixed<10,6>"),
            {"split": split, "accum": accum},
            data,
        ),
    ]
    return Graph("stumps", nodes, ["trees"])


@pytest.mark.parametrize(
    ("split", "expected"),
    [  # accum has quarters: 5/8 -> 2/4, -9/8 -> -5/4, 31/8 -> 15/4; bias -4/4, 2/4; result in sixteenths
        ("<=", [[-8, 24], [-8, 24], [44, 24], [-36, 24], [44, 24]]),
        ("<", [[-8, 24], [44, 24], [44, 24], [44, 24], [44, 24]]),
    ],
)
def test_walk_and_casts(split: str, expected: list[list[int]]) -> None:
    x = np.array([[0, 5], [0, 6], [0, 7], [-8, 7], [-7, 7]])  # quarters, thresholds 6/4 and -8/4
    np.testing.assert_array_equal(evaluate(stumps(split), x)["trees"], expected)


def test_accumulator_wraps() -> None:
    graph = stumps(accum="fixed<4,2>", bias=constant("fixed<6,4>", [6, 2]))
    value = evaluate(graph, np.array([[0, 0]]))["trees"]
    assert value.tolist() == [[-32, 24]]  # 6/4 + 2/4 = 8/4 wraps to -8/4, in sixteenths


def test_text_form_round_trips() -> None:
    text = stumps().to_json()
    assert Graph.from_json(text).to_json() == text
    assert json.loads(text)["nodes"][1]["split"] == "<="


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": ">"}, "split"),
        ({"feature": constant("int<3>", [[2, -1, 0, -1, -1], [-1] * 5])}, "feature outside 0 .. 1"),
        ({"left": constant("int<4>", [[0, 0, 3, 0, 0], [0] * 5])}, "left child"),
        ({"right": constant("int<4>", [[2, 0, 5, 0, 0], [0] * 5])}, "right child"),
        ({"tree_class": constant("uint<2>", [0, 2])}, "tree class outside"),
        ({"bias": constant("fixed<6,4>", [0])}, "one bias per score"),
        ({"value": constant("fixed<6,4>", [[0]])}, "one shape"),
        ({"feature": constant("fixed<4,3>", [[1, -1, 0, -1, -1], [-1] * 5])}, "integer type"),
    ],
)
def test_bad_trees_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        stumps(**changes)  # type: ignore[arg-type]


def test_argmax_takes_the_first_of_equals() -> None:
    nodes = [
        Node("x", "input", (), (3,), FixedType.parse("int<4>")),
        Node("best", "argmax", ("x",), (1,), FixedType.parse("uint<2>")),
    ]
    x = np.array([[1, 2, 2], [-3, -3, -4], [0, 1, 7]])
    assert evaluate(Graph("a", nodes, ["best"]), x)["best"].tolist() == [[1], [0], [2]]
