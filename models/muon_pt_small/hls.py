"""The small muon network as an hls4ml model: what `l1forge firmware muon_pt_small` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def hls_model(folder: Path) -> Any:
    """The hls4ml ``ModelGraph`` of the committed weights with project folder ``folder``."""
    from l1forge.models.muon_pt.export import load_quantised, to_hls
    from l1forge.models.muon_pt.network import SMALL

    return to_hls(load_quantised(SMALL, Path(__file__).parent), folder)
