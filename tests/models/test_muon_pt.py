"""Muon networks: features, integer pT, and the committed networks exact from Brevitas to the emulator."""

import dataclasses
import math
import warnings

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Constant, Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.models.muon_pt.bins import CHARGE_LOGIT, LOWER_EDGES, N_BINS, PT_CODES, bin_of
from l1forge.models.muon_pt.estimators import LARGE_FOLDER, SMALL_FOLDER
from l1forge.models.muon_pt.features import ETA, FEATURES, HITS, N_FEATURES, REFERENCE, muon_features
from l1forge.models.muon_pt.momentum import (
    Calibration,
    calibrate,
    muons_from_logits,
    pt_bin,
    quality_of,
    tail_sums,
)
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.simulation.muons import NO_STUB, MuonSettings, generate

FOLDERS = {"muon_pt": LARGE_FOLDER, "muon_pt_small": SMALL_FOLDER}


@pytest.fixture(params=FOLDERS)
def name(request):
    return request.param


def stubs(**layers):
    """One candidate: L<layer>=(value of slot 0, of slot 1)."""
    value = np.full((1, 18, 2), NO_STUB, np.int16)
    for layer, slots in layers.items():
        value[0, int(layer[1:]), : len(slots)] = slots
    zeros = np.zeros_like(value)
    return value, zeros.copy(), zeros.copy()


def test_features_of_a_literal_candidate():
    value, eta, quality = stubs(L0=[10], L1=[-5], L7=[13, 4], L10=[700], L17=[-560])
    eta[0, 0, 0] = -100
    features, layers = muon_features(value, eta, quality)
    expected = np.zeros(N_FEATURES, np.int64)
    expected[[1, 7, 10, 17]] = -5, 3, 511, -511
    expected[[HITS + layer for layer in (0, 1, 7, 10, 17)]] = 64
    expected[REFERENCE + 0] = 64
    expected[ETA] = (100 - 94) * 4
    assert features[0].tolist() == expected.tolist()
    assert layers.tolist() == [5]
    assert len(FEATURES) == N_FEATURES == 45


def test_nearest_stub_and_its_own_angle():
    value, eta, quality = stubs(L7=[0], L0=[-20, 19], L1=[7, NO_STUB], L8=[-5, 5])
    quality[0, 0] = 6, 6
    features, layers = muon_features(value, eta, quality)
    assert features[0, 0] == 0  # MB1 slot 0 has an angle: it is the reference, not slot 1
    assert features[0, 7] == 20
    assert features[0, 8] == 15  # both relative to -20; -5 is the nearer one
    assert layers[0] == 4


@pytest.mark.parametrize("layers", [{}, {"L17": [3]}, {"L0": [3], "L2": [3]}, {"L7": [1], "L8": [2]}])
def test_no_reference_or_too_few_layers_is_no_muon(layers, name):
    value, eta, quality = stubs(**layers)
    features, counts = muon_features(value, eta, quality)
    assert not features.any()
    assert counts.tolist() == [0]
    muons = muons_from_logits(np.zeros((1, 44), np.int64), counts, MuonNetwork(FOLDERS[name]).calibration)
    assert [int(field[0]) for field in muons] == [0, 0, 0]


def literal_bin(logits, threshold):
    """pT bin of one row in plain Python integers."""
    table = [round(math.exp(-k / 16) * 2**24) for k in range(256)]
    largest = max(logits[:N_BINS])
    weights = [table[min(largest - z, 255)] for z in logits[:N_BINS]]
    for k in range(N_BINS - 1, 0, -1):
        if sum(weights[k:]) * 2**20 >= threshold[k] * sum(weights):
            return k
    return 0


def test_pt_bin_agrees_with_literal_integers():
    generator = np.random.default_rng(3)
    logits = generator.integers(-512, 512, (400, 44))
    logits[:20] = generator.integers(-3, 4, (20, 44))
    logits[20] = -512
    threshold = generator.integers(0, 2**20 + 1, N_BINS)
    expected = [literal_bin(row.tolist(), threshold.tolist()) for row in logits]
    assert pt_bin(tail_sums(logits), threshold).tolist() == expected
    assert len(set(expected)) > 5


