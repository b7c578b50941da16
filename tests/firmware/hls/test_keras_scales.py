"""Scales of QKeras' weights and of the first layer: exact for powers of two, else their rounding is said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.keras import _keep_softmax, convert_keras
from l1forge.firmware.hls.converters.notes import notes_of
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import import_project, write_project
from l1forge.firmware.verify import compare_with_graph

EVENTS = 200

pytestmark = pytest.mark.usefixtures("quiet_frameworks")


def _results(model: Any, folder: Path, compiled: bool = False) -> tuple[Any, Any, list[str]]:
    """Physical results of the graph and of Keras, and the notes of the conversion."""
    hls = convert_keras(model, "net", folder, "fixed<12,5>", default_precision="fixed<24,8>")
    write_project(hls)
    graph = import_project(folder)
    x = np.random.default_rng(1).integers(-2000, 2000, (EVENTS, *model.input_shape[1:]))
    expected = np.asarray(model((x / 128).astype(np.float32))).reshape(EVENTS, -1)
    fed, output = x.reshape(EVENTS, -1), graph.outputs[0]
    found = evaluate(graph, {graph.inputs[0].name: fed})[output]
    if compiled:
        results = CompiledProject(folder, QUICK)([fed])
        assert [r.first for r in compare_with_graph(graph, [fed], results)] == [None]
    assert len(np.unique(found)) > 20
    return found * graph[output].type.lsb, expected, notes_of(hls)


def _network(alpha: str, convolution: bool = False, factor: float = 1.0) -> Any:
    """Weights with a spread that differs by channel, so that the scales do."""
    keras = use_legacy_keras()
    from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_relu

    def weights() -> dict[str, Any]:
        bias = quantized_bits(8, 3, alpha=1)
        return {"kernel_quantizer": quantized_bits(6, 0, alpha=alpha), "bias_quantizer": bias}

    x = inputs = keras.layers.Input((4, 3, 2) if convolution else (8,), name="x")
    x = QActivation(quantized_bits(8, 3, alpha=1), name="q")(x)
    x = QConv2D(3, (2, 2), **weights(), name="a")(x) if convolution else QDense(6, **weights(), name="a")(x)
    x = QActivation(quantized_relu(8, 4), name="r")(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, QDense(3, **weights(), name="b")(x))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if given := layer.get_weights():
            spread = factor * (0.3 + 0.4 * np.arange(given[0].shape[-1]))
            layer.set_weights([rng.normal(0, spread, w.shape) for w in given])
    return model


@pytest.mark.parametrize(("convolution", "factor"), [(False, 1.0), (False, 4.0), (True, 1.0)])
def test_scales_of_powers_of_two_are_exact(convolution: bool, factor: float, tmp_path: Path) -> None:
    """hls4ml alone cuts off scales above one."""
    found, expected, notes = _results(_network("auto_po2", convolution, factor), tmp_path, convolution)
    assert np.array_equal(found, expected)
    assert notes == []


def test_other_scales_are_the_nearest_and_their_error_is_said(tmp_path: Path) -> None:
    found, expected, notes = _results(_network("auto"), tmp_path, compiled=True)
    assert np.abs(found - expected).max() < 1e-3
    assert [note.split(":")[0] for note in notes] == ["layer a_alpha", "layer b_alpha"]
    assert all(0 < float(note.split()[-1]) < 2.0**-15 for note in notes)


def _scaled(kind: str, shape: tuple[int, ...] = (4,), flat: bool = False, **options: Any) -> Any:
    keras = use_legacy_keras()
    from qkeras import QActivation, QDense, quantized_bits

    keras.utils.set_random_seed(1)
    x = inputs = keras.layers.Input(shape, name="x")
    x = getattr(keras.layers, kind)(name="first", **options)(x)
    x = keras.layers.Flatten()(x) if flat else x
    x = QActivation(quantized_bits(10, 3, alpha=1), name="q")(x)
    x = keras.layers.Flatten()(x) if len(shape) > 1 and not flat else x
    bits = {key: quantized_bits(8, 2, alpha=1) for key in ("kernel_quantizer", "bias_quantizer")}
    return keras.Model(inputs, QDense(3, **bits, name="d")(x))


MEANS = {"mean": [1.0, 2.0, -1.0, 0.5], "variance": [4.0, 1.0, 0.25, 16.0]}
EXACT: dict[str, tuple[str, dict[str, Any]]] = {
    "one factor": ("Rescaling", {"scale": 0.25, "offset": -1.0}),
    "factors": ("Rescaling", {"scale": [0.5, 0.25, 1.0, 2.0], "offset": [0.0, 1.0, 2.0, 3.0]}),
    "normalised": ("Normalization", MEANS),
    "inverted": ("Normalization", MEANS | {"invert": True}),
    "all alike": ("Normalization", {"axis": None, "mean": 1.0, "variance": 4.0}),
    "image": ("Normalization", {"shape": (3, 3, 2), "mean": [1.0, -1.0], "variance": [4.0, 1.0]}),
    "flat image": ("Normalization", {"shape": (3, 2), "flat": True, "mean": [1.0, -1.0], "variance": [4, 1]}),
}


@pytest.mark.parametrize("name", EXACT)
def test_a_first_layer_of_powers_of_two_is_exact(name: str, tmp_path: Path) -> None:
    kind, options = EXACT[name]
    found, expected, notes = _results(_scaled(kind, **options), tmp_path, name == "normalised")
    assert np.array_equal(found, expected)
    assert notes == []


def test_another_first_layer_says_what_it_rounds(tmp_path: Path) -> None:
    found, expected, notes = _results(_scaled("Rescaling", scale=1 / 255), tmp_path)
    assert np.abs(found - expected).max() < 0.1  # a step of the quantiser behind it, 1/64, times the weights
    assert notes == [
        "layer first: scale of one channel 0.00392156886 is taken as 131586/2^25, relative error 1.2e-07"
    ]


def test_constants_by_position_are_refused(tmp_path: Path) -> None:
    model = _scaled("Normalization", shape=(3, 2), axis=1, mean=[1.0, 2, 3], variance=[1.0, 1, 1])
    with pytest.raises(InputError, match="layer first: scales each position by a constant of its own"):
        convert_keras(model, "net", tmp_path, "fixed<12,5>")


def test_keras_3(tmp_path: Path) -> None:
    import keras

    x = inputs = keras.layers.Input((4,), name="x")
    x = keras.layers.Normalization(name="first", **MEANS)(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="d")(keras.layers.ReLU(name="r")(x)))
    weights = np.random.default_rng(0).integers(-8, 8, (4, 2)) / 8
    model.get_layer("d").set_weights([weights, np.array([0.5, -0.25])])
    found, expected, _ = _results(model, tmp_path)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("stable", "kept"), [(True, "stable"), (False, "latency")])
def test_the_softmax_of_hgq2_keeps_its_implementation(stable: bool, kept: str) -> None:
    """HGQ2 is not installed beside QKeras: its layer is one of that name with ``stable``."""
    softmax = type("QSoftmax", (), {"name": "s", "stable": stable})()
    config = {"LayerName": {"s": {"Implementation": "stable"}}}
    _keep_softmax(SimpleNamespace(layers=[softmax]), config)
    assert config["LayerName"]["s"]["Implementation"] == kept
