"""Train the e/gamma isolation with scikit-learn; write model.json, graph.json, training.json and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from models import candidates, tree_study
from models.classifiers import Sample
from models.eg_iso.features import NAMES, features

FOLDER = Path(__file__).parent
DATA = FOLDER / "data" / "candidates.parquet"
TREES, DEPTH, RATE = 50, 4, 0.2
LOSS = 0.002
"""Share of decisions at the working point that quantisation may change."""


def main(seed: int, output: Path, data: Path = DATA, trees: int = TREES) -> dict[str, Any]:
    """Train from ``seed``, quantise, evaluate against the isolation bit; returns the report.

    Raises InputError if the data is missing.
    """
    from dataclasses import replace

    from sklearn.ensemble import GradientBoostingClassifier

    from firmware.bdt import store
    from firmware.bdt.converters import convert

    Console().print(f"seed {seed}")
    sample = load(data)
    train, test = sample.part(True), sample.part(False)
    model = GradientBoostingClassifier(
        n_estimators=trees, max_depth=DEPTH, learning_rate=RATE, subsample=0.5, random_state=seed
    )
    model.fit(
        train.features,
        train.truth,
        sample_weight=tree_study.spectrum_weights(train.features[:, 0], train.truth),
    )
    ensemble = replace(convert(model), feature_names=NAMES)
    output.mkdir(parents=True, exist_ok=True)
    store.save(ensemble, output / "model.json")
    graph = candidates.quantised(ensemble, "eg_iso", train, test, LOSS)
    head = {"seed": seed, "trees": trees, "depth": DEPTH}
    return candidates.evaluate(ensemble, graph, test, output, head)


def evaluate(output: Path, data: Path = DATA) -> dict[str, Any]:
    """Evaluate the committed model on the collisions it was not trained on; returns the report."""
    return candidates.evaluate_committed(FOLDER, load(data).part(False), output)


def load(data: Path) -> Sample:
    """All candidates of a file with their features."""
    columns = candidates.read(data)
    return candidates.sample(columns, features(columns))
