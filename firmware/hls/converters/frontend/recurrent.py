"""LSTM and GRU as hls4ml's own layers, whose state begins at zero with every event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, widest
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse
from l1forge.firmware.hls.converters.frontend.ranges import known_type, range_of

SUM_FRACTION = 12
"""Fractional bits of sums and of what activations give, at least: the tables have steps of 1/128 or 1/64."""


@handler("lstm_layer", "gru_layer")
def _recurrent(
    net: Layers,
    op: Operation,
    x: Tensor,
    weights: list[Any],
    backwards: list[Any] | None = None,
    *,
    sequences: bool = True,
    torch_order: bool = True,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
) -> Tensor:
    """``weights``: W (inputs, gates), U (states, gates), b, and c, which is added to U·h."""
    kind = "LSTM" if op.kind.startswith("lstm") else "GRU"
    x = net.plain(x)
    steps, inputs = x.shape
    states = weights[1].shape[0]
    if steps < 2:
        raise refuse("needs at least two steps", op.name, steps, "use linear layers")
    both = backwards is not None
    width = states * (1 + both)
    common: dict[str, Any] = {
        "n_timesteps": steps, "n_in": inputs, "n_out": width, "return_sequences": sequences,
        "return_state": False, "pass_initial_states": False, "time_major": False, "direction": "forward",
    }  # fmt: skip
    if torch_order or kind == "LSTM":
        common["pytorch"] = True  # a recurrent bias for LSTM, the order of the gates for GRU
    if kind == "GRU":
        common["apply_reset_gate"] = "after"
    result = _state_type(net, op, steps if kind == "LSTM" else 1)
    accum = _sum_type(net, x, result, [w for w in (weights, backwards) if w is not None])
    if kind == "LSTM":  # its C++ compiles with one type for inputs, sums and states only
        own = known_type(net, x)
        common_type = widest(widest(result, accum), own)
        if op.name in net.typed:
            common_type = result
        if widest(common_type, own) != replace(common_type, rounding=Rounding.TRN, overflow=Overflow.WRAP):
            raise refuse(
                f"hls4ml's LSTM has one type for inputs, sums and states, {result} does not hold the first",
                op.name, str(own), f"give it a type in precision that does, such as {widest(result, own)}",
            )  # fmt: skip
        result = accum = common_type
        x = net.rounded(f"{op.name}_input", x, common_type)
    types = {"result": str(result), "accum": str(accum)}
    if not both:
        names = ("weight", "recurrent_weight", "bias", "recurrent_bias")
        data = {f"{name}_data": np.asarray(w, np.float64) for name, w in zip(names, weights, strict=True)}
        functions = {"activation": activation, "recurrent_activation": recurrent_activation}
        layer = {"class_name": kind} | common | functions | data
    else:
        layer = {"class_name": "Bidirectional", "merge_mode": "concat"} | common
        for side, part in (("forward", weights), ("backward", backwards or [])):
            keys = [f"{side}_{name}" for name in ("weight", "recurrent_weight", "bias", "recurrent_bias")]
            layer |= {f"{name}_data": np.asarray(w, np.float64) for name, w in zip(keys, part, strict=True)}
            layer |= {
                f"{side}_activation": activation, f"{side}_recurrent_activation": recurrent_activation,
                f"{side}_n_states": states, f"{side}_class_name": kind,
            }  # fmt: skip
            if kind == "GRU":
                layer[f"{side}_apply_reset_gate"] = "after"
    class_name = layer.pop("class_name")
    shape = (steps, width) if sequences else (width,)
    return net.add(op.name, class_name, [x], shape, types=types, **layer)


def _state_type(net: Layers, op: Operation, largest: int) -> FixedType:
    """The default type, with integer bits for a state that grows by at most one with each step."""
    given = net.typed.get(op.name)
    if given is not None:
        return FixedType.parse(given)
    integer = max(net.default.integer, largest.bit_length() + 1)
    return FixedType(integer + net.default.fraction, integer)


def _sum_type(net: Layers, x: Tensor, state: FixedType, sets: list[list[Any]]) -> FixedType:
    """Holds the sums of both products for every input and state, so that nothing wraps."""
    known_type(net, x)
    found = range_of(net, x.name)
    largest = max(abs(found.low), abs(found.high)) * 2.0**-found.fraction
    top = 1.0
    for weight, recurrent, bias, other in sets:
        inner = np.abs(weight).sum(axis=0) * largest + np.abs(bias)
        top = max(top, float((inner + np.abs(recurrent).sum(axis=0) + np.abs(other)).max()))
    integer = int(np.ceil(np.log2(top + 1))) + 1
    fraction = max(state.fraction, SUM_FRACTION)
    return FixedType(integer + fraction, integer)
