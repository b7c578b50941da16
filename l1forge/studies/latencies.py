"""Latency of the Verilog that belongs to a model's graph, where it has been written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl.generate import digest_of
from l1forge.firmware.rtl.project import MANIFEST, RtlProject
from l1forge.models import available, graph_path


def model_latencies(graphs: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """Clocks and ns of the RTL generated from each model's graph file; empty where there is none of it.

    Folded designs (`l1forge cosim-muons`) exist of the committed networks only.
    """
    latencies: dict[str, dict[str, float]] = {}
    for model, file in graphs.items():
        latencies[model] = {}
        graph = Graph.load(file)
        graph = graph.subgraph(graph.outputs)  # what the RTL is made from
        committed = model in available() and file.samefile(graph_path(model))
        for name in (graph.name, f"{graph.name}_folded"):
            folder = build_folder() / "rtl" / name
            if not (folder / MANIFEST).is_file():
                continue
            project = RtlProject.load(folder)
            folded = name != graph.name
            if committed if folded else digest_of(graph, None, project.clock_period_ns) == project.digest:
                latencies[model] = {"clocks": project.latency, "ns": project.latency_ns}
    return latencies
