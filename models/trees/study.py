"""From a trained ensemble to its graph and its report: types, ROC, working points, plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.models import GRAPH
from l1forge.models.registry import Report
from l1forge.models.trees.classifiers import (
    Sample,
    area,
    decisions,
    graph_scores,
    loss_table,
    plot_loss,
    plot_roc,
    threshold_at,
    working_point,
)

CHOICE_EVENTS = 12_000
"""Events on which types are chosen, half of them signal; the report has the loss on all evaluation events."""


PLOT_EFFICIENCY = 0.5
"""Signal efficiency at which loss against bits is shown."""


def quantised(
    ensemble: Any,
    name: str,
    sample: Sample,
    efficiency: float,
    loss: float,
    *,
    raw: FixedType | None = None,
    source: list[str] | None = None,
) -> Graph:
    """The graph whose decision at ``efficiency`` is the float one on all but ``loss`` of a sample."""
    from l1forge.firmware.bdt.choose import choose
    from l1forge.firmware.bdt.to_graph import to_graph

    cut = threshold_at(ensemble.margin(sample.features)[:, 0], sample.truth, efficiency)
    halves = [np.flatnonzero(sample.truth == kind) for kind in (True, False)]
    half = min(CHOICE_EVENTS // 2, *map(len, halves))
    chosen = np.concatenate([rows[:: len(rows) // half][:half] for rows in halves])
    best = choose(ensemble, sample.features[chosen], float(cut), loss)
    return to_graph(ensemble, best.precision, name, raw=raw, source=source)


def study(
    ensemble: Any, graph: Graph, test: Sample, efficiency: float, cut_name: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Report and the scores it was made from (float and graph), at one signal efficiency."""
    floating = ensemble.margin(test.features)[:, 0]
    integer = graph_scores(graph, test.features)
    cut = threshold_at(floating, test.truth, efficiency)
    own = threshold_at(integer, test.truth, efficiency)
    report = {
        "evaluation": {"signal": int(test.truth.sum()), "background": int((~test.truth).sum())},
        "auc": {"float": area(floating, test.truth), "graph": area(integer, test.truth)},
        "signal_efficiency": efficiency,
        cut_name: decisions(test.cut_based, test),
        "float": working_point(floating, test, efficiency),
        "graph": working_point(integer, test, efficiency),
        "changed": float(((floating >= cut) != (integer >= own)).mean()),
        "types": {
            "features": [str(t) for t in _feature_types(graph)],
            "leaves": str(graph["score"].constants["value"].type),
            "thresholds": str(graph["score"].constants["threshold"].type),
            "score": str(graph["score"].type),
        },
    }
    return report, {"float": floating, "graph": integer}


def _feature_types(graph: Graph) -> list[Any]:
    for node in graph.nodes:
        if "types" in node.attributes:
            return list(node.attributes["types"])
    return [graph.inputs[0].type] * graph.inputs[0].size


def write(
    ensemble: Any,
    graph: Graph,
    report: dict[str, Any],
    scores: dict[str, Any],
    test: Sample,
    cut_name: str,
    output: Path,
    say: Report,
) -> None:
    """Write graph.json, training.json, roc.png and loss_vs_bits.png into ``output``; say the table."""
    output.mkdir(parents=True, exist_ok=True)
    graph.save(output / GRAPH)
    report["precision"] = loss_table(ensemble, test, PLOT_EFFICIENCY)
    floating = working_point(scores["float"], test, PLOT_EFFICIENCY)["background"][0]
    write_text(output / "training.json", json.dumps(report, indent=1) + "\n")
    with atomic_path(output / "roc.png") as temporary:
        plot_roc({"float": scores["float"], "fixed point": scores["graph"]}, test, cut_name, temporary)
    with atomic_path(output / "loss_vs_bits.png") as temporary:
        plot_loss(report["precision"], floating, temporary)
    table = Table(title=f"{graph.name}: {len(ensemble.trees)} trees of depth {ensemble.depth}")
    for heading in ("selection", "signal efficiency", "background efficiency"):
        table.add_column(heading, justify="right")
    for name in (cut_name, "float", "graph"):
        row = report[name]
        table.add_row(name, f"{row['signal'][0]:.4f}", f"{row['background'][0]:.5f}")
    say(table)
    say(
        f"AUC float {report['auc']['float']:.4f}, fixed point {report['auc']['graph']:.4f};"
        f" {100 * report['changed']:.2f} % of decisions changed"
    )


def spectrum_weights(et: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Weights that give both classes the spectrum of the signal: what is learnt is not that signal is hard.

    In twentieths of the signal's et; a background candidate weighs at most 20.
    """
    edges = np.unique(np.quantile(et[truth], np.linspace(0, 1, 21)[1:-1]))
    place = np.searchsorted(edges, et, side="right")
    signal, background = (np.bincount(place[c], minlength=len(edges) + 1) for c in (truth, ~truth))
    ratio = np.minimum(signal / np.maximum(background, 1), 20.0)
    weights: np.ndarray[Any, Any] = np.where(truth, 1.0, ratio[place])
    return weights
