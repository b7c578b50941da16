"""Train the event classifier, hand it on as a TMVA weight file, read that back and export the graph.

Zero-bias crossings up to ``simulation.sample.N_TRAIN`` train, the others measure rates; of the signal the
even crossings train and the odd ones measure efficiency.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich import print as show
from rich.table import Table

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import read_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.rates.intervals import full_rate_khz, threshold_for_rate
from l1forge.emulator.scoring.trained_inputs import TrainedInputs, record_beside
from l1forge.models import GRAPH
from l1forge.models.event_bdt.features import EVENT_COLUMNS, NAMES, RAW, SOURCES, features
from l1forge.models.event_bdt.seeds import SEEDS
from l1forge.models.registry import Report
from l1forge.models.trees import study as tree_study
from l1forge.models.trees.classifiers import Sample, graph_scores, require

FOLDER = Path(__file__).parent
SIGNAL = FOLDER / "data" / "vbf_htautau.parquet"
WEIGHTS = "model.weights.xml"
CUT = "DoubleIsoTau34"
TREES, DEPTH, RATE = 60, 4, 0.2
BACKGROUND_TRAIN = 120_000
RATES_KHZ = (1.0, 5.0, 14.0)
LOSS = 0.002
"""Share of decisions at the working point that quantisation may change."""


def load(path: Path, first: int = 0, last: int | None = None) -> Events:
    """Crossings ``first`` .. ``last`` of an event file, columns of features and seeds only."""
    blocks, seen = [], 0
    for block in read_events(require(path, "run `make data`"), columns=list(EVENT_COLUMNS)):
        stop = block.n if last is None else min(block.n, last - seen)
        if stop > max(first - seen, 0):
            blocks.append(block.select(slice(max(first - seen, 0), stop)))
        seen += block.n
    return Events.concatenate(blocks)


def main(
    seed: int,
    output: Path,
    zero_bias: Path | None = None,
    signal: Path = SIGNAL,
    trees: int = TREES,
    say: Report = show,
) -> dict[str, Any]:
    """Train from ``seed``, write the TMVA file, quantise what is read back, evaluate; returns the report.

    Raises InputError if the data is missing.
    """
    import xgboost

    from l1forge.firmware.bdt.converters import convert
    from l1forge.firmware.bdt.converters.tmva_export import write
    from l1forge.simulation.sample import FOLDER as SAMPLE
    from l1forge.simulation.sample import N_TRAIN

    say(f"seed {seed}")
    path = zero_bias or SAMPLE / "zerobias.parquet"
    vbf = load(signal)
    train = training_part(vbf, path)
    measured = vbf.select(slice(1, None, 2)), load(path, N_TRAIN)
    if vbf.n < 2:
        raise InputError(
            "needs some crossings for training and others for the evaluation", file=signal, value=vbf.n
        )
    if not measured[1].n:
        problem = f"rates are measured on what follows the first {N_TRAIN:,} crossings, and nothing does"
        raise InputError(problem, file=path, remedy="give a larger zero-bias file")
    test = _sample(*measured)
    model = xgboost.XGBClassifier(
        n_estimators=trees, max_depth=DEPTH, learning_rate=RATE, subsample=0.8, random_state=seed, n_jobs=1
    )
    share = float(train.truth.mean())
    weight = np.where(train.truth, 0.5 / share, 0.5 / (1 - share))
    model.fit(train.features, train.truth, sample_weight=weight)
    model.get_booster().feature_names = list(NAMES)
    output.mkdir(parents=True, exist_ok=True)
    ranges = np.stack([train.features.min(axis=0), train.features.max(axis=0)], axis=1)
    write(convert(model), output / WEIGHTS, ranges)
    ensemble = convert(output / WEIGHTS)
    efficiency = float(test.cut_based[test.truth].mean())
    graph = tree_study.quantised(
        ensemble, "event_bdt", train, efficiency, LOSS, raw=RAW, source=list(SOURCES)
    )
    trained_inputs(train).save(record_beside(output / GRAPH))
    head = {"seed": seed, "trees": trees, "depth": DEPTH}
    return _report(ensemble, graph, test, measured, output, head, say)


def training_part(vbf: Events, zero_bias: Path) -> Sample:
    """Every second signal crossing and the first ones of zero bias."""
    from l1forge.simulation.sample import N_TRAIN

    return _sample(vbf.select(slice(0, None, 2)), load(zero_bias, 0, min(BACKGROUND_TRAIN, N_TRAIN)))


def trained_inputs(train: Sample) -> TrainedInputs:
    """The record of the training's inputs."""
    return TrainedInputs.of("event_bdt", "VBF H->tautau and zero bias", SOURCES, train.features)


def evaluate(
    output: Path, zero_bias: Path | None = None, signal: Path = SIGNAL, say: Report = show
) -> dict[str, Any]:
    """Evaluate the committed model on the crossings it was not trained on; returns the report."""
    from l1forge.firmware.bdt.converters import convert
    from l1forge.simulation.sample import FOLDER as SAMPLE
    from l1forge.simulation.sample import N_TRAIN

    measured = load(signal).select(slice(1, None, 2)), load(zero_bias or SAMPLE / "zerobias.parquet", N_TRAIN)
    graph = Graph.load(FOLDER / GRAPH)
    return _report(convert(FOLDER / WEIGHTS), graph, _sample(*measured), measured, output, {}, say)


def _report(
    ensemble: Any,
    graph: Graph,
    test: Sample,
    measured: tuple[Events, Events],
    output: Path,
    head: dict[str, Any],
    say: Report,
) -> dict[str, Any]:
    efficiency = float(test.cut_based[test.truth].mean())
    report, scores = tree_study.study(ensemble, graph, test, efficiency, CUT)
    report = {**head, **report, "rates": rates(ensemble, graph, *measured)}
    tree_study.write(ensemble, graph, report, scores, test, CUT, output, say)
    say(_table(report["rates"]))
    return report


def _sample(signal: Events, background: Events) -> Sample:
    both = [signal, background]
    truth = np.repeat([True, False], [signal.n, background.n])
    cut = np.concatenate([SEEDS["DoubleIsoTau"](events) >= 2 * 34 for events in both])
    rows = np.concatenate([features(events) for events in both])
    return Sample(rows, truth, cut, np.arange(len(truth)))


def rates(ensemble: Any, graph: Any, signal: Events, zero_bias: Events) -> list[dict[str, Any]]:
    """Signal efficiency of the classifier (float, fixed point) and of each seed at equal zero-bias rates."""
    scores: dict[str, Callable[[Events], Any]] = {
        "event_bdt, float": lambda events: ensemble.margin(features(events))[:, 0],
        "event_bdt, fixed point": lambda events: graph_scores(graph, features(events)),
        **SEEDS,
    }
    rows = []
    for name, score in scores.items():
        on_signal, on_background = score(signal), score(zero_bias)
        for rate in RATES_KHZ:
            cut = threshold_for_rate(on_background, rate)
            rows.append(
                {
                    "selection": name,
                    "target_khz": rate,
                    "threshold": float(cut),
                    "rate_khz": float((on_background >= cut).mean() * full_rate_khz()),
                    "efficiency": float((on_signal >= cut).mean()),
                }
            )
    return rows


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="VBF H->tautau efficiency at equal zero-bias rate")
    table.add_column("selection")
    for rate in RATES_KHZ:
        table.add_column(f"{rate:g} kHz", justify="right")
    for name in dict.fromkeys(row["selection"] for row in rows):
        table.add_row(name, *(f"{row['efficiency']:.3f}" for row in rows if row["selection"] == name))
    return table
