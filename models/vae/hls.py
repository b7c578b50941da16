"""The trained autoencoder as an hls4ml model, scores included: what `l1forge firmware vae` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def hls_model(folder: Path) -> Any:
    """The hls4ml ``ModelGraph`` of the committed weights with project folder ``folder``."""
    from firmware.hls import vae
    from models.vae.features import INPUT_TYPE
    from models.vae.train import load_encoder

    encoder = load_encoder(Path(__file__).parent / "weights.npz")
    return vae.build(encoder, folder, input_type=INPUT_TYPE)[1]
