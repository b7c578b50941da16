"""What the readers of Keras layers share: weights, activations, the tensor that a layer is called on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.firmware.hls.converters.constant_types import exact_type
from l1forge.firmware.hls.converters.frontend.program import Value, refuse
from l1forge.firmware.hls.converters.frontend.quantised import Quantised
from l1forge.firmware.hls.converters.keras_types import bits_type
from l1forge.firmware.hls.objects import KerasLayer

if TYPE_CHECKING:
    from l1forge.firmware.hls.converters.frontend.keras_reader import KerasCall, KerasReader

Reader = Callable[["KerasReader", "KerasCall"], Value]

ACTIVATIONS = {
    **{"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "softplus": "softplus", "softsign": "softsign"},
    **{"selu": "selu", "elu": "elu", "relu6": "relu6", "silu": "silu", "swish": "silu", "exponential": "exp"},
}


def source(call: KerasCall) -> Value:
    """The tensor that a layer is called on."""
    x = call.arguments[0] if call.arguments else call.options.get("inputs")
    if not isinstance(x, Value):
        raise refuse("does not depend on the inputs", call.name, type(call.layer).__name__)
    return x


def weight(layer: KerasLayer, key: str, turn: Callable[[NDArray[Any]], NDArray[Any]] = lambda a: a) -> Any:
    """A weight as float, or quantised as the layer's quantiser does; None where there is none."""
    variable = getattr(layer, key, None)
    if variable is None:
        return None
    quantiser = getattr(layer, f"{key}_quantizer_internal", None)
    if quantiser is None:
        return turn(np.asarray(variable, dtype=np.float64))
    values = np.asarray(quantiser(variable), dtype=np.float64)
    kind = exact_type(values)
    if kind is None:
        raise refuse(
            f"quantised {key} with scales that are not powers of two", layer.name, type(quantiser).__name__,
            "use alpha=1 or alpha='auto_po2'",
        )  # fmt: skip
    integers = FixedType(kind.width, kind.width, kind.signed)
    found = Quantised(np.ldexp(values, kind.fraction), np.full(values.shape, kind.lsb), integers)
    return found.moved(turn)


def known_activation(function: object) -> bool:
    """Whether ``activated`` knows it."""
    kind = getattr(function, "__name__", None) or type(function).__name__
    plain = {
        *ACTIVATIONS,
        "linear",
        "softmax",
        "hard_sigmoid",
        "leaky_relu",
        "quantized_bits",
        "quantized_relu",
    }
    return function is None or kind in plain


def activated(reader: KerasReader, x: Value, function: Any, name: str, layer: KerasLayer) -> Value:
    """The activation of a layer behind it, by its name or as a QKeras quantiser."""
    kind = getattr(function, "__name__", None) or type(function).__name__
    if function is None or kind == "linear":
        return x
    if kind == "quantized_bits":
        return reader.add("typed", x.shape, x, str(bits_type(function)), name=name)
    if kind == "quantized_relu":
        if float(getattr(function, "negative_slope", 0)) or bool(getattr(function, "use_sigmoid", False)):
            raise refuse("quantized_relu with a slope or a sigmoid is not read here", layer.name)
        width = FixedType(int(function.bits), int(function.integer), False, Rounding.RND_CONV, Overflow.SAT)
        return reader.add("typed_relu", x.shape, x, str(width), name=name)
    if kind == "softmax":
        return reader.add("softmax", x.shape, x, -1, name=name)
    if kind == "hard_sigmoid":
        legacy = type(layer).__module__.split(".")[0] in ("tf_keras", "qkeras")
        return reader.add("hardsigmoid", x.shape, x, 0.2 if legacy else 1 / 6, 0.5, name=name)
    if kind in ("leaky_relu",):
        return reader.add("leaky_relu", x.shape, x, 0.2, name=name)
    if kind not in ACTIVATIONS:
        known = ", ".join(sorted([*ACTIVATIONS, "softmax", "hard_sigmoid", "linear"]))
        raise refuse("this activation is not read here", layer.name, kind, f"known: {known}")
    return reader.add(ACTIVATIONS[kind], x.shape, x, name=name)


def behind(reader: KerasReader, call: KerasCall, x: Value) -> Value:
    """The activation that the layer of a call has."""
    function = getattr(call.layer, "activation", None)
    kind = getattr(function, "__name__", None) or type(function).__name__
    return activated(reader, x, function, f"{call.name}_{kind}", call.layer)
