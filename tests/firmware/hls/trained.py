"""Ten small trained networks of different kinds with data, all from seeds: what types are chosen for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from l1forge.firmware.hls.environment import use_legacy_keras

EVENTS = 1200


@dataclass(frozen=True)
class Trained:
    """How a network is made: ``build(seed)`` gives the network, trained on ``shape`` inputs in 3 classes."""

    kind: str
    shape: tuple[int, ...]
    suffix: str
    make: Callable[..., Any]
    scale: float = 1.0
    loss: str = "argmax=0.01"


def events(shape: tuple[int, ...], seed: int, scale: float = 1.0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Three classes of events, whose inputs lie around three points."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, EVENTS)
    centres = rng.normal(size=(3, *shape))
    return (scale * (centres[labels] + rng.normal(size=(EVENTS, *shape)))).astype(np.float32), labels


def _keras_dense(keras: Any, shape: tuple[int, ...], activation: str = "relu") -> Any:
    x = inputs = keras.layers.Input(shape, name="x")
    x = keras.layers.Dense(12, activation=activation, name="a")(x)
    x = keras.layers.Dense(8, activation="relu", name="b")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="c")(x))


def _keras_softmax(keras: Any, shape: tuple[int, ...]) -> Any:
    x = inputs = keras.layers.Input(shape, name="x")
    x = keras.layers.Dense(10, activation="relu", name="a")(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="c")(x))


def _keras_norm(keras: Any, shape: tuple[int, ...]) -> Any:
    x = inputs = keras.layers.Input(shape, name="x")
    x = keras.layers.Dense(10, name="a")(x)
    x = keras.layers.BatchNormalization(name="n")(x)
    x = keras.layers.Activation("relu", name="r")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="c")(x))


def _keras_convolution(keras: Any, shape: tuple[int, ...]) -> Any:
    x = inputs = keras.layers.Input(shape, name="x")
    x = keras.layers.Conv1D(4, 2, activation="relu", name="a")(x)
    x = keras.layers.Flatten(name="f")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="c")(x))


def _keras_merge(keras: Any, shape: tuple[int, ...]) -> Any:
    inputs = keras.layers.Input(shape, name="x")
    a = keras.layers.Dense(8, activation="relu", name="a")(inputs)
    b = keras.layers.Dense(8, activation="relu", name="b")(inputs)
    x = keras.layers.Add(name="s")([a, b])
    return keras.Model(inputs, keras.layers.Dense(3, name="c")(x))


def _qkeras(keras: Any, shape: tuple[int, ...]) -> Any:
    """Partly typed: the first layer is quantised, the others are float."""
    from qkeras import QActivation, QDense

    x = inputs = keras.layers.Input(shape, name="x")
    x = QDense(8, kernel_quantizer="quantized_bits(6,1,alpha=1)",
               bias_quantizer="quantized_bits(6,1,alpha=1)", name="q")(x)  # fmt: skip
    x = QActivation("quantized_relu(6,3)", name="r")(x)
    x = keras.layers.Dense(8, activation="relu", name="b")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="c")(x))


def _torch_dense(shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(*shape, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


def _torch_tanh(shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(nn.Linear(*shape, 10), nn.Tanh(), nn.Linear(10, 3))


def _torch_convolution(shape: tuple[int, ...]) -> nn.Module:
    channels, height, width = shape
    flat = 4 * (height - 1) * (width - 1)
    return nn.Sequential(nn.Conv2d(channels, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(flat, 3))


NETWORKS = (
    Trained("dense, Keras 2", (6,), ".h5", _keras_dense),
    Trained("dense, Keras 3, large values", (6,), ".keras", _keras_dense, 40.0),
    Trained("softmax, Keras 2", (5,), ".h5", _keras_softmax),
    Trained("batch norm, Keras 2", (6,), ".h5", _keras_norm),
    Trained("convolution, Keras 2", (5, 2), ".h5", _keras_convolution),
    Trained("sum of two branches, Keras 2", (5,), ".h5", _keras_merge),
    Trained("partly quantised, QKeras", (6,), ".h5", _qkeras),
    Trained("dense, PyTorch program", (6,), ".pt2", _torch_dense),
    Trained("tanh, ONNX", (5,), ".onnx", _torch_tanh),
    Trained("2D convolution, PyTorch", (2, 3, 3), ".pt", _torch_convolution),
)


def write(network: Trained, folder: Path, seed: int = 5) -> tuple[Path, Path]:
    """Train, and write model and data (.npz with x and y); their paths."""
    x, y = events(network.shape, seed, network.scale)
    model, data = folder / f"net{network.suffix}", folder / "data.npz"
    np.savez(data, x=x, y=y)
    if network.suffix in (".h5", ".keras"):
        legacy = use_legacy_keras()
        keras = legacy if network.suffix == ".h5" else __import__("keras")
        keras.utils.set_random_seed(seed)
        made = network.make(keras, network.shape)
        probable = "softmax" in network.kind
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not probable)
        made.compile(keras.optimizers.Adam(0.02), loss)
        made.fit(x / network.scale, y, batch_size=100, epochs=3, verbose=0)
        if network.scale != 1:
            kernel, bias = made.layers[1].get_weights()
            made.layers[1].set_weights([kernel, bias * network.scale])
        made.save(model)
    else:
        torch.manual_seed(seed)
        made = network.make(network.shape)
        _fit(made, torch.tensor(x), torch.tensor(y))
        _save_torch(made.eval(), torch.tensor(x[:1]), model)
    return model, data


def _fit(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()


def _save_torch(network: nn.Module, example: torch.Tensor, path: Path) -> None:
    if path.suffix == ".pt":
        torch.save(network, path)
    elif path.suffix == ".onnx":
        torch.onnx.export(network, (example,), str(path), dynamo=False)
    else:
        shapes = ({0: torch.export.Dim("batch")},)
        program = torch.export.export(
            network, (example.repeat(2, *[1] * (example.ndim - 1)),), dynamic_shapes=shapes
        )
        torch.export.save(program, path)
