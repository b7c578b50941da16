"""The boosted trees of muon pT: features, pT scale, graph, and a training of seconds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.reference import evaluate
from l1forge.models.muon_pt.bins import GENERATED_UP_TO, MIN_PT, N_BINS, PT_CODES
from l1forge.models.muon_pt.estimators import boosted_trees, golden_patterns
from l1forge.models.muon_pt.evaluation import cut_at
from l1forge.models.muon_pt.features import ETA, HITS, N_FEATURES, REFERENCE, muon_features
from l1forge.models.muon_trees import train as training
from l1forge.models.muon_trees.graph import NO_HIT, TREE_FEATURES, tree_features
from l1forge.models.muon_trees.path import FOLDER, MuonTrees, Scale
from l1forge.simulation.muons import MuonSample, MuonSettings, generate
from l1forge.simulation.muons.spectrum import rate_weights

PLACE = {name: number for number, name in enumerate(TREE_FEATURES)}


@pytest.fixture(scope="module")
def sample() -> MuonSample:
    return generate(60_000, 42, MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO))


def test_features_of_a_literal_candidate() -> None:
    """MB2 at -7 with MB1 as the reference; every other layer is empty."""
    x = np.zeros((1, N_FEATURES), np.int16)
    x[0, 2], x[0, [HITS, HITS + 2]], x[0, REFERENCE], x[0, ETA] = -7, 64, 64, 24
    found = tree_features(x)[0]
    values = {
        name: int(found[PLACE[name]]) for name in ("MB1", "MB2", "MB3", "MB2 - MB1", "MB2 + ME1/3", "eta")
    }
    assert values == {
        "MB1": 0,
        "MB2": -7,
        "MB3": NO_HIT,
        "MB2 - MB1": -7,
        "MB2 + ME1/3": -7 + NO_HIT,
        "eta": 24,
    }
    assert [int(found[PLACE[f"reference[{name}]"]]) for name in ("MB1", "MB2")] == [1, 0]
    assert (NO_HIT, len(TREE_FEATURES)) == (-512, 57)


def test_the_graph_is_exact_on_muons_and_corners(sample: MuonSample) -> None:
    trees = MuonTrees()
    features, _ = muon_features(*(getattr(sample, n)[:300] for n in ("value", "eta", "quality")))
    corners = np.random.default_rng(1).choice([-512, -1, 0, 31, 32, 511], (200, N_FEATURES)).astype(np.int16)
    both = np.concatenate([features, corners])
    expected = evaluate(trees.graph, both.astype(np.int64))
    for scores, name in zip(trees.scores(both), ("pt", "charge"), strict=True):
        assert np.array_equal(scores, expected[name][:, 0])


def test_better_than_patterns_on_our_simulation(sample: MuonSample) -> None:
    """A small sample: the committed trees have the lower rate, and know the charge."""
    weights = rate_weights(sample.pt, MIN_PT, GENERATED_UP_TO)
    rates = []
    for estimate in (golden_patterns(sample), boosted_trees(sample)):
        rates.append(weights[estimate.score(20.0) >= cut_at(estimate, sample.pt, 20.0)].sum())
    assert rates[1] < rates[0]
    middle = (sample.pt > 10) & (sample.pt < 50)
    assert (boosted_trees(sample).charge != sample.charge)[middle].mean() < 0.03


def test_codes_are_calibrated(sample: MuonSample) -> None:
    muons = MuonTrees()(sample)
    for threshold in (10, 20):
        window = (sample.pt >= threshold) & (sample.pt < 1.1 * threshold)
        assert 0.85 < ((muons.pt[window] - 1) / 2 >= threshold).mean() < 0.95
    assert set(np.unique(muons.charge)) <= {0, 2, 3}
    assert set(np.unique(muons.pt)) <= {0, *PT_CODES.tolist()}


def test_nothing_from_nothing() -> None:
    empty = generate(1, 1).select(np.zeros(0, np.int64))
    assert all(len(field) == 0 for field in MuonTrees()(empty))


def test_scale_of_literal_scores() -> None:
    cuts = np.arange(N_BINS) * 10
    scale = Scale(0.9, cuts, cuts + 5, np.geomspace(2, 180, N_BINS))
    assert scale.bins(np.array([-3, 0, 9, 10, 425, 10_000])).tolist() == [0, 0, 0, 1, 42, 42]
    assert scale.pt(np.array([5, 425])) == pytest.approx([2, 180])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cut": [0] * 42}, "cut: needs 43 values in rising order"),
        ({"cut": list(range(43, 0, -1))}, "cut: needs 43 values"),
        ({"centre": "x"}, "not a pT scale"),
        (None, "not a pT scale"),
    ],
)
def test_damaged_scales(tmp_path: Path, change, message) -> None:
    data = json.loads((FOLDER / "calibration.json").read_text())
    path = tmp_path / "calibration.json"
    path.write_text("{" if change is None else json.dumps({**data, **change}))
    with pytest.raises(InputError, match=message):
        Scale.load(path)


def test_training_is_reproducible_and_writes_what_is_used(tmp_path: Path) -> None:
    options = dataclasses.replace(
        training.Options(), muons=6000, calibration=5000, trees=6, depth=3, charge_trees=2
    )
    for name in ("a", "b"):
        training.main(5, tmp_path / name, options, report=lambda _: None)
    texts = [(tmp_path / name / "graph.json").read_bytes() for name in ("a", "b")]
    assert texts[0] == texts[1]
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"graph.json", "calibration.json", "inputs.json", "training.json"}
    assert len(MuonTrees(tmp_path / "a").graph["scores"].constants["tree_class"].data) == 8


def test_command_says_that_another_detector_has_no_teacher(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "muon_trees", "--quick", "--detector", "nowhere", "-o", str(tmp_path / "t")])
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert "no such detector (got 'nowhere')" in captured.err
    assert "the target is the true pT alone" in captured.out
    assert not (tmp_path / "t").exists()
