"""One small network per training framework: the graph equals the compiled C++ (and a quantised framework)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.constant_types import exact_type
from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.environment import legacy_keras, use_legacy_keras
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import export_graph, import_project, write_project
from l1forge.firmware.verify import compare_with_graph

EVENTS = 1000


pytestmark = pytest.mark.usefixtures("quiet_frameworks")


def _check(hls_model: Any, folder: Path, inputs: Any) -> list[Any]:
    """Write, compile, compare with the graph; the C++ results."""
    write_project(hls_model)
    graph = import_project(folder)
    found = CompiledProject(folder, QUICK)(inputs)
    assert [r.first for r in compare_with_graph(graph, inputs, found)] == [None] * len(graph.outputs)
    assert all(len(np.unique(values)) > 20 for values in found)
    return found


def _integers(low: int, high: int, size: int) -> Any:
    rng = np.random.default_rng(2)
    return np.concatenate(
        [np.full((1, size), low), np.full((1, size), high - 1), rng.integers(low, high, (EVENTS, size))]
    )


def test_qkeras_binary_and_ternary_with_scales(tmp_path: Path) -> None:
    """alpha='auto_po2' and 'auto' become ApplyAlpha scales; batch norm follows."""
    keras = use_legacy_keras()
    from qkeras import QActivation, QDense, binary, quantized_bits, quantized_relu, ternary

    keras.utils.set_random_seed(3)
    x = inputs = keras.layers.Input((6,), name="x")
    x = QActivation(quantized_bits(8, 3, alpha=1), name="q")(x)
    x = QDense(
        5, kernel_quantizer=ternary(alpha="auto"), bias_quantizer=quantized_bits(6, 2, alpha=1), name="t"
    )(x)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = QActivation(quantized_relu(6, 3), name="r")(x)
    x = QDense(4, kernel_quantizer=binary(alpha=1), bias_quantizer=quantized_bits(6, 2, alpha=1), name="b")(x)
    x = QActivation("binary_tanh", name="sign")(x)
    outputs = QDense(3, kernel_quantizer=quantized_bits(6, 1, alpha="auto_po2"), use_bias=False, name="o")(x)
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(4)
    for name in ("t", "b", "o"):
        layer = model.get_layer(name)
        layer.set_weights([rng.normal(0, 0.8, w.shape) for w in layer.get_weights()])
    types = {"o": {"result": "fixed<14,6>"}}
    hls = convert_keras(model, "binary", tmp_path, "fixed<10,5>", types)
    write_project(hls)
    graph = import_project(tmp_path)
    inputs_ = _integers(-512, 512, 6)
    found = CompiledProject(tmp_path, QUICK)(inputs_)
    assert [r.first for r in compare_with_graph(graph, inputs_, found)] == [None]
    assert len(np.unique(found[0])) >= 4


def test_brevitas_through_qonnx(tmp_path: Path) -> None:
    import brevitas.nn as qnn
    import torch
    from brevitas.quant import (
        Int8ActPerTensorFixedPoint,
        Int8BiasPerTensorFixedPointInternalScaling,
        Int8WeightPerTensorFixedPoint,
        Uint8ActPerTensorFixedPoint,
    )
    from torch import nn

    from l1forge.firmware.hls.converters.onnx import convert_onnx, export_qonnx

    def linear(n_in: int, n_out: int) -> Any:
        return qnn.QuantLinear(
            n_in, n_out, bias=True, weight_quant=Int8WeightPerTensorFixedPoint, weight_bit_width=8,
            bias_quant=Int8BiasPerTensorFixedPointInternalScaling,
        )  # fmt: skip

    torch.manual_seed(0)
    network = nn.Sequential(
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, bit_width=8, return_quant_tensor=True),
        linear(6, 7),
        qnn.QuantReLU(act_quant=Uint8ActPerTensorFixedPoint, bit_width=8, return_quant_tensor=True),
        linear(7, 3),
    )
    integers = _integers(-2048, 2048, 6)
    values = torch.tensor((integers / 512).astype(np.float32))
    network.train()(values)
    network.eval()
    expected = network(values).detach().numpy()
    export_qonnx(network, values[:1], tmp_path / "net.onnx")
    hls = convert_onnx(tmp_path / "net.onnx", "net", tmp_path / "hls", "fixed<12,3>")
    found = _check(hls, tmp_path / "hls", integers)
    fraction = import_project(tmp_path / "hls").nodes[-1].type.fraction
    wanted = np.ldexp(expected.astype(np.float64), fraction)
    assert np.array_equal(wanted.reshape(found[0].shape), found[0])


def test_pytorch_with_stable_softmax(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from l1forge.firmware.hls.converters.torch import convert_torch

    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(5, 6), nn.LeakyReLU(0.2), nn.Linear(6, 3), nn.Softmax(dim=-1)).eval()
    types = {"_2": {"result": "fixed<9,4,RND,SAT>"}}
    hls = convert_torch(network, (5,), "net", tmp_path, "fixed<10,4>", types)
    _check(hls, tmp_path, _integers(-512, 512, 5))


def test_keras_3_einsum_and_pooling(tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.utils.set_random_seed(0)
    x = inputs = keras.layers.Input((4, 3), name="x")
    x = keras.layers.EinsumDense("bij,jk->bik", output_shape=(4, 3), bias_axes="k", name="e")(x)
    x = keras.layers.Activation("relu", name="r")(x)
    x = keras.layers.GlobalAveragePooling1D(name="p")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="o")(x))
    types = {
        "e": {"result": "fixed<14,6>", "weight": "fixed<8,2>", "bias": "fixed<8,2>"},
        "r": {"result": "ufixed<8,4,RND_CONV,SAT>"},
        "o": {"weight": "fixed<8,2>", "bias": "fixed<8,2>", "result": "fixed<12,4,RND_ZERO,SAT_SYM>"},
    }
    _check(convert_keras(model, "net", tmp_path, "fixed<10,4>", types), tmp_path, _integers(-512, 512, 12))


def test_keras_3_layers_that_hls4ml_has_no_own_reader_for(tmp_path: Path) -> None:
    """Batch norm and padding go through its Keras 2 readers; what it would forget is refused."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.layers.Input((4, 3), name="x")
    dense = keras.layers.Dense(3, name="d")
    norm = keras.layers.BatchNormalization(name="norm", epsilon=0.0)
    x = keras.layers.ReLU(negative_slope=0.25, name="r")(
        norm(keras.layers.ZeroPadding1D(1, name="p")(inputs))
    )
    model = keras.Model(inputs, x)
    norm.set_weights([np.array(v, np.float32) for v in ([1, 2, 0.5], [0.5, -1, 0], [0.25, 0, -1], [1, 4, 4])])
    graph = export_graph(convert_keras(model, "net", tmp_path, "fixed<8,4>"))
    rows = _integers(-128, 128, 12)
    expected = model.predict(np.ldexp(rows.reshape(-1, 4, 3).astype(np.float32), -4), verbose=0)
    name = graph.outputs[0]
    found = evaluate(graph, {graph.inputs[0].name: rows})[name]
    scaled = np.ldexp(expected.astype(np.float64), graph[name].type.fraction)
    assert np.array_equal(scaled.reshape(len(found), -1), found.reshape(len(found), -1))
    # EinsumDense is hls4ml's alone: without it our own reader takes these networks
    einsum = keras.layers.EinsumDense("bij,jk->bik", output_shape=(4, 3), name="e")
    inner = keras.Sequential([keras.layers.Input((4, 3)), einsum], name="inner")
    nested = keras.Model(inputs, inner(inputs))
    sigmoid = keras.layers.Activation("hard_sigmoid", name="h")
    for wrong, message in (
        (keras.Model(inputs, norm(dense(inputs))), "layer norm: hls4ml forgets a batch norm"),
        (nested, "layer inner: hls4ml does not read models"),
        (keras.Model(inputs, sigmoid(einsum(inputs))), "x/6"),
    ):
        with pytest.raises(InputError, match=message):
            convert_keras(wrong, "net", tmp_path, "fixed<8,4>")


