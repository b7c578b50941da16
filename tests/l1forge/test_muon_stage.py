"""The muon network inside the trigger path: which muons it sees, and that blocks do not matter."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.events.objects import Events
from l1forge.models import graph_path
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.models.muon_pt.stage import OVERLAP, MuonStage

SCORES = ("muon_pt.pt", "muon_pt.charge", "muon_pt.quality")


@pytest.fixture(scope="module")
def stage() -> MuonStage:
    return MuonStage(MuonNetwork(graph_path("muon_pt").parent), SCORES)


def muons(n: int) -> Events:
    rng = np.random.default_rng(6)
    present = rng.random((8, n)) < 0.2
    pt = rng.integers(1, 512, (8, n)) * present
    eta = rng.integers(-256, 256, (8, n)) * present
    phi = rng.integers(0, 576, (8, n)) * present
    return Events({"mu.pt": pt, "mu.eta": eta, "mu.phi": phi}, n)


def test_overlap_muons_and_only_they_are_scored(stage: MuonStage) -> None:
    events = muons(3000)
    scores = stage(events)
    eta = np.abs(events["mu.eta"])
    overlap = (events["mu.pt"] > 0) & (eta >= OVERLAP[0]) & (eta <= OVERLAP[1])
    assert OVERLAP == (77, 114)
    count = (scores["muon_pt.pt"] > 0).sum(axis=0)
    assert np.all(count <= overlap.sum(axis=0))
    found = int(count.sum()) / int(overlap.sum())
    assert 0.8 < found <= 1  # muons of 1 to 200 GeV without enough stubs have no momentum
    assert {array.shape for array in scores.values()} == {(scores["muon_pt.pt"].shape[0], 3000)}
    charge = scores["muon_pt.charge"][scores["muon_pt.pt"] > 0]
    assert set(np.unique(charge)) <= {2, 3}


def test_blocks_and_neighbours_change_nothing(stage: MuonStage) -> None:
    events = muons(2000)
    whole = stage(events)
    for start, stop in ((0, 1), (1, 700), (700, 2000)):
        part = stage(events.rows(start, stop))
        for name in SCORES:
            rows = max(len(part[name]), len(whole[name]))
            left, right = (np.zeros((rows, stop - start), np.int16) for _ in range(2))
            left[: len(part[name])] = part[name]
            right[: len(whole[name])] = whole[name][:, start:stop]
            np.testing.assert_array_equal(left, right)


def test_the_network_follows_the_muons_momentum(stage: MuonStage) -> None:
    medians = []
    for code in (9, 21, 61):  # 4, 10, 30 GeV
        n = 600
        columns = {name: np.zeros((8, n), np.int16) for name in ("mu.pt", "mu.eta", "mu.phi")}
        columns["mu.pt"][0], columns["mu.eta"][0] = code, 90
        columns["mu.phi"][0] = np.arange(n) % 576
        medians.append(int(np.median(stage(Events(columns, n))["muon_pt.pt"][0])))
    assert medians[0] < medians[1] < medians[2]
    assert abs(medians[1] - 21) < 12
