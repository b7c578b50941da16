"""The ten-layer network as an hls4ml model."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def hls_model(folder: Path) -> Any:
    """The hls4ml ``ModelGraph`` of the committed weights with project folder ``folder``."""
    from l1forge.models.muon_pt.export import load_quantised, to_hls
    from l1forge.models.muon_pt.network import LARGE

    return to_hls(load_quantised(LARGE, Path(__file__).parent), folder)
