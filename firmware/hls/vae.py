"""The trigger autoencoder's firmware: encoder with both scores, converted in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.converters.score import ACCUMULATOR, attach_scores


def build(
    encoder: Any,
    output_dir: str | Path,
    name: str = "vae",
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
