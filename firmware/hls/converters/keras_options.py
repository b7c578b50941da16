"""Options of Keras layers that hls4ml 1.3 silently ignores; they are refused, so that nothing gets lost."""

from __future__ import annotations

import importlib

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.keras_flat import IDLE, leaves
from l1forge.firmware.hls.objects import KerasLayer, KerasModel


def check_options(model: KerasModel, legacy: bool = True) -> None:
    """Refuse what hls4ml would silently compute otherwise; ``legacy`` models are of Keras 2.

    Raises
    ------
    InputError
        Names the layer, the option and what can be used instead.
    """
    _check_kinds(model, legacy)
    if not legacy:
        _check_keras_3(model)
    for layer in leaves(model):
        found = _lost(layer, legacy) or _lost_quantiser(layer)
        if found is not None:
            option, value, remedy = found
            raise InputError(
                f"hls4ml {'does not know' if option.startswith('the activation') else 'ignores'} {option}",
                field=f"layer {layer.name}",
                value=value,
                remedy=remedy,
            )


REMEDIES = {
    "GroupNormalization": "use BatchNormalization or LayerNormalization",
    "UnitNormalization": "use LayerNormalization",
    "SimpleRNN": "use a GRU or an LSTM",
    "Conv3D": "put one axis into the channels and use Conv2D",
    "LocallyConnected1D": "use Conv1D, or Dense behind Flatten",
    "LocallyConnected2D": "use Conv2D, or Dense behind Flatten",
    "Lambda": "write it with layers",
}


def _check_kinds(model: KerasModel, legacy: bool) -> None:
    """Layers that nobody reads, and recurrent ones whose C++ has no output."""
    from hls4ml.converters.keras_v2_to_hls import get_supported_keras_layers

    readers = importlib.import_module("hls4ml.converters.keras_v3._base").registry
    known = {
        *get_supported_keras_layers(),
        *IDLE,
        "InputLayer",
        "Normalization",
        "Rescaling",
        "TimeDistributed",
    }
    if not legacy:
        known |= {name.rpartition(".")[2] for name in readers}
    for layer in leaves(model):
        kind = type(layer).__name__
        ours = legacy or type(layer).__module__.split(".")[0] == "keras"
        if kind in REMEDIES or (ours and kind not in known):
            raise InputError(
                "this layer cannot be converted",
                field=f"layer {layer.name}",
                value=kind,
                remedy=REMEDIES.get(kind, "docs/hls.md lists what is read"),
            )


def _check_keras_3(model: KerasModel) -> None:
    """What is made plain in Keras 2 models, and a batch norm that hls4ml merges and then forgets."""
    for layer in model.layers:
        if hasattr(layer, "layers") or type(layer).__name__ == "TimeDistributed":
            raise InputError(
                "hls4ml does not read models and layers inside a Keras 3 layer",
                field=f"layer {layer.name}",
                value=type(layer).__name__,
                remedy="make one model of their layers; dense layers work along the last axis as they are",
            )
        before = [node.operation for inbound in layer._inbound_nodes for node in inbound.parent_nodes]
        if type(layer).__name__ == "BatchNormalization" and any(
            type(parent).__name__ == "Dense"
            and len(parent.output.shape) > 2
            and parent.activation.__name__ == "linear"
            for parent in before
        ):
            raise InputError(
                "hls4ml forgets a batch norm behind a dense layer along a sequence",
                field=f"layer {layer.name}",
                remedy="use a convolution with a window of one instead of the dense layer",
            )


Lost = tuple[str, object, str]
ACTIVATIONS = {
    **dict.fromkeys(("gelu", "mish", "hard_swish", "hard_silu", "celu", "squareplus"), "use silu or relu"),
    **dict.fromkeys(("log_softmax", "log_softmax_v2", "log_sigmoid"), "end with the logits"),
    **{"glu": "write it with Multiply and sigmoid", "sparsemax": "use softmax"},
}
"""Activations that no reader has, and what to do."""


def _lost(layer: KerasLayer, legacy: bool) -> Lost | None:
    kind = type(layer).__name__
    activation = getattr(getattr(layer, "activation", None), "__name__", "")
    if activation in ACTIVATIONS:
        return f"the activation {activation}", type(layer).__name__, ACTIVATIONS[activation]
    if not legacy and activation == "hard_sigmoid":
        return "that this is x/6 + 1/2 in Keras 3: it takes x/5", activation, "use sigmoid, or Keras 2"
    if kind == "ReLU":
        for option in ("max_value", "negative_slope", "threshold")[: 3 if legacy else 1]:
            value = getattr(layer, option, None)
            if value is not None and float(value) != 0:
                return option, float(value), "use Activation('relu6'), LeakyReLU or ThresholdedReLU"
    if "Conv" in kind:
        if np.any(np.asarray(getattr(layer, "dilation_rate", 1)) != 1):
            return "dilation_rate", layer.dilation_rate, "convert it from PyTorch or ONNX"
        if getattr(layer, "groups", 1) != 1:
            return "groups", layer.groups, "convert it from PyTorch or ONNX"
        if getattr(layer, "padding", "") == "causal" and np.any(np.asarray(layer.strides) != 1):
            return "strides with causal padding", layer.strides, "use ZeroPadding1D and padding='valid'"
    if kind.startswith("UpSampling") and getattr(layer, "interpolation", "nearest") != "nearest":
        return "interpolation", layer.interpolation, "use interpolation='nearest'"
    if getattr(layer, "data_format", None) == "channels_first":
        return "data_format", "channels_first", "put the channels last, Permute can"
    axis = [int(n) for n in np.atleast_1d(getattr(layer, "axis", -1))]
    if kind == "BatchNormalization" and axis not in ([-1], [len(layer.input.shape) - 1]):
        return "axis", axis, "normalise the last axis, Permute moves it"
    if kind == "Dot" and getattr(layer, "normalize", False):
        return "normalize", True, "use normalize=False"
    return None


def _lost_quantiser(layer: KerasLayer) -> Lost | None:
    """Quantisers of activations whose hls4ml type or function is another one."""
    quantiser = getattr(layer, "quantizer", None) if type(layer).__name__ == "QActivation" else None
    kind = type(quantiser).__name__
    alpha = getattr(quantiser, "alpha", None)
    if kind in ("quantized_bits", "quantized_linear") and not _is_one(alpha):
        return f"alpha of {kind}, a scale that follows the data", alpha, "use alpha=1 for activations"
    if kind == "quantized_relu" and bool(getattr(quantiser, "use_sigmoid", False)):
        return "use_sigmoid", 1, "use quantized_sigmoid"
    if kind == "binary" and bool(getattr(quantiser, "use_01", False)):
        return "use_01", True, "use binary(alpha=1) and put the 0, 1 into the next layer's weights"
    return None


def _is_one(alpha: object) -> bool:
    return alpha is None or (not isinstance(alpha, str) and bool(np.all(np.asarray(alpha) == 1)))
