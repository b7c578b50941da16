"""The networks: float and QKeras encoders of one shape, and the decoder used only in training.

Everything that must be bit-exact is quantised here: inputs to ``fixed<8,6,RND_CONV,SAT>`` as in the deployed
path, weights and activations to 8 bits, means to ``fixed<10,6>``, log-variances to ``fixed<8,4>``.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from l1forge.models.vae_dense.features import N_FEATURES, OFFSETS, SHIFTS

HIDDEN = (32, 16)
LATENT = 3
DECODER_HIDDEN = (24, 32)
DENSE_LAYERS = ("dense_1", "dense_2", "dense_mean", "dense_log_var")


def keras() -> Any:
    """tf_keras, i.e. Keras 2, which QKeras 0.9 needs; quiet."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tf_keras

    return tf_keras


def scaling_weights() -> list[np.ndarray[Any, Any]]:
    """gamma, beta, mean, variance of the layer that computes ``(x - offset) / 2**shift`` exactly."""
    scale = np.exp2(-np.array(SHIFTS, np.float64))
    bias = -np.array(OFFSETS, np.float64) * scale
    zero, one = np.zeros(N_FEATURES), np.ones(N_FEATURES)
    return [w.astype(np.float32) for w in (scale, bias, zero, one)]


def scaled(features: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the scaling layer gives, shape (n, 57) float32: the target of the reconstruction."""
    gamma, beta, _, _ = scaling_weights()
    return (features * gamma + beta).astype(np.float32)


def _finish(inputs: Any, outputs: list[Any], name: str) -> Any:
    model = keras().Model(inputs, outputs, name=name)
    layer = model.get_layer("scaling")
    layer.set_weights(scaling_weights())
    layer.trainable = False
    return model


def float_encoder() -> Any:
    """Hardware integers (57) -> [z_mean (3), z_log_var (3)], float32 Keras layers."""
    layers = keras().layers
    x = inputs = layers.Input((N_FEATURES,), name="x")
    x = layers.BatchNormalization(epsilon=0.0, name="scaling")(x)
    for i, width in enumerate(HIDDEN, 1):
        x = layers.Dense(width, kernel_initializer=_initializer(), name=f"dense_{i}")(x)
        x = layers.Activation("relu", name=f"relu_{i}")(x)
    heads = [
        layers.Dense(LATENT, kernel_initializer=_initializer(), name=name)(x) for name in DENSE_LAYERS[2:]
    ]
    return _finish(inputs, heads, "vae_dense_float")


def quantised_encoder() -> Any:
    """The same network in QKeras; outputs quantised to the types that the score reads."""
    keras()
    from qkeras import QActivation, QDense, quantized_bits, quantized_relu

    layers = keras().layers
    x = inputs = layers.Input((N_FEATURES,), name="x")
    x = layers.BatchNormalization(epsilon=0.0, name="scaling")(x)
    x = QActivation(quantized_bits(8, 5, alpha=1), name="input_cast")(x)

    def dense(width: int, name: str) -> Any:
        return QDense(
            width,
            kernel_quantizer=quantized_bits(8, 0, alpha=1),
            bias_quantizer=quantized_bits(8, 3, alpha=1),
            name=name,
        )

    for i, width in enumerate(HIDDEN, 1):
        x = dense(width, f"dense_{i}")(x)
        x = QActivation(quantized_relu(8, 5), name=f"relu_{i}")(x)
    mean = QActivation(quantized_bits(10, 5, alpha=1), name="z_mean")(dense(LATENT, "dense_mean")(x))
    log_var = QActivation(quantized_bits(8, 3, alpha=1), name="z_log_var")(dense(LATENT, "dense_log_var")(x))
    return _finish(inputs, [mean, log_var], "vae_dense")


def decoder() -> Any:
    """Latent point (3) -> normalised features (57); float, never in firmware."""
    layers = keras().layers
    x = inputs = layers.Input((LATENT,), name="z")
    for i, width in enumerate(DECODER_HIDDEN, 1):
        x = layers.Dense(width, activation="relu", name=f"decoder_{i}")(x)
    return keras().Model(inputs, layers.Dense(N_FEATURES, name="reconstruction")(x), name="decoder")


def _initializer() -> Any:
    """Small first weights: scaled inputs reach +-32 and must not saturate 8-bit activations."""
    return keras().initializers.VarianceScaling(0.25)
