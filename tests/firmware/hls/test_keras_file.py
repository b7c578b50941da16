"""Keras files as users have them, and files that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.keras_file import load_keras
from l1forge.firmware.hls.environment import use_legacy_keras

pytestmark = pytest.mark.usefixtures("quiet_frameworks")


def _qkeras() -> Any:
    keras = use_legacy_keras()
    from qkeras import QActivation, QDense, quantized_bits, quantized_relu

    keras.utils.set_random_seed(0)
    bits = quantized_bits(6, 1, alpha=1)
    return keras.Sequential(
        [
            keras.layers.Input((6,), name="x"),
            QDense(5, kernel_quantizer=bits, bias_quantizer=bits, name="d"),
            QActivation(quantized_relu(8, 3), name="r"),
            QDense(3, kernel_quantizer=bits, bias_quantizer=bits, name="o"),
        ]
    )


def test_qkeras_file_becomes_a_graph(tmp_path: Path) -> None:
    model, name = _qkeras(), "jets.h5"
    model.save(tmp_path / name)
    output = tmp_path / "jets.json"
    with pytest.raises(SystemExit) as done:
        main(["import-model", str(tmp_path / name), "-t", "fixed<9,4>", "-o", str(output)])
    assert not done.value.code
    graph = Graph.load(output)
    inputs = np.random.default_rng(0).integers(-256, 256, (50, 6))
    expected = model.predict(np.ldexp(inputs.astype(np.float64), -5), verbose=0).astype(np.float64)
    found = evaluate(graph, {graph.inputs[0].name: inputs})[graph.outputs[0]]
    scaled = np.ldexp(expected, graph[graph.outputs[0]].type.fraction)
    assert np.array_equal(scaled, found)


def test_keras_2_archive(tmp_path: Path) -> None:
    keras = use_legacy_keras()
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, name="d")])
    model.save(tmp_path / "net.keras")
    loaded = load_keras(tmp_path / "net.keras")
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(before, after)
    _qkeras().save(tmp_path / "jets.keras")
    with pytest.raises(InputError, match=r"save it as \.h5"):
        load_keras(tmp_path / "jets.keras")


def test_keras_3_file(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, name="d")])
    model.save(tmp_path / "net.keras")
    loaded = load_keras(tmp_path / "net.keras")
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(before, after)


def _code(path: Path) -> None:
    keras = use_legacy_keras()
    inputs = keras.layers.Input((3,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: 2 * x, name="twice")(inputs)).save(path)


def _weights(path: Path) -> None:
    _qkeras().save_weights(path)


def _bytes(path: Path) -> None:
    path.write_bytes(b"not a model")


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("net.h5", _code, "Lambda layer, Python code"),
        ("net.keras", _code, "Lambda layer, Python code"),
        ("net.h5", _weights, "weights without a network"),
        ("net.h5", _bytes, "damaged or of another kind"),
        ("net.keras", _bytes, "damaged or of another kind"),
    ],
)
def test_what_is_not_loaded(name: str, write: Any, message: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    with pytest.raises(InputError, match=message) as caught:
        load_keras(tmp_path / name)
    assert "\n" not in str(caught.value)
