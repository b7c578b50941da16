"""What the e/gamma isolation (scikit-learn) offers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.models.options import Candidates, Trees
from l1forge.models.registry import Model, Report, Training

if TYPE_CHECKING:
    from l1forge.emulator.scoring.trained_inputs import TrainedInputs


def train(seed: int, output: Path, report: Report, data: Candidates = None, trees: Trees = 50) -> None:
    """Train the e/gamma isolation (scikit-learn), choose its types, evaluate, write graph and plots.

    Example: `l1forge train eg_iso --seed 3 -o build/eg_iso`
    """
    import l1forge.models.eg_iso.train as training

    training.main(seed, output, data or training.DATA, trees, report)


def evaluate(folder: Path, report: Report) -> dict[str, Any]:
    """Evaluate the e/gamma isolation: ROC, background at the isolation bit's efficiency, loss against bits.

    Example: `l1forge evaluate eg_iso --json build/eg_iso.json`
    """
    import l1forge.models.eg_iso.train as training

    return training.evaluate(folder, say=report)


def inputs() -> TrainedInputs:
    """The record of the committed candidates' training part."""
    from l1forge.models.eg_iso.features import NAMES, features
    from l1forge.models.eg_iso.train import DATA
    from l1forge.models.trees import samples as candidates

    return candidates.trained_inputs("eg_iso", NAMES, candidates.load(DATA, features))


MODEL = Model("eg_iso", Training(train), evaluate, inputs=inputs)
