"""Kinds of Keras layers that hls4ml's readers lack or lose: as the framework predicts, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.studies.imports import import_model

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_frameworks")]
Make = Callable[[Any], list[Any]]
"""Layers one behind the other, made by ``keras.layers``."""

IMAGE, STEPS, FLAT = (5, 5, 2), (6, 3), (6,)
READ: dict[str, tuple[tuple[int, ...], Make]] = {
    "dilated": (STEPS, lambda k: [k.Conv1D(2, 2, dilation_rate=2), k.Flatten(), k.Dense(2)]),
    "groups": (IMAGE, lambda k: [k.Conv2D(4, 2, groups=2), k.ReLU(), k.Flatten(), k.Dense(2)]),
    "depthwise, two filters": (IMAGE, lambda k: [k.DepthwiseConv2D(3, depth_multiplier=2), k.Flatten()]),
    "separable, kept axes": (
        IMAGE,
        lambda k: [
            k.SeparableConv2D(3, 3),
            k.GlobalAveragePooling2D(keepdims=True),
            k.Conv2D(2, 1),
            k.Flatten(),
        ],
    ),
    "repeated, softmax layer": (FLAT, lambda k: [k.Dense(3), k.RepeatVector(2), k.Softmax()]),
    "norm of one vector": (FLAT, lambda k: [k.Dense(6), k.LayerNormalization(), k.Dense(2)]),
    "batch norm of steps": (STEPS, lambda k: [k.BatchNormalization(axis=1), k.Flatten(), k.Dense(2)]),
    "relu with options": (
        FLAT,
        lambda k: [k.Dense(4), k.ReLU(max_value=1.5, negative_slope=0.25), k.Dense(2)],
    ),
    "threshold, elu, prelu, silu": (
        STEPS,
        lambda k: [
            k.Dense(3, activation="silu"),
            k.PReLU(alpha_initializer="ones"),
            k.ThresholdedReLU(0.5),
            k.ELU(0.5),
            k.Flatten(),
            k.Dense(2),
        ],
    ),
    "strided causal": (STEPS, lambda k: [k.Conv1D(2, 2, padding="causal", strides=2), k.Flatten()]),
}
REFUSED: dict[str, tuple[tuple[int, ...], Make, str]] = {
    "group norm": (STEPS, lambda k: [k.GroupNormalization(1, name="g")], "layer g: .*LayerNormalization"),
    "plain recurrent": (STEPS, lambda k: [k.SimpleRNN(2, name="g")], "layer g: .*use a GRU or an LSTM"),
    "three axes": ((3, 3, 3, 1), lambda k: [k.Conv3D(1, 2, name="g")], "layer g: .*Conv3D"),
    "gelu": (FLAT, lambda k: [k.Dense(2, activation="gelu", name="g")], "layer g: .*gelu.*use silu or relu"),
    "bilinear": (
        IMAGE,
        lambda k: [k.UpSampling2D(2, interpolation="bilinear", name="g")],
        "layer g: .*bilinear",
    ),
}


def saved(folder: Path, shape: tuple[int, ...], make: Make) -> Path:
    keras = use_legacy_keras()
    keras.utils.set_random_seed(1)
    x = inputs = keras.layers.Input(shape, name="x")
    for layer in make(keras.layers):
        x = layer(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(2)
    model.set_weights([np.clip(rng.normal(0.3, 0.4, w.shape), 0.05, 1) for w in model.get_weights()])
    model.save(folder / "net.h5")
    return folder / "net.h5"


def worst(model: Path, folder: Path, **inputs: tuple[int, ...]) -> float:
    """Largest difference from the framework over the spread of its outputs."""
    rng = np.random.default_rng(3)
    arrays = {name: np.round(rng.normal(size=(40, *shape)) * 64) / 64 for name, shape in inputs.items()}
    np.savez(folder / "x.npz", **arrays)
    found = import_model(model, "fixed<12,4>", default_precision="fixed<24,10>", data=folder / "x.npz")
    assert found.fidelity is not None
    return max(one.largest / max(one.spread, 1e-3) for one in found.fidelity.outputs)


@pytest.mark.parametrize("kind", READ)
def test_read_as_the_framework_predicts(kind: str, tmp_path: Path) -> None:
    shape, make = READ[kind]
    allowed = {"repeated, softmax layer": 0.08, "threshold, elu, prelu, silu": 0.05}.get(kind, 0.02)
    assert worst(saved(tmp_path, shape, make), tmp_path, x=shape) < allowed


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_by_name(kind: str, tmp_path: Path) -> None:
    shape, make, message = REFUSED[kind]
    with pytest.raises(InputError, match=message):
        import_model(saved(tmp_path, shape, make), "fixed<12,4>")


def test_merges(tmp_path: Path) -> None:
    """Three terms, and products summed along an axis."""
    keras = use_legacy_keras()
    layers = keras.layers
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    total = layers.Add(name="total")([layers.Dense(4, name="d")(a), a, b])
    dot = layers.Dot(axes=1, name="dot")([a, total])
    model = keras.Model([a, b], [dot, layers.Average(name="mean")([a, b, total])])
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
    model.save(tmp_path / "net.h5")
    assert worst(tmp_path / "net.h5", tmp_path, a=(4,), b=(4,)) < 0.01


def test_channels_first(tmp_path: Path) -> None:
    """TensorFlow cannot run it on a CPU: the same network with its channels last is the reference."""
    keras = use_legacy_keras()
    layers = keras.layers
    rng = np.random.default_rng(5)
    kernels = [rng.normal(0, 0.5, shape) for shape in ((3, 3, 2, 3), (3,), (12, 2), (2,))]
    made = {}
    for order, shape in (("channels_last", (6, 6, 2)), ("channels_first", (2, 6, 6))):
        x = inputs = layers.Input(shape, name="x")
        x = layers.Conv2D(3, 3, padding="same", data_format=order, activation="relu", name="c")(x)
        x = layers.MaxPooling2D(3, data_format=order, name="p")(x)
        x = layers.Flatten(data_format=order, name="f")(x)
        model = keras.Model(inputs, layers.Dense(2, name="d")(x))
        model.set_weights(kernels)
        model.save(tmp_path / f"{order}.h5")
        made[order] = import_model(
            tmp_path / f"{order}.h5", "fixed<12,4>", default_precision="fixed<24,10>"
        ).graph
    x = rng.integers(-500, 500, (20, 6, 6, 2))
    (last,) = evaluate(made["channels_last"], {"x": x.reshape(20, -1)}).values()
    (first,) = evaluate(made["channels_first"], {"x": np.moveaxis(x, -1, 1).reshape(20, -1)}).values()
    kinds = [made[order][made[order].outputs[0]].type for order in ("channels_last", "channels_first")]
    assert np.abs(np.ravel(last) * kinds[0].lsb - np.ravel(first) * kinds[1].lsb).max() < 0.01
    np.save(tmp_path / "x.npy", np.zeros((3, 2, 6, 6)))
    with pytest.raises(InputError, match="cannot be run on this machine"):
        import_model(tmp_path / "channels_first.h5", "fixed<12,4>", data=tmp_path / "x.npy")
