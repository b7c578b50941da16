"""Layers of weights -1, 0, +1 as sums of bytes: exact, and chosen where sums and inputs fit bytes."""

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph

PATH = "int8 sums of signs"
parse = FixedType.parse


def layer(kind: str, weight: np.ndarray, bias: np.ndarray) -> Graph:
    """Inputs of ``kind`` through one dense layer, each sum compared with zero."""
    n, m = weight.shape
    constants = {
        "weight": Constant(parse("fixed<2,2>"), weight),
        "bias": Constant(parse("fixed<9,9>"), bias),
    }
    nodes = [
        Node("x", "input", (), (n,), parse(kind)),
        Node("bits", "cast", ("x",), (n,), parse(kind)),
        Node("sums", "dense", ("bits",), (m,), parse("fixed<12,12>"), {"accum": "fixed<12,12>"}, constants),
        Node(
            "zero",
            "constant",
            (),
            (m,),
            parse("fixed<9,9>"),
            {},
            {"value": Constant(parse("fixed<9,9>"), bias)},
        ),
        Node("above", "greater_equal", ("sums", "zero"), (m,), parse("ufixed<1,1>")),
    ]
    return Graph("signs", nodes, ["sums", "above"])


def weights(rng: np.random.Generator, n: int, m: int, zeros: float) -> np.ndarray:
    values = rng.choice([-1, 1], (n, m))
    values[rng.random((n, m)) < zeros] = 0
    return values


def check(graph: Graph, rng: np.random.Generator) -> str:
    """All back ends against the reference on corners and random rows; the path of the sums."""
    (source,) = graph.inputs
    low, high = source.type.minimum, source.type.maximum
    rows = rng.integers(low, high + 1, (333, source.size))
    rows[:3] = [[low] * source.size, [high] * source.size, [0] * source.size]
    expected = evaluate(graph, {source.name: rows})
    given = {source.name: np.ascontiguousarray(rows.T)}
    for backend in ("native", "portable", "interpreter"):
        found = compile_graph(graph, backend=backend).run_array(given)
        for name in graph.outputs:
            np.testing.assert_array_equal(
                found[name].T.reshape(len(rows), -1), expected[name], f"{backend} {name}"
            )
    return next(layer.path for layer in compile_graph(graph).plan if layer.node == "sums")


@pytest.mark.parametrize(("n", "m"), [(4, 1), (33, 17), (64, 40)])
@pytest.mark.parametrize("zeros", [0.0, 0.6])
@pytest.mark.parametrize("kind", ["ufixed<1,1>", "fixed<2,2>"])
def test_sums_of_signs_are_exact(n: int, m: int, zeros: float, kind: str) -> None:
    rng = np.random.default_rng(n * m)
    most = 127 - 2 * n if kind.startswith("fixed") else 63
    weight = weights(rng, n, m, zeros)
    if kind == "fixed<2,2>" and n == 64:
        weight[48:] = 0  # 48 times -2 .. 1 fits a byte
        most = 20
    weight[:4] = rng.choice([-1, 1], (4, m))
    bias = rng.integers(-most // 2, most // 2 + 1, m)
    assert check(layer(kind, weight, bias), rng) == PATH


def test_partial_sums_may_leave_the_byte() -> None:
    """120 - 3 x 40 + 5 fits at the end only: additions of bytes wrap, and the sum is right."""
    rng = np.random.default_rng(5)
    weight = np.concatenate([np.ones((100, 6), int), -np.ones((100, 6), int)])
    graph = layer("ufixed<1,1>", weight, np.full(6, 27))
    assert check(graph, rng) == PATH


@pytest.mark.parametrize(
    ("kind", "bias", "factor"),
    [("ufixed<1,1>", 250, 1), ("fixed<9,9>", 0, 1), ("ufixed<1,1>", 0, -2)],
)
def test_other_layers_take_other_ways(kind: str, bias: int, factor: int) -> None:
    """Sums beyond a byte, wide inputs, weights of another size."""
    rng = np.random.default_rng(6)
    weight = weights(rng, 16, 8, 0.0)
    weight[weight < 0] *= abs(factor)
    assert check(layer(kind, weight, np.full(8, bias)), rng) != PATH


def test_sums_without_any_weight_are_their_bias() -> None:
    rng = np.random.default_rng(7)
    weight = weights(rng, 12, 5, 0.0)
    weight[:, 2] = 0
    check(layer("ufixed<1,1>", weight, np.array([0, 1, -7, 60, -60])), rng)
