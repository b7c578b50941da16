"""Random small graphs for the calibration of the fast estimate: networks, tree ensembles, sums, tables.

Design k of a seed is drawn from ``default_rng([seed, k])``: the table can be made longer without changing
what it has.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node

CASTS = ("", ",RND_CONV,SAT", ",TRN,SAT", ",RND,SAT")
KINDS = ("network", "trees", "distance", "network", "trees")
"""Designs in turn; a network or an ensemble twice as often as a squared distance with a table behind it."""


def draw(seed: int, number: int) -> tuple[str, Graph]:
    """Kind and graph of design ``number``."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    make = {"network": _network, "trees": _trees, "distance": _distance}[kind]
    nodes, output = make(rng)
    return kind, Graph(f"small_{number}", nodes, [output])


def _fixed(width: int, integer: int, signed: bool = True, cast: str = "") -> FixedType:
    return FixedType.parse(f"{'' if signed else 'u'}fixed<{width},{integer}{cast}>")


def _constant(data: NDArray[np.int64], width: int, integer: int) -> Constant:
    return Constant(_fixed(width, integer), data)


def _whole(data: NDArray[np.int64]) -> Constant:
    width = int(max(np.abs(data).max(), 1)).bit_length() + 1
    return _constant(data, width, width)


def _dense(rng: Generator, name: str, source: Node, units: int) -> Node:
    """A layer of ``units`` sums with some weights zero, rounded and saturated in one of the usual ways."""
    bits, density = int(rng.integers(2, 8)), rng.uniform(0.3, 1.0)
    half = 1 << (bits - 1)
    shape = (source.shape[0], units)
    weight = rng.integers(-half, half, shape) * (rng.random(shape) < density)
    bias = rng.integers(-half, half, units)
    width = int(rng.integers(4, 13))
    integer = int(rng.integers(2, max(width - 1, 3)))
    accum = str(_fixed(32, 16))
    return Node(
        name,
        "dense",
        (source.name,),
        (units,),
        _fixed(width, integer, True, CASTS[rng.integers(len(CASTS))]),
        {"accum": accum},
        {"weight": _constant(weight, bits, 1), "bias": _constant(bias, bits, 1)},
    )


def _network(rng: Generator) -> tuple[list[Node], str]:
    width = int(rng.integers(4, 11))
    last = Node("x", "input", (), (int(rng.integers(3, 13)),), _fixed(width, width // 2))
    nodes = [last]
    for layer in range(int(rng.integers(1, 4))):
        last = _dense(rng, f"d{layer}", last, int(rng.integers(1, 9)))
        nodes.append(last)
        if rng.random() < 0.7:
            out = int(rng.integers(3, 10))
            kind = _fixed(out, int(rng.integers(1, out)), False, CASTS[rng.integers(len(CASTS))])
            last = Node(f"r{layer}", "relu", (last.name,), last.shape, kind)
            nodes.append(last)
    return nodes, last.name


def _distance(rng: Generator) -> tuple[list[Node], str]:
    """A layer, the sum of its squares, a table of that."""
    width = int(rng.integers(4, 10))
    source = Node("x", "input", (), (int(rng.integers(3, 10)),), _fixed(width, width // 2))
    dense = _dense(rng, "d", source, int(rng.integers(2, 7)))
    bits = int(rng.integers(4, 9))
    small = Node("c", "cast", ("d",), dense.shape, _fixed(bits, bits // 2, True, ",RND_CONV,SAT"))
    square = Node("q", "square", ("c",), dense.shape, _fixed(2 * bits, bits, False))
    total = Node(
        "s", "sum", ("q",), (1,), _fixed(2 * bits, bits, False, ",TRN,SAT"), {"accum": "fixed<40,20>"}
    )
    bits, wide = int(rng.integers(5, 10)), int(rng.integers(4, 13))
    key = Node("k", "cast", ("s",), (1,), _fixed(bits, bits // 2, False, ",TRN,SAT"))
    steps = rng.random(1 << bits).cumsum()  # rises, as a root or an exponential does
    entries = np.round(steps / steps[-1] * ((1 << wide) - 1)).astype(np.int64)
    table = Node(
        "t",
        "table",
        ("k",),
        (1,),
        _fixed(wide, wide, False),
        {"offset": 0},
        {"table": Constant(_fixed(wide, wide, False), entries)},
    )
    return [source, dense, small, square, total, key, table], "t"


def _trees(rng: Generator) -> tuple[list[Node], str]:
    """Full trees, some branches cut short, with thresholds from a grid (as trained ensembles share them)."""
    width, features = int(rng.integers(5, 13)), int(rng.integers(3, 13))
    n_trees, depth = int(rng.integers(3, 25)), int(rng.integers(2, 5))
    size = (1 << (depth + 1)) - 1
    leaf_bits = int(rng.integers(4, 11))
    grid = int(rng.integers(6, 40))
    half, top = 1 << (width - 1), 1 << (leaf_bits - 1)
    feature = np.full((n_trees, size), -1)
    left, right, threshold = (np.zeros((n_trees, size), dtype=np.int64) for _ in range(3))
    steps = np.sort(rng.integers(-half + 1, half - 1, (features, grid)), axis=1)
    for tree in range(n_trees):
        alive = {0}
        for node in range(size // 2):
            if node in alive and (node == 0 or rng.random() < 0.9):
                chosen = int(rng.integers(features))
                feature[tree, node], threshold[tree, node] = chosen, rng.choice(steps[chosen])
                left[tree, node], right[tree, node] = 2 * node + 1, 2 * node + 2
                alive |= {2 * node + 1, 2 * node + 2}
    value = rng.integers(-top, top, (n_trees, size))
    out = leaf_bits + int(np.ceil(np.log2(n_trees)))
    constants = {
        "feature": _whole(feature),
        "threshold": _constant(threshold, width, width),
        "left": _whole(left),
        "right": _whole(right),
        "value": _constant(value, leaf_bits, 1),
        "tree_class": _whole(np.zeros(n_trees, dtype=np.int64)),
        "bias": _constant(np.zeros(1, dtype=np.int64), leaf_bits, 1),
    }
    kind = _fixed(out, out - leaf_bits + 1)
    nodes = [
        Node("x", "input", (), (features,), _fixed(width, width)),
        Node("t", "tree_ensemble", ("x",), (1,), kind, {"split": "<=", "accum": str(kind)}, constants),
    ]
    return nodes, "t"
