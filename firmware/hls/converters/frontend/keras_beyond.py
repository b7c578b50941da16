"""Which Keras networks hls4ml's own readers do not read, or read otherwise than they compute."""

from __future__ import annotations

from typing import Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.keras_layers import LAYERS, MERGES
from l1forge.firmware.hls.converters.frontend.keras_operations import MOVES
from l1forge.firmware.hls.converters.frontend.keras_parts import known_activation
from l1forge.firmware.hls.converters.keras_flat import IDLE, leaves
from l1forge.firmware.hls.objects import KerasLayer, KerasModel

BEYOND = {
    *("MultiHeadAttention", "Masking", "GRU", "LSTM", "Bidirectional", "Conv1DTranspose", "Conv2DTranspose"),
    *("QConv2DTranspose", "TFOpLambda", "SlicingOpLambda", "RepeatVector", "Dot"),
    *(f"Adaptive{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2)),
}
"""Layers that hls4ml 1.3 does not read, or reads otherwise than they compute."""

BY_TABLE = ("silu", "swish", "exponential")
"""Activations that hls4ml has no function for."""


def beyond(model: KerasModel) -> bool:
    """Whether a network is for our own reader: it holds what hls4ml lacks or loses, nothing that we do."""
    every = list(leaves(model))
    if any(type(layer).__module__.split(".")[0] == "hgq" for layer in every):
        return False
    operations = getattr(model, "operations", None) or model.layers
    if any(is_operation(part) for part in operations):
        return True
    kinds = {type(layer).__name__ for layer in every}
    if kinds & (BEYOND - {"RepeatVector", "Dot"}):
        return True
    legacy = type(model).__module__.split(".")[0] == "tf_keras"
    nested = not legacy and any(hasattr(layer, "layers") for layer in model.layers)
    return all(_readable(layer) for layer in every) and (nested or any(_lost(one, legacy) for one in every))


def is_operation(part: object) -> bool:
    """A function of Keras 3 that is called on a tensor: a node of the network, but no layer."""
    return ".ops." in type(part).__module__


def _readable(layer: KerasLayer) -> bool:
    if type(layer).__name__ == "TimeDistributed":
        layer = layer.layer
    kind = type(layer).__name__
    if kind not in {*LAYERS, *MERGES, *MOVES, *IDLE, "InputLayer"}:
        return False
    return known_activation(getattr(layer, "quantizer", None) or getattr(layer, "activation", None))


def _lost(layer: KerasLayer, legacy: bool) -> bool:
    """Whether hls4ml's reader fails at a layer, or passes one of its options by."""
    kind = type(layer).__name__
    if kind in BEYOND or (kind == "Softmax" and legacy):
        return True
    activation = getattr(getattr(layer, "activation", None), "__name__", "")
    if activation in BY_TABLE or (not legacy and activation == "hard_sigmoid"):
        return True
    if not legacy and kind in ("SeparableConv1D", "SeparableConv2D", "TimeDistributed"):
        return True
    if kind in MERGES and kind != "Concatenate" and len(_inputs(layer)) > 2:
        return True
    if np.any(np.asarray(getattr(layer, "dilation_rate", 1)) != 1) or getattr(layer, "groups", 1) != 1:
        return "Conv" in kind
    if getattr(layer, "padding", "") == "causal" and np.any(np.asarray(layer.strides) != 1):
        return True
    if getattr(layer, "data_format", None) == "channels_first" and kind != "Flatten":
        return True
    if kind.startswith("Global") and getattr(layer, "keepdims", False):
        return True
    if kind.startswith("Depthwise") and layer.depth_multiplier != 1:
        return True
    if kind == "LayerNormalization":  # its table would end at a variance of one
        return True
    if kind == "ReLU":
        options = ("max_value", "negative_slope", "threshold") if legacy else ("max_value",)
        return any(float(getattr(layer, key, None) or 0) for key in options)
    axis = [int(n) for n in np.atleast_1d(getattr(layer, "axis", -1))]
    return kind == "BatchNormalization" and axis not in ([-1], [len(_inputs(layer)[0].shape) - 1])


def _inputs(layer: KerasLayer) -> list[Any]:
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]
