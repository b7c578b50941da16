"""Layers that are made of others, and scales and tables of first layers: the simulated Verilog is exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.converters.torch import convert_torch
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.firmware.hls.translate.graph import import_project, write_project
from l1forge.firmware.rtl import generate
from l1forge.testbench import stimuli
from l1forge.testbench.cosim import cosimulate

from .against import Function, snapped

pytestmark = [pytest.mark.usefixtures("quiet_frameworks"), pytest.mark.xdist_group("rtl")]


def _simulated(hls: Any, folder: Path) -> None:
    write_project(hls)
    graph = import_project(folder)
    generator = np.random.default_rng(1)
    block = np.concatenate(
        [stimuli.corners(graph, 100, generator), stimuli.random_bits(graph, 300, generator)]
    )
    report = cosimulate(generate(graph, folder / "rtl"), graph, {"all": [block]})
    assert report.verdict == "0 mismatches in 400 crossings × 2 implementations"
    assert report.passed


def _masked_mean(x: Any) -> Any:
    mask = (x != 0).any(-1, keepdim=True).float()
    return (x * mask).sum(1) / mask.sum(1).clamp(min=1)


NETWORKS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "masked mean": ((2, 2), lambda: Function(_masked_mean)),
    "transposed convolution": ((1, 3), lambda: nn.ConvTranspose1d(1, 2, 3, stride=2, padding=1)),
    "uneven pooling": ((1, 5), lambda: nn.AdaptiveMaxPool1d(3)),
    "attention": (
        (2, 2),
        lambda: Function(lambda n, x: n.a(x, x, x)[0], a=nn.MultiheadAttention(2, 1, batch_first=True)),
    ),
    "gru": ((2, 1), lambda: Function(lambda n, x: n.r(x)[0], r=nn.GRU(1, 1, batch_first=True))),
    "lstm": ((2, 1), lambda: Function(lambda n, x: n.r(x)[0], r=nn.LSTM(1, 1, batch_first=True))),
    "exponential": ((2,), lambda: Function(lambda x: torch.exp(x) / (x * x + 1))),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_made_of_others(name: str, tmp_path: Path) -> None:
    shape, make = NETWORKS[name]
    network = make()
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randint(-3, 4, parameter.shape, generator=generator) / 4
    _simulated(
        convert_torch(network.eval(), shape, "net", tmp_path, "fixed<5,3>", default_precision="fixed<8,4>"),
        tmp_path,
    )


def test_scales_that_quantisers_choose(tmp_path: Path) -> None:
    """``auto_po2`` behind a ``Normalization``."""
    keras = use_legacy_keras()
    from qkeras import QActivation, QDense, quantized_bits, quantized_relu

    x = inputs = keras.layers.Input((3,), name="x")
    x = keras.layers.Normalization(mean=[1.0, 2.0, -1.0], variance=[4.0, 1.0, 0.25])(x)
    x = QActivation(quantized_bits(6, 2, alpha=1))(x)
    quantisers = {"kernel_quantizer": quantized_bits(4, 0, alpha="auto_po2")}
    x = QDense(2, bias_quantizer=quantized_bits(4, 0, alpha=1), **quantisers)(x)
    model = keras.Model(inputs, QActivation(quantized_relu(6, 3))(x))
    dense = model.layers[-2]
    rng = np.random.default_rng(2)
    dense.set_weights([rng.normal(0, [0.3, 1.2], (3, 2)), rng.normal(0, 0.3, 2)])
    _simulated(convert_keras(model, "net", tmp_path, "fixed<6,3>"), tmp_path)


def test_an_embedding(tmp_path: Path) -> None:
    """With a vocabulary of six: words six and seven count as the last."""
    keras = use_legacy_keras()
    x = keras.layers.Input((2,), name="x")
    model = snapped(keras.Model(x, keras.layers.Embedding(6, 2)(x)))
    _simulated(convert_keras(model, "net", tmp_path, "ufixed<3,3>"), tmp_path)


def test_the_implementation_of_an_unstable_softmax(tmp_path: Path) -> None:
    """``latency``: no largest logit is subtracted; HGQ2's ``stable=False`` is converted to it."""
    import hls4ml

    keras = use_legacy_keras()
    x = keras.layers.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Activation("softmax", name="s")(x))
    from l1forge.firmware.hls.environment import legacy_keras

    with legacy_keras():
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        config["LayerName"]["x"]["Precision"]["result"] = "fixed<6,3>"
        config["LayerName"]["s"] |= {"Implementation": "latency", "ExpTableSize": 64, "InvTableSize": 64}
        hls = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=str(tmp_path), project_name="net", backend="Vitis"
        )
    _simulated(hls, tmp_path)
