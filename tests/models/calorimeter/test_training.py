"""Training on images: seeds repeat, outliers are images, turns keep what is in an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.models.calorimeter import network, weights
from l1forge.models.calorimeter.samples import TRAINING
from l1forge.models.calorimeter.training import (
    ImageSchedule,
    fit_student,
    fit_teacher,
    mild_outliers,
    turned,
)
from l1forge.simulation.images import read_images
from l1forge.simulation.regions import N_REGION_ETA, N_REGION_PHI, N_REGIONS, REGION_MAX

IMAGES = read_images(TRAINING).images[:300]


def test_a_turned_image_has_the_same_energies_in_the_same_rings() -> None:
    found = turned(IMAGES, np.random.default_rng(1)).reshape(-1, N_REGION_PHI, N_REGION_ETA)
    given = IMAGES.reshape(-1, N_REGION_PHI, N_REGION_ETA)
    np.testing.assert_array_equal(np.sort(found.reshape(-1, N_REGIONS)), np.sort(IMAGES))
    rings = given.sum(1, dtype=int), found.sum(1, dtype=int)
    mirrored = (rings[0] != rings[1]).any(1)
    np.testing.assert_array_equal(rings[1][mirrored], rings[0][mirrored][:, ::-1])
    assert 0.3 < mirrored.mean() < 0.7


def test_mild_outliers_are_images_with_more_energy() -> None:
    found = mild_outliers(IMAGES, 2000, np.random.default_rng(2))
    assert found.dtype == np.uint16
    assert found.max() <= REGION_MAX
    assert 1.5 < found.sum() / 2000 / (IMAGES.sum() / len(IMAGES)) < 4
    full = np.full((2, N_REGIONS), REGION_MAX, np.uint16)
    assert mild_outliers(full, 50, np.random.default_rng(3)).max() == REGION_MAX


def test_the_score_of_an_error() -> None:
    found = network.score_of_error(np.array([0.0, 0.5, 1.0, np.e, 1e9]))
    np.testing.assert_allclose(found, [0, 0, 0, 32, 256 - 2.0**-8], atol=1e-4)


@pytest.mark.filterwarnings("ignore")  # TensorFlow and QKeras warn about each other
def test_one_seed_gives_one_pair_of_networks() -> None:
    schedule = ImageSchedule(images=200, teacher_epochs=1, student_epochs=2, batch=64)

    def train(seed: int) -> tuple[float, weights.Arrays]:
        teacher, loss = fit_teacher(IMAGES[:200], IMAGES[200:], seed, schedule, lambda *_: None)
        student, _ = fit_student(teacher, IMAGES[:200], IMAGES[200:], seed, schedule, lambda *_: None)
        return loss, weights.student_arrays(student)

    (first, one), (second, two), (other, _) = train(3), train(3), train(4)
    assert first == second != other
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name])
    assert 0.45 < (one["dense_1/kernel"] == 0).mean() < 0.55


def test_what_are_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="not the weights of this network"):
        weights.load(tmp_path / "weights.npz")
    np.savez(tmp_path / "other.npz", kept=np.array(1))
    with pytest.raises(InputError, match="not the weights of this network"):
        weights.load(tmp_path / "other.npz")
