"""The sign of a difference from a maximum or minimum that contains the other side."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.kernel.lowering import lower

X = FixedType.parse("fixed<4,4>")
"""-8 .. 7"""
WIDE = FixedType.parse("fixed<9,7>")


def make(*nodes: Node, result: str) -> Graph:
    """Three numbers and what is made of them."""
    return Graph("g", [Node("x", "input", [], (3,), X), *nodes], [result])


def take(name: str, index: list[int], source: str = "x", kind: FixedType = X) -> Node:
    return Node(name, "take", [source], (len(index),), kind, {"index": index})


def pair(name: str, op: str, a: str, b: str, kind: FixedType = X, size: int = 1) -> Node:
    return Node(name, op, [a, b], (size,), kind)


ONES = [take("a", [0]), take("b", [1]), take("c", [2])]


def proven(graph: Graph) -> tuple[list[int], list[int]]:
    """Proven ends in the LSBs of the result; they hold on all inputs."""
    values = np.array(np.meshgrid(*[np.arange(-8, 8)] * 3)).reshape(3, -1).T
    found = next(iter(evaluate(graph, {"x": values}).values()))
    assert np.array_equal(next(iter(compile_graph(graph).run_rows(values).values())), found)
    program = lower(graph)
    interval = next(iter(program.outputs.values())).interval
    low, high = [int(v) for v in interval.low], [int(v) for v in interval.high]
    assert (found.min(axis=0) >= low).all()
    assert (found.max(axis=0) <= high).all()
    return low, high


def test_softmax_differences() -> None:
    """max(a, b, c) − x for each: 0 .. 15, where intervals alone say −15 .. 15."""
    graph = make(
        *ONES,
        pair("ab", "maximum", "a", "b"),
        pair("abc", "maximum", "ab", "c"),
        take("spread", [0, 0, 0], "abc"),
        pair("below", "subtract", "spread", "x", WIDE, 3),
        result="below",
    )
    assert proven(graph) == ([0, 0, 0], [60, 60, 60])  # a quarter is the LSB


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        ("big", "c", -15, 15),  # c is in no maximum of a and b
        ("big", "a", 0, 15),
        ("a", "big", -15, 0),
        ("small", "a", -15, 0),
        ("a", "small", 0, 15),
        ("big", "small", 0, 15),
        ("biggest", "big", 0, 15),
        ("big", "biggest", -15, 0),
        ("smallest", "small", -15, 0),
        ("big", "mixed", 0, 15),  # the larger of a and b, and the smaller of b and c
        ("mixed", "biggest", -15, 0),
        ("biggest", "other", -15, 15),  # a minimum of a maximum: nothing is proven
        ("a", "a", 0, 0),
        ("positive", "a", 0, 15),
        ("a", "positive", -15, 0),
        ("rounded", "a", -15, 14),  # half of the maximum can lie below a
        ("finer", "a", 0, 15),
    ],
)
def test_pairs(a: str, b: str, low: int, high: int) -> None:
    nodes = [
        *ONES,
        pair("big", "maximum", "a", "b"),
        pair("biggest", "maximum", "c", "big"),
        pair("small", "minimum", "b", "a"),
        pair("smallest", "minimum", "small", "c"),
        pair("mixed", "minimum", "b", "c"),
        pair("other", "minimum", "big", "c"),
        Node("positive", "relu", ["a"], (1,), X),
        Node("rounded", "cast", ["big"], (1,), FixedType.parse("fixed<3,4>")),
        Node("finer", "cast", ["big"], (1,), WIDE),
    ]
    integer = FixedType.parse("fixed<6,6>")
    graph = make(*nodes, pair("d", "subtract", a, b, integer), result="d")
    least, most = proven(graph)
    assert (least[0], most[0]) == (low, high)


def test_wrapped_maximum_proves_nothing() -> None:
    graph = make(
        *ONES,
        pair("big", "maximum", "a", "b", FixedType.parse("fixed<3,3>")),
        pair("d", "subtract", "big", "a", FixedType.parse("fixed<6,6>")),
        result="d",
    )
    assert proven(graph) == ([-11], [11])
