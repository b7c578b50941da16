"""The jet taggers: inputs, thresholds, exact kernels, training, and commands that make no sense."""

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.models import graph_path
from l1forge.models.jet_tagger import evaluation, inputs
from l1forge.models.jet_tagger.versions import SIX_BITS, VERSIONS, version
from l1forge.models.registry import check_rows, models, rows_of
from l1forge.simulation.jets import FEATURES
from l1forge.simulation.jets.sample import FILE, read_own, write

NAMES = tuple(VERSIONS)


@pytest.fixture(scope="module")
def jets():
    return read_own(FILE)


def test_codes_follow_offset_and_power_of_two():
    features = np.tile(inputs.OFFSETS, (3, 1))
    features[1, FEATURES.index("mass_mmdt")] += 32
    features[2] = 1e9
    kind = SIX_BITS.input_type
    found = inputs.codes(features, kind)
    assert not found[0].any()
    # shift -4, four fractional bits: 32 GeV are 2.0, 32 codes
    assert found[1, FEATURES.index("mass_mmdt")] == 32
    assert (found[2] == kind.maximum).all()
    assert inputs.clipped(features, kind) == pytest.approx(1 / 3)


def test_a_jet_without_anything_has_codes():
    found = inputs.codes(np.zeros((1, 16)), SIX_BITS.input_type)
    assert found.shape == (1, 16)
    assert (found[0, FEATURES.index("multiplicity")]) < 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    features = np.zeros((4, 16))
    features[2, 3] = bad
    with pytest.raises(InputError, match="c1_b2_mmdt: jet 2: is not a finite number"):
        inputs.codes(features, SIX_BITS.input_type)


def test_another_number_of_features_is_refused():
    with pytest.raises(InputError, match="must have 16 columns"):
        inputs.codes(np.zeros((4, 15)), SIX_BITS.input_type)


def test_unknown_version():
    with pytest.raises(InputError, match="unknown version"):
        version("jet_tagger_octal")


def _edges(kind, rng, jets):
    low, high = kind.minimum, kind.maximum
    whole = np.array([[0] * 16, [low] * 16, [high] * 16, [low, high] * 8])
    nothing = inputs.codes(np.zeros((1, 16)), kind)  # a jet without constituents
    real = inputs.codes(jets.features[:500], kind)
    return np.concatenate([whole, nothing, real, rng.integers(low, high + 1, (500, 16))])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["native", "portable", "interpreter"])
def test_kernels_give_the_reference_integers(name, backend, jets):
    graph = Graph.load(graph_path(name))
    rows = _edges(version(name).input_type, np.random.default_rng(1), jets)
    (source,) = graph.inputs
    expected = evaluate(graph, {source.name: rows})["scores"] if "scores" in graph.outputs else None
    kernel = compile_graph(graph, backend=backend)
    found = kernel.run_array({source.name: np.ascontiguousarray(rows.T)})
    (output,) = graph.outputs
    expected = evaluate(graph, {source.name: rows})[output] if expected is None else expected
    np.testing.assert_array_equal(found[output].T, expected)


@pytest.mark.parametrize("name", NAMES)
def test_no_step_runs_in_an_interpreter(name):
    plan = compile_graph(Graph.load(graph_path(name))).plan
    text = str(plan)
    assert "reference" not in text
    assert "order-faithful" not in text
    sums = [
        layer for layer in plan if layer.step == "Dot" and layer.density is not None and "dense" in layer.node
    ]
    assert len(sums) >= 3


@pytest.mark.parametrize("name", ["jet_tagger_ternary", "jet_tagger_binary"])
def test_weights_are_signs(name):
    graph = Graph.load(graph_path(name))
    dense = [node for node in graph.nodes if node.op == "dense"]
    assert [node.constants["weight"].data.shape for node in dense] == [(16, 64), (64, 32), (32, 32), (32, 5)]
    for node in dense:
        values = set(np.unique(node.constants["weight"].data).tolist())
        assert values <= ({-1, 1} if name.endswith("binary") else {-1, 0, 1})
    thresholds = [node for node in graph.nodes if node.op == "greater_equal"]
    assert len(thresholds) == (3 if name.endswith("binary") else 6)


@pytest.mark.parametrize("name", NAMES)
def test_committed_graph_is_better_than_guessing(name, jets):
    from l1forge.models.jet_tagger.train import scores

    part = jets.part("test")[:3000]
    values = scores(
        version(name), Graph.load(graph_path(name)), inputs.codes(part.features, version(name).input_type)
    )
    found = evaluation.summary(values, part.truth)
    assert found["accuracy"][0] > 0.45
    assert all(area > 0.65 for area, _ in found["auc"].values())


@pytest.mark.parametrize("name", NAMES)
def test_record_of_inputs_is_that_of_the_training_part(name, jets):
    model = models()[name]
    kind = version(name).input_type
    record = json.loads(model.record.read_text())
    assert record["events"] == jets.part("train").n
    assert [row["name"] for row in record["features"]] == list(FEATURES)
    assert all(kind.minimum <= row["low"] <= row["high"] <= kind.maximum for row in record["features"])


