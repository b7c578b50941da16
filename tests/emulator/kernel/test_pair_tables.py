"""Tables of pairs of codes as vector code: permutations of bytes, gathers, bytes added and compared."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.kernel.native import machine
from l1forge.emulator.kernel.native.lookups import choose_lookup
from l1forge.emulator.kernel.native.vectors import Target
from l1forge.emulator.kernel.program import Lookup
from tests.emulator.kernel.pair_graphs import pair_squares, pair_sum
from tests.emulator.kernel.random_graphs import SHAPES, corner_inputs, random_graph

VBMI = machine.host_features().get("avx512vbmi", False) and machine.host_target().permute_bytes
BACKENDS = ("vector", "without VBMI", "portable", "interpreter")


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch) -> str:
    if request.param == "without VBMI":
        features = {**machine.host_features(), "avx512vbmi": False}
        monkeypatch.setattr(machine, "host_features", lambda: features)
        return "vector"
    return str(request.param)


def check(graph: Graph, backend: str, x: np.ndarray) -> None:
    expected = evaluate(graph, x)
    answers = compile_graph(graph, backend=backend).run_rows(x)
    for name, array in expected.items():
        np.testing.assert_array_equal(answers[name], array)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(6))
def test_random_shapes(shape, seed, backend):
    graph = random_graph(seed, seed % 3, shape, widest=(9, 12, 17)[seed % 3])
    check(graph, backend, corner_inputs(graph, 200))


@pytest.mark.parametrize("made", [pair_sum, pair_squares])
def test_scores(made, backend):
    graph = made(1, pairs=9)
    check(graph, backend, corner_inputs(graph, 300))


@pytest.mark.parametrize("made", [pair_sum, pair_squares])
def test_no_step_leaves_the_vector_code(made):
    kernel = compile_graph(made(0))
    assert (kernel.backend, kernel.note) == ("vector", "")
    paths = {layer.path.split()[0] for layer in kernel.plan if layer.step == "Lookup"}
    assert paths == ({"permute", "compare"} if VBMI else {"gather", "compare"})
    assert not any("reference" in layer.path or layer.carrier == "Python" for layer in kernel.plan)


def table_graph(entries: int, kind: FixedType, source: FixedType, **more: object) -> Graph:
    rng = np.random.default_rng(entries)
    data = rng.integers(kind.minimum, kind.maximum + 1, entries)
    attributes = {"offset": 0, **more}
    nodes = [
        Node("x", "input", (), (2,), source),
        Node("t", "table", ("x",), (2,), kind, attributes, {"table": Constant(kind, data)}),
        Node("s", "add", ("t", "t"), (2,), FixedType(40, 40)),
    ]
    return Graph("t", nodes, ["s", "t"])


@pytest.mark.parametrize("entries", [1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 512, 513, 1024, 1025])
@pytest.mark.parametrize("kind", ["uint<8>", "int<8>", "int<9>", "int<16>", "uint<16>"])
def test_every_length_of_table(entries, kind):
    for source, more in (
        ("uint<12>", {}),
        ("int<12>", {"offset": 100}),
        ("uint<8>", {}),
        ("uint<6>", {"offset": -3}),
        ("int<14>", {"offset": -7, "multiplier": 3, "shift": 2, "index_rounding": "RND_CONV"}),
    ):
        graph = table_graph(entries, FixedType.parse(kind), FixedType.parse(source), **more)
        check(graph, "vector", corner_inputs(graph, 400))


def test_a_table_too_long_or_too_wide_is_gathered():
    target = Target(True, True)

    def path(entries: int, kind: str) -> str:
        graph = table_graph(entries, FixedType.parse(kind), FixedType.parse("uint<12>"))
        steps = compile_graph(graph, backend="reference").program.steps
        (step,) = [step for step in steps if isinstance(step, Lookup)]
        return choose_lookup(step, target).name

    assert path(1024, "uint<8>") == "permute 1024 x 1 byte"
    assert path(256, "int<9>") == "permute 256 x 2 bytes"
    assert path(1025, "uint<8>") == path(256, "uint<16>") == "gather"


@pytest.mark.parametrize("steps", [0, 1, 15, 16, 17])
@pytest.mark.parametrize(("source", "offset"), [("uint<12>", 0), ("int<13>", 4000), ("uint<16>", -9)])
def test_a_table_of_few_steps_is_compared(steps, source, offset, backend):
    """Steps up and down by as much as 16 bits, at both ends of the table."""
    rng = np.random.default_rng(steps)
    edges = np.sort(rng.choice(4094, steps, replace=False) + 1)
    edges[-1:] = 4095
    data = rng.integers(-32768, 32768, steps + 1)
    data[:2] = [-32768, 32767][: len(data)]
    graph = table_graph(4096, FixedType(16, 16), FixedType.parse(source), offset=offset)
    graph.nodes[1].constants["table"].data[:] = data[np.searchsorted(edges, np.arange(4096), "right")]
    x = corner_inputs(graph, 600)
    x[:steps, 0] = edges - offset
    x[steps : 2 * steps, 0] = edges - 1 - offset
    check(graph, backend, x)


OPERATORS = ("add", "subtract", "multiply", "maximum", "minimum", "greater_equal")


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("uint<7>", "uint<7>"),
        ("uint<8>", "uint<1>"),
        ("int<7>", "int<7>"),
        ("int<8>", "uint<1>"),
        ("uint<8>", "int<8>"),
    ],
)
def test_pairs_of_bytes(operator, a, b, backend):
    """At the ends of a byte, signed and not; the results are read by another step, so they are stored."""
    types = [FixedType.parse(text) for text in (a, b)]
    wide = FixedType(20, 20)
    nodes = [
        Node("x", "input", (), (1,), types[0]),
        Node("y", "input", (), (1,), types[1]),
        Node("p", operator, ("x", "y"), (1,), wide),
        Node("q", "add", ("p", "p"), (1,), wide),
        Node("m", "maximum", ("q", "p"), (1,), wide),
    ]
    graph = Graph("bytes", nodes, ["p", "m"])
    grid = np.meshgrid(*[np.arange(t.minimum, t.maximum + 1) for t in types], indexing="ij")
    x, y = (values.ravel()[:, None] for values in grid)
    check(graph, backend, {"x": x[::7], "y": y[::7]})
