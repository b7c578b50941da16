"""LSTM and GRU, unrolled: the graph equals hls4ml's C++, which is close to the framework (tables of 1024)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.environment import use_legacy_keras

from .against import Function, of_torch, outcome, snapped

pytestmark = pytest.mark.usefixtures("quiet_frameworks")

ERROR = 0.03


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_last_state_of_pytorch(kind: str, tmp_path: Path) -> None:
    def last(net: Any, x: Any) -> Any:
        states = net.r(x)[1]
        return (states[0] if kind == "LSTM" else states)[-1]

    network = Function(last, r=getattr(nn, kind)(2, 3, batch_first=True))
    assert of_torch(network, (4, 2), tmp_path).difference < ERROR


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_two_layers_in_both_directions(kind: str, tmp_path: Path) -> None:
    layer = getattr(nn, kind)(2, 2, batch_first=True, num_layers=2, bidirectional=True)
    network = Function(lambda net, x: net.r(x)[0], r=layer)
    assert of_torch(network, (3, 2), tmp_path, compiled=kind == "LSTM").difference < ERROR


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
@pytest.mark.parametrize("legacy", [True, False])
def test_keras(kind: str, legacy: bool, tmp_path: Path) -> None:
    if legacy:
        keras = use_legacy_keras()
    else:
        import keras  # type: ignore[no-redef]
    x = inputs = keras.layers.Input((4, 2), name="x")
    layer = getattr(keras.layers, kind)(3, return_sequences=legacy)
    model = snapped(keras.Model(inputs, keras.layers.Bidirectional(layer)(x) if not legacy else layer(x)))
    hls = convert_keras(model, "net", tmp_path, "fixed<7,4>", default_precision="fixed<18,8>")
    assert outcome(hls, tmp_path, lambda x: model(x), (4, 2), compiled=False).difference < ERROR


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    import keras

    def refused(message: str, masked: bool = False, **options: Any) -> None:
        x = inputs = keras.layers.Input((4, 2), name="x")
        x = keras.layers.Masking()(x) if masked else x
        model = keras.Model(inputs, keras.layers.GRU(2, name="g", **options)(x))
        with pytest.raises(InputError, match=message):
            convert_keras(model, "net", tmp_path, "fixed<7,4>")

    refused("layer g: resets before the product.*train with reset_after=True", reset_after=False)
    refused("layer g: reads its sequence backwards.*use Bidirectional", go_backwards=True)
    refused("layer g: this activation is not supported.*tanh, sigmoid or relu", activation="elu")
    refused("layer g: steps that a mask leaves out are not supported", masked=True)
