"""Where one representation ends and the next begins: the last value that fits and one beyond."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.kernel.intervals import Interval, exact
from l1forge.emulator.kernel.lowering import lower
from l1forge.emulator.kernel.native.codegen import input_width
from l1forge.emulator.kernel.native.dots import choose
from l1forge.emulator.kernel.native.rows import signed_width, width_for
from l1forge.emulator.kernel.native.trees import refusal
from l1forge.emulator.kernel.native.vectors import Target
from l1forge.emulator.kernel.plan import carrier
from l1forge.emulator.kernel.program import Dot, Trees

BACKENDS = ["vector", "portable", "interpreter"]
BYTES, WORDS = "uint8 x int8 dot product", "int16 dot product"


def kind(text: str) -> FixedType:
    return FixedType.parse(text)


def constant(text: str, data: object) -> Constant:
    return Constant(kind(text), np.asarray(data, np.int64))


@pytest.mark.parametrize(
    ("low", "high", "storage", "bits"),
    [
        (-128, 127, (8, True), 8),
        (-129, 127, (16, True), 9),
        (-128, 128, (16, True), 9),
        (0, 127, (8, False), 8),
        (0, 128, (8, False), 9),
        (0, 255, (8, False), 9),
        (0, 256, (16, True), 10),
        (-1, 255, (16, True), 9),
        (-256, 255, (16, True), 9),
        (-257, 256, (16, True), 10),
        (-32768, 32767, (16, True), 16),
        (-32769, 32767, (32, True), 17),
        (-32768, 32768, (32, True), 17),
        (-(1 << 31), (1 << 31) - 1, (32, True), 32),
        (0, 1 << 31, (64, True), 33),
    ],
)
def test_storage_of_an_interval(low, high, storage, bits):
    assert width_for(low, high) == storage
    assert Interval(exact([low]), exact([high])).bits() == bits
    assert signed_width(low, high) == max(storage[0], 16)
    assert input_width(low, high) == (16 if storage[0] <= 16 else 64)


def shifted(text: str, offset: int, rows: int) -> list[Node]:
    """An input of type ``text`` and, node s, its values plus ``offset``."""
    wide = "int<40>"
    data = {"scale": constant("int<3>", [1] * rows), "bias": constant("int<20>", [offset] * rows)}
    source = Node("x", "input", (), (rows,), kind(text))
    return [source, Node("s", "scale_bias", ("x",), (rows,), kind(wide), {}, data)]


def values(text: str, rows: int) -> np.ndarray:
    """Both ends of the type, what lies around zero, and a spread: (n, rows)."""
    node = kind(text)
    spread = np.linspace(node.minimum, node.maximum, 200).astype(np.int64)
    ends = [v for v in (node.minimum, node.minimum + 1, -1, 0, 1, node.maximum - 1, node.maximum)]
    column = np.concatenate([np.clip(ends, node.minimum, node.maximum), spread])
    return np.stack([np.roll(column, 3 * r) for r in range(rows)], axis=1)


@pytest.mark.parametrize(
    ("text", "offset", "weight", "path"),
    [
        ("int<8>", 0, [127, -128, 3, 1], BYTES),
        ("int<8>", 1, [127, -128, 3, 1], WORDS),  # -127 .. 128
        ("int<8>", -1, [127, -128, 3, 1], WORDS),  # -129 .. 126
        ("uint<8>", 0, [127, -128, 3, 1], BYTES),
        ("uint<8>", 1, [127, -128, 3, 1], WORDS),  # 1 .. 256
        ("uint<8>", -1, [127, -128, 3, 1], WORDS),  # -1 .. 254
        ("int<8>", 0, [128, 5, 3, 1], WORDS),
        ("int<8>", 0, [-129, 5, 3, 1], WORDS),
        ("int<8>", 0, [254, -256, 2, 4], BYTES),  # halved, they fit
        ("int<8>", 0, [256, -254, 2, 4], WORDS),
        ("int<16>", 0, [32767, -32768, 3, 1], "int64 multiply"),  # the sum does not fit 32 bits
        ("int<16>", 0, [16383, -16384, 3, 1], WORDS),
        ("int<16>", 1, [127, -128, 3, 1], "int32 multiply"),  # -32767 .. 32768
        ("int<16>", -1, [127, -128, 3, 1], "int32 multiply"),
        ("int<8>", 0, [32767, -32768, 3, 1], WORDS),
        ("int<8>", 0, [32768, 5, 3, 1], "int32 multiply"),
        ("int<8>", 0, [-32769, 5, 3, 1], "int32 multiply"),
    ],
)
def test_sums_of_products(text, offset, weight, path):
    data = {"weight": constant("int<20>", [[w] for w in weight]), "bias": constant("int<20>", [7])}
    sums = Node("d", "dense", ("s",), (1,), kind("int<60>"), {"accum": "int<60>"}, data)
    graph = Graph("g", [*shifted(text, offset, 4), sums], ["d"])
    (step,) = (s for s in lower(graph).steps if isinstance(s, Dot))
    assert choose(step, Target(dot_products=True)).name == path
    x = values(text, 4)
    expected = (x + offset) @ np.array(weight) + 7
    for backend in BACKENDS:
        kernel = compile_graph(graph, backend=backend)
        assert (kernel.backend, kernel.note) == (backend, "")
        np.testing.assert_array_equal(kernel.run_rows(x)["d"][:, 0], expected)


@pytest.mark.parametrize(
    ("bias", "expected"),
    [
        ((1 << 24) - 1 - 255, "float32"),  # up to 2^24 - 1
        ((1 << 24) - 255, "float64"),  # 2^24
        ((1 << 53) - 1 - 255, "float64"),
        ((1 << 53) - 255, "int64"),
    ],
)
def test_carrier_of_a_sum(bias, expected):
    data = {"weight": constant("int<8>", [[1]]), "bias": constant("int<60>", [bias])}
    nodes = [
        Node("x", "input", (), (1,), kind("uint<8>")),
        Node("d", "dense", ("x",), (1,), kind("int<60>"), {"accum": "int<60>"}, data),
    ]
    graph = Graph("g", nodes, ["d"])
    (step,) = (s for s in lower(graph).steps if isinstance(s, Dot))
    assert carrier(step) == expected
    x = np.arange(256).reshape(256, 1)
    for backend in BACKENDS:
        found = compile_graph(graph, backend=backend).run_rows(x)["d"]
        assert found[:, 0].tolist() == [bias + v for v in range(256)]


WIDE = "features wider than 16 bits"


@pytest.mark.parametrize(
    ("text", "offset", "threshold", "leaf", "reason"),
    [
        ("int<16>", 0, -32768, 32767, None),
        ("int<16>", 0, 32766, -32767, None),
        ("int<16>", 0, -1, 32767, None),
        ("int<16>", 0, 0, -32767, None),
        ("int<16>", 0, 0, 32768, "leaves wider than 16 bits"),
        ("int<16>", 0, 0, -32769, "leaves wider than 16 bits"),
        ("int<16>", 1, -32767, 5, WIDE),  # features up to 32768
        ("int<16>", 1, 32767, 5, WIDE),
        ("int<16>", -1, -32769, 5, WIDE),
        ("int<16>", -1, 32765, 5, WIDE),
        ("int<16>", 1, -32768, 5, None),  # always to the right: no feature is read
        ("int<8>", 1, 127, 5, None),
    ],
)
def test_trees(text, offset, threshold, leaf, reason):
    data = {
        "feature": constant("int<8>", [[0, -1, -1]]),
        "left": constant("int<8>", [[1, 0, 0]]),
        "right": constant("int<8>", [[2, 0, 0]]),
        "threshold": constant("int<20>", [[threshold, 0, 0]]),
        "value": constant("int<20>", [[0, leaf, -3]]),
        "tree_class": constant("int<8>", [0]),
        "bias": constant("int<20>", [0]),
    }
    forest = Node(
        "t", "tree_ensemble", ("s",), (1,), kind("int<30>"), {"split": "<=", "accum": "int<30>"}, data
    )
    graph = Graph("g", [*shifted(text, offset, 1), forest], ["t"])
    steps = [s for s in lower(graph).steps if isinstance(s, Trees)]
    assert [refusal(step) for step in steps] == [reason]
    x = values(text, 1)
    expected = np.where(x + offset <= threshold, leaf, -3)
    for backend in ("vector", "interpreter"):
        kernel = compile_graph(graph, backend=backend)
        np.testing.assert_array_equal(kernel.run_rows(x)["t"], expected)
        if reason is None and not kernel.note.startswith("trees need AVX-512"):
            assert (kernel.backend, kernel.note) == (backend, "")  # the fast path where there is one


@pytest.mark.parametrize("entries", [4095, 4096, 4097])
@pytest.mark.parametrize(
    ("text", "offset"), [("uint<12>", 0), ("int<12>", 2048), ("uint<13>", 0), ("int<13>", 4096)]
)
def test_tables(entries, text, offset):
    table = np.arange(entries) * 7919 % 4099 - 2049
    data = {"table": constant("int<13>", table)}
    nodes = [
        Node("x", "input", (), (1,), kind(text)),
        Node("t", "table", ("x",), (1,), kind("int<13>"), {"offset": offset}, data),
    ]
    x = np.arange(kind(text).minimum, kind(text).maximum + 1).reshape(-1, 1)
    expected = table[np.minimum(x + offset, entries - 1)]
    for backend in BACKENDS:
        kernel = compile_graph(Graph("g", nodes, ["t"]), backend=backend)
        assert (kernel.backend, kernel.note) == (backend, "")
        np.testing.assert_array_equal(kernel.run_rows(x)["t"], expected)
