"""The networks in Keras: float, with quantisers for the training, and as deployed with integer thresholds.

All take ``(n, 16)`` scaled features (codes of ``inputs.codes`` times their LSB) and give five scores, whose
softmax is the probability of each class.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.models.jet_tagger.versions import HIDDEN, SIZES, TaggerVersion
from l1forge.simulation.jets import CLASSES

LAYERS = (*(f"dense_{i}" for i in range(1, len(HIDDEN) + 1)), "scores")
OFFSET = "offset"
"""Layer of the deployed binary network that adds the biases of the scores."""
SCORE_UNIT = 0.25
"""What one step of a ternary or binary score adds to the exponent of the softmax."""
Parameters = dict[str, NDArray[Any]]


def keras() -> Any:
    """tf_keras, i.e. Keras 2, which QKeras 0.9 needs; quiet, on the CPU."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tf_keras

    return tf_keras


def float_network() -> Any:
    """Dense and ReLU layers in float32."""
    layers = keras().layers
    x = inputs = layers.Input((SIZES[0],), name="features")
    for name, width in zip(LAYERS, HIDDEN, strict=False):
        x = layers.Dense(width, activation="relu", name=name)(x)
    return keras().Model(inputs, layers.Dense(len(CLASSES), name=LAYERS[-1])(x), name="jet_tagger_float")


def _six_bits() -> Any:
    keras()
    from qkeras import QActivation, QDense, quantized_bits, quantized_relu

    def dense(width: int, name: str, x: Any) -> Any:
        # biases count in steps of the products, so that they cost no bits of the sum
        kernel, bias = quantized_bits(6, 0, alpha=1), quantized_bits(6, 1, alpha=1)
        return QDense(width, kernel_quantizer=kernel, bias_quantizer=bias, name=name)(x)

    x = inputs = keras().layers.Input((SIZES[0],), name="features")
    for i, (name, width) in enumerate(zip(LAYERS, HIDDEN, strict=False), 1):
        x = QActivation(quantized_relu(6, 2), name=f"relu_{i}")(dense(width, name, x))
    x = QActivation(quantized_bits(10, 4, alpha=1), name="output")(dense(len(CLASSES), LAYERS[-1], x))
    return keras().Model(inputs, x, name="jet_tagger")


def _quantiser(version: TaggerVersion) -> Any:
    from qkeras import binary, ternary

    return binary(alpha=1) if version.kind == "binary" else ternary(alpha=1, threshold=0.5)


def _clipped(x: Any) -> Any:
    """The gradient of a sign passes where the argument lies in -1 .. 1; its value is the same."""
    import tensorflow as tf

    return tf.clip_by_value(x, -1.0, 1.0)


def _signs(version: TaggerVersion, deployed: bool) -> Any:
    """Ternary or binary; in training with free batch norms, deployed with one that only holds thresholds."""
    keras()
    from qkeras import QActivation, QDense, quantized_bits

    layers = keras().layers
    x = inputs = layers.Input((SIZES[0],), name="features")
    for i, (name, width) in enumerate(zip(LAYERS, HIDDEN, strict=False), 1):
        x = QDense(width, kernel_quantizer=_quantiser(version), use_bias=False, name=name)(x)
        if deployed:
            x = layers.BatchNormalization(epsilon=0.0, name=f"threshold_{i}")(x)
        else:
            x = layers.BatchNormalization(momentum=0.95, name=f"norm_{i}")(x)
            x = layers.Lambda(_clipped, name=f"clip_{i}")(x)
        x = QActivation(_quantiser(version), name=f"sign_{i}")(x)
    # hls4ml doubles a bias of products of bits: the deployed binary network adds it in a layer of its own
    kernel, biased = _quantiser(version), not deployed or version.kind == "ternary"
    x = QDense(
        len(CLASSES),
        kernel_quantizer=kernel,
        use_bias=biased,
        bias_quantizer=quantized_bits(8, 7, alpha=1) if biased else None,
        name=LAYERS[-1],
    )(x)
    if not biased:
        x = layers.BatchNormalization(epsilon=0.0, name=OFFSET)(x)
    if not deployed:
        x = layers.Lambda(lambda scores: scores * SCORE_UNIT, name="scaled")(x)
    return keras().Model(inputs, x, name=version.name)


def training_network(version: TaggerVersion) -> Any:
    """The network with quantisers, trainable."""
    return _six_bits() if version.kind == "bits" else _signs(version, False)


def start_from(network: Any, trained: Any, version: TaggerVersion) -> None:
    """Give ``network`` the weights of the float one; ternary and binary kernels fill -1 .. 1."""
    for name in LAYERS:
        kernel, bias = trained.get_layer(name).get_weights()
        if version.kind == "bits":
            network.get_layer(name).set_weights([np.clip(kernel, -1, 1), bias])
            continue
        spread = np.abs(kernel).mean(0) * 2
        kernel = np.clip(kernel / np.maximum(spread, 1e-6), -1, 1)
        layer = network.get_layer(name)
        layer.set_weights([kernel, *([] if name != LAYERS[-1] else [np.zeros_like(bias)])])


