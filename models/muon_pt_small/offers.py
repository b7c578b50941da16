"""What the small muon network offers; `l1forge train muon_pt` trains it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.models.registry import Model

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def hls_model(folder: Path) -> Any:
    """hls4ml's model of the small network."""
    from l1forge.models.muon_pt_small.hls import hls_model

    return hls_model(folder)


def inputs() -> TrainedInputs:
    """The record of muons simulated with the seed of the training."""
    from l1forge.models.muon_pt.offers import inputs

    return inputs("muon_pt_small")


MODEL = Model("muon_pt_small", hls=hls_model, inputs=inputs)
