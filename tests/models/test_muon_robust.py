"""Robust trainings: what each method does, and the study that compares them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.models.muon_pt.bins import log_prior
from l1forge.models.muon_pt.features import ETA, HITS, ONE, REFERENCE
from l1forge.simulation.muons.detectors import load_detector
from l1forge.simulation.muons.layers import N_LAYERS, REFERENCE_LAYERS

with warnings.catch_warnings():  # torch and Brevitas warn about each other on import
    warnings.simplefilter("ignore")
    import torch

    from l1forge.models.muon_pt import robust
    from l1forge.models.muon_pt.network import Network
    from l1forge.models.muon_pt.train import POWER, TrainingSet

TINY = Network("tiny", (16, 16), 8, 8, 1.0)


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    return robust.robust_set(6000, 3, POWER)


@pytest.fixture(scope="module")
def other() -> torch.Tensor:
    return robust.robust_set(4000, 4, POWER, load_detector("other")).features


def test_reversed_gradients() -> None:
    """The classifier learns to tell the detectors apart; what feeds it learns the contrary."""
    classifier = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False))
    classifier[0].weight.data[:] = 1.0
    here, there = torch.tensor([[-1.0]], requires_grad=True), torch.tensor([[1.0]], requires_grad=True)
    robust.adversary(classifier, here, there).backward()
    assert classifier[0].weight.grad < 0  # a larger weight lowers the loss
    assert here.grad < 0 < there.grad  # steps against these move both towards each other


@pytest.mark.parametrize("distance", [robust.moment_distance, robust.transport_distance])
def test_distances_of_activations(distance) -> None:
    torch.manual_seed(1)
    one, two = torch.randn(4000, 5), torch.randn(4000, 5)
    near, far = float(distance(one, two)), float(distance(one, 1.5 * two + 1))
    assert near < 0.02 < 0.1 < far


def test_shaken_inputs_keep_the_reference_and_flags(data) -> None:
    torch.manual_seed(2)
    x = data.features[:2000].float() / ONE
    y = robust.shaken(x)
    assert torch.equal(y[:, REFERENCE:], x[:, REFERENCE:])
    hit, kept = x[:, HITS:REFERENCE] > 0, y[:, HITS:REFERENCE] > 0
    assert not (kept & ~hit).any()
    assert 0.03 < float((hit & ~kept).float().sum() / hit.float().sum()) < 0.13
    assert (y[:, :N_LAYERS][~kept] == 0).all()
    own = torch.zeros(len(x), N_LAYERS, dtype=torch.bool)
    own[:, list(REFERENCE_LAYERS)] = x[:, REFERENCE:ETA] > 0
    assert kept[own].all()
    assert torch.equal(y[:, :N_LAYERS][own], x[:, :N_LAYERS][own])
    assert not torch.equal(y[:, :N_LAYERS][kept], x[:, :N_LAYERS][kept])


@pytest.mark.parametrize("method", robust.METHODS)
def test_every_method_trains_and_follows_the_seed(method, data, other) -> None:
    more = {"other": other} if method in robust.PULL else {}
    losses: list[str] = []
    schedule = robust.Schedule(epochs=3, rate=4e-3, batch=256)

    def train(seed: int) -> torch.nn.Sequential:
        return robust.train_robust(method, TINY, data, seed, prior=log_prior(1 - POWER), schedule=schedule,
                                   report=losses.append, **more)  # fmt: skip

    first, again, third = (robust.logits_of(train(seed), data.features.numpy()[:50]) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, third)
    values = [float(text.split("loss ")[1]) for text in losses[:3]]
    assert values[2] < values[0]


def test_methods_and_what_they_need(data, other) -> None:
    prior = log_prior(1 - POWER)
    with pytest.raises(ValueError, match="unknown method 'magic'"):
        robust.train_robust("magic", TINY, data, 1, prior=prior)
    with pytest.raises(ValueError, match="moments: muons of another detector are needed"):
        robust.train_robust("moments", TINY, data, 1, prior=prior)
    with pytest.raises(ValueError, match="plain: muons of another detector are not used"):
        robust.train_robust("plain", TINY, data, 1, prior=prior, other=other)


@pytest.mark.filterwarnings("ignore")
def test_the_study_from_the_command_to_the_page(tmp_path: Path, capsys) -> None:
    from l1forge.studies.muon_robustness import BEST, COMMITTED, PATTERNS_B, ROBUST
    from l1forge.studies.muon_robustness_page import BEGIN, END

    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    arguments = [
        "evaluate",
        "muon_robustness",
        "--quick",
        "--seeds",
        "1",
        "-n",
        "10000",
        "--test-muons",
        "20000",
    ]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "-o", str(tmp_path / "o"), "--docs", str(page)])
    assert end.value.code == 0
    found = json.loads((tmp_path / "o/muon_robustness.json").read_text())
    assert [row["name"] for row in found["rows"]] == [*COMMITTED, PATTERNS_B]
    names = [row["name"] for row in found["methods"]]
    assert len(names) == 14
    assert {ROBUST, BEST} < set(names)
    assert set(found["dead"]) >= {"none", "MB1", "MB1b", "RE3/3"}
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.count("| randomised simulation |") == 2
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--network", "vae", "-o", str(tmp_path / "p")])
    assert end.value.code == 2
    assert "unknown network (got 'vae'); known: muon_pt, muon_pt_small" in capsys.readouterr().err