def parameters(network: Any, version: TaggerVersion) -> Parameters:
    """What the deployed network has: quantised kernels and biases, or signs and thresholds.

    Arrays: ``dense_i/kernel`` and ``dense_i/bias`` (6 bit); ``dense_i/kernel`` and ``dense_i/high``,
    ``dense_i/low`` (ternary: +1 above high, -1 at or below low) or ``dense_i/threshold`` (binary: +1 from it
    on), both in the LSB of the sum; ``scores/kernel``, ``scores/bias``.
    """
    found: Parameters = {}
    lsb = version.input_type.lsb
    for i, name in enumerate(LAYERS, 1):
        layer = network.get_layer(name)
        kernel = np.asarray(layer.kernel_quantizer_internal(layer.kernel))
        if layer.use_bias:
            found[f"{name}/bias"] = np.asarray(layer.bias_quantizer_internal(layer.bias))
        elif version.kind != "bits":
            kernel, limits = _folded(kernel, network.get_layer(f"norm_{i}"), version, lsb)
            found |= {f"{name}/{key}": values for key, values in limits.items()}
        found[f"{name}/kernel"] = kernel.astype(np.float32)
        lsb = 1.0
    return found


def _folded(
    kernel: NDArray[Any], norm: Any, version: TaggerVersion, lsb: float
) -> tuple[NDArray[Any], dict[str, NDArray[np.int64]]]:
    """Kernel with the signs of the batch norm's scales, and the integer thresholds of the sums.

    ``gamma (s - mean) / sigma + beta`` crosses ``level`` at ``s = mean + (level - beta) sigma / gamma``.
    Signs are turned where gamma is negative. A point exactly on the grid is an accident of rounding:
    it counts as reached.
    """
    gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in norm.get_weights())
    turned = np.where(gamma < 0, -1.0, 1.0)
    slope = np.maximum(np.abs(gamma) / np.sqrt(variance + norm.epsilon), 1e-9)
    kernel, mean = kernel * turned, mean * turned
    bound = np.abs(kernel).sum(0) * (-version.input_type.minimum if lsb < 1 else 1) + 1

    def crossing(level: float) -> NDArray[np.float64]:
        return np.asarray(np.clip((mean + (level - beta) / slope) / lsb, -bound, bound))

    if version.kind == "binary":
        return kernel, {"threshold": np.ceil(crossing(0.0)).astype(np.int64)}
    high, low = np.floor(crossing(0.5)).astype(np.int64), np.floor(crossing(-0.5)).astype(np.int64)
    return kernel, {"high": np.maximum(high, low), "low": low}


def deployed_network(version: TaggerVersion, values: Parameters) -> Any:
    """The network that hls4ml converts: integers of ``parameters``, batch norms only as thresholds."""
    if version.kind == "bits":
        network = _six_bits()
        for name in LAYERS:
            network.get_layer(name).set_weights([values[f"{name}/kernel"], values[f"{name}/bias"]])
        return network
    network = _signs(version, True)
    lsb = version.input_type.lsb
    for i, name in enumerate(LAYERS, 1):
        layer, kernel = network.get_layer(name), values[f"{name}/kernel"]
        if layer.use_bias:
            layer.set_weights([kernel, values[f"{name}/bias"]])
            continue
        layer.set_weights([kernel])
        if name == LAYERS[-1]:
            bias = values[f"{name}/bias"]
            one, zero = np.ones_like(bias), np.zeros_like(bias)
            network.get_layer(OFFSET).set_weights([one, bias, zero, one])
        else:
            network.get_layer(f"threshold_{i}").set_weights(_as_norm(values, name, lsb))
        lsb = 1.0
    return network


def types(version: TaggerVersion) -> dict[str, dict[str, str]]:
    """Types of sums for which hls4ml would take its default: integers that hold them."""
    if version.kind != "binary":
        return {}
    widths = {name: int(n).bit_length() + 1 for name, n in zip(LAYERS[1:], HIDDEN, strict=True)}
    found = {name: {"result": f"fixed<{w},{w}>", "accum": f"fixed<{w},{w}>"} for name, w in widths.items()}
    return found | {OFFSET: {"result": "fixed<9,9>"}}


def _as_norm(values: Parameters, name: str, lsb: float) -> list[NDArray[np.float32]]:
    """gamma, beta, mean, variance that cross the levels between two values of the sum."""
    if f"{name}/threshold" in values:
        crossing = (values[f"{name}/threshold"] - 0.5) * lsb
        gamma = np.ones_like(crossing)
    else:
        high, low = values[f"{name}/high"], values[f"{name}/low"]
        crossing = (high + low + 1) / 2 * lsb
        # crossed at high + 3/4 and low + 1/4, which lie apart also where no value of the sum gives 0
        gamma = 1 / ((high - low + 0.5) * lsb)  # 2 x the level of 0.5 from one crossing to the other
    beta = -crossing * gamma
    one, zero = np.ones_like(gamma), np.zeros_like(gamma)
    return [np.asarray(w, np.float32) for w in (gamma, beta, zero, one)]
