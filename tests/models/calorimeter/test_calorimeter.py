"""The score of calorimeter images: graph, artefact and record belong together; images that are no images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.models import FOLDER, graph_path
from l1forge.models.calorimeter.samples import TRAINING, ZERO_BIAS, read
from l1forge.models.registry import models
from l1forge.simulation.images import FOLDER as IMAGES
from l1forge.simulation.images import read_images, write_images
from l1forge.simulation.regions import N_REGION_ETA, N_REGION_PHI, N_REGIONS, REGION_MAX
from l1forge.studies.emulate import emulate

GRAPH = Graph.load(graph_path("calorimeter"))


def scores(images: np.ndarray) -> np.ndarray:
    """Raw scores of counts (n, 252)."""
    kernel = compile_graph(GRAPH)
    values = np.ascontiguousarray(np.asarray(images, np.int16).T)
    return kernel.run_array({"regions": values})["score"].ravel()


def some_images(n: int = 200, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, REGION_MAX + 1, (n, N_REGIONS)) * (rng.random((n, N_REGIONS)) < 0.06)


def test_input_and_score_have_the_experiments_form() -> None:
    (node,) = GRAPH.inputs
    assert (node.name, node.size, node.type.width, node.type.minimum, node.type.maximum) == (
        "regions", N_REGIONS, 10, 0, REGION_MAX,
    )  # fmt: skip
    assert GRAPH.outputs == ["score"]
    assert str(GRAPH["score"].type) == "ufixed<16,8,RND_CONV,SAT>"


def test_emulator_and_reference_agree_and_nothing_is_interpreted() -> None:
    images = np.concatenate([some_images(), np.zeros((1, N_REGIONS)), np.full((1, N_REGIONS), REGION_MAX)])
    expected = evaluate(GRAPH, {"regions": images.astype(np.int64)})["score"].ravel()
    np.testing.assert_array_equal(scores(images), expected)
    paths = {layer.path for layer in compile_graph(GRAPH).plan}
    assert not any("reference" in path or "interpreter" in path for path in paths), paths


def test_real_images_have_scores_that_differ() -> None:
    found = scores(read_images(IMAGES / "ttbar.parquet").images)
    assert len(np.unique(found)) > 1000
    assert found.max() < 65535


@pytest.mark.filterwarnings("ignore")  # TensorFlow and QKeras warn about each other
def test_the_graph_is_the_kept_student() -> None:
    from l1forge.models.calorimeter import network, weights

    trained = weights.load()
    report = json.loads((FOLDER / "calorimeter" / "training.json").read_text())
    assert trained.kept == report["kept_seed"]
    assert sorted(trained.students) == sorted(map(int, report["runs"]))
    losses = {int(seed): run["teacher_loss"] for seed, run in report["runs"].items()}
    assert trained.kept == min(losses, key=losses.__getitem__)
    images = np.concatenate([some_images(50), read_images(IMAGES / "ttbar.parquet").images[:200]])
    student = network.student_scores(weights.student(trained.students[trained.kept]), images)
    np.testing.assert_array_equal(scores(images), student * 256)
    teacher = network.teacher_scores(weights.teacher(trained.teacher), images[50:])
    assert np.corrcoef(teacher, student[50:])[0, 1] > 0.8


def test_the_record_is_that_of_the_training_images() -> None:
    record = TrainedInputs.load(FOLDER / "calorimeter" / "inputs.json")
    assert record.events == len(read_images(TRAINING).images)
    assert [feature.name for feature in record.features][:2] == ["regions[0]", "regions[1]"]


def test_committed_images_are_small_and_belong_to_the_events() -> None:
    assert sum(path.stat().st_size for path in IMAGES.glob("*.parquet")) <= 6e6
    found = read(IMAGES / "ttbar.parquet", None, None)
    assert (found.n, found.first) == (4000, 0)
    zero_bias = read_images(ZERO_BIAS)
    assert (zero_bias.events, zero_bias.first) == ("zerobias.parquet", 270_000)
    # energies go together
    from l1forge.emulator.events.source import open_events

    events = next(open_events(IMAGES.parent / "ttbar.parquet").part(0, 4000).blocks(["ett.et"], 4000))
    assert np.corrcoef(events["ett.et"][0], found.images.sum(1))[0, 1] > 0.9


@pytest.mark.parametrize(
    "shape", [(N_REGIONS,), (N_REGION_PHI, N_REGION_ETA), (N_REGION_PHI, N_REGION_ETA, 1)]
)
def test_images_in_their_shapes(shape: tuple[int, ...]) -> None:
    images = some_images(20)
    found = emulate("calorimeter", images.reshape(20, *shape)).scores["score"]
    np.testing.assert_array_equal(found, scores(images))


@pytest.mark.parametrize("shape", [(14, 18), (28, 36), (251,), (18, 14, 2), (36, 14)])
def test_another_granularity_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"shape \(n, 252\).* expected"):
        emulate("calorimeter", np.zeros((5, *shape), np.int16))


def test_floats_are_gev_and_saturate() -> None:
    images = some_images(30).astype(float) / 2
    np.testing.assert_array_equal(emulate("calorimeter", images).scores["score"], scores(images * 2))
    images[0, :3] = [-20.0, 600.0, 511.5]
    found = emulate("calorimeter", images)
    images[0, :2] = [0.0, 511.5]
    np.testing.assert_array_equal(found.scores["score"], scores(images * 2))
    assert found.casts["regions"]["saturated"] == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_energy_is_refused_or_counted(value: float) -> None:
    images = some_images(5).astype(float) / 2
    images[3, 7] = value
    with pytest.raises(InputError, match=r"row 3 element 7.*value is not finite"):
        emulate("calorimeter", images)
    found = emulate("calorimeter", images, non_finite="zero")
    images[3, 7] = 0
    np.testing.assert_array_equal(found.scores["score"], scores(images * 2))


@pytest.mark.parametrize("value", [-1, REGION_MAX + 1])
def test_integers_beyond_the_type_are_refused(value: int) -> None:
    images = some_images(5)
    images[2, 9] = value
    with pytest.raises(InputError, match=r"row 2 element 9.*value does not fit"):
        emulate("calorimeter", images)


def test_an_empty_calorimeter_has_a_score() -> None:
    found = scores(np.zeros((3, N_REGIONS)))
    assert len(set(found.tolist())) == 1
    assert found[0] == evaluate(GRAPH, {"regions": np.zeros((1, N_REGIONS), np.int64)})["score"].ravel()[0]


def test_real_images_for_the_co_verification() -> None:
    rows = models()["calorimeter"].rows
    assert rows is not None
    assert rows(IMAGES / "A4l.parquet").shape == (4000, N_REGIONS)
    with pytest.raises(InputError, match="holds no calorimeter images"):
        rows(IMAGES.parent / "ttbar.parquet")


def test_events_of_images_are_needed_and_found(tmp_path: Path) -> None:
    from l1forge.emulator.menu.language.load import DEFAULT
    from l1forge.models.anomaly.crossings import CutMenu

    cuts = CutMenu.of(DEFAULT, ("mu.pt",))
    write_images(tmp_path / "a.parquet", np.zeros((4, N_REGIONS), np.uint16), {"events": "none.parquet"})
    with pytest.raises(InputError, match="the event file of these images is not found"):
        read(tmp_path / "a.parquet", None, cuts)
    write_images(tmp_path / "b.parquet", np.zeros((9, N_REGIONS), np.uint16), {"first": 9_995})
    with pytest.raises(InputError, match="5 of 9"):
        read(tmp_path / "b.parquet", IMAGES.parent / "ttbar.parquet", cuts)


def test_rates_of_the_score_use_the_committed_images() -> None:
    from l1forge.studies.rates import rates

    found = rates("calorimeter", targets_khz=[10.0])
    assert (found.zero_bias_crossings, found.left_out_crossings) == (150_000, 30_000)
    assert set(found.targets[0].efficiency) >= {"ttbar", "A4l", "vbf_htautau"}
    assert "training" not in found.targets[0].efficiency
    assert found.targets[0].rate_khz <= 10
