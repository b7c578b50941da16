"""The networks: a convolutional autoencoder in floating point (teacher), a small quantised one (student).

Both read 18 x 14 regions, phi slowest. The teacher's score is 32 ln of the squared error of its
reconstruction, cut to 0 .. 256 (8 integer bits), as in the experiment's algorithm. The student computes
this number from the image in one go, to 8 fractional bits.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.simulation.regions import N_REGION_ETA, N_REGION_PHI, N_REGIONS

INPUT = "regions"
INPUT_TYPE = "ufixed<10,9,RND_CONV,SAT>"
"""Counts of 0.5 GeV; physical values are GeV, and what does not fit saturates."""
SCORE = "score"
SCORE_TYPE = "ufixed<16,8>"
SCORE_MAX = 256.0
LSB_GEV = 0.5
SCALE_GEV = 32.0
"""Energy that the student calls 1: a power of two, so that scaling costs nothing."""
LOG_GEV = 2.0
"""The teacher sees ln(1 + energy / LOG_GEV): the squared error of energies is that of the largest one."""
SCORE_UNITS, FIRST_SCORE = 32.0, 64.0
"""Score for each unit of the student's last layer; the score with which its training begins."""
FILTERS, HIDDEN, LATENT = 4, 12, 24
STUDENT_LAYERS = ("conv", "dense_1", "dense_2")
Floats = NDArray[np.float32]


def keras() -> Any:
    """tf_keras, i.e. Keras 2, which QKeras 0.9 needs; quiet, and with one thread: runs repeat bit for bit."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from l1forge.firmware.hls.environment import use_legacy_keras

    legacy = use_legacy_keras()
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # already running in this process: as it is
    return legacy


def in_gev(images: NDArray[np.integer[Any]]) -> Floats:
    """Counts (n, 252) as GeV, float32."""
    return np.asarray(images, np.float32) * np.float32(LSB_GEV)


def logarithms(images: NDArray[np.integer[Any]]) -> Floats:
    """What the teacher sees of counts (n, 252): ln(1 + energy / 2 GeV), float32."""
    return np.log1p(in_gev(images) / np.float32(LOG_GEV))


def _ring(x: Any) -> Any:
    """One more row at both ends of phi, from the other end; eta is padded with zeros."""
    import tensorflow as tf

    return tf.pad(tf.concat([x[:, -1:], x, x[:, :1]], 1), [[0, 0], [0, 0], [1, 1], [0, 0]])


def teacher() -> Any:
    """Autoencoder of logarithms (252) -> logarithms (252), float32."""
    layers = keras().layers
    half = (N_REGION_PHI // 2, N_REGION_ETA // 2, 12)

    def convolution(x: Any, filters: int, name: str, activation: str | None = "relu") -> Any:
        x = layers.Lambda(_ring, name=f"{name}_ring")(x)
        return layers.Conv2D(filters, 3, activation=activation, name=name)(x)

    x = inputs = layers.Input((N_REGIONS,), name="logarithms")
    x = layers.Reshape((N_REGION_PHI, N_REGION_ETA, 1), name="image")(x)
    x = layers.AveragePooling2D(2, name="half")(convolution(x, 8, "conv_1"))
    x = layers.Flatten(name="flat")(convolution(x, half[2], "conv_2"))
    x = layers.Dense(LATENT, activation="relu", name="latent")(x)
    x = layers.Dense(int(np.prod(half)), activation="relu", name="spread")(x)
    x = convolution(layers.Reshape(half, name="coarse")(x), 8, "conv_3")
    x = convolution(layers.UpSampling2D(2, name="whole")(x), 1, "conv_4", None)
    return keras().Model(inputs, layers.Flatten(name="reconstruction")(x), name="teacher")


def score_of_error(error: NDArray[np.floating[Any]]) -> Floats:
    """The score of a squared error summed over regions, (n,) float32 in 0 .. 256."""
    return np.clip(32 * np.log(np.maximum(error, 1e-6)), 0, SCORE_MAX - 2.0**-8).astype(np.float32)


def teacher_scores(model: Any, images: NDArray[np.integer[Any]], batch: int = 4096) -> Floats:
    """The teacher's score of counts (n, 252), (n,) float32."""
    parts = []
    for first in range(0, len(images), batch):
        x = logarithms(images[first : first + batch])
        parts.append(np.square(np.asarray(model(x, training=False)) - x).sum(1))
    return score_of_error(np.concatenate(parts) if parts else np.zeros(0))


def student() -> Any:
    """Regions in GeV (252) -> score (1), QKeras; every weight and every value has a fixed-point type."""
    legacy = keras()
    from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_relu

    layers = legacy.layers

    def bits(total: int, integer: int) -> Any:
        return quantized_bits(total, integer, alpha=1)

    x = inputs = layers.Input((N_REGIONS,), name=INPUT)
    x = layers.BatchNormalization(epsilon=0.0, name="scaling")(x)
    x = QActivation(quantized_relu(6, 2), name="input_cast")(x)
    x = layers.Reshape((N_REGION_PHI, N_REGION_ETA, 1), name="image")(x)
    x = QConv2D(FILTERS, 2, strides=2, kernel_quantizer=bits(4, 1), bias_quantizer=bits(6, 0), name="conv")(x)
    x = QActivation(quantized_relu(5, 0), name="relu_conv")(x)
    x = layers.Flatten(name="flat")(x)
    x = QDense(HIDDEN, kernel_quantizer=bits(5, 0), bias_quantizer=bits(8, 3), name="dense_1")(x)
    x = QActivation(quantized_relu(8, 3), name="relu_1")(x)
    x = QDense(1, kernel_quantizer=bits(8, 1), bias_quantizer=bits(10, 3), name="dense_2")(x)
    x = layers.BatchNormalization(epsilon=0.0, name="units")(x)
    x = QActivation(quantized_relu(16, 8), name=SCORE)(x)
    model = legacy.Model(inputs, x, name="calorimeter")
    for name, size, factor in (("scaling", N_REGIONS, 1 / SCALE_GEV), ("units", 1, SCORE_UNITS)):
        layer, one = model.get_layer(name), np.ones(size, np.float32)
        layer.set_weights([one * np.float32(factor), 0 * one, 0 * one, one])
        layer.trainable = False
    # begin in the middle of the scores: where the last ReLU is 0, nothing is learnt
    last = model.get_layer("dense_2")
    kernel, bias = last.get_weights()
    last.set_weights([np.abs(kernel), bias + np.float32(FIRST_SCORE / SCORE_UNITS)])
    return model


def student_scores(model: Any, images: NDArray[np.integer[Any]], batch: int = 8192) -> Floats:
    """The student's score of counts (n, 252) as QKeras computes it, (n,) float32."""
    parts = [
        np.asarray(model(in_gev(images[first : first + batch]), training=False)).ravel()
        for first in range(0, len(images), batch)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
