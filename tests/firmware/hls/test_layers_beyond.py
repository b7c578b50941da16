"""Layers that hls4ml 1.3 lacks, made of those it has: transposed convolutions, uneven pooling, attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.converters.onnx import convert_onnx
from l1forge.firmware.hls.converters.torch import convert_torch
from l1forge.firmware.hls.environment import keras_3_layers, stack_of_arrays, use_legacy_keras

from .against import Function, of_torch, outcome, snapped

pytestmark = pytest.mark.usefixtures("quiet_frameworks")

EXACT: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "sequence": ((3, 5), lambda: nn.ConvTranspose1d(3, 2, 3, stride=2, padding=1, output_padding=1)),
    "groups": ((2, 4), lambda: nn.ConvTranspose1d(2, 4, 4, stride=3, groups=2)),
    "dilation": ((2, 4), lambda: nn.ConvTranspose1d(2, 2, 3, dilation=2, padding=1)),
    "image": ((2, 3, 4), lambda: nn.ConvTranspose2d(2, 3, (3, 2), stride=(2, 2), padding=(1, 0))),
    "stride 1": (
        (2, 3, 3),
        lambda: nn.Sequential(nn.ConvTranspose2d(2, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 2)),
    ),
    "overlapping windows": ((2, 7), lambda: nn.AdaptiveMaxPool1d(3)),
    "uneven windows": ((2, 5), lambda: nn.AdaptiveMaxPool1d(3)),
    "uneven image": ((2, 5, 5), lambda: nn.AdaptiveMaxPool2d((3, 2))),
    "one uneven axis": ((2, 5, 4), lambda: nn.AdaptiveMaxPool2d((3, 2))),
}


@pytest.mark.parametrize("name", EXACT)
def test_of_pytorch_exactly(name: str, tmp_path: Path) -> None:
    shape, make = EXACT[name]
    compiled = name in ("image", "uneven windows")
    assert of_torch(make(), shape, tmp_path, compiled=compiled).difference == 0


def test_uneven_averages_are_one_step_off(tmp_path: Path) -> None:
    """hls4ml gives a mean the type of what it averages."""
    assert of_torch(nn.AdaptiveAvgPool1d(4), (2, 7), tmp_path, compiled=False).difference < 2.0**-3


def test_transposed_convolution_of_onnx(tmp_path: Path) -> None:
    network = nn.ConvTranspose2d(2, 3, (3, 2), stride=(2, 2), padding=(1, 0)).eval()
    for parameter in network.parameters():
        parameter.data = torch.round(parameter.data * 8) / 8
    path = tmp_path / "net.onnx"
    torch.onnx.export(network, (torch.ones(1, 2, 3, 4),), str(path), dynamo=False, opset_version=17)
    hls = convert_onnx(path, "net", tmp_path / "hls", "fixed<7,4>")

    def predict(x: Any) -> Any:
        return network(torch.tensor(x)).detach().numpy()

    assert outcome(hls, tmp_path / "hls", predict, (2, 3, 4), compiled=False).difference == 0


KERAS: dict[str, tuple[tuple[int, ...], Callable[[Any, Any], Any]]] = {
    "sequence": (
        (4, 2),
        lambda L, x: L.Conv1DTranspose(3, 3, strides=2, padding="same", activation="relu")(x),
    ),
    "image": ((3, 2, 2), lambda L, x: L.Conv2D(1, 2)(L.Conv2DTranspose(2, (3, 2), strides=(2, 2))(x))),
    "longer stride": ((3, 2), lambda L, x: L.Conv1DTranspose(2, 2, strides=3)(L.ZeroPadding1D(1)(x))),
}


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("name", KERAS)
def test_transposed_convolutions_of_keras(name: str, legacy: bool, tmp_path: Path) -> None:
    shape, make = KERAS[name]
    if legacy:
        keras = use_legacy_keras()
    else:
        import keras  # type: ignore[no-redef]
    x = keras.layers.Input(shape, name="x")
    model = snapped(keras.Model(x, make(keras.layers, x)))
    hls = convert_keras(model, "net", tmp_path, "fixed<7,4>", default_precision="fixed<18,8>")
    assert outcome(hls, tmp_path, lambda x: model(x), shape, compiled=False).difference == 0


def test_transposed_convolution_of_qkeras(tmp_path: Path) -> None:
    keras = use_legacy_keras()
    from qkeras import QActivation, QConv2DTranspose, QDense, quantized_bits, quantized_relu

    def quantisers() -> dict[str, Any]:
        return {key: quantized_bits(4, 0, alpha=1) for key in ("kernel_quantizer", "bias_quantizer")}

    with stack_of_arrays():
        x = inputs = keras.layers.Input((2, 3, 2), name="x")
        x = QConv2DTranspose(2, (2, 3), strides=(2, 1), padding="same", name="t", **quantisers())(x)
        x = keras.layers.Flatten()(QActivation(quantized_relu(6, 3), name="r")(x))
        x = QActivation(quantized_bits(6, 2, alpha=1), name="q")(QDense(2, name="d", **quantisers())(x))
        model = snapped(keras.Model(inputs, x))
        hls = convert_keras(model, "net", tmp_path, "fixed<7,4>")
        found = outcome(hls, tmp_path, lambda x: model(x), (2, 3, 2))
    assert found.difference == 0
    assert str(found.graph[found.graph.outputs[0]].type) == "fixed<6,3,RND_CONV,SAT>"


def _attention(net: Any, x: Any) -> Any:
    return net.a(x, x, x)[0]


def _padded(net: Any, x: Any) -> Any:
    return net.a(x, x, x, key_padding_mask=(x == 1).any(-1), need_weights=False)[0]


@pytest.mark.parametrize("function", [_attention, _padded])
def test_attention_of_pytorch(function: Callable[..., Any], tmp_path: Path) -> None:
    """Shares have 10 fractional bits, logits 5: within 0.05 for values up to 4."""
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    compiled = function is _padded
    found = of_torch(Function(function, a=layer), (3, 4), tmp_path, "fixed<7,3>", compiled=compiled)
    assert found.difference < 0.05
    assert found.notes == [
        "layer a_scaled: scale of one channel 0.707106781 is taken as 185364/2^18, relative error 1.1e-06"
    ]


def test_attention_of_keras_with_one_tensor_and_a_mask(tmp_path: Path) -> None:
    import keras

    x = inputs = keras.layers.Input((3, 4), name="x")
    x = keras.layers.Masking(name="m")(x)
    model = snapped(keras.Model(inputs, keras.layers.MultiHeadAttention(2, 2, name="a")(x, x)))
    hls = convert_keras(model, "net", tmp_path, "fixed<7,4>", default_precision="fixed<18,8>")
    assert outcome(hls, tmp_path, lambda x: model(x), (3, 4), compiled=False).difference < 0.02


def test_attention_of_hgq2_is_found_where_it_is() -> None:
    """HGQ2 is not installed beside QKeras: its reader must be known by the name that 0.2 gives the layer."""
    from hls4ml.converters.keras_v3._base import registry

    name = "hgq.layers.attn.mha.QMultiHeadAttention"
    with keras_3_layers():
        assert registry[name] is registry["hgq.layers.multi_head_attention.QMultiHeadAttention"]
    assert name not in registry


REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "order": (
        lambda: Function(_attention, a=nn.MultiheadAttention(4, 2)), (3, 4), "layer a: .*batch_first=True",
    ),
    "weights": (
        lambda: Function(lambda net, x: net.a(x, x, x)[1], a=nn.MultiheadAttention(4, 2, batch_first=True)),
        (3, 4), "the weights of an attention are not supported.*use the first result only",
    ),
    "steps": (lambda: Function(lambda n, x: n.g(x)[0], g=nn.GRU(4, 2)), (3, 4), "layer g: .*batch_first"),
    "plain": (
        lambda: Function(lambda net, x: net.g(x)[0], g=nn.RNN(4, 2, batch_first=True)), (3, 4),
        "layer g: a plain recurrent layer has no graph.*use nn.LSTM or nn.GRU",
    ),
    "encoder": (
        lambda: nn.Sequential(nn.TransformerEncoderLayer(4, 2, batch_first=True), nn.ReLU()), (3, 4),
        "write it with MultiheadAttention, Linear and LayerNorm",
    ),
    "cells": (
        lambda: Function(lambda net, x: net.g(x)[1][1], g=nn.LSTM(4, 2, batch_first=True)), (3, 4),
        "the cells' final state is not supported",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_layer_reason_and_remedy(name: str, tmp_path: Path) -> None:
    make, shape, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        convert_torch(make(), shape, "net", tmp_path / "hls", "fixed<7,4>")
    assert "hls4ml" not in str(caught.value) or name == "encoder"
    assert not (tmp_path / "hls").exists()
