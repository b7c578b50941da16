"""Training loops: the teacher on zero bias, the student on its scores of zero bias and mild outliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.models.calorimeter import network
from l1forge.simulation.regions import N_REGION_ETA, N_REGION_PHI, N_REGIONS, REGION_MAX

Images = NDArray[np.uint16]
Step = Callable[[str, int, float], None]
"""Called after each epoch: stage, number of epochs done, loss."""


@dataclass(frozen=True)
class Schedule:
    """Epochs, batch sizes and learning rates (cosine to zero) of both networks.

    ``images``: training images that an epoch sees, drawn anew for each. ``sparsity``: part of the weights of
    the student's first dense layer that become zero after half of its epochs. ``outliers``: mild outliers
    for each zero-bias image.
    """

    images: int = 20_000
    teacher_epochs: int = 8
    teacher_rate: float = 2e-3
    student_epochs: int = 10
    student_rate: float = 4e-3
    batch: int = 256
    sparsity: float = 0.5
    outliers: float = 0.5


def turned(images: Images, rng: np.random.Generator) -> Images:
    """Each image turned by a random number of regions in phi and, half of them, mirrored in eta."""
    shaped = images.reshape(-1, N_REGION_PHI, N_REGION_ETA)
    rows = (np.arange(N_REGION_PHI) + rng.integers(0, N_REGION_PHI, len(images))[:, None]) % N_REGION_PHI
    shaped = np.take_along_axis(shaped, rows[:, :, None], axis=1)
    mirrored = rng.random(len(images)) < 0.5
    shaped = np.where(mirrored[:, None, None], shaped[:, :, ::-1], shaped)
    return shaped.reshape(-1, N_REGIONS)


def mild_outliers(images: Images, n: int, rng: np.random.Generator) -> Images:
    """``n`` images beyond zero bias, no signal among them: two to four crossings added, or scaled.

    The student must follow the teacher where thresholds are, and zero bias alone has few images there.
    """
    total = images[rng.integers(0, len(images), n)].astype(np.float64)
    crossings = rng.integers(1, 5, n)
    for extra in range(1, 4):
        total += np.where((crossings > extra)[:, None], images[rng.integers(0, len(images), n)], 0)
    factor = np.where(crossings == 1, rng.uniform(1.2, 4.0, n), rng.uniform(0.8, 1.5, n))
    return np.asarray(np.minimum(np.rint(total * factor[:, None]), REGION_MAX), np.uint16)


def fit_teacher(
    train: Images, validation: Images, seed: int, schedule: Schedule, step: Step
) -> tuple[Any, float]:
    """The trained teacher and its mean squared error on ``validation``, summed over regions."""
    keras = network.keras()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = network.teacher()
    logarithms = network.logarithms(train)

    def data(epoch: int) -> tuple[Any, Any]:
        x = logarithms[rng.permutation(len(train))[: schedule.images]]
        return x, x

    _fit(model, data, schedule.teacher_rate, schedule.teacher_epochs,
         schedule.batch, rng, lambda done, loss: step("teacher", done, loss))  # fmt: skip
    held = network.logarithms(validation)
    parts = [held[first : first + 4096] for first in range(0, len(held), 4096)]
    errors = [np.square(np.asarray(model(part, training=False)) - part).sum(1) for part in parts]
    return model, float(np.concatenate(errors).mean())


def fit_student(
    teacher: Any, train: Images, validation: Images, seed: int, schedule: Schedule, step: Step
) -> tuple[Any, float]:
    """The trained student and its mean absolute difference from the teacher on ``validation``.

    Half of the differences are those on mild outliers. The squared difference is trained on: it asks most
    where scores are large, and thresholds are there.
    """
    keras = network.keras()
    keras.utils.set_random_seed(seed + 1000)
    rng = np.random.default_rng([seed, 1])
    model = network.student()
    kernel = model.get_layer("dense_1").kernel
    mask = np.ones(kernel.shape, np.float32)

    def data(epoch: int) -> tuple[Any, Any]:
        # other outliers and other turns in every epoch
        if epoch >= schedule.student_epochs // 2 and schedule.sparsity and mask.all():
            size = np.abs(kernel.numpy())
            mask[size <= np.quantile(size, schedule.sparsity)] = 0
        own = train[rng.permutation(len(train))[: schedule.images]]
        extra = mild_outliers(train, int(schedule.outliers * len(own)), rng)
        images = turned(np.concatenate([own, extra]), rng)
        return network.in_gev(images), network.teacher_scores(teacher, images)[:, None]

    _fit(model, data, schedule.student_rate, schedule.student_epochs, schedule.batch, rng,
         lambda done, loss: step("student", done, loss), lambda: kernel.assign(kernel * mask))  # fmt: skip
    held = np.concatenate([validation, mild_outliers(validation, len(validation), np.random.default_rng(0))])
    wanted, found = network.teacher_scores(teacher, held), network.student_scores(model, held)
    return model, float(np.abs(wanted - found).mean())


def _squared(y: Any, prediction: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_mean(tf.reduce_sum(tf.square(y - prediction), 1))


def _fit(
    model: Any,
    data: Callable[[int], tuple[Any, Any]],
    rate: float,
    epochs: int,
    batch: int,
    rng: np.random.Generator,
    done: Callable[[int, float], None],
    after: Callable[[], Any] = lambda: None,
) -> None:
    """Squared error, Adam, cosine schedule; ``data(epoch)``: inputs and targets; ``after``: each step."""
    import tensorflow as tf

    x, y = data(0)
    steps = max(len(x) // batch, 1)
    keras = network.keras()
    optimizer = keras.optimizers.legacy.Adam(keras.optimizers.schedules.CosineDecay(rate, steps * epochs))
    variables = model.trainable_variables

    @tf.function(reduce_retracing=True)
    def step(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = _squared(targets, model(inputs, training=True))
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    for epoch in range(epochs):
        if epoch:
            x, y = data(epoch)
        order = rng.permutation(len(x))
        total = 0.0
        for i in range(steps):
            index = order[i * batch : (i + 1) * batch]
            total += float(step(x[index], y[index]))
            after()
        done(epoch + 1, total / steps)
