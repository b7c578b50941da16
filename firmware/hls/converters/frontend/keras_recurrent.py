"""Keras' LSTM and GRU, also in both directions, as operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.program import Value, refuse
from l1forge.firmware.hls.objects import KerasLayer

if TYPE_CHECKING:
    from l1forge.firmware.hls.converters.frontend.keras_reader import KerasCall, KerasReader


def recurrent(reader: KerasReader, call: KerasCall) -> Any:
    """All steps or the last; a state that is returned is the last step's (of a GRU)."""
    layer = call.layer
    x = call.arguments[0] if call.arguments else call.options["sequence"]
    if isinstance(x, list):
        x = x[0] if len(x) == 1 else _outside(call)
    states = call.options.get("initial_state")
    if (len(call.arguments) > 1 and call.arguments[1] is not None) or states is not None:
        _outside(call)
    if call.mask is not None or isinstance(call.options.get("mask"), Value):
        raise refuse(
            "steps that a mask leaves out are not supported in a recurrent layer", call.name,
            type(layer).__name__, "put the padding in front without a Masking, or use GlobalAveragePooling1D",
        )  # fmt: skip
    if type(layer).__name__ == "Bidirectional":
        if str(layer.merge_mode) != "concat":
            raise refuse(
                "directions are joined otherwise", call.name, layer.merge_mode, "use merge_mode='concat'"
            )
        sides = [layer.forward_layer, layer.backward_layer]
    else:
        sides = [layer]
    kind = type(sides[0]).__name__
    for side in sides:
        _check(call, side, kind, backward=len(sides) > 1 and side is sides[1])
    sequences = bool(sides[0].return_sequences)
    shape = call.shapes[0]
    back = _weights(sides[1]) if len(sides) > 1 else None
    made = reader.add(
        f"{kind.lower()}_layer", shape, x, _weights(sides[0]), back, name=call.name, sequences=sequences,
        torch_order=False, activation=sides[0].activation.__name__,
        recurrent_activation=sides[0].recurrent_activation.__name__,
    )  # fmt: skip
    if not bool(getattr(layer, "return_state", False)):
        return made
    raise refuse("returns its state", call.name, kind, "take the last step of return_sequences=True")


def _outside(call: KerasCall) -> Any:
    raise refuse("a state that is given from outside is not supported", call.name, remedy="begin at zero")


def _check(call: KerasCall, layer: KerasLayer, kind: str, backward: bool) -> None:
    if kind not in ("LSTM", "GRU"):
        raise refuse("a plain recurrent layer has no graph", call.name, kind, "use an LSTM or a GRU")
    if kind == "GRU" and not layer.reset_after:
        raise refuse(
            "resets before the product", call.name, "reset_after=False", "train with reset_after=True"
        )
    if bool(layer.go_backwards) != backward:
        raise refuse(
            "reads its sequence backwards", call.name, "go_backwards", "use Bidirectional or reverse the data"
        )
    if bool(layer.stateful):
        raise refuse("keeps its state between events", call.name, "stateful=True", "use stateful=False")
    for function in (layer.activation, layer.recurrent_activation):
        if function.__name__ not in ("tanh", "sigmoid", "relu"):
            raise refuse(
                "this activation is not supported", call.name, function.__name__, "tanh, sigmoid or relu"
            )


def _weights(layer: KerasLayer) -> list[Any]:
    """W, U, b and c as in ``recurrent``: only a GRU has a c."""
    cell = layer.cell
    kernel, inner = (np.asarray(w, dtype=np.float64) for w in (cell.kernel, cell.recurrent_kernel))
    zero = np.zeros(kernel.shape[1])
    bias = zero if cell.bias is None else np.asarray(cell.bias, dtype=np.float64)
    if bias.ndim == 2:
        return [kernel, inner, bias[0], bias[1]]
    return [kernel, inner, bias, zero]
