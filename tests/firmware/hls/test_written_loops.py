"""HLS C++ written from a graph whose operations are large: loops over arrays, the same integers."""

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.hls.written.compiled import CompiledGraph
from l1forge.firmware.hls.written.loops import LOOPS, MANY
from l1forge.firmware.hls.written.project import write

ROWS, WIDTH = 9, 4
SHAPE = (ROWS, WIDTH)


def kind(text):
    return FixedType.parse(text)


def whole():
    """Every operation that is written as a loop, on nine rows of four, with casts that round and saturate."""
    generator = np.random.default_rng(1)
    code = kind("fixed<6,3>")
    nodes = [Node("x", "input", (), SHAPE, code), Node("m", "input", (), (ROWS, 1), kind("ufixed<1,1>"))]

    def add(name, op, inputs, text, attributes=None, **constants):
        held = {key: Constant(kind(t), np.array(data, np.int64)) for key, (t, data) in constants.items()}
        nodes.append(Node(name, op, inputs, SHAPE, kind(text), attributes or {}, held))

    weight = generator.integers(-8, 8, (WIDTH, WIDTH))
    weight[0] = 0
    bias = generator.integers(-20, 20, WIDTH)
    dense = {"weight": ("fixed<4,1>", weight), "bias": ("fixed<6,3>", bias)}
    add("h", "dense", ("x",), "fixed<9,5,RND_CONV,SAT>", {"accum": "fixed<14,8>"}, **dense)
    add("r", "relu", ("h",), "ufixed<5,3,RND_CONV,SAT>")
    add("k", "multiply", ("r", "m"), "ufixed<5,3>")
    order = generator.permutation(ROWS * WIDTH).tolist()
    add("t", "take", ("k",), "ufixed<5,3>", {"index": order})
    add("a", "add", ("t", "x"), "fixed<7,4,RND,SAT_SYM>")
    add("s", "subtract", ("a", "h"), "fixed<8,5>")
    add("big", "maximum", ("s", "x"), "fixed<8,5>")
    add("small", "minimum", ("big", "a"), "fixed<8,5>")
    add("g", "greater_equal", ("s", "x"), "ufixed<1,1>")
    scale = {"scale": ("fixed<5,2>", generator.integers(-9, 9, WIDTH)), "bias": ("fixed<5,4>", [3, -2, 0, 5])}
    add("b", "scale_bias", ("small",), "fixed<7,4,TRN,WRAP>", **scale)
    add("q", "square", ("b",), "ufixed<9,6,RND_ZERO,SAT>")
    add("c", "cast", ("q",), "ufixed<6,5,RND_INF,WRAP>")
    add("f", "reshape", ("c",), "ufixed<6,5>")
    return Graph("loops", nodes, ["f", "g", "k"])


def test_every_loop_computes_what_the_emulator_computes(tmp_path):
    graph = whole()
    used = {node.op for node in graph.nodes}
    assert used - {"input"} == set(LOOPS) | {"dense"}
    assert all(node.size >= MANY for node in graph.nodes if node.name != "m")
    write(graph, tmp_path / "project")
    text = (tmp_path / "project" / "firmware" / "loops.cpp").read_text().partition("#ifndef")[0]
    assert text.count("for (int i = 0; i < 36; i++)") == len(graph.nodes) - 3
    compiled = CompiledGraph(tmp_path / "project")
    generator = np.random.default_rng(2)
    x = generator.integers(-32, 32, (5000, *SHAPE))
    m = generator.integers(0, 2, (5000, ROWS, 1))
    wanted = compile_graph(graph).run_rows({"x": x, "m": m})
    for name, got in zip(graph.outputs, compiled([x, m]), strict=True):
        np.testing.assert_array_equal(got, wanted[name].reshape(5000, -1))
        assert len(np.unique(got)) > 1
