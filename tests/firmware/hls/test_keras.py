"""QKeras networks in the forms that hls4ml reads wrongly: the graph is the network, integer by integer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import export_graph, import_project, write_project
from l1forge.firmware.verify import compare_with_graph

EVENTS = 100


pytestmark = pytest.mark.usefixtures("quiet_frameworks")


def _bits(bits: int = 6, integer: int = 1, alpha: Any = 1, **options: Any) -> Any:
    from qkeras import quantized_bits

    return quantized_bits(bits, integer, alpha=alpha, **options)


def _dense(width: int, name: str, kernel: Any = None) -> Any:
    from qkeras import QDense

    return QDense(width, kernel_quantizer=kernel or _bits(), bias_quantizer=_bits(), name=name)


def _relu(name: str) -> Any:
    from qkeras import QActivation, quantized_relu

    return QActivation(quantized_relu(8, 3), name=name)


def _wrapped(layers: Any) -> Any:
    """A nested model that is called twice, one layer along a sequence, noise, a mean over four positions."""
    x = inputs = layers.Input((4, 3), name="x")
    x = layers.GaussianNoise(0.1, name="noise")(x)
    x = layers.TimeDistributed(_dense(5, "phi"), name="each")(x)
    x = _relu("r")(_dense(5, "along", _bits(6, 2, "auto_po2"))(_relu("r0")(x)))
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    part = layers.Input((5,), name="part")
    from tf_keras import Model

    inner = Model(part, layers.Add(name="add")([_relu("r1")(_dense(5, "inner")(part)), part]), name="nested")
    return inputs, _dense(2, "last")(inner(inner(x)))


def _scales(layers: Any) -> Any:
    """Weights with scales, bits and powers of two: hls4ml infers no types for what comes behind them."""
    from qkeras import QActivation, binary, quantized_po2

    x = inputs = layers.Input((6,), name="x")
    x = QActivation(_bits(8, 3), name="q")(_dense(5, "scaled", _bits(6, 2, "auto_po2"))(x))
    x = _relu("r")(_dense(5, "bits", binary(alpha=1))(x))
    return inputs, _dense(3, "shifts", quantized_po2(4))(x)


def _asymmetric(layers: Any) -> Any:
    from qkeras import QActivation

    x = inputs = layers.Input((6,), name="x")
    x = QActivation(_bits(6, 2, symmetric=1), name="symmetric")(_dense(5, "d")(x))
    return inputs, QActivation(_bits(6, 1, keep_negative=False), name="positive")(_dense(3, "e")(x))


def _signs(layers: Any) -> Any:
    """hls4ml merges batch norm and sign into a threshold, and rounds it down."""
    from qkeras import QActivation, binary

    x = inputs = layers.Input((6,), name="x")
    x = layers.BatchNormalization(name="norm", scale=False)(_dense(8, "bits", binary(alpha=1))(x))
    return inputs, _dense(4, "last")(QActivation(binary(alpha=1), name="sign")(x))


def _ternary_signs(layers: Any) -> Any:
    """Two thresholds for each sum; the level is QKeras' default, 0.33, and 0.5."""
    from qkeras import QActivation, ternary

    x = inputs = layers.Input((6,), name="x")
    for name, level in (("first", None), ("second", 0.5)):
        x = _dense(12, f"{name}_sums", ternary(alpha=1, threshold=0.2))(x)
        x = layers.BatchNormalization(name=f"{name}_norm", scale=False)(x)
        x = QActivation(ternary(alpha=1, threshold=level), name=f"{name}_signs")(x)
    return inputs, _dense(4, "last")(x)


@pytest.mark.parametrize("make", [_wrapped, _scales, _asymmetric, _signs, _ternary_signs])
def test_graph_is_the_network(make: Callable[[Any], Any], tmp_path: Path) -> None:
    keras = use_legacy_keras()
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    model = keras.Model(*make(keras.layers))
    drawn = [rng.normal(0, 0.5, w.shape) for w in model.weights]
    model.set_weights(
        [np.abs(w) if "variance" in v.name else w for w, v in zip(drawn, model.weights, strict=True)]
    )
    before = [layer.name for layer in model.layers]
    graph = export_graph(convert_keras(model, "net", tmp_path, "fixed<9,4>"))
    assert [layer.name for layer in model.layers] == before
    shape = model.input_shape[1:]
    inputs = np.concatenate(
        [np.full((1, *shape), v) for v in (-256, 255, 0)] + [rng.integers(-256, 256, (EVENTS, *shape))]
    )
    expected = model.predict(np.ldexp(inputs.astype(np.float64), -5), verbose=0).astype(np.float64)
    name = graph.outputs[0]
    found = evaluate(graph, {graph.inputs[0].name: inputs.reshape(len(inputs), -1)})[name]
    assert np.array_equal(np.ldexp(expected, graph[name].type.fraction).reshape(found.shape), found)
    assert len(np.unique(found)) > 20


def test_softmax_along_a_sequence(tmp_path: Path) -> None:
    """hls4ml takes one softmax of all elements, with tables that its wide logits hardly index."""
    keras = use_legacy_keras()
    keras.utils.set_random_seed(0)
    inputs = keras.layers.Input((3, 4), name="x")
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="s")(_dense(5, "d")(inputs)))
    write_project(convert_keras(model, "net", tmp_path, "fixed<9,4>"))
    graph = import_project(tmp_path)
    rows = np.random.default_rng(0).integers(-128, 128, (EVENTS, 12))
    found = CompiledProject(tmp_path, QUICK)(rows)
    assert [r.first for r in compare_with_graph(graph, rows, found)] == [None]
    expected = model.predict(np.ldexp(rows.reshape(-1, 3, 4).astype(np.float64), -5), verbose=0)
    error = np.abs(found[0] * graph[graph.outputs[0]].type.lsb - expected.reshape(EVENTS, -1))
    assert error.max() < 0.01


