"""Graphs of the shapes that matter, with random weights."""

from __future__ import annotations

import itertools

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node

parse = FixedType.parse
COLUMNS = [
    *(f"{name}[{slot}]" for slot in range(4) for name in ("eg.et", "eg.eta", "eg.phi")),
    *(f"{name}[{slot}]" for slot in range(4) for name in ("mu.pt", "mu.eta", "mu.phi")),
    *(f"{name}[{slot}]" for slot in range(10) for name in ("jet.et", "jet.eta", "jet.phi")),
]


def network(seed: int = 0, sizes: tuple[int, ...] = (57, 32, 16, 3), density: float = 0.5) -> Graph:
    """Scaled int8 inputs, ufixed<8,4> activations, int8 weights, and the sum of squares of the last layer."""
    rng = np.random.default_rng(seed)
    n = sizes[0]
    sources = ["etm.et[0]", "0", "etm.phi[0]", *COLUMNS]
    source = {"source": sources[:n]} if n <= len(sources) else {}
    scale = Constant(parse("ufixed<9,3>"), 1 << rng.integers(0, 6, n))
    bias = Constant(parse("fixed<8,6>"), rng.integers(-60, 60, n))
    nodes = [
        Node("x", "input", (), (n,), parse("fixed<13,13>"), source),
        Node(
            "scaled",
            "scale_bias",
            ("x",),
            (n,),
            parse("fixed<8,6,RND_CONV,SAT>"),
            {},
            {"scale": scale, "bias": bias},
        ),
    ]
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        weight = rng.integers(-127, 128, (n_in, n_out))
        weight[rng.random(weight.shape) >= density] = 0
        constants = {
            "weight": Constant(parse("fixed<8,1>"), weight),
            "bias": Constant(parse("fixed<8,1>"), rng.integers(-128, 128, n_out)),
        }
        last = layer == len(sizes) - 2
        type_ = parse("fixed<10,8,RND_CONV,SAT>" if last else "fixed<32,20>")
        dense = Node(
            f"dense{layer}", "dense", (nodes[-1].name,), (n_out,), type_, {"accum": "fixed<32,20>"}, constants
        )
        nodes.append(dense)
        if not last:
            kind = parse("ufixed<8,4,RND_CONV,SAT>")
            nodes.append(Node(f"relu{layer}", "relu", (dense.name,), (n_out,), kind))
    nodes.append(Node("square", "square", (nodes[-1].name,), (sizes[-1],), parse("ufixed<18,14>")))
    nodes.append(Node("score", "sum", ("square",), (1,), parse("ufixed<22,18>"), {"accum": "ufixed<22,18>"}))
    return Graph("network", nodes, ["score"])


def forest(seed: int = 0, trees: int = 100, depth: int = 4, features: int = 16) -> Graph:
    """Full trees on 12-bit features."""
    rng = np.random.default_rng(seed)
    nodes = (2 << depth) - 1
    number = np.broadcast_to(np.arange(nodes), (trees, nodes))
    feature = rng.integers(0, features, (trees, nodes))
    feature[:, nodes // 2 :] = -1
    size, kind = parse("fixed<16,16>"), parse("fixed<12,12>")
    constants = {
        "feature": Constant(size, feature),
        "threshold": Constant(kind, rng.integers(-2000, 2000, (trees, nodes))),
        "left": Constant(size, np.where(feature < 0, 0, 2 * number + 1)),
        "right": Constant(size, np.where(feature < 0, 0, 2 * number + 2)),
        "value": Constant(parse("fixed<12,4>"), rng.integers(-500, 500, (trees, nodes))),
        "tree_class": Constant(size, np.zeros(trees, np.int64)),
        "bias": Constant(size, np.array([3])),
    }
    attributes = {"split": "<", "accum": "fixed<20,12>"}
    return Graph(
        "forest",
        [
            Node("x", "input", (), (features,), kind),
            Node("score", "tree_ensemble", ("x",), (1,), parse("fixed<20,12>"), attributes, constants),
        ],
        ["score"],
    )
