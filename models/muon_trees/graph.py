"""The trees as a fixed-point graph: the networks' 45 inputs, sums and differences, one tree ensemble."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.node import Constant, Node
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.bdt.ensemble import Ensemble
from l1forge.firmware.bdt.to_graph import Precision, to_graph
from l1forge.models.muon_pt.features import ETA, FEATURES, HITS, N_FEATURES, ONE, REFERENCE, WIDTH
from l1forge.models.muon_trees.path import CHARGE, PT
from l1forge.simulation.muons.layers import N_LAYERS, NAMES, REFERENCE_LAYERS

NAME = "muon_trees"
NO_HIT = -(1 << (WIDTH - 1))
"""Value of a layer without a stub: below everything that a stub can give."""
PAIRS = (
    ("MB2", "ME1/3"), ("MB2", "MB1"), ("ME1/3", "MB1"), ("MB3", "MB2"), ("ME1/3", "RB1in"),
    ("RB1in", "RB1out"), ("RB2in", "MB2"), ("RB2out", "MB2"), ("RE1/3", "ME1/3"), ("ME2/3", "ME1/3"),
    ("ME2/3", "RE2/3"), ("MB1b", "MB2b"), ("RB3", "MB3"), ("RE1/3", "RE2/3"), ("ME3/3", "ME2/3"),
)  # fmt: skip
"""Layers whose difference and sum the trees see too: a cut on one value alone cannot make them."""
CODED, COMBINED = FixedType(WIDTH, WIDTH, True), FixedType(WIDTH + 1, WIDTH + 1, True)
BIT = FixedType(1, 1, False)
N_TREE_FEATURES = N_LAYERS + 2 * len(PAIRS) + len(REFERENCE_LAYERS) + 1
TREE_FEATURES = (
    *NAMES,
    *(f"{a} {sign} {b}" for sign in "-+" for a, b in PAIRS),
    *(f"reference[{NAMES[layer]}]" for layer in REFERENCE_LAYERS),
    "eta",
)
SCORE_FRACTION = 8
"""Fractional bits of the leaves: pT in steps of 0.4 %."""


def _constant(name: str, value: int, kind: FixedType) -> Node:
    return Node(name, "constant", (), (1,), kind, {}, {"value": Constant(kind, np.array([value], np.int64))})


def _dense(name: str, source: str, weight: np.ndarray, kind: FixedType) -> Node:
    small = FixedType.integers(int(weight.min()), int(weight.max()))
    zero = np.zeros(weight.shape[1], np.int64)
    constants = {"weight": Constant(small, weight), "bias": Constant(kind, zero)}
    return Node(name, "dense", (source,), weight.shape[1:], kind, {"accum": str(kind)}, constants)


def _take(name: str, source: str, kind: FixedType, first: int, count: int) -> Node:
    return Node(name, "take", (source,), (count,), kind, {"index": list(range(first, first + count))})


def front() -> list[Node]:
    """From the 45 inputs to ``features``, what the trees compare."""
    combine = np.zeros((N_LAYERS, 2 * len(PAIRS)), np.int64)
    for column, (a, b) in enumerate(PAIRS):
        for place, sign in ((column, -1), (column + len(PAIRS), 1)):
            combine[NAMES.index(a), place], combine[NAMES.index(b), place] = 1, sign
    gap = {
        "scale": Constant(COMBINED, np.full(N_LAYERS, -NO_HIT)),
        "bias": Constant(CODED, np.full(N_LAYERS, NO_HIT)),
    }
    flags = len(REFERENCE_LAYERS)
    parts = ("coded", "combined", "is_reference", "eta")
    return [
        Node("x", "input", (), (N_FEATURES,), CODED),
        _take("value", "x", CODED, 0, N_LAYERS),
        _constant("half", ONE // 2, CODED),
        _take("hit", "x", CODED, HITS, N_LAYERS),
        Node("is_hit", "greater_equal", ("hit", "half"), (N_LAYERS,), BIT),
        Node("gap", "scale_bias", ("is_hit",), (N_LAYERS,), CODED, {}, gap),
        Node("coded", "add", ("value", "gap"), (N_LAYERS,), CODED),
        _dense("combined", "coded", combine, COMBINED),
        _take("reference", "x", CODED, REFERENCE, flags),
        Node("is_reference", "greater_equal", ("reference", "half"), (flags,), BIT),
        _take("eta", "x", CODED, ETA, 1),
        Node("features", "concatenate", parts, (N_TREE_FEATURES,), COMBINED, {"axis": 0}),
    ]


def tree_features(features: np.ndarray) -> np.ndarray:
    """What the trees compare, (n, 57) int16, of network inputs (n, 45).

    Computed by the graph itself, so that training and circuit cannot differ.
    """
    found = compile_graph(Graph("front", front(), ["features"])).run_rows(
        {"x": np.ascontiguousarray(features)}
    )
    return found["features"].astype(np.int16)


def build(ensemble: Ensemble, fraction: int = SCORE_FRACTION, meta: dict[str, Any] | None = None) -> Graph:
    """The graph of trees with two scores: ``pt``, ln(pT/GeV), and ``charge``, whose sign is the charge.

    ``fraction``: fractional bits of the leaves.
    """
    largest = max(float(np.abs(tree.value).max()) for tree in ensemble.trees)
    integer = max(int(np.ceil(np.log2(max(largest, 2.0**-fraction)))) + 2, 2)
    leaves = FixedType(integer + fraction, integer, True)
    precision = Precision((COMBINED,) * N_TREE_FEATURES, leaves)
    trees = replace(to_graph(ensemble, precision, NAME)["score"], name="scores", inputs=("features",))
    outputs = [_take(name, "scores", trees.type, place, 1) for place, name in enumerate((PT, CHARGE))]
    about = {"features": list(FEATURES), "tree_features": list(TREE_FEATURES), **(meta or {})}
    return Graph(NAME, [*front(), trees, *outputs], [PT, CHARGE], about)
