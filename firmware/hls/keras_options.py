"""Options of Keras layers that hls4ml 1.3 reads past without a word: refused, so that nothing gets lost."""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.errors import InputError
from firmware.hls.keras_flat import leaves


def check_options(model: Any) -> None:
    """Refuse what hls4ml would silently compute otherwise.

    Raises
    ------
    InputError
        Names the layer, the option and what can be used instead.
    """
    for layer in leaves(model):
        found = _lost(layer) or _lost_quantiser(layer)
        if found is not None:
            option, value, remedy = found
            raise InputError(
                f"hls4ml ignores {option}", field=f"layer {layer.name}", value=value, remedy=remedy
            )


Lost = tuple[str, object, str]


def _lost(layer: Any) -> Lost | None:
    kind = type(layer).__name__
    if kind == "ReLU":
        for option in ("max_value", "negative_slope", "threshold"):
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
    if kind == "Dot" and getattr(layer, "normalize", False):
        return "normalize", True, "use normalize=False"
    return None


def _lost_quantiser(layer: Any) -> Lost | None:
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


def _is_one(alpha: Any) -> bool:
    return alpha is None or (not isinstance(alpha, str) and bool(np.all(np.asarray(alpha) == 1)))
