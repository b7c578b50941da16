"""What a network is worth: area under the ROC curve of each class, float beside the integers of its graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mplhep
import numpy as np
from matplotlib import rc_context, style
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.models.jet_sets.areas import area, probabilities, spread
from l1forge.models.jet_sets.inputs import codes
from l1forge.simulation.jets import CLASSES
from l1forge.simulation.jets.sample import Jets

LONG = {"g": "gluon", "q": "quark", "w": "W", "z": "Z", "t": "top"}


def graph_logits(graph: Graph, jets: Jets) -> NDArray[np.float64]:
    """The graph's results in real units, (n, 5), computed by the emulator."""
    made = compile_graph(graph).run_rows(codes(jets, graph.inputs[0].size))
    name = graph.outputs[0]
    return np.asarray(made[name] * graph[name].type.lsb)


def compared(graph: Graph, jets: Jets, floating: NDArray[np.float64]) -> dict[str, Any]:
    """Areas of every class, ``[value, error]`` of float, graph and difference; share of right answers."""
    integer = graph_logits(graph, jets)
    scores = {"float": probabilities(floating), "graph": probabilities(integer)}
    classes = {}
    for k, name in enumerate(CLASSES):
        found = {kind: area(score[:, k], jets.truth == k, jets.event) for kind, score in scores.items()}
        error = spread(found["graph"].influence - found["float"].influence, jets.event)
        classes[name] = {kind: [a.value, a.error] for kind, a in found.items()}
        classes[name]["difference"] = [found["graph"].value - found["float"].value, error]
    right = {kind: float((score.argmax(1) == jets.truth).mean()) for kind, score in scores.items()}
    return {"jets": jets.n, "classes": classes, "accuracy": right}


def table(name: str, result: Mapping[str, Any]) -> Table:
    """The areas for the screen."""
    right = ", ".join(f"{kind} {100 * value:.1f} %" for kind, value in result["accuracy"].items())
    grid = Table(
        title=f"{name}: area under the ROC curve, one class against the others",
        caption=f"{result['jets']:,} test jets; right answers: {right}",
    )
    for heading in ("class", "float", "quantised", "difference"):
        grid.add_column(heading, justify="left" if heading == "class" else "right")
    for k, found in result["classes"].items():
        cells = (found["float"], found["graph"], found["difference"])
        texts = [f"{value:.4f} ± {error:.4f}" for value, error in cells]
        grid.add_row(LONG[k], *texts)
    return grid


def plot(graph: Graph, jets: Jets, floating: NDArray[np.float64], path: Path) -> None:
    """ROC curves of the five classes: float dashed, integers solid."""
    with style.context(mplhep.style.CMS), rc_context({"font.size": 14}):
        figure = Figure(figsize=(8, 7))
        axis = figure.subplots()
        for kind, line, logits in (("float", "--", floating), ("quantised", "-", graph_logits(graph, jets))):
            score = probabilities(logits)
            for k, name in enumerate(CLASSES):
                signal = np.sort(score[jets.truth == k, k])[::-1]
                other = np.sort(score[jets.truth != k, k])[::-1]
                cuts = signal[np.linspace(0, len(signal) - 1, 200).astype(int)]
                passed = [
                    (np.searchsorted(-values, -cuts, side="right")) / len(values)
                    for values in (signal, other)
                ]
                label = f"{LONG[name]}, {kind}" if kind == "quantised" else None
                axis.plot(*passed, line, color=f"C{k}", label=label and LONG[name], lw=1.5)
        axis.plot([], [], "k--", lw=1.5, label="float")
        axis.plot([], [], "k-", lw=1.5, label="quantised, integers")
        axis.set(xlabel="efficiency", ylabel="efficiency of the other classes", yscale="log")
        axis.set(xlim=(0, 1), ylim=(1e-3, 1))
        axis.legend(fontsize=12, loc="lower right")
        axis.set_title(graph.name, fontsize=14)
        figure.savefig(path, dpi=80, bbox_inches="tight")
