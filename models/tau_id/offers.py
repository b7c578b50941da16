"""What the hadronic-tau identification (XGBoost) offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.models.options import Candidates, Trees
from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(seed: int, output: Path, report: Report, data: Candidates = None, trees: Trees = 60) -> None:
    """Train the hadronic-tau identification (XGBoost), choose its types, evaluate, write graph and plots.

    Example: `l1forge train tau_id --trees 100 -o build/tau_id`
    """
    import l1forge.models.tau_id.train as training

    training.main(seed, output, data or training.DATA, trees, report)


def evaluate(folder: Path, report: Report) -> dict[str, Any]:
    """Evaluate the tau identification: ROC, background at the isolation bit's efficiency, loss against bits.

    Example: `l1forge evaluate tau_id -o build/tau_id`
    """
    import l1forge.models.tau_id.train as training

    return training.evaluate(folder, say=report)


def inputs() -> TrainedInputs:
    """The record of the committed candidates' training part."""
    from l1forge.models.tau_id.features import NAMES, features
    from l1forge.models.tau_id.train import DATA
    from l1forge.models.trees import samples as candidates

    return candidates.trained_inputs("tau_id", NAMES, candidates.load(DATA, features))


MODEL = Model("tau_id", Training(train), evaluate, inputs=inputs)