def _refused() -> dict[str, tuple[Callable[[Any], Any], str]]:
    def layer(name: str, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        return lambda layers: getattr(layers, name)(*arguments, name="l", **options)

    def activation(quantiser: str) -> Callable[[Any], Any]:
        import qkeras

        return lambda _: qkeras.QActivation(quantiser, name="l")

    return {
        "limit": (layer("ReLU", 6.0), "layer l: hls4ml ignores max_value .*6"),
        "dilation": (layer("Conv1D", 2, 2, dilation_rate=2), "ignores dilation_rate"),
        "axis": (layer("BatchNormalization", axis=1), "ignores axis"),
        "first": (layer("GlobalMaxPooling1D", data_format="channels_first"), "ignores data_format"),
        "causal": (layer("Conv1D", 2, 2, strides=2, padding="causal"), "ignores strides with causal padding"),
        "data": (activation("quantized_bits(6, 1, alpha='auto')"), "ignores alpha of quantized_bits"),
        "zero": (activation("binary(use_01=True, alpha=1)"), "ignores use_01"),
        "grid": (lambda _: _dense(2, "l", _law()), "type that does not hold .* of its values"),
    }


def _law() -> Any:
    from qkeras import quantized_ulaw

    return quantized_ulaw(5, 1)


@pytest.mark.parametrize("name", ["limit", "dilation", "axis", "first", "causal", "data", "zero", "grid"])
def test_what_hls4ml_would_lose_is_refused(name: str, tmp_path: Path) -> None:
    keras = use_legacy_keras()
    make, message = _refused()[name]
    inputs = keras.layers.Input((6,) if name == "grid" else (6, 2), name="x")
    x = make(keras.layers)(inputs)
    if name not in ("data", "zero", "grid"):  # alone they go through our own reader, which knows them
        from qkeras import QActivation

        x = QActivation("quantized_tanh(4)", name="only_hls4ml")(x)
    with pytest.raises(InputError, match=message):
        convert_keras(keras.Model(inputs, x), "net", tmp_path, "fixed<9,4>")


def test_values_on_a_ternary_threshold_are_as_in_qkeras(tmp_path: Path) -> None:
    """hls4ml's C++ takes what lies on the level exactly for 0."""
    keras = use_legacy_keras()
    from qkeras import QActivation, ternary

    inputs = keras.layers.Input((3,), name="x")
    x = keras.layers.BatchNormalization(epsilon=0.0, name="norm")(inputs)
    model = keras.Model(inputs, QActivation(ternary(alpha=1, threshold=0.5), name="signs")(x))
    one, zero = np.ones(3), np.zeros(3)
    model.set_weights([np.array([1, 2, 0.5]), np.array([0, 0.25, -0.125]), zero, one])
    graph = export_graph(convert_keras(model, "net", tmp_path, "fixed<6,3>"))
    values = np.repeat(np.arange(-32, 32)[:, None], 3, axis=1)
    expected = model.predict(values / 8, verbose=0)
    found = evaluate(graph, {graph.inputs[0].name: values})[graph.outputs[0]]
    assert np.array_equal(expected, found)


def test_a_falling_batch_norm_before_ternary_signs_is_refused(tmp_path: Path) -> None:
    keras = use_legacy_keras()
    from qkeras import QActivation, ternary

    inputs = keras.layers.Input((3,), name="x")
    x = keras.layers.BatchNormalization(name="norm")(inputs)
    model = keras.Model(inputs, QActivation(ternary(alpha=1, threshold=0.5), name="signs")(x))
    model.get_layer("norm").set_weights([-np.ones(3), np.zeros(3), np.zeros(3), np.ones(3)])
    with pytest.raises(InputError, match="ternary activation needs positive scales"):
        convert_keras(model, "net", tmp_path, "fixed<6,3>")


def test_a_falling_batch_norm_before_signs_is_refused(tmp_path: Path) -> None:
    from qkeras import QActivation, binary

    keras = use_legacy_keras()
    inputs = keras.layers.Input((6,), name="x")
    x = QActivation(binary(alpha=1), name="sign")(keras.layers.BatchNormalization(name="norm")(inputs))
    model = keras.Model(inputs, _dense(2, "last")(x))
    model.get_layer("norm").set_weights([-np.ones(6), np.zeros(6), np.zeros(6), np.ones(6)])
    with pytest.raises(InputError, match=r"layer norm: .* needs positive scales"):
        convert_keras(model, "net", tmp_path, "fixed<9,4>")


def test_a_scale_above_one_is_kept(tmp_path: Path) -> None:
    """hls4ml's exponents would stop at zero where it gives them two bits."""
    keras = use_legacy_keras()
    inputs = keras.layers.Input((6,), name="x")
    model = keras.Model(inputs, _dense(2, "l", _bits(6, 0, "auto_po2"))(inputs))
    model.set_weights([np.full((6, 2), 1.9), np.zeros(2)])
    hls = convert_keras(model, "net", tmp_path, "fixed<9,4>")
    x = np.array([[1, 0, 0, 0, 0, 0]])  # LSBs of 1/32
    graph = export_graph(hls)
    found = evaluate(graph, {"x": x})[graph.outputs[0]] * graph[graph.outputs[0]].type.lsb
    assert found.tolist() == np.asarray(model(x / 32)).tolist() == [[0.05859375, 0.05859375]]
