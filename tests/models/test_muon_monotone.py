"""The monotone Lipschitz network: constraint, circuit, proof, and one weight that breaks it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.monotone import Question, prove
from l1forge.models.muon_pt.features import HITS, N_FEATURES, REFERENCE, muon_features
from l1forge.simulation.muons import MuonSettings, generate

with warnings.catch_warnings():  # torch and Brevitas warn about each other on import
    warnings.simplefilter("ignore")
    from l1forge.models.muon_pt import lipschitz

QUESTION = Question({(lipschitz.INPUT, 0): -1})


@pytest.fixture(scope="module")
def muons():
    sample = generate(4000, 6, MuonSettings(3, 60))
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    return features[layers > 0], np.log(sample.pt[layers > 0])


@pytest.fixture(scope="module")
def model(muons):
    features, target = muons
    schedule = lipschitz.Schedule(hidden=(8, 8), epochs=6, batch=128)
    inputs = lipschitz.inputs_of(features)
    return lipschitz.train(inputs, target, np.ones(len(target)), 3, schedule, constrained=True)


def test_the_bending_of_a_literal_candidate():
    """MB1 is the reference; MB2, MB3, ME1/3 differ by -7, 90 and 12 bins: the median is 12."""
    x = np.zeros((2, N_FEATURES), np.int16)
    x[0, [2, 4, 6]] = -7, 90, 12
    x[0, [HITS, HITS + 2, HITS + 4, HITS + 6]] = 64
    x[0, [REFERENCE, HITS + 1, 1]] = 64, 64, 300  # the bending angle does not count
    assert lipschitz.bending_of(x).tolist() == [12, 0]


def test_training_learns_and_keeps_the_constraint(model, muons):
    features, target = muons
    inputs = lipschitz.inputs_of(features)
    assert np.corrcoef(lipschitz.predict(model, inputs), target)[0, 1] > 0.85
    first, *rest = (w.detach().numpy() for w in model.weights())
    assert np.abs(first[:, 0]).max() <= 1
    assert all(np.abs(w).sum(axis=1).max() <= 1 + 1e-6 for w in rest)


def test_the_circuit_is_the_network_within_its_steps(model, muons):
    features, _ = muons
    graph = lipschitz.to_graph(model)
    columns = {
        lipschitz.INPUT: lipschitz.bending_of(features)[:300, None],
        "x": features[:300].astype(np.int64),
    }
    values = evaluate(graph, columns)[lipschitz.OUTPUT][:, 0]
    unit = graph[lipschitz.OUTPUT].type.lsb * graph.meta["ln_pt_per_unit"]
    expected = lipschitz.predict(model, lipschitz.inputs_of(features[:300]))
    assert np.abs(values * unit - expected).max() < 0.05


def test_proven_and_a_broken_weight_is_told(model):
    graph = lipschitz.to_graph(model)
    assert prove(graph, QUESTION, seconds=60).verdict == "monotone"
    assert prove(graph, Question({(lipschitz.INPUT, 0): 1}), seconds=20).verdict == "not monotone"
    linear = graph["linear"].constants["scale"].data
    linear[:] = -linear  # the residual term with the wrong sign
    found = prove(graph, QUESTION, seconds=20)
    assert found.verdict == "not monotone"
    assert found.example.after > found.example.before
