"""A small trigger path: ten seeds, a network of four inputs inside, one score by port."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.lhc import ORBIT

MENU = """
menu: L1Menu_small
scores:
  net: {type: "fixed<12,12>"}
  outside.pt: {type: "ufixed<9,9>"}
externals: {EXT_A: 4}
algorithms:
  - {index: 0, name: L1_SingleMu3, seed: "MU3"}
  - {index: 3, name: L1_SingleJet30, seed: "JET30"}
  - {index: 31, name: L1_SingleEG5er2p1, seed: "EG5[ER2p1]"}
  - {index: 32, name: L1_HTT60, seed: "HTT60"}
  - {index: 63, name: L1_Net, seed: "SCORE(net) >= 20"}
  - {index: 64, name: L1_Outside, seed: "outside.pt >= 200"}
  - {index: 80, name: L1_JetEarlier, seed: "JET20 AND JET20-1"}
  - {index: 81, name: L1_JetLater, seed: "JET20 AND NOT JET20+1"}
  - {index: 100, name: L1_External, seed: "EXT_EXT_A"}
  - {index: 511, name: L1_Quiet, seed: "NOT HTT30 AND NOT JET30"}
"""
DESCRIPTION = """
path: small_path
menu: menu.yaml
models:
  net: {graph: net.json}
  outside: {rtl: port, latency: 1}
orbits_per_section: 2
"""


def network(flip: int = 0) -> Graph:
    """A dense layer on four columns; ``flip`` changes bits of its first weight."""

    def constant(text: str, data: Any) -> Constant:
        return Constant(FixedType.parse(text), np.asarray(data, np.int64))

    sources = ["mu.pt[0]", "jet.et[0]", "jet.eta[0]", "htt.et[0]"]
    constants = {
        "weight": constant("fixed<5,5>", [[5 ^ flip], [2], [-3], [-1]]),
        "bias": constant("fixed<5,5>", [7]),
    }
    nodes = [
        Node("x", "input", (), (4,), FixedType(13, 13), {"source": sources}),
        Node(
            "d", "dense", ("x",), (1,), FixedType.parse("fixed<20,20>"), {"accum": "fixed<20,20>"}, constants
        ),
        Node("score", "cast", ("d",), (1,), FixedType.parse("fixed<12,12,TRN,SAT>")),
    ]
    return Graph("net", nodes, ["score"])


def write(folder: Path, description: str = DESCRIPTION, menu: str = MENU) -> Path:
    """The files of the path in ``folder``; returns the description."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "menu.yaml").write_text(menu)
    network().save(folder / "net.json")
    (folder / "path.yaml").write_text(description)
    return folder / "path.yaml"


def crossings(n: int, seed: int) -> Events:
    """Muons, electrons, jets and sums of a few GeV, half of them absent; external signals."""
    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {}
    for name, (slots, field) in COLUMNS.items():
        collection, _, field_name = name.partition(".")
        if collection not in ("mu", "eg", "jet", "htt"):
            continue
        here = random.random((slots, n)) < 0.15 if collection != "htt" else np.ones((slots, n), bool)
        if field_name in ("pt", "et"):
            values = np.minimum(
                1 + random.exponential(25 if collection != "htt" else 60, (slots, n)), field.maximum
            )
        else:
            values = random.integers(field.minimum, field.maximum + 1, (slots, n))
        columns[name] = np.where(here, values, 0).astype(np.int16)
    columns["ext"] = random.integers(0, 1 << 63, (4, n)).astype(np.uint64)
    return Events(columns, n)


def orbits(count: int, seed: int = 1) -> Events:
    """Whole orbits."""
    return crossings(count * ORBIT, seed)


def with_flag(graph: Graph, **fields: Any) -> Graph:
    """A copy of a graph with other attributes of its input."""
    first, *rest = graph.nodes
    return Graph(graph.name, [replace(first, **fields), *rest], list(graph.outputs))
