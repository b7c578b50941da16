"""A convolution (gather and dense over positions) runs position by position in the vector code."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph

parse = FixedType.parse


def test_convolution():
    rng = np.random.default_rng(0)
    size, channels, filters = 6, 3, 5
    out = size - 2
    index = [
        ((y + dy) * size + x + dx) * channels + c
        for y in range(out)
        for x in range(out)
        for dy in range(3)
        for dx in range(3)
        for c in range(channels)
    ]
    weight = rng.integers(-127, 128, (9 * channels, filters))
    weight[:, 4] = 0
    constants = {
        "weight": Constant(parse("fixed<8,1>"), weight),
        "bias": Constant(parse("fixed<8,1>"), rng.integers(-127, 128, filters)),
    }
    kind, wide = parse("fixed<8,8>"), parse("fixed<24,17>")
    shape = (out, out, filters)
    graph = Graph(
        "convolution",
        [
            Node("x", "input", (), (size * size * channels,), kind),
            Node("windows", "take", ("x",), (out, out, 9 * channels), kind, {"index": index}),
            Node("sums", "dense", ("windows",), shape, wide, {"accum": str(wide)}, constants),
            Node("y", "relu", ("sums",), shape, parse("ufixed<8,9,RND_CONV,SAT>")),
        ],
        ["y"],
    )
    x = rng.integers(-128, 128, (150, size * size * channels))
    expected = evaluate(graph, x)["y"]
    for backend in ("vector", "interpreter"):
        kernel = compile_graph(graph, backend=backend)
        assert kernel.backend == backend
        assert [layer.step for layer in kernel.plan] == ["Dot", "Map"]
        np.testing.assert_array_equal(kernel.run_rows(x)["y"], expected)
