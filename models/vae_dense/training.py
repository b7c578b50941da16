"""Training loops: float, quantisation-aware, and pruned in blocks of four inputs.

Loss per event: weighted squared error of the reconstruction (features normalised to zero-bias mean and
spread, absent objects masked) + beta * KL. Source: Kingma and Welling, arXiv:1312.6114.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from l1forge.models.vae_dense.network import DENSE_LAYERS, keras

BLOCK = 4
"""Inputs pruned together: one 8-bit dot-product instruction multiplies four inputs, so that a block of
zeros is an instruction less (docs/performance.md)."""


@dataclass
class Batches:
    """Features (n, 57) as float32 hardware integers, the normalised target and its mask."""

    features: np.ndarray[Any, Any]
    target: np.ndarray[Any, Any]
    weight: np.ndarray[Any, Any]


@dataclass
class StageSchedule:
    """Epochs, batch size, learning rate (cosine to zero), KL weight and final sparsity (0: no pruning)."""

    epochs: int
    batch: int
    rate: float
    beta: float
    sparsity: float = 0.0


Progress = Callable[[int, float, float], None]


def fit(
    encoder: Any,
    decoder: Any,
    train: Batches,
    validation: Batches,
    schedule: StageSchedule,
    seed: int,
    progress: Progress,
) -> dict[str, list[float]]:
    """Train in place; returns the loss curves. ``progress(epoch, train loss, validation loss)``."""
    keras()
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    steps = len(train.features) // schedule.batch
    learning_rate = keras().optimizers.schedules.CosineDecay(schedule.rate, steps * schedule.epochs)
    optimizer = keras().optimizers.Adam(learning_rate)
    variables = encoder.trainable_variables + decoder.trainable_variables
    kernels = [encoder.get_layer(name).kernel for name in DENSE_LAYERS]
    masks = [tf.Variable(tf.ones_like(kernel), trainable=False) for kernel in kernels]
    noise = tf.random.Generator.from_seed(seed)

    def loss(x: Any, y: Any, w: Any, training: bool) -> Any:
        mean, log_var = encoder(x, training=training)
        z = mean
        if training:
            z = mean + tf.exp(0.5 * log_var) * noise.normal(tf.shape(mean))
        error = tf.reduce_sum(w * tf.square(decoder(z) - y), 1)
        kl = 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_var) - 1.0 - log_var, 1)
        return tf.reduce_mean(error + schedule.beta * kl)

    @tf.function(reduce_retracing=True)
    def step(x: Any, y: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(x, y, w, True)
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        for kernel, mask in zip(kernels, masks, strict=True):
            kernel.assign(kernel * mask)
        return value

    @tf.function(reduce_retracing=True)
    def validate(x: Any, y: Any, w: Any) -> Any:
        return loss(x, y, w, False)

    curves: dict[str, list[float]] = {"train": [], "validation": []}
    for epoch in range(schedule.epochs):
        if schedule.sparsity:
            _prune(kernels, masks, _sparsity_at(epoch, schedule))
        order = rng.permutation(len(train.features))
        total = 0.0
        for i in range(steps):
            index = order[i * schedule.batch : (i + 1) * schedule.batch]
            total += float(step(train.features[index], train.target[index], train.weight[index]))
        curves["train"].append(total / steps)
        parts = np.array_split(np.arange(len(validation.features)), max(1, len(validation.features) // 16384))
        values = [
            float(validate(validation.features[p], validation.target[p], validation.weight[p])) for p in parts
        ]
        curves["validation"].append(float(np.average(values, weights=[len(p) for p in parts])))
        progress(epoch, curves["train"][-1], curves["validation"][-1])
    return curves


def _sparsity_at(epoch: int, schedule: StageSchedule) -> float:
    """Cubic ramp over the first half of the epochs (Zhu and Gupta, arXiv:1710.01878)."""
    ramp = min(1.0, (epoch + 1) / max(1, schedule.epochs // 2))
    return schedule.sparsity * (1 - (1 - ramp) ** 3)


def _prune(kernels: list[Any], masks: list[Any], sparsity: float) -> None:
    """Zero the blocks of four inputs with the smallest sum of squares, layer by layer."""
    for kernel, mask in zip(kernels, masks, strict=True):
        weights = kernel.numpy()
        rows, columns = weights.shape
        padded = np.zeros((-(-rows // BLOCK) * BLOCK, columns))
        padded[:rows] = weights
        norms = np.square(padded).reshape(-1, BLOCK, columns).sum(1)
        height = np.minimum(BLOCK, rows - BLOCK * np.arange(len(norms)))  # the last block may be shorter
        zeroed = np.cumsum(np.repeat(height, columns)[order := np.argsort(norms, axis=None, kind="stable")])
        drop = order[: int(np.searchsorted(zeroed, sparsity * weights.size)) + 1]
        keep = np.ones(norms.size)
        keep[drop] = 0
        full = np.repeat(keep.reshape(norms.shape), BLOCK, axis=0)[:rows]
        mask.assign(full.astype(np.float32))
        kernel.assign(kernel * mask)
