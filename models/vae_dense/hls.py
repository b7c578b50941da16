"""The trained autoencoder as an hls4ml model, scores included, and as a fixed-point graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.converters.score import ACCUMULATOR, attach_scores
from l1forge.firmware.hls.environment import use_legacy_keras

WEIGHTS = Path(__file__).parent / "weights.npz"


def build(
    encoder: Any,
    output_dir: str | Path,
    name: str = "vae_dense",
    input_type: str = "fixed<13,13>",
    accum: str = ACCUMULATOR,
    table: str = ACCUMULATOR,
) -> tuple[Any, Any]:
    """The Keras model with scores and its hls4ml ``ModelGraph``.

    ``encoder`` is a Keras 2 model whose last layers are ``QActivation(quantized_bits(...))`` named
    ``z_mean`` and ``z_log_var``; its input are hardware integers of ``input_type``. For the graph call
    ``export_graph(hls_model, sources)``.

    Raises
    ------
    InputError
        As ``attach_scores`` and ``convert_keras``.
    """
    model = attach_scores(encoder, accum=accum, table=table)
    return model, convert_keras(model, name, output_dir, input_type)


def hls_model(folder: Path, weights: Path = WEIGHTS) -> Any:
    """The hls4ml ``ModelGraph`` of trained weights with project folder ``folder``."""
    from l1forge.models.vae_dense.features import INPUT_TYPE
    from l1forge.models.vae_dense.train import load_encoder

    use_legacy_keras()  # here, so that one message names both extras that this needs
    return build(load_encoder(weights), folder, input_type=INPUT_TYPE)[1]


def export_graph(weights: Path, graph_file: Path) -> None:
    """Write the fixed-point graph of trained weights, its inputs bound to event columns."""
    from l1forge.firmware.hls.translate.graph import export_graph as export
    from l1forge.models.vae_dense.features import SOURCES

    with tempfile.TemporaryDirectory(prefix="l1forge_vae_") as folder:
        graph = export(hls_model(Path(folder), weights), SOURCES)
    graph.save(graph_file)
