"""Thresholds of merged batch norms and sign activations, as the activations of the trained network compare.

``x·scale + bias ≥ 0`` means ``x ≥ -bias/scale``. hls4ml 1.3 rounds the threshold of a binary activation down
to the input's grid, so that the value just below it is taken for +1. It rounds both thresholds of a ternary
one down, too, where the C++ gives +1 above the high one: a value that lies on the level exactly, which QKeras
counts as +1, becomes 0. The high one is therefore the last value of the grid with
``x·scale + bias < level``, the low one the last with ``≤ -level``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.objects import HlsModel, KerasModel

PREFIX = "bnbt_"
Values = NDArray[np.float64]


def ternary_levels(layers: Iterable[KerasModel]) -> dict[str, float]:
    """By name of the layer before it, the level of each ternary QKeras activation of Keras ``layers``."""
    found = {}
    for layer in layers:
        quantiser = getattr(layer, "quantizer", None)
        if quantiser is not None and _is_ternary(layer, quantiser):
            level = quantiser.threshold
            before = layer.input._keras_history[0]
            found[before.name] = float(quantiser.default_threshold if level is None else level)
    return found


def _is_ternary(layer: KerasModel, quantiser: object) -> bool:
    return type(layer).__name__ == "QActivation" and type(quantiser).__name__ == "ternary"


def raise_thresholds(
    hls_model: HlsModel,
    normalisations: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    levels: Mapping[str, float] | None = None,
) -> None:
    """Round the thresholds of an hls4ml ``ModelGraph`` as its activations compare.

    Parameters
    ----------
    normalisations
        By name of the batch norm, its scale and bias.
    levels
        By name of the batch norm, the level of the ternary activation behind it.

    Raises
    ------
    InputError
        If a scale is not positive: hls4ml compares the wrong way round there.
    """
    levels = levels or {}
    for node in hls_model.get_layers():
        name = node.name.removeprefix(PREFIX)
        ternary = "threshold_hi" in node.weights and name in levels
        if not (ternary or "threshold" in node.weights) or name not in normalisations:
            continue
        kind = "ternary" if ternary else "binary"
        scale, bias = (np.asarray(values, dtype=np.float64) for values in normalisations[name])
        if (scale <= 0).any():
            raise InputError(
                f"a batch norm before a {kind} activation needs positive scales",
                field=f"layer {name}",
                value=float(scale.min()),
                remedy="turn the signs of the channel's weights and of its scale",
            )
        steps = float(2.0 ** node.get_input_variable().type.precision.fractional)

        found = {"threshold": np.ceil(_crossing(0.0, scale, bias, steps))}
        if ternary:
            found = {
                "threshold_hi": np.ceil(_crossing(levels[name], scale, bias, steps)) - 1,
                "threshold_lo": np.floor(_crossing(-levels[name], scale, bias, steps)),
            }
        for key, values in found.items():
            weight = node.weights[key]
            weight.data = np.reshape(values / steps, np.shape(weight.data))


def _crossing(level: float, scale: Values, bias: Values, steps: float) -> Values:
    """Where ``x·scale + bias`` is ``level``, in steps of the grid; what is on the grid stays where it is."""
    return np.asarray(np.round((level - bias) / scale * steps, 6))
