"""Thresholds of merged batch norms and binary activations, which hls4ml 1.3 rounds down to the input's grid.

``x·scale + bias ≥ 0`` means ``x ≥ -bias/scale``, so that the threshold has to be rounded up: else the value
just below it is taken for +1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.objects import HlsModel

PREFIX = "bnbt_"


def raise_thresholds(
    hls_model: HlsModel, normalisations: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
) -> None:
    """Round the thresholds of an hls4ml ``ModelGraph`` up.

    Parameters
    ----------
    normalisations
        By name of the batch norm, its scale and bias.

    Raises
    ------
    InputError
        If a scale is not positive: hls4ml compares the wrong way round there.
    """
    for node in hls_model.get_layers():
        name = node.name.removeprefix(PREFIX)
        if "threshold" not in node.weights or name not in normalisations:
            continue
        scale, bias = (np.asarray(values, dtype=np.float64) for values in normalisations[name])
        if (scale <= 0).any():
            raise InputError(
                "a batch norm before a binary activation needs positive scales",
                field=f"layer {name}",
                value=float(scale.min()),
                remedy="turn the signs of the channel's weights and of its scale",
            )
        weight = node.weights["threshold"]
        steps = np.exp2(node.get_input_variable().type.precision.fractional)
        exact = np.round(-bias / scale * steps, 6)  # what is on the grid stays where it is
        weight.data = np.reshape(np.ceil(exact) / steps, np.shape(weight.data))
