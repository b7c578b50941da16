"""Random graphs for the calibration of the fast estimate: networks, tree ensembles, sums, tables of pairs.

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
SMALL = 40
"""From this number on designs have the size of a trigger algorithm: the kinds of ``LARGER`` in turn."""
LARGER = ("pairs", "trees", "network")
COLOURS = {"network": "#1f77b4", "trees": "#2ca02c", "distance": "#d62728", "pairs": "#ff7f0e"}
"""Of the kinds, in figures."""


def draw(seed: int, number: int) -> tuple[str, Graph]:
    """Kind and graph of design ``number``."""
    rng = np.random.default_rng([seed, number])
    if number < SMALL:
        kind = KINDS[number % len(KINDS)]
        nodes, output = _small(kind, rng)
    else:
        kind = LARGER[(number - SMALL) % len(LARGER)]
        nodes, output = _larger(kind, rng)
    return kind, Graph(f"small_{number}", nodes, [output])


def _small(kind: str, rng: Generator) -> tuple[list[Node], str]:
    if kind == "network":
        return _network(rng)
    return _trees(rng) if kind == "trees" else _distance(rng)


def _larger(kind: str, rng: Generator) -> tuple[list[Node], str]:
    if kind == "network":
        return _network(rng, (12, 41), (6, 25), 4)
    return _trees(rng, (12, 32), (25, 61), (3, 5)) if kind == "trees" else _pairs(rng)


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


def _network(
    rng: Generator, inputs: tuple[int, int] = (3, 13), units: tuple[int, int] = (1, 9), layers: int = 3
) -> tuple[list[Node], str]:
    width = int(rng.integers(4, 11))
    last = Node("x", "input", (), (int(rng.integers(*inputs)),), _fixed(width, width // 2))
    nodes = [last]
    for layer in range(int(rng.integers(1, layers + 1))):
        last = _dense(rng, f"d{layer}", last, int(rng.integers(*units)))
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


def _trees(
    rng: Generator,
    columns: tuple[int, int] = (3, 13),
    number: tuple[int, int] = (3, 25),
    depths: tuple[int, int] = (2, 5),
) -> tuple[list[Node], str]:
    """Full trees, some branches cut short, with thresholds from a grid (as trained ensembles share them)."""
    width, features = int(rng.integers(5, 13)), int(rng.integers(*columns))
    n_trees, depth = int(rng.integers(*number)), int(rng.integers(*depths))
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


def _rising(rng: Generator, size: int, most: int) -> NDArray[np.int64]:
    """Codes of a coarse scale: they rise from 0 to at most ``most``, each over a range of the input."""
    ends = np.sort(rng.integers(1, size, int(rng.integers(2, most + 1))))
    return np.searchsorted(ends, np.arange(size), side="right").astype(np.int64)


def _table(name: str, source: Node, entries: NDArray[np.int64], kind: FixedType) -> Node:
    constants = {"table": Constant(kind, entries)}
    attributes = {"multiplier": 1, "offset": 0, "shift": 0}
    return Node(name, "table", (source.name,), source.shape, kind, attributes, constants)


def _pairs(rng: Generator) -> tuple[list[Node], str]:
    """Quantities as codes, some of them gated or the larger of two; a table for every pair of codes; sums.

    The form of the VAE and of the tail pairs: tables that vary slowly with both codes, summed in groups,
    squared in half of the designs.
    """
    n_codes, code = int(rng.integers(5, 13)), _fixed(4, 4, False)
    width = int(rng.integers(7, 10))
    x = Node("x", "input", (), (2 * n_codes,), _fixed(width, width, False))
    nodes, codes = [x], list[str]()

    def add(node: Node) -> Node:
        nodes.append(node)
        return node

    def column(place: int, bits: int) -> Node:
        taken = add(Node(f"c{place}.raw", "take", ("x",), (1,), x.type, {"index": [place]}))
        return add(Node(f"c{place}", "cast", (taken.name,), (1,), _fixed(bits, bits, False)))

    for k in range(n_codes):
        last = add(_table(f"t{k}", column(2 * k, width), _rising(rng, 1 << width, 12), code))
        if rng.random() < 0.5:
            bits = int(rng.integers(2, 5))
            good = (rng.random(1 << bits) < 0.5).astype(np.int64)
            gate = add(_table(f"g{k}", column(2 * k + 1, bits), good, _fixed(1, 1, False)))
            last = add(Node(f"a{k}", "multiply", (last.name, gate.name), (1,), code))
        if codes and rng.random() < 0.3:
            last = add(Node(f"m{k}", "maximum", (last.name, codes[-1]), (1,), code))
        codes.append(last.name)
    all_pairs = [(a, b) for a in range(n_codes) for b in range(a)]
    count = int(rng.integers(8, min(len(all_pairs), 40) + 1))
    chosen = [all_pairs[k] for k in rng.permutation(len(all_pairs))[:count]]
    add(Node("codes", "concatenate", tuple(codes), (n_codes,), code, {"axis": 0}))
    for side, name in enumerate(("high.code", "low.code")):
        places = [pair[side] for pair in chosen]
        add(Node(name, "take", ("codes",), (count,), code, {"index": places}))
    wide = _fixed(8, 8, False)
    scale = {
        "scale": Constant(_fixed(5, 5, False), np.full(count, 16)),
        "bias": Constant(_fixed(1, 1, False), np.zeros(count, dtype=np.int64)),
    }
    add(Node("high", "scale_bias", ("high.code",), (count,), wide, {}, scale))
    add(Node("index", "add", ("high", "low.code"), (count,), wide))
    groups = int(rng.integers(1, 7))
    bits = int(rng.integers(4, 9))
    entry = _fixed(bits, bits)
    members: list[list[str]] = [[] for _ in range(min(groups, count))]
    high, low = np.divmod(np.arange(256), 16)
    noise = rng.uniform(0.3, 4.0)
    for k in range(count):
        place = add(Node(f"i{k}", "take", ("index",), (1,), wide, {"index": [k]}))
        slope = rng.normal(0.0, 1.0, 3) * (1 << (bits - 1)) / 12
        smooth = slope[0] * high + slope[1] * low + slope[2] * np.abs(high - low)
        values = np.clip(np.round(smooth + rng.normal(0.0, noise, 256)), entry.minimum, entry.maximum)
        table = add(_table(f"p{k}", place, values.astype(np.int64), entry))
        members[k % len(members)].append(table.name)
    total = _fixed(bits + 2, bits + 2, True, ",TRN,SAT")
    squared = rng.random() < 0.5
    sums = []
    for k, names in enumerate(members):
        add(Node(f"s{k}.parts", "concatenate", tuple(names), (len(names),), entry, {"axis": 0}))
        accum = str(_fixed(bits + 6, bits + 6))
        last = add(Node(f"s{k}", "sum", (f"s{k}.parts",), (1,), total, {"accum": accum}))
        if squared:
            last = add(Node(f"q{k}", "square", (last.name,), (1,), _fixed(2 * bits + 4, 2 * bits + 4, False)))
        sums.append(last)
    kind = sums[0].type
    add(Node("sums", "concatenate", tuple(one.name for one in sums), (len(sums),), kind, {"axis": 0}))
    score = FixedType.parse(f"{'fixed' if kind.signed else 'ufixed'}<{kind.width + 3},{kind.integer + 3}>")
    add(Node("score", "sum", ("sums",), (1,), score, {"accum": str(score)}))
    return nodes, "score"
