"""Activations, and the arithmetic of limits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler, number
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse


@handler("relu", "sigmoid", "tanh", "softsign", "selu")
def _activation(net: Layers, op: Operation, x: Tensor, inplace: bool = False) -> Tensor:
    return net.activation(op.name, op.kind, x)


@handler("softplus")
def _softplus(net: Layers, op: Operation, x: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    if number(op, beta, "beta") != 1:
        raise refuse("softplus with beta other than 1 is not supported", op.name, beta)
    return net.activation(op.name, "softplus", x)


@handler("leaky_relu")
def _leaky(
    net: Layers, op: Operation, x: Tensor, negative_slope: float = 0.01, inplace: bool = False
) -> Tensor:
    slope = number(op, negative_slope, "slope")
    return net.activation(op.name, "leakyrelu", x, class_name="LeakyReLU", activ_param=slope)


@handler("elu")
def _elu(net: Layers, op: Operation, x: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    return net.activation(op.name, "elu", x, class_name="ELU", activ_param=number(op, alpha, "alpha"))


@handler("celu")
def _celu(net: Layers, op: Operation, x: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    if number(op, alpha, "alpha") != 1:
        raise refuse("celu with alpha other than 1 is not supported", op.name, alpha, "use ELU")
    return _elu(net, op, x)


@handler("prelu")
def _prelu(net: Layers, op: Operation, x: Tensor, weight: NDArray[Any]) -> Tensor:
    slopes = np.asarray(weight)
    if slopes.ndim > 1 and slopes.shape[0] == 1 and slopes.ndim == len(x.shape) + 1:
        slopes = slopes[0]
    elif slopes.size > 1 and slopes.ndim == 1:  # one a channel: the first axis of an event
        slopes = slopes.reshape(-1, *[1] * (len(x.shape) - 1))
    full = np.broadcast_to(slopes, x.shape)
    data = (np.moveaxis(full, 0, -1) if x.last else full).ravel().copy()
    return net.activation(op.name, "prelu", x, class_name="PReLU", param_data=data)


@handler("threshold")
def _threshold(
    net: Layers, op: Operation, x: Tensor, threshold: float, value: float, inplace: bool = False
) -> Tensor:
    limit = number(op, threshold, "threshold")
    if number(op, value, "value") != 0 or limit < 0:
        raise refuse("needs a threshold from zero on and the value zero", op.name, [threshold, value])
    return net.activation(op.name, "thresholdedrelu", x, class_name="ThresholdedReLU", activ_param=limit)


@handler("hardtanh")
def _hardtanh(
    net: Layers, op: Operation, x: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    return clamp(net, op, x, min_val, max_val)


@handler("relu6")
def _relu6(net: Layers, op: Operation, x: Tensor, inplace: bool = False) -> Tensor:
    return clamp(net, op, x, 0, 6)


@handler("clamp", "clip", "clamp_min", "clamp_max")
def clamp(
    net: Layers, op: Operation, x: Tensor, min: float | None = None, max: float | None = None
) -> Tensor:
    """min + relu(x − min), and max − relu(max − x): exact where the limits are."""
    if op.kind == "clamp_max":
        min, max = None, min
    low = None if min is None else number(op, min, "limit")
    high = None if max is None else number(op, max, "limit")
    if (low, high) == (-1, 1):
        return net.activation(
            op.name, "hard_tanh", x, class_name="HardActivation", slope=0.5, shift=0.5,
            slope_prec=_unsigned(1, 0), shift_prec=_unsigned(1, 0),
        )  # fmt: skip
    if (low, high) in ((0, None), (0, 6), (0, 1)):
        return net.activation(op.name, "relu" if high is None else f"relu{high:g}", x)
    steps: list[tuple[float, float] | None] = []  # (scale, bias), or None for relu
    if low is not None:
        steps += [(1, -low), None, (1, low)]
    if high is not None:
        steps += [(-1, high), None, (-1, high)]
    if low is not None and high is not None:  # the two in the middle are one
        steps[2:4] = [(-1, high - low)]
    kind = net.default
    saturating = f"{'' if kind.signed else 'u'}fixed<{kind.width},{kind.integer},RND,SAT>"
    if low is not None and high is not None and high - low > kind.maximum * kind.lsb:
        raise refuse("limits are further apart than the default precision holds", op.name, str(kind))
    for k, step in enumerate(steps):
        name = op.name if k == len(steps) - 1 else f"{op.name}_step"
        if step is None:
            x = net.activation(name, "relu", x, types={"result": saturating})
        else:
            x = net.affine(name, x, *step)
    return x


def _unsigned(width: int, integer: int) -> Any:
    from hls4ml.model.types import FixedPrecisionType

    return FixedPrecisionType(width=width, integer=integer, signed=False)


@handler("hardsigmoid")
def _hard_sigmoid(net: Layers, op: Operation, x: Tensor, slope: float = 1 / 6, shift: float = 0.5) -> Tensor:
    slope = 1 / 6 if isinstance(slope, bool) else number(op, slope, "slope")  # torch: inplace
    if not (0 < slope < 1 and 0 <= number(op, shift, "shift") < 1):
        raise refuse("slope and shift must lie between 0 and 1", op.name, [slope, shift])
    return hard_sigmoid(net, op.name, x, slope, shift)


def hard_sigmoid(net: Layers, name: str, x: Tensor, slope: float = 1 / 6, shift: float = 0.5) -> Tensor:
    """slope·x + shift between 0 and 1; both have 16 fractional bits."""
    return net.activation(
        name, "hard_sigmoid", x, class_name="HardActivation", slope=slope, shift=shift,
        slope_prec=_unsigned(16, 0), shift_prec=_unsigned(16, 0),
    )  # fmt: skip
