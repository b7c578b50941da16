"""Networks on sets of constituents: integers that do not depend on the order, masks, training, areas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from l1forge.emulator.graph.graph import Constant, Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.models import graph_path
from l1forge.models.jet_sets import circuit, constituents, train
from l1forge.models.jet_sets.areas import area, spread
from l1forge.models.jet_sets.network import SetNetwork
from l1forge.models.jet_sets.shapes import SHAPES, Shape
from l1forge.simulation.jets import FEATURES
from l1forge.simulation.jets.sample import Jets

SMALL = {
    shape.name: shape
    for shape in (Shape("small_set", 4, (5, 3), (4,)), Shape("small_graph", 4, (5,), (4,), edges=3))
}
NAMES = ("pt", "eta", "phi")


def jets(n, slots, seed, beyond=False):
    """Codes of 0 to ``slots`` constituents; ``beyond``: over the whole ranges, and angles in empty slots."""
    generator = np.random.default_rng(seed)
    pt = np.minimum(generator.exponential(300, (n, slots)).astype(np.int64) + 1, 16383)
    angles = generator.integers(-200, 201, (2, n, slots))
    if beyond:
        pt, angles = generator.integers(0, 1 << 14, (n, slots)), generator.integers(-512, 512, (2, n, slots))
    empty = np.arange(slots) >= generator.integers(0, slots + 1, n)[:, None]
    pt[empty] = 0
    if not beyond:
        angles[:, empty] = 0
    return {"pt": pt, "eta": angles[0], "phi": angles[1]}


def made(shape, seed=1):
    """A quantised network of random weights and biases."""
    torch.manual_seed(seed)
    network = SetNetwork(shape)
    with torch.no_grad():
        for layer in network.layers.values():
            if layer.bias is not None:
                layer.bias.add_(0.3 * torch.randn_like(layer.bias))
    found = jets(500, shape.constituents, seed)
    network.quantise(*map(torch.from_numpy, constituents.features(*found.values())))
    return network


def graph_of(name):
    return Graph.load(graph_path(name)) if name in SHAPES else circuit.build(made(SMALL[name]))


def logits(graph, found):
    return compile_graph(graph).run_rows(found)["logits"]


@pytest.mark.parametrize("name", SMALL)
def test_the_circuit_computes_what_the_quantised_network_says(name):
    network = made(SMALL[name])
    graph = circuit.build(network)
    found = jets(2000, 4, 2, beyond=True)
    said = network(*map(torch.from_numpy, constituents.features(*found.values()))).detach().numpy()
    integers = logits(graph, found)
    np.testing.assert_array_equal(integers * graph["logits"].type.lsb, said)
    few = {key: values[:100] for key, values in found.items()}
    np.testing.assert_array_equal(evaluate(graph, few)["logits"], integers[:100])
    assert len(np.unique(integers, axis=0)) > 500


def test_features_by_hand():
    # 0.25 GeV rounds to 0 GeV, 2 codes are half a GeV, which rounds up; 127 log(2) / log(1024) = 12.7
    pt = np.array([[0, 1, 2, 4, 12, 16383]])
    eta = np.array([[0, 1, 3, -2, 511, -512]])  # to even: 0.5 -> 0, 1.5 -> 2
    made, present = constituents.features(pt, eta, -eta)
    np.testing.assert_array_equal(made[0, :, 0] * 128, [0, 0, 13, 13, 25, 127])
    np.testing.assert_array_equal(made[0, :, 1] * 128, [0, 0, 2, -1, 127, -127])
    np.testing.assert_array_equal(made[0, :, 2] * 128, [0, 0, -2, 1, -127, 127])
    np.testing.assert_array_equal(present[0], [0, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("name", [*SMALL, *SHAPES])
def test_any_order_of_constituents_gives_the_same_integers(name):
    graph = graph_of(name)
    slots = graph.inputs[0].size
    for beyond in (False, True):
        found = jets(20_000, slots, 3, beyond)
        order = np.argsort(np.random.default_rng(4).random((20_000, slots)), axis=1)
        turned = {key: np.take_along_axis(values, order, axis=1) for key, values in found.items()}
        np.testing.assert_array_equal(logits(graph, found), logits(graph, turned))


@pytest.mark.parametrize("name", [*SMALL, *SHAPES])
def test_empty_slots_change_nothing(name):
    graph = graph_of(name)
    slots = graph.inputs[0].size
    found = jets(5000, slots, 5)
    strange = {key: values.copy() for key, values in found.items()}
    empty = found["pt"] == 0
    assert empty.all(axis=1).sum() > 20  # whole jets, too
    generator = np.random.default_rng(6)
    for key in ("eta", "phi"):
        strange[key][empty] = generator.integers(-512, 512, int(empty.sum()))
    result = logits(graph, found)
    np.testing.assert_array_equal(result, logits(graph, strange))
    assert len(np.unique(result[empty.all(axis=1)], axis=0)) == 1


@pytest.mark.parametrize("name", SMALL)
def test_a_jet_without_constituents_gives_what_follows_from_an_empty_sum(name):
    network = made(SMALL[name])
    nothing = {key: np.zeros((1, 4), np.int64) for key in NAMES}
    with torch.no_grad():
        weight, bias = network.weights("rho_0")
        hidden = network._value("rho_0", torch.relu(bias + 0 * weight.sum(1)))
        expected = network._value("logits", torch.nn.functional.linear(hidden, *network.weights("logits")))
    graph = circuit.build(network)
    assert (logits(graph, nothing)[0] * graph["logits"].type.lsb).tolist() == expected.tolist()


def test_one_constituent_treated_otherwise_is_noticed():
    graph = graph_of("small_set")
    place = next(i for i, node in enumerate(graph.nodes) if node.name == "eta_short")
    node = graph.nodes[place]
    scale = node.constants["scale"]
    constants = {**node.constants, "scale": Constant(scale.type, scale.data * (np.arange(4) != 2))}
    nodes = [*graph.nodes]
    nodes[place] = replace(node, constants=constants)
    other = Graph("other", nodes, graph.outputs)
    found = jets(2000, 4, 3)
    turned = {key: values[:, ::-1] for key, values in found.items()}
    assert (logits(other, found) != logits(other, turned)).any()


def sample(n, seed=1):
    """Five classes that differ in how many constituents there are and how far apart."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 5, n).astype(np.uint8)
    pt = np.minimum(generator.exponential(200, (n, 32)) + 1, 16383).astype(np.uint16)
    pt[np.arange(32) >= 4 + 6 * truth[:, None]] = 0
    wide = np.where(pt > 0, generator.normal(0, 10 + 15 * truth[:, None], (2, n, 32)), 0)
    eta, phi = np.clip(wide, -500, 500).astype(np.int16)
    event = np.arange(n, dtype=np.int32) // 2
    return Jets(truth, event, np.zeros((n, len(FEATURES)), np.float32), pt, eta, phi)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two trainings of one seed on few jets."""
    options = replace(train.Options(), epochs=6, quantised_epochs=6)
    places = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    said = []
    for place in places:
        train.main("jet_graph", 5, place, sample(3000), options, said.append)
    return places, said


def test_training_repeats_from_its_seed(trained):
    (first, second), said = trained
    files = sorted(file.name for file in first.iterdir())
    assert files == ["float.npz", "graph.json", "inputs.json", "roc.png", "training.json", "weights.npz"]
    for name in ("graph.json", "inputs.json", "training.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert "jet_graph: seed 5" in said[0]


def test_training_learns_and_so_does_its_graph(trained):
    (first, _), _ = trained
    graph = Graph.load(first / "graph.json")
    found = sample(2000, seed=9)
    network = train.load_float("jet_graph", first)
    floating = train.logits_of(network, train.Entering.of(found, 8))
    result = train.evaluation.compared(graph, found, floating)
    # a few dozen steps: far from finished, but the widest and fullest jets stand out, also in integers
    assert min(result["classes"]["t"][kind][0] for kind in ("float", "graph")) > 0.8


def test_area_is_that_of_the_ranks():
    score = np.array([1.0, 2.0, 2.0, 3.0, 4.0])
    signal = np.array([False, False, True, False, True])
    # pairs: 2 > 1, 2 = 2, 2 < 3; 4 > 1, 2, 3: 1 + 0.5 + 0 + 3 of 6
    assert area(score, signal, np.arange(5)).value == pytest.approx(4.5 / 6)


def test_error_of_an_area_is_the_spread_of_samples():
    generator = np.random.default_rng(3)
    values, errors = [], []
    for _ in range(200):
        signal = np.arange(600) < 200
        found = area(generator.normal(0, 1, 600) + signal, signal, np.arange(600))
        values.append(found.value)
        errors.append(found.error)
    assert np.mean(values) == pytest.approx(0.7602, abs=0.005)  # of two normal distributions one apart
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_jets_of_one_collision_count_once():
    generator = np.random.default_rng(4)
    score, signal = generator.normal(0, 1, 1000), np.arange(1000) < 300
    alone = area(score, signal, np.arange(1000))
    twice = area(np.tile(score, 2), np.tile(signal, 2), np.tile(np.arange(1000), 2))
    assert twice.error == pytest.approx(alone.error, rel=1e-6)
    assert spread(twice.influence, np.arange(2000)) == pytest.approx(alone.error / 2**0.5, rel=1e-6)


def test_committed_networks_are_within_a_hundredth_of_float():
    import json

    for name in SHAPES:
        report = json.loads(graph_path(name).with_name("training.json").read_text())
        for part in ("validation", "test"):
            for found in report[part]["classes"].values():
                assert abs(found["difference"][0]) < 0.01
