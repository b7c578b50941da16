"""Networks of published sizes through our flow: the jet taggers of 16-64-32-32-5, an encoder as AXOL1TL's.

The jet taggers are those of ``models/``, trained on our simulation. The encoder's weights are random from one
seed, with the spread that training starts from, rounded to 6 bits: what a network of this size costs before
training makes it smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from l1forge.benchmarks.published.rows import PublishedTable, luts, number, synthesised, written
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.json_text import parse_json

SEED, WEIGHT_BITS = 1, 6
ANOMALY = (57, 32, 16, 8)
ACCUM = "fixed<32,16>"
TRAINED = {
    "jet_tagger": "weights of 6 bits",
    "jet_tagger_ternary": "ternary weights",
    "jet_tagger_binary": "binary weights",
}
HEADINGS = ("design", "LUT", "FF", "DSP", "latency")
PUBLISHED = {
    "jets": (
        (
            "hls4ml, jet classifier (Fahim et al.) at 76.0 %, as later comparisons quote it",
            "63 251", "-", "-", "-",
        ),
    ),
    "anomaly": (
        ("AXOL1TL v3 and v4, by the packing tool of the trigger", "7 736", "-", "0", "2 clocks of 40 MHz"),
        ("AXOL1TL v5 and v6, by the packing tool of the trigger", "2 685", "-", "0", "2 clocks of 40 MHz"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """A dense network: units of every layer, input type, share of weights that are kept."""

    name: str
    title: str
    units: tuple[int, ...]
    inputs: str
    kept: float
    squared: bool = False


ENCODERS = (
    Spec(
        "axol1tl_half",
        "57-32-16-8 and Σµ², seeded weights of 6 bits, half kept",
        ANOMALY,
        "fixed<8,6>",
        0.5,
        True,
    ),
    Spec(
        "axol1tl_fifth",
        "57-32-16-8 and Σµ², seeded weights of 6 bits, a fifth kept",
        ANOMALY,
        "fixed<8,6>",
        0.2,
        True,
    ),
)


def comparison() -> PublishedTable:
    """Published rows and ours."""
    from l1forge.models import graph_path

    rows: list[tuple[str, ...]] = [*PUBLISHED["jets"]]
    for name, weights in TRAINED.items():
        title = f"ours, jet classifier, {weights} (`{name}`), {_accuracy(name)} on our simulation"
        rows.append(_row(title, Graph.load(graph_path(name))))
    rows += PUBLISHED["anomaly"]
    rows += [_row(f"ours, {spec.title}", network(spec)) for spec in ENCODERS]
    return PublishedTable(HEADINGS, rows)


def _accuracy(model: str) -> str:
    """Accuracy on the test part, as the record of the training has it."""
    from l1forge.models import graph_path

    record = parse_json(graph_path(model).with_name("training.json").read_text(encoding="utf-8"))
    value, error = record["test"]["accuracy"]
    return f"{100 * value:.1f} ± {100 * error:.1f} %"


def _row(title: str, graph: Graph) -> tuple[str, ...]:
    found = synthesised(written(graph))
    latency = f"{found.latency_clocks} clocks of 240 MHz"
    return title, luts(found), number(found.ff), str(found.dsp), latency


def network(spec: Spec) -> Graph:
    """Layers with 6-bit weights, ReLU of 6 bits between; scores of 16 bits, or the sum of squares."""
    rng = np.random.default_rng([SEED, *spec.units])
    nodes = [Node("x", "input", (), (spec.units[0],), FixedType.parse(spec.inputs))]
    for layer, units in enumerate(spec.units[1:]):
        last = layer == len(spec.units) - 2
        kind = "fixed<8,5,RND_CONV,SAT>" if spec.squared else "fixed<16,6>"
        dense = _dense(rng, f"dense_{layer}", nodes[-1], units, kind if last else ACCUM, spec.kept)
        nodes.append(dense)
        if not last:
            relu = FixedType.parse("ufixed<6,3,RND_CONV,SAT>")
            nodes.append(Node(f"relu_{layer}", "relu", (dense.name,), dense.shape, relu))
    if spec.squared:
        means = nodes[-1]
        square = Node("square", "square", (means.name,), means.shape, FixedType.parse("ufixed<14,10>"))
        total = FixedType.parse("ufixed<18,14>")
        nodes += [square, Node("score", "sum", ("square",), (1,), total, {"accum": str(total)})]
    return Graph(spec.name, nodes, [nodes[-1].name])


def _dense(rng: Generator, name: str, source: Node, units: int, kind: str, kept: float) -> Node:
    """He's normal weights, the smallest set to zero, in units of 2⁻⁵."""
    shape = (source.shape[0], units)
    drawn = rng.normal(0.0, np.sqrt(2.0 / source.shape[0]), shape)
    drawn[np.abs(drawn) < np.quantile(np.abs(drawn), 1.0 - kept)] = 0.0
    half = 1 << (WEIGHT_BITS - 1)
    weight = np.clip(np.rint(drawn * half), -half, half - 1).astype(np.int64)
    bias = rng.integers(-half // 4, half // 4, units)
    types = FixedType.parse(f"fixed<{WEIGHT_BITS},1>")
    constants = {"weight": Constant(types, weight), "bias": Constant(types, bias)}
    return Node(name, "dense", (source.name,), (units,), FixedType.parse(kind), {"accum": ACCUM}, constants)
