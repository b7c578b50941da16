"""What the trees are worth for their size: rate against look-up tables and latency, for the first n trees."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from l1forge.emulator.atomic import write_text
from l1forge.emulator.graph.graph import Constant, Graph
from l1forge.emulator.graph.trees import NODE_CONSTANTS
from l1forge.firmware.rtl import CLOCK_PERIOD_NS
from l1forge.firmware.synth.estimate import estimate
from l1forge.models import GRAPH
from l1forge.models.muon_pt.bins import GENERATED_UP_TO, MIN_PT
from l1forge.models.muon_pt.estimators import (
    NOT_FOUND,
    SMALL_FOLDER,
    Estimate,
    golden_patterns,
    quantised_network,
)
from l1forge.models.muon_pt.evaluation import FEED_THROUGH, REFERENCE, cut_at
from l1forge.models.muon_pt.features import muon_features
from l1forge.models.muon_pt.plots import figure
from l1forge.models.muon_pt.stub_measure import rate_and_error, share
from l1forge.models.muon_trees.path import FOLDER, scores_of
from l1forge.models.registry import Report
from l1forge.simulation.muons import MuonSample, MuonSettings, generate
from l1forge.simulation.muons.spectrum import rate_weights

MUONS, SEED = 500_000, 777
SHARES = (0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
"""Of the trees of pT that are kept: boosting adds them in this order."""
TARGET_RATIO, TARGET_LUT, TARGET_NS = 0.90, 10_000, 50.0
"""The aim of the small algorithm (issue 19): at most this rate over the patterns', LUT, latency."""


@dataclass(frozen=True)
class Point:
    """One algorithm: rate over the patterns', share of 3-5 GeV muons passing, size from the graph alone."""

    name: str
    ratio: float
    error: float
    feed_through: list[float] | None
    lut: int
    latency_ns: float


def first_trees(graph: Graph, share_kept: float) -> Graph:
    """The graph with only the first trees of pT; all trees of the charge stay."""
    node = graph["scores"]
    classes = node.constants["tree_class"].data
    momentum = np.flatnonzero(classes == 0)
    kept = np.concatenate(
        [momentum[: max(1, round(share_kept * len(momentum)))], np.flatnonzero(classes == 1)]
    )
    cut = {name: Constant(c.type, c.data[kept]) if name in (*NODE_CONSTANTS, "tree_class") else c
           for name, c in node.constants.items()}  # fmt: skip
    nodes = [replace(n, constants=cut) if n.name == node.name else n for n in graph.nodes]
    return Graph(graph.name, nodes, graph.outputs, graph.meta)


def points(sample: MuonSample, graph: Graph) -> list[Point]:
    """Prefixes of the trees, and the small network, on ``sample``."""
    weights = rate_weights(sample.pt, MIN_PT, GENERATED_UP_TO)
    base = rate_and_error(golden_patterns(sample), sample.pt, REFERENCE, weights)
    assert base is not None
    features, layers = muon_features(sample.value, sample.eta, sample.quality)

    def point(name: str, given: Estimate, circuit: Graph) -> Point:
        found = rate_and_error(given, sample.pt, REFERENCE, weights)
        assert found is not None
        passed = given.score(REFERENCE) >= cut_at(given, sample.pt, REFERENCE)
        slow = (sample.pt >= FEED_THROUGH[0]) & (sample.pt < FEED_THROUGH[1])
        size = estimate(circuit)
        ratio = found[0] / base[0]
        error = ratio * float(np.hypot(found[1] / found[0], base[1] / base[0]))
        return Point(name, ratio, error, share(passed[slow]), size.lut, size.latency_clocks * CLOCK_PERIOD_NS)

    out = []
    for part in SHARES:
        some = first_trees(graph, part)
        score = np.where(layers > 0, scores_of(some, features)[0].astype(float), NOT_FOUND)
        count = int((some["scores"].constants["tree_class"].data == 0).sum())
        out.append(point(f"{count} trees", Estimate("", lambda _, s=score: s, score, score), some))  # type: ignore[misc]
    network = quantised_network(sample, SMALL_FOLDER, "")
    return [*out, point("muon_pt_small", network, Graph.load(SMALL_FOLDER / GRAPH))]


def draw(found: list[Point], path: Path) -> None:
    """Rate over the patterns' against look-up tables, and against latency; the aim is shaded."""
    with figure(path, 1, 2) as axes:
        for ax, key, limit, label in (
            (axes[0], "lut", TARGET_LUT, "look-up tables (estimate)"),
            (axes[1], "latency_ns", TARGET_NS, "latency [ns] (estimate)"),
        ):
            trees = [p for p in found if "trees" in p.name]
            rest = [p for p in found if "trees" not in p.name]
            for group, mark, name in ((trees, "o-", "boosted trees"), (rest, "s", "muon_pt_small")):
                x, y = [getattr(p, key) for p in group], [p.ratio for p in group]
                ax.errorbar(x, y, [p.error for p in group], fmt=mark, capsize=3, label=name)
            ax.axhline(1.0, color="grey", lw=1, ls=":")
            low = ax.get_ylim()[0]
            ax.fill_between([0, limit], low, TARGET_RATIO, color="tab:green", alpha=0.15, label="aim")
            ax.set(xlabel=label, ylabel="rate at 20 GeV / patterns", ylim=(low, None), xlim=(0, None))
        axes[0].legend()


def evaluate(folder: Path, report: Report, muons: int = MUONS) -> dict[str, Any]:
    """Measure rate and size of the first n of the boosted trees of muon pT, and of the small network.

    Writes muon_trees.json and muon_trees.png. Example: `l1forge evaluate muon_trees -o build/muon_trees`
    """
    sample = generate(muons, SEED, MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO))
    found = points(sample, Graph.load(FOLDER / GRAPH))
    result = {"muons": muons, "seed": SEED, "points": [vars(point) for point in found]}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "muon_trees.json", json.dumps(result, indent=1) + "\n")
    draw(found, folder / "muon_trees.png")
    table = Table(title=f"{muons} muons of simulation A, 90 % efficient at 20 GeV; size from the graph alone")
    for heading in ("algorithm", "rate / patterns", "3-5 GeV passing", "LUT", "latency [ns]"):
        table.add_column(heading, justify="right")
    for p in found:
        slow = f"{1e4 * p.feed_through[0]:.1f}e-4" if p.feed_through else "-"
        table.add_row(p.name, f"{p.ratio:.3f} ± {p.error:.3f}", slow, f"{p.lut:,}", f"{p.latency_ns:.1f}")
    report(table)
    return result