def test_project_of_another_backend(tmp_path: Path) -> None:
    """Vivado, two inputs, two outputs, a namespace, weights only in headers, Resource beside Latency."""
    with legacy_keras() as keras:
        import hls4ml

        layers = keras.layers
        keras.utils.set_random_seed(0)
        first, second = layers.Input((6,), name="a"), layers.Input((4, 3), name="b")
        x = layers.Dense(5, activation="relu", name="d")(first)
        y = layers.Conv1D(5, 2, padding="same", activation="tanh", name="c")(second)
        z = layers.Add(name="sum")([x, layers.GlobalMaxPooling1D(name="p")(y)])
        z = layers.Concatenate(name="cat")([layers.BatchNormalization(name="bn")(z), x])
        outputs = [
            layers.Dense(3, name="o1")(z),
            layers.Dense(2, activation="sigmoid", name="o2")(z),
        ]
        model = keras.Model([first, second], outputs)
        config = hls4ml.utils.config_from_keras_model(
            model, granularity="name", backend="Vivado", default_precision="fixed<14,5>"
        )
        config["LayerName"]["o1"] |= {"Strategy": "Resource", "ReuseFactor": 5}
        hls = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=str(tmp_path), backend="Vivado", project_name="zoo",
            io_type="io_parallel", namespace="net", write_weights_txt=False,
        )  # fmt: skip
    write_project(hls)
    graph = import_project(tmp_path)
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-8192, 8192, (EVENTS, *node.shape)) for node in graph.inputs]
    found = CompiledProject(tmp_path, QUICK)(inputs)
    assert [r.first for r in compare_with_graph(graph, inputs, found)] == [None, None]
    assert all(len(np.unique(values)) > 20 for values in found)


