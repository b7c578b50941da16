"""Candidate samples of the tau and e/gamma classifiers: calorimeter towers around each candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich import print as show

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.scoring.trained_inputs import TrainedInputs, record_beside
from l1forge.models import GRAPH
from l1forge.models.registry import Report
from l1forge.models.trees import study as tree_study
from l1forge.models.trees.classifiers import Sample, require

SCALARS = ("et", "cluster", "em", "had", "ring", "towers", "ntt")
COLUMNS = (*SCALARS, "eta", "iso", "truth", "event", "em_towers", "had_towers")
WINDOW = (5, 9)  # eta by phi
CUT = "isolation bit"
HARD = 60  # 30 GeV: where candidates matter to a trigger
RAW = FixedType(12, 12, False)
"""Type of every feature at the input: sums of a few towers of 9 bits."""
LOSS = 0.002
"""Share of decisions at the working point that quantisation may change."""

Columns = dict[str, np.ndarray[Any, Any]]


def read(path: Path) -> Columns:
    """All columns as integers; windows have shape (n, 5, 9). InputError if it is another file."""
    try:
        table = pq.read_table(require(path, "run `python -m l1forge.simulation.training_data`"))
    except pa.ArrowException as error:
        raise InputError(f"not a readable parquet file: {error}", file=path) from error
    for name in COLUMNS:
        if name not in table.column_names:
            raise InputError("column is missing", file=path, field=name, remedy="give a candidate sample")
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name.endswith("_towers"):
            columns[name] = np.asarray(column.flatten()).reshape(-1, *WINDOW)
        else:
            columns[name] = np.asarray(column)
    return columns


def load(path: Path, features: Callable[[Columns], np.ndarray[Any, Any]]) -> Sample:
    """All candidates of a file; the cut-based decision is the object's isolation bit."""
    columns = read(path)
    return Sample(
        features(columns).astype(np.int64),
        columns["truth"] == 1,
        columns["iso"] > 0,
        columns["event"].astype(np.int64),
    )


def trained_inputs(model: str, names: Sequence[str], sample: Sample) -> TrainedInputs:
    """The record of the training part of ``sample``."""
    return TrainedInputs.of(model, "its candidates", names, sample.part(True).features)


def train(
    name: str,
    names: Sequence[str],
    sample: Sample,
    fit: Callable[[Sample, np.ndarray[Any, Any]], Any],
    head: dict[str, Any],
    output: Path,
    say: Report = show,
) -> dict[str, Any]:
    """Fit, quantise and evaluate one classifier; returns the report.

    Parameters
    ----------
    fit
        From the training part and a weight for each candidate to the ensemble; writes ``model.json``.
    head
        The settings, for the report.
    say
        Gets the seed and the tables.
    """
    say(f"seed {head['seed']}")
    given, test = sample.part(True), sample.part(False)
    output.mkdir(parents=True, exist_ok=True)
    ensemble = fit(given, tree_study.spectrum_weights(given.features[:, 0], given.truth))
    graph = tree_study.quantised(ensemble, name, given, _efficiency(test), LOSS, raw=RAW)
    trained_inputs(name, names, sample).save(record_beside(output / GRAPH))
    return evaluate(ensemble, graph, test, output, head, say)


def evaluate(
    ensemble: Any, graph: Graph, test: Sample, output: Path, head: dict[str, Any], say: Report = show
) -> dict[str, Any]:
    """Report at the isolation bit's efficiency, of all candidates and above 30 GeV; writes it with plots."""
    report, scores = tree_study.study(ensemble, graph, test, _efficiency(test), CUT)
    hard = test.where(test.features[:, 0] >= HARD)
    report["et >= 30 GeV"], _ = tree_study.study(ensemble, graph, hard, _efficiency(hard), CUT)
    report = {**head, **report}
    tree_study.write(ensemble, graph, report, scores, test, CUT, output, say)
    return report


def evaluate_committed(folder: Path, test: Sample, output: Path, say: Report = show) -> dict[str, Any]:
    """``evaluate`` of the artefact and graph in a model's folder."""
    from l1forge.firmware.bdt.converters import convert

    return evaluate(convert(folder / "model.json"), Graph.load(folder / GRAPH), test, output, {}, say)


def _efficiency(sample: Sample) -> float:
    return float(sample.cut_based[sample.truth].mean())