def test_muon_fields_of_literal_logits():
    logits = np.full((3, 44), -512)
    logits[:, 23] = 100
    logits[:, CHARGE_LOGIT] = 5, 0, -5
    calibration = Calibration(0.9, np.full(N_BINS, 2**19))
    muons = muons_from_logits(logits, np.array([7, 4, 0]), calibration)
    assert LOWER_EDGES[23] == 20
    assert muons.pt.tolist() == [41, 41, 0]
    assert muons.charge.tolist() == [2, 3, 0]
    assert muons.quality.tolist() == [12, 8, 0]
    assert quality_of(np.array([0, 3, 4, 5, 6])).tolist() == [0, 4, 8, 8, 12]
    assert (np.diff(PT_CODES) > 0).all()


def test_calibration_reaches_its_efficiency_and_survives_the_file(tmp_path):
    generator = np.random.default_rng(8)
    bins = np.sort(generator.integers(0, N_BINS, 20_000))
    logits = -((np.arange(44) - bins[:, None] - generator.normal(0, 2, (len(bins), 1))) ** 2)
    logits = np.clip(np.rint(logits), -512, 511).astype(np.int64)
    found = generator.random(len(bins)) < 0.97
    calibration = calibrate(logits, bins, found, 0.9)
    given = np.where(found, pt_bin(tail_sums(logits), calibration.threshold), -1)
    for k in range(1, N_BINS):
        assert 0.9 <= (given[bins == k] >= k).mean() < 0.93
    calibration.save(tmp_path / "c.json")
    assert (Calibration.load(tmp_path / "c.json").threshold == calibration.threshold).all()
    (tmp_path / "c.json").write_text('{"efficiency": 0.9, "threshold": [1, 2]}')
    with pytest.raises(InputError, match=r"c\.json"):
        Calibration.load(tmp_path / "c.json")


def test_bins_cover_all_pt():
    assert bin_of(np.array([0.5, 1.99, 2.0, 19.99, 20.0, 500.0])).tolist() == [0, 0, 1, 22, 23, 42]


def stimuli(n):
    """Features of simulated muons and random codes over the full input range."""
    sample = generate(n, 99, MuonSettings(noise=0.1))
    features, _ = muon_features(sample.value, sample.eta, sample.quality)
    return np.concatenate([features, np.random.default_rng(1).integers(-512, 512, (n // 4, N_FEATURES))])


def test_brevitas_reference_and_kernel_agree_on_every_bit(name):
    with warnings.catch_warnings():  # Brevitas' own use of deprecated torch interfaces
        warnings.simplefilter("ignore")
        import torch

        from l1forge.models.muon_pt.export import load_quantised
        from l1forge.models.muon_pt.network import NETWORKS

        x = stimuli(4000)
        model = load_quantised(NETWORKS[name], FOLDERS[name])
        with torch.no_grad():
            brevitas = model(torch.from_numpy(x / 64).float()).numpy() * 16
    graph = Graph.load(FOLDERS[name] / "graph.json")
    fast = compile_graph(graph).run_rows(x.astype(np.int64))[graph.outputs[0]]
    assert np.array_equal(fast, brevitas)
    few = x[::50].astype(np.int64)
    assert np.array_equal(evaluate(graph, few)[graph.outputs[0]], fast[::50])


def test_one_flipped_weight_bit_is_noticed(name):
    graph = Graph.load(FOLDERS[name] / "graph.json")
    x = stimuli(1000).astype(np.int64)
    right = compile_graph(graph).run_rows(x)[graph.outputs[0]]
    place = next(i for i, node in enumerate(graph.nodes) if node.op == "dense")
    node = graph.nodes[place]
    weight = node.constants["weight"].data.copy()
    weight[HITS, 0] ^= 1
    constants = dict(node.constants) | {"weight": Constant(node.constants["weight"].type, weight)}
    graph.nodes[place] = dataclasses.replace(node, constants=constants)
    assert not np.array_equal(compile_graph(graph).run_rows(x)[graph.outputs[0]], right)


def test_network_in_the_path_measures_muons(name):
    sample = generate(4000, 77, MuonSettings(pt_min=20, pt_max=21))
    network = MuonNetwork(FOLDERS[name])
    muons = network(sample)
    assert muons.pt.dtype == muons.charge.dtype == muons.quality.dtype == np.int16
    assert abs((muons.pt >= 41).mean() - 0.9) < 0.02  # 90 % efficient at its threshold
    found = muons.pt > 0
    assert (np.where(muons.charge == 2, 1, -1)[found] != sample.charge[found]).mean() < 0.03
    slow = generate(20_000, 78, MuonSettings(pt_min=3, pt_max=5))
    assert (network(slow).pt >= 41).mean() < 0.003


def test_unusable_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"graph\.json"):
        MuonNetwork(tmp_path)