def test_rows_of_the_sample_and_of_a_file(tmp_path, jets):
    kind = version("jet_tagger_binary").input_type
    np.testing.assert_array_equal(rows_of("jet_tagger_binary"), inputs.codes(jets.features, kind))
    write(tmp_path / "few.parquet", jets[:7])
    few = rows_of("jet_tagger_binary", [tmp_path / "few.parquet"])
    np.testing.assert_array_equal(few, inputs.codes(jets.features[:7], kind))
    assert rows_of("tau_id") is None
    (tmp_path / "no.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"no\.parquet"):
        check_rows("jet_tagger", [tmp_path / "no.parquet"])


def test_area_and_rejection_of_known_scores():
    truth = np.array([True, True, False, False])
    assert evaluation.area(np.array([4.0, 3.0, 2.0, 1.0]), truth)[0] == 1
    assert evaluation.area(np.array([1.0, 2.0, 3.0, 4.0]), truth)[0] == 0
    assert evaluation.area(np.ones(4), truth)[0] == 0.5  # ties: half
    assert evaluation.area(np.array([4.0, 2.0, 3.0, 1.0]), truth)[0] == 0.75
    rng = np.random.default_rng(2)
    marks = rng.random(20_000) < 0.2
    value, error = evaluation.rejection(rng.random(20_000), marks)
    assert abs(value - 2) < 4 * max(error, 0.02)
    assert evaluation.rejection(np.where(marks, 1.0, 0.0), marks)[0] > 10_000


def test_softmax_of_large_scores():
    found = evaluation.probabilities(np.array([[1e4, 0.0], [-1e4, 0.0]]))
    np.testing.assert_allclose(found, [[1, 0], [0, 1]])


FOLD = """
import numpy as np
from l1forge.models.jet_tagger import network
from l1forge.models.jet_tagger.hls import export_graph
from l1forge.models.jet_tagger.train import scores
from l1forge.models.jet_tagger.versions import VERSIONS

rng = np.random.default_rng(5)
for version in VERSIONS.values():
    network.keras().utils.set_random_seed(3)
    net = network.training_network(version)
    for layer in net.layers:
        if version.kind == "ternary" and layer.name in network.LAYERS:  # the first weights are too small
            kernel, *rest = layer.get_weights()
            layer.set_weights([rng.uniform(-1, 1, kernel.shape), *rest])
        if layer.name.startswith("norm_"):  # scales of both signs, some very flat
            shape = layer.get_weights()[0].shape
            gamma = rng.normal(size=shape) * np.where(rng.random(shape) < 0.1, 1e-3, 1)
            mean, var = rng.normal(size=shape) * 3, rng.uniform(2, 40, shape)
            layer.set_weights([gamma, rng.normal(size=shape), mean, var])
    kind = version.input_type
    rows = rng.integers(kind.minimum, kind.maximum + 1, (1500, 16))
    rows[:3] = [[kind.minimum] * 16, [kind.maximum] * 16, [0] * 16]
    values = network.parameters(net, version)
    found = scores(version, export_graph(version, values), rows)
    deployed = network.deployed_network(version, values).predict(rows * kind.lsb, verbose=0)
    trained = net.predict(rows * kind.lsb, verbose=0)
    unit = 1 if version.kind == "bits" else network.SCORE_UNIT
    print(version.name, np.abs(found - deployed * unit).max(), (np.abs(found - trained) > 0).mean())
"""


def test_folded_graph_is_the_network_also_with_negative_scales():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FOLD], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("jet_tagger")]
    assert [line[0] for line in lines] == list(NAMES)
    for name, deployed, trained in lines:
        assert float(deployed) == 0, name  # integers, or multiples of the LSB in float32: exact
        assert float(trained) == 0, name


TRAIN = """
import sys
from pathlib import Path
from l1forge.models.jet_tagger.train import TaggerSchedule, main
from l1forge.models.jet_tagger.versions import VERSIONS
from l1forge.simulation.jets.sample import FILE, read_own

short = TaggerSchedule().shortened()
main(VERSIONS[sys.argv[1]], 4, Path(sys.argv[2]), read_own(FILE)[:3000], 2, short, print)
"""


def test_training_is_reproducible(tmp_path):
    for folder in ("a", "b"):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", TRAIN, "jet_tagger_binary", str(tmp_path / folder)],
            check=True,
            capture_output=True,
        )
    first, second = ((tmp_path / folder / "graph.json").read_text() for folder in ("a", "b"))
    assert first == second
    record = json.loads((tmp_path / "a/training.json").read_text())
    assert record["seeds"] == [4, 5]
    assert record["seed"] in (4, 5)
    assert record["spread"]["accuracy"] is not None
    assert record["jets"]["train"] + record["jets"]["validation"] + record["jets"]["test"] == 3000


@pytest.mark.parametrize(
    "command",
    [
        ["rates", "jet_tagger", "-o", "{tmp}/rates"],
        ["emulate", "jet_tagger", "simulation/sample/zmumu.parquet", "-o", "{tmp}/scores.parquet"],
        ["cosim", "jet_tagger", "-n", "10", "--events", "simulation/sample/zmumu.parquet"],
        ["firmware", "jet_tagger_binary", "--events", "simulation/sample/zmumu.parquet"],
        ["evaluate", "jet_tagger", "--data", "{tmp}/none.parquet", "-o", "{tmp}/jets"],
        ["simulate", "--jets", "--weighted"],
        ["simulate", "--jets", "--process", "ttbar"],
    ],
)
def test_what_makes_no_sense_is_one_clear_line(command, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "l1forge", *(word.format(tmp=tmp_path) for word in command)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "Traceback" not in done.stderr
    assert len(line) > 20
    assert not (tmp_path / "jets").exists()


def test_help_has_the_options():
    from l1forge.cli import app

    found = CliRunner().invoke(app, ["evaluate", "jet_tagger", "--help"], env={"COLUMNS": "200"})
    assert "--data" in found.output
