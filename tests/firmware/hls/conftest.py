"""A small encoder with both anomaly scores: Keras model, hls4ml project, compiled C++ and graph, once."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import export_graph
from l1forge.models.vae_dense.hls import build

N_INPUTS = 8


@dataclass
class Encoder:
    """One model in all its forms."""

    keras: Any
    hls: Any
    folder: Path
    compiled: CompiledProject
    graph: Graph


def small_encoder(seed: int = 0) -> Any:
    """8 hardware integers -> power-of-two scaling -> 6 -> two means and two log variances."""
    keras = use_legacy_keras()
    from qkeras import QActivation, QDense, quantized_bits, quantized_relu

    keras.utils.set_random_seed(seed)

    def dense(width: int, name: str) -> Any:
        quantizer = quantized_bits(6, 1, alpha=1)
        return QDense(
            width, kernel_quantizer=quantizer, bias_quantizer=quantized_bits(6, 1, alpha=1), name=name
        )

    x = inputs = keras.layers.Input((N_INPUTS,), name="x")
    x = keras.layers.BatchNormalization(epsilon=0.0, name="scaling")(x)
    x = QActivation(quantized_bits(8, 5, alpha=1), name="input_cast")(x)
    x = QActivation(quantized_relu(8, 5), name="relu_1")(dense(6, "dense_1")(x))
    mean = QActivation(quantized_bits(10, 5, alpha=1), name="z_mean")(dense(2, "dense_mean")(x))
    log_var = QActivation(quantized_bits(8, 3, alpha=1), name="z_log_var")(dense(2, "dense_log_var")(x))
    model = keras.Model(inputs, [mean, log_var], name="encoder")
    rng = np.random.default_rng(seed)
    zeros, ones = np.zeros(N_INPUTS), np.ones(N_INPUTS)
    scale, offset = np.exp2(-rng.integers(1, 5, N_INPUTS)), rng.integers(-8, 8, N_INPUTS) / 4
    model.get_layer("scaling").set_weights([scale, offset, zeros, ones])
    for name in ("dense_1", "dense_mean", "dense_log_var"):
        layer = model.get_layer(name)
        layer.set_weights([rng.normal(0, 0.6, w.shape) for w in layer.get_weights()])
    return model


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = tmp_path_factory.mktemp("encoder")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # TensorFlow, QKeras and hls4ml warn about each other
        model, hls = build(small_encoder(), folder, "encoder", "fixed<11,11>")
        hls.write()
        graph = export_graph(hls, [f"jet.et[{i}]" for i in range(N_INPUTS)])
    return Encoder(model, hls, folder, CompiledProject(folder, QUICK), graph)


@pytest.fixture(scope="session")
def crossings() -> Any:
    """Corners and random integers of the encoder's input type, shape (n, 8)."""
    rng = np.random.default_rng(5)
    corners = np.array([[v] * N_INPUTS for v in (-1024, 1023, 0, 1, -1)])
    return np.concatenate(
        [corners, rng.integers(-1024, 1024, (2000, N_INPUTS)), rng.integers(-9, 9, (500, N_INPUTS))]
    )


@pytest.fixture
def quiet_frameworks() -> Iterator[None]:
    """Frameworks warn about themselves and each other, and hls4ml prints."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