def test_time_distributed_project(tmp_path: Path) -> None:
    """The loop that hls4ml writes around the wrapped layer; its types must agree, or nothing compiles."""
    with legacy_keras() as keras:
        import hls4ml

        layers = keras.layers
        keras.utils.set_random_seed(0)
        inputs = layers.Input((4, 3), name="x")
        x = layers.TimeDistributed(layers.Dense(5, activation="relu", name="d"), name="each")(inputs)
        x = layers.TimeDistributed(layers.Activation("tanh"), name="tanh")(x)
        model = keras.Model(inputs, layers.Dense(2, name="o")(layers.Flatten(name="f")(x)))

        def converted(folder: Path, kind: str) -> None:
            config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
            config["LayerName"]["x"]["Precision"]["result"] = kind
            write_project(
                hls4ml.converters.convert_from_keras_model(
                    model, hls_config=config, output_dir=str(folder), backend="Vitis", project_name="net"
                )
            )

        converted(tmp_path / "a", "fixed<16,6>")
        converted(tmp_path / "b", "fixed<10,4>")
    graph = import_project(tmp_path / "a")
    rows = np.random.default_rng(0).integers(-8192, 8192, (EVENTS, 12))
    found = CompiledProject(tmp_path / "a", QUICK)(rows)
    assert [r.first for r in compare_with_graph(graph, rows, found)] == [None]
    assert len(np.unique(found[0])) > 20
    with pytest.raises(InputError, match="layer each: TimeDistributed changes the type"):
        import_project(tmp_path / "b")


def test_unknown_layer_names_are_refused(tmp_path: Path) -> None:
    keras = use_legacy_keras()
    inputs = keras.layers.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="d")(inputs))
    with pytest.raises(InputError, match="no such layer"):
        convert_keras(model, "net", tmp_path, "fixed<10,4>", {"e": {"result": "fixed<8,3>"}})
    with pytest.raises(InputError, match="fixed-point type"):
        convert_keras(model, "net", tmp_path, "fixed<10,4>", {"d": {"result": "float"}})


def test_exact_type_of_scales() -> None:
    assert str(exact_type(np.array([0.5, 0.125, 4]))) == "ufixed<6,3>"
    assert str(exact_type(np.array([-1.5, 2]))) == "fixed<4,3>"
    assert exact_type(np.array([0.1])) is None
