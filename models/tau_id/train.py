"""Train the tau identification with XGBoost; write model.json, graph.json, training.json and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich import print as show

from l1forge.emulator.atomic import atomic_path
from l1forge.models.registry import Report
from l1forge.models.tau_id.features import NAMES, features
from l1forge.models.trees import samples as candidates
from l1forge.models.trees.classifiers import Sample

FOLDER = Path(__file__).parent
DATA = FOLDER / "data" / "candidates.parquet"
TREES, DEPTH, RATE = 60, 4, 0.2


def main(
    seed: int, output: Path, data: Path = DATA, trees: int = TREES, say: Report = show
) -> dict[str, Any]:
    """Train from ``seed``, quantise, evaluate against the isolation bit; returns the report.

    Raises InputError if the data is missing.
    """
    import xgboost

    from l1forge.firmware.bdt.converters import convert

    def fit(sample: Sample, weights: np.ndarray[Any, Any]) -> Any:
        model = xgboost.XGBClassifier(
            n_estimators=trees,
            max_depth=DEPTH,
            learning_rate=RATE,
            subsample=0.8,
            random_state=seed,
            n_jobs=1,
        )
        model.fit(sample.features, sample.truth, sample_weight=weights)
        model.get_booster().feature_names = list(NAMES)
        with atomic_path(output / "model.json") as temporary:
            model.get_booster().save_model(temporary)
        return convert(output / "model.json")

    head = {"seed": seed, "trees": trees, "depth": DEPTH}
    return candidates.train("tau_id", NAMES, candidates.load(data, features), fit, head, output, say)


def evaluate(output: Path, data: Path = DATA, say: Report = show) -> dict[str, Any]:
    """Evaluate the committed model on the collisions it was not trained on; returns the report."""
    test = candidates.load(data, features).part(False)
    return candidates.evaluate_committed(FOLDER, test, output, say)
