"""Masks of padded candidates: comparisons and choices are exact for every value of their types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.converters.onnx import convert_onnx
from l1forge.firmware.hls.converters.torch import convert_torch
from l1forge.firmware.hls.environment import use_legacy_keras

from .against import Function, of_torch, outcome, snapped

pytestmark = pytest.mark.usefixtures("quiet_frameworks")


def _mean(x: Any) -> Any:
    mask = (x != 0).any(-1, keepdim=True).float()
    return (x * mask).sum(1) / mask.sum(1).clamp(min=1)


def _largest(x: Any) -> Any:
    return x.masked_fill(~(x != 0).any(-1, keepdim=True), -1e9).amax(1)


EXACT: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "not equal": ((3, 4), lambda x: (x != 0).float() * x + (x > 1.3).float()),
    "below or at": ((6,), lambda x: torch.where(x <= 0.5, x, 2 * x - 1)),
    "above or at": ((6,), lambda x: torch.where(x >= 0.3, x, 0.0) + (x < -2).float()),
    "two tensors": ((6,), lambda x: torch.where(x[:, :3] > x[:, 3:], x[:, :3], -1.0)),
    "logic": ((6,), lambda x: (((x > 1) & ~(x >= 3)) | (x == -2)).float() * x),
    "either": ((6,), lambda x: torch.where((x == 2) ^ (x < 1), x, -3.0)),
    "counted": ((3, 4), lambda x: x[:, :, 0] + ((~(x == 0)).int().sum(-1) > 2).float()),
    "beyond the range": ((6,), lambda x: torch.where(x > 100, x, -x)),
    "masked maximum": ((4, 3), _largest),
    "all": ((3, 2), lambda x: (x > 0).all(-1).float() + x[:, :, 1]),
}


@pytest.mark.parametrize("name", EXACT)
def test_comparisons_are_exact(name: str, tmp_path: Path) -> None:
    shape, function = EXACT[name]
    compiled = name in ("not equal", "two tensors")
    assert of_torch(Function(function), shape, tmp_path, compiled=compiled).difference == 0


def test_an_infinite_filling_is_said(tmp_path: Path) -> None:
    found = of_torch(Function(_largest), (4, 3), tmp_path, compiled=False)
    assert found.notes == [
        "layer masked_fill: -1e+09 is taken as -8, the end of fixed<7,4>: where everything is masked, that is"
        " the result"
    ]


def test_masked_mean(tmp_path: Path) -> None:
    """Exact for one, two and four candidates; a third is 2^-18 off, and the result is rounded to 2^-10."""
    found = of_torch(Function(_mean), (4, 3), tmp_path)
    assert found.difference <= 2.0**-10
    assert found.notes == [
        "layer truediv_inverse: reciprocal by a table of 8 entries, in ufixed<18,1>, at most 3.3e-06 off; of"
        " zero the nearest entry is taken"
    ]


def test_softmax_of_what_is_not_masked(tmp_path: Path) -> None:
    def network(x: Any) -> Any:
        return torch.softmax(x.masked_fill(x == 1, -torch.inf), -1)

    assert of_torch(Function(network), (4, 3), tmp_path).difference < 0.002


def test_onnx(tmp_path: Path) -> None:
    import onnxruntime

    network = Function(_mean).eval()
    path = tmp_path / "mean.onnx"
    torch.onnx.export(network, (torch.ones(1, 4, 3),), str(path), dynamo=False, opset_version=17)
    session = onnxruntime.InferenceSession(str(path))
    name = session.get_inputs()[0].name
    hls = convert_onnx(path, "net", tmp_path / "hls", "fixed<7,4>")

    def predict(x: Any) -> Any:
        return np.concatenate([session.run(None, {name: event[None]})[0] for event in x])

    assert outcome(hls, tmp_path / "hls", predict, (4, 3), compiled=False).difference <= 2.0**-10


def test_functions_of_keras_3(tmp_path: Path) -> None:
    import keras

    x = inputs = keras.layers.Input((4, 3), name="x")
    mask = keras.ops.cast(keras.ops.any(keras.ops.not_equal(x, 0.0), -1, keepdims=True), "float32")
    total = keras.ops.sum(x * mask, axis=1)
    mean = total / keras.ops.maximum(keras.ops.sum(mask, axis=1), 1.0)
    model = keras.Model(inputs, mean + keras.ops.max(keras.ops.where(x > 1.0, x, -8.0), axis=1))
    hls = convert_keras(model, "net", tmp_path, "fixed<7,4>")
    assert outcome(hls, tmp_path, lambda x: model(x), (4, 3), compiled=False).difference <= 2.0**-10


def test_functions_and_masking_of_keras_2(tmp_path: Path) -> None:
    keras = use_legacy_keras()
    import tensorflow as tf

    x = inputs = keras.layers.Input((4, 3), name="x")
    mask = tf.cast(tf.reduce_any(tf.not_equal(x, 0.0), -1, keepdims=True), "float32")
    first = tf.reduce_max(tf.where(x > 1.0, x, -8.0), axis=1) + tf.reduce_sum(mask, axis=1)
    second = keras.layers.GlobalAveragePooling1D()(keras.layers.Masking()(x))
    model = snapped(keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Concatenate()([first, second]))))
    hls = convert_keras(model, "net", tmp_path, "fixed<7,4>")
    assert outcome(hls, tmp_path, lambda x: model(x), (4, 3), compiled=False).difference < 0.01


def test_refusals_blame_the_network(tmp_path: Path) -> None:
    def refused(function: Callable[[Any], Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            convert_torch(Function(function), (4,), "net", tmp_path, "fixed<7,4>")

    refused(lambda x: x * (x > float("inf")), "layer gt: compares with a number that is not finite")
    refused(
        lambda x: torch.where(x > 0, 1.0, float("nan")) * x,
        "layer where: chooses a number that is not finite",
    )
    refused(lambda x: x.int() + x, "layer int_1: cuts off the fraction of its input.*whole numbers")
