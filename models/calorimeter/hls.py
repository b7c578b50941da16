"""The trained student as an hls4ml model and as a fixed-point graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.models.calorimeter import network, weights
from l1forge.simulation.regions import N_REGION_ETA, N_REGION_PHI

NAME = "calorimeter"


def hls_model(folder: Path, file: Path = weights.WEIGHTS) -> Any:
    """The hls4ml ``ModelGraph`` of the kept student with project folder ``folder``."""
    trained = weights.load(file)
    return convert_keras(weights.student(trained.students[trained.kept]), NAME, folder, network.INPUT_TYPE)


def export_graph(file: Path, graph_file: Path) -> None:
    """Write the fixed-point graph of the kept student."""
    from l1forge.firmware.hls.translate.graph import export_graph as export

    with tempfile.TemporaryDirectory(prefix="l1forge_calorimeter_") as folder:
        graph = export(hls_model(Path(folder), file))
    with_shape(graph).save(graph_file)


def with_shape(graph: Graph) -> Graph:
    """Note the form of an image, so that arrays of another one, such as eta by phi, are refused."""
    graph.meta["input_shapes"] = {network.INPUT: [N_REGION_PHI, N_REGION_ETA]}
    return graph
