"""A design that uses most operations, small enough to be simulated in a few seconds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node


def constant(text: str, data: object) -> Constant:
    return Constant(FixedType.parse(text), np.asarray(data, dtype=np.int64))


def dense(name: str, before: str, shape: tuple[int, int], result: str, accum: str) -> Node:
    generator = np.random.default_rng(len(name))
    weight = generator.integers(-15, 16, shape) * (generator.random(shape) < 0.6)
    constants = {
        "weight": constant("fixed<6,1>", weight),
        "bias": constant("fixed<6,1>", generator.integers(-31, 32, shape[1])),
    }
    kind = FixedType.parse(result)
    return Node(name, "dense", (before,), shape[1:], kind, {"accum": accum}, constants)


@pytest.fixture(scope="session")
def design() -> Graph:
    """6 inputs; dense, ReLU, dense, squares and sum, table, maximum; two outputs of three words."""

    def kind(text: str) -> FixedType:
        return FixedType.parse(text)

    table = {"table": constant("ufixed<9,2>", np.arange(256) ** 2 % 512)}
    nodes = [
        Node("x", "input", (), (6,), kind("fixed<8,4>")),
        Node("q", "cast", ("x",), (6,), kind("fixed<6,3,RND_CONV,SAT>")),
        dense("d", "q", (6, 4), "fixed<16,8>", "fixed<18,8>"),
        Node("r", "relu", ("d",), (4,), kind("ufixed<6,3,RND_CONV,SAT>")),
        dense("e", "r", (4, 2), "fixed<8,4,RND_CONV,SAT>", "fixed<18,8>"),
        Node("t", "table", ("e",), (2,), kind("ufixed<9,2>"), {"offset": 128}, table),
        Node("sq", "square", ("e",), (2,), kind("ufixed<16,8>")),
        Node("s", "sum", ("sq",), (1,), kind("ufixed<18,10>"), {"accum": "ufixed<18,10>"}),
        Node("m", "maximum", ("t", "e"), (2,), kind("fixed<14,6>")),
    ]
    return Graph("trigger", nodes, ["s", "m"])


@pytest.fixture(scope="session")
def changed() -> Callable[..., Graph]:
    """A copy of a graph with one node's fields replaced."""

    def change(graph: Graph, name: str, **fields: object) -> Graph:
        nodes = [replace(n, **fields) if n.name == name else n for n in graph.nodes]
        return Graph(graph.name, nodes, list(graph.outputs))

    return change
