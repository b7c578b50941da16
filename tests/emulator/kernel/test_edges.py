"""Graphs off the beaten track: several, wide and forwarded inputs, modes that only the reference has."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph

parse = FixedType.parse
BACKENDS = ["vector", "portable", "interpreter", "reference"]


def two_inputs() -> Graph:
    return Graph(
        "two",
        [
            Node("x", "input", (), (3,), parse("fixed<10,8>")),
            Node("y", "input", (), (1,), parse("ufixed<30,28>")),
            Node("sum", "add", ("x", "y"), (3,), parse("fixed<32,30>")),
            Node("unread", "input", (), (2,), parse("int<8>")),
        ],
        ["sum", "x"],
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_several_inputs(backend):
    rng = np.random.default_rng(0)
    graph = two_inputs()
    inputs = {
        "x": rng.integers(-512, 512, (131, 3)),
        "y": rng.integers(0, 1 << 30, (131, 1)),
        "unread": rng.integers(-128, 128, (131, 2)),
    }
    expected = evaluate(graph, inputs)
    answers = compile_graph(graph, backend=backend).run_rows(inputs)
    for name in ("sum", "x"):
        np.testing.assert_array_equal(answers[name], expected[name])
    with pytest.raises(InputError, match=r"node y: element 0: value does not fit ufixed<30,28> \(got -1\)"):
        compile_graph(graph, backend=backend).run_rows({**inputs, "y": inputs["y"] * 0 - 1})
    with pytest.raises(InputError, match="different numbers of events"):
        compile_graph(graph, backend=backend).run_rows({**inputs, "y": inputs["y"][:5]})
    with pytest.raises(InputError, match="node y: input is missing"):
        compile_graph(graph, backend=backend).run_rows({"x": inputs["x"]})


@pytest.mark.parametrize("kind", ["fixed<6,4,TRN,WRAP_SM>", "fixed<6,4,RND,WRAP,2>", "fixed<80,70>"])
def test_what_only_the_reference_has_is_exact_and_visible(kind):
    rng = np.random.default_rng(0)
    weight = Constant(parse("fixed<8,1>"), rng.integers(-127, 128, (4, 5)))
    bias = Constant(parse("fixed<8,1>"), rng.integers(-127, 128, 5))
    wide = "fixed<24,14>"
    graph = Graph(
        "modes",
        [
            Node("x", "input", (), (4,), parse("fixed<10,8>")),
            Node(
                "sums", "dense", ("x",), (5,), parse(wide), {"accum": wide}, {"weight": weight, "bias": bias}
            ),
            Node("rare", "cast", ("sums",), (5,), parse(kind)),
            Node("y", "relu", ("rare",), (5,), parse("ufixed<5,4,RND,SAT>")),
        ],
        ["y"],
    )
    x = rng.integers(-512, 512, (300, 4))
    kernel = compile_graph(graph)
    np.testing.assert_array_equal(kernel.run_rows(x)["y"], evaluate(graph, x)["y"])
    if kind != "fixed<80,70>":  # there, no value needs more than 62 bits
        assert "reference evaluator" in str(kernel.plan)


def test_source_must_fit_the_input():
    node = Node("x", "input", (), (2,), parse("int<9>"), {"source": ["mu.pt[0]"]})
    with pytest.raises(InputError, match=r"source: needs one entry per element \(2\)"):
        compile_graph(Graph("g", [node], ["x"]))
    node = Node("x", "input", (), (1,), parse("int<9>"), {"source": ["mu.pt"]})
    with pytest.raises(InputError, match="is not a column"):
        compile_graph(Graph("g", [node], ["x"]))


@pytest.mark.parametrize("backend", ["vector", "interpreter"])
def test_results_from_before_an_evaluated_node_keep_their_rows(backend):
    """Found by the fuzzer: two values made before the node shared pool rows, and one wiped the other."""
    accum = "fixed<10,8,RND_INF,WRAP,1>"  # no kernel: the reference evaluator computes the node
    kinds = {"weight": FixedType.parse("fixed<8,2>"), "bias": FixedType.parse("fixed<8,4>")}

    def dense(
        name: str, source: str, type_: str, accum: str, weight: list[list[int]], bias: list[int]
    ) -> Node:
        constants = {
            "weight": Constant(kinds["weight"], np.array(weight)),
            "bias": Constant(kinds["bias"], np.array(bias)),
        }
        return Node(name, "dense", (source,), (3, 2), FixedType.parse(type_), {"accum": accum}, constants)

    nodes = [
        Node("x", "input", (), (3, 2), FixedType.parse("ufixed<12,3>")),
        dense("early", "x", "fixed<7,2>", "fixed<14,8>", [[0, 0], [0, 0]], [0, 0]),
        dense("evaluated", "early", "ufixed<13,12>", accum, [[96, 0], [-61, 16]], [-19, -5]),
        Node(
            "both", "concatenate", ("evaluated", "early"), (6, 2), FixedType.parse("fixed<14,8>"), {"axis": 0}
        ),
    ]
    kernel = compile_graph(Graph("order", nodes, ["both"]), backend=backend)
    found = kernel.run_array(np.ones((6, 4), np.int64))["both"]
    assert found[:, 0].tolist() == [-96, -32, -96, -32, -96, -32, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("backend", ["vector", "portable", "interpreter"])
@pytest.mark.parametrize("fraction", [14, 16, 40, 70])
def test_rows_that_are_always_zero_may_be_shifted_by_any_number_of_bits(backend, fraction):
    """Found by the fuzzer: a sum with a zero row, aligned to 16 fractional bits in a 16-bit word."""
    fine = f"fixed<8,{8 - fraction}>"
    scale = {
        "scale": Constant(parse(fine), np.array([5, -3])),
        "bias": Constant(parse(fine), np.array([7, 7])),
    }
    weight = {
        "weight": Constant(parse(fine), np.eye(2, dtype=int) << 6),
        "bias": Constant(parse(fine), np.array([9, -9])),
    }
    accum = f"fixed<16,{16 - fraction}>"
    nodes = [
        Node("x", "input", (), (2,), parse("ufixed<4,4>")),
        Node("small", "input", (), (2,), parse(fine)),
        Node(
            "minus",
            "scale_bias",
            ("x",),
            (2,),
            parse("fixed<5,5>"),
            {},
            {
                "scale": Constant(parse("fixed<2,2>"), np.array([-1, -1])),
                "bias": Constant(parse("fixed<2,2>"), np.array([0, 0])),
            },
        ),
        Node("zero", "relu", ("minus",), (2,), parse("fixed<5,5>")),
        Node("sum", "add", ("zero", "small"), (2,), parse(fine)),
        Node("cast", "cast", ("zero",), (2,), parse(fine)),
        Node("scaled", "scale_bias", ("zero",), (2,), parse(fine), {}, scale),
        Node("dense", "dense", ("zero",), (2,), parse(fine), {"accum": accum}, weight),
    ]
    outputs = ["sum", "cast", "scaled", "dense"]
    graph = Graph("zeros", nodes, outputs)
    rng = np.random.default_rng(0)
    x = {"x": rng.integers(0, 16, (130, 2)), "small": rng.integers(-128, 128, (130, 2))}
    expected = evaluate(graph, x)
    for name, found in compile_graph(graph, backend=backend).run_rows(x).items():
        np.testing.assert_array_equal(found, expected[name], err_msg=name)
