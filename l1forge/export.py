"""From a model's trained artefact to its HLS model and fixed-point graph: where models meet firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def vae_project(weights: Path, output_dir: Path) -> tuple[Any, Any]:
    """(Keras model with scores, hls4ml model) of the trained VAE; the project is not yet written."""
    from firmware.hls.vae import build
    from models.vae.features import INPUT_TYPE
    from models.vae.train import load_encoder

    return build(load_encoder(weights), output_dir, input_type=INPUT_TYPE)


def export_vae(weights: Path, graph_file: Path) -> None:
    """Write the fixed-point graph of the trained VAE, inputs bound to event columns."""
    import tempfile

    from firmware.hls.export import export_graph
    from models.vae.features import SOURCES

    with tempfile.TemporaryDirectory(prefix="l1forge_vae_") as folder:
        _, hls_model = vae_project(weights, Path(folder))
        graph = export_graph(hls_model, SOURCES)
    graph.save(graph_file)
