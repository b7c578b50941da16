"""The committed tree models: graph, artefact and report belong together; training is reproducible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.bdt.choose import quantised_margin
from l1forge.firmware.bdt.converters import convert
from l1forge.firmware.bdt.ensemble import Ensemble
from l1forge.firmware.bdt.to_graph import Precision, to_graph
from l1forge.models import FOLDER, available, graph_path
from l1forge.models.trees.classifiers import area, roc, threshold_at
from l1forge.models.trees.samples import load
from l1forge.models.trees.study import spectrum_weights

ARTEFACTS = {"tau_id": "model.json", "eg_iso": "model.json", "event_bdt": "model.weights.xml"}
LIBRARIES = {"tau_id": "xgboost", "eg_iso": "sklearn", "event_bdt": "tmva"}
MODELS = sorted(ARTEFACTS)


def committed(name: str) -> tuple[Ensemble, Graph, dict[str, Any]]:
    folder = FOLDER / name
    report = json.loads((folder / "training.json").read_text())
    return convert(folder / ARTEFACTS[name]), Graph.load(graph_path(name)), report


def precision_of(graph: Graph) -> Precision:
    types = [FixedType.parse(text) for text in graph["quantised"].attributes["types"]]
    return Precision(tuple(types), graph["score"].constants["value"].type)


def inputs(graph: Graph, n: int, seed: int = 0) -> np.ndarray:
    """Integers over the features' ranges, a tenth of them anywhere in the input's."""
    rng = np.random.default_rng(seed)
    kind = graph.inputs[0].type
    types = [FixedType.parse(text) for text in graph["quantised"].attributes["types"]]
    columns = [rng.integers(t.minimum << -t.fraction, (t.maximum + 1) << -t.fraction, n) for t in types]
    wild = rng.integers(kind.minimum, kind.maximum + 1, (n, len(types)))
    x = np.where(rng.random((n, 1)) < 0.1, wild, np.stack(columns, axis=1))
    return np.clip(x, kind.minimum, kind.maximum)


@pytest.mark.parametrize("name", MODELS)
def test_graph_is_the_quantised_artefact(name: str) -> None:
    ensemble, graph, report = committed(name)
    assert name in available()
    assert ensemble.library == LIBRARIES[name]
    source = graph.inputs[0].attributes.get("source")
    again = to_graph(ensemble, precision_of(graph), name, raw=graph.inputs[0].type, source=source)
    assert again.to_json() == graph.to_json()
    assert (source is not None) == (name == "event_bdt")
    assert report["graph"]["background"][0] < report[next(k for k in report if k in CUTS)]["background"][0]


CUTS = ("isolation bit", "DoubleIsoTau34")


@pytest.mark.parametrize("name", MODELS)
def test_scores_of_emulator_reference_and_quantised_ensemble_agree(name: str) -> None:
    ensemble, graph, _ = committed(name)
    x = inputs(graph, 3000)
    fast = compile_graph(graph).run_rows(x)["score"]
    np.testing.assert_array_equal(fast, evaluate(graph, x)["score"])
    scale = 2.0 ** graph["score"].type.fraction
    np.testing.assert_array_equal(fast, quantised_margin(ensemble, precision_of(graph), x) * scale)


def test_event_columns_give_the_features() -> None:
    from l1forge.emulator.events.objects import Events
    from l1forge.models.event_bdt.features import EVENT_COLUMNS, SOURCES, features

    rng = np.random.default_rng(1)
    graph = Graph.load(graph_path("event_bdt"))
    assert graph.inputs[0].attributes["source"] == list(SOURCES)
    slots = {"jet": 12, "tau": 12, "eg": 12, "mu": 8}
    columns = {c: rng.integers(0, 2, (slots.get(c.split(".")[0], 1), 50)) for c in EVENT_COLUMNS}
    rows = features(Events(columns, 50))
    assert rows.shape == (50, len(SOURCES))
    np.testing.assert_array_equal(rows[:, SOURCES.index("tau.iso[1]")], columns["tau.iso"][1])


def test_cut_based_seeds() -> None:
    from l1forge.emulator.events.objects import Events
    from l1forge.models.event_bdt.seeds import double_iso_tau, double_jet_mass

    zeros = {f"{o}.{f}": np.zeros((12, 3), int) for o in ("tau", "jet") for f in ("et", "eta", "phi")}
    columns = {**zeros, "tau.iso": np.zeros((12, 3), int)}
    columns["tau.et"][:3] = [[90, 90, 90], [80, 80, 80], [70, 70, 70]]
    columns["tau.iso"][:3] = [[1, 1, 0], [0, 1, 1], [1, 0, 1]]
    columns["tau.eta"][1] = [0, 49, 0]  # beyond |eta| < 2.1
    assert double_iso_tau(Events(columns, 3)).tolist() == [70, 0, 70]
    columns["jet.et"][:2] = [[300, 300, 300], [200, 200, 60]]
    columns["jet.eta"][:2] = [[60, 10, 60], [-60, 10, -60]]
    # 2 * 150 GeV * 100 GeV * cosh(5.2): 1.66 TeV; collinear: 0; second jet below 35 GeV
    assert double_jet_mass(Events(columns, 3)).tolist() == [300, 0, 0]


def test_roc_and_thresholds_by_hand() -> None:
    scores, truth = np.array([5, 4, 4, 3, 1]), np.array([True, True, False, False, True])
    background, signal = roc(scores, truth)
    assert background.tolist() == [0, 0.5, 1, 1]
    np.testing.assert_array_equal(signal * 3, [1, 2, 2, 3])
    assert abs(area(scores, truth) - 7 / 12) < 1e-15
    assert threshold_at(scores, truth, 0.5) == 4
    assert threshold_at(scores, truth, 1.0) == 1


def test_weights_give_both_classes_one_spectrum() -> None:
    rng = np.random.default_rng(0)
    et = np.concatenate([rng.normal(60, 10, 4000), rng.normal(55, 12, 8000)]).astype(int)
    truth = np.arange(12000) < 4000
    weights = spectrum_weights(et, truth)
    edges = [0, 50, 60, 70, 200]
    signal = np.histogram(et[truth], edges, weights=weights[truth])[0]
    background = np.histogram(et[~truth], edges, weights=weights[~truth])[0]
    assert np.abs(signal / background - 1).max() < 0.1


def test_training_is_reproducible(tmp_path: Path) -> None:
    from l1forge.models.tau_id.train import DATA, features, main

    assert load(DATA, features).truth.any()
    reports = [main(3, tmp_path / str(turn), trees=2) for turn in range(2)]
    assert reports[0] == reports[1]
    graphs = [(tmp_path / str(turn) / "graph.json").read_text() for turn in range(2)]
    assert graphs[0] == graphs[1]
    with pytest.raises(InputError, match="data is missing"):
        main(3, tmp_path / "none", data=tmp_path / "absent.parquet")
