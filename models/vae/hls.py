"""The trained autoencoder as an hls4ml model, scores included, and as a fixed-point graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).parent / "weights.npz"


def hls_model(folder: Path, weights: Path = WEIGHTS) -> Any:
    """The hls4ml ``ModelGraph`` of trained weights with project folder ``folder``."""
    from l1forge.firmware.hls import vae
    from l1forge.models.vae.features import INPUT_TYPE
    from l1forge.models.vae.train import load_encoder

    return vae.build(load_encoder(weights), folder, input_type=INPUT_TYPE)[1]


def export_graph(weights: Path, graph_file: Path) -> None:
    """Write the fixed-point graph of trained weights, its inputs bound to event columns."""
    from l1forge.firmware.hls.translate.graph import export_graph as export
    from l1forge.models.vae.features import SOURCES

    with tempfile.TemporaryDirectory(prefix="l1forge_vae_") as folder:
        graph = export(hls_model(Path(folder), weights), SOURCES)
    graph.save(graph_file)
