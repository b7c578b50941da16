"""Quant nodes of QONNX: constants as integers times a scale, activations as rounded and saturated types."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.firmware.hls.converters.constant_types import exact_type
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.moves import reshaped
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse

ROUNDING: dict[str, tuple[Rounding, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    "ROUND": (Rounding.RND_CONV, np.rint),
    "FLOOR": (Rounding.TRN, np.floor),
    "ROUND_TO_ZERO": (Rounding.TRN_ZERO, np.trunc),
    "DOWN": (Rounding.TRN_ZERO, np.trunc),
    "HALF_UP": (Rounding.RND_INF, lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5)),
    "HALF_DOWN": (Rounding.RND_ZERO, lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5)),
}
"""QONNX's rounding modes as those of ``ap_fixed``, and for constants. CEIL and UP have no counterpart."""

WIDEST = 24
"""More bits than these are not spent on making scales of several powers of two one type."""


@dataclass(frozen=True)
class Quantised:
    """A quantised constant: ``integers * scale``, both of the constant's shape."""

    integers: NDArray[Any]
    scale: NDArray[Any]
    kind: FixedType
    """The type of the integers."""

    @property
    def values(self) -> NDArray[Any]:
        values: NDArray[Any] = self.integers * self.scale
        return values

    def moved(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Quantised:
        """What a reshape or a transposition makes of it."""
        return Quantised(function(self.integers), function(self.scale), self.kind)

    def fixed(self) -> FixedType | None:
        """The type that holds the values exactly, or None where the scales are no powers of two."""
        if (self.scale == self.scale.flat[0]).all():
            exponent = power_of_two(float(self.scale.flat[0]))
            if exponent is None:
                return None
            return FixedType(self.kind.width, self.kind.integer + exponent, self.kind.signed)
        kind = exact_type(self.values)
        return kind if kind is not None and kind.width <= WIDEST else None


def power_of_two(value: float) -> int | None:
    """The exponent, or None."""
    mantissa, exponent = math.frexp(value)
    return exponent - 1 if mantissa == 0.5 else None


@dataclass(frozen=True)
class Quant:
    """Attributes and constant inputs of a Quant node."""

    scale: NDArray[Any]
    zero: NDArray[Any]
    bits: int
    signed: bool
    narrow: bool
    rounding: str

    def check(self, name: str) -> Quant:
        if self.rounding not in ROUNDING:
            remedy = f"use one of {', '.join(ROUNDING)}"
            raise refuse("rounding mode has no counterpart in ap_fixed", name, self.rounding, remedy)
        if (self.zero != np.rint(self.zero)).any() or (self.scale <= 0).any():
            raise refuse("scale must be positive and the zero point an integer", name)
        return self

    @property
    def limits(self) -> tuple[int, int]:
        low = -(1 << (self.bits - 1)) + self.narrow if self.signed else 0
        return low, (1 << (self.bits - self.signed)) - 1 - (self.narrow and not self.signed)

    def constant(self, values: NDArray[Any]) -> Quantised:
        """Constants are rounded here; their zero point becomes part of the integers."""
        scale, zero = (np.broadcast_to(v, values.shape) for v in (self.scale, self.zero))
        low, high = self.limits
        integers = np.clip(ROUNDING[self.rounding][1](values / scale + zero), low, high) - zero
        kind = FixedType(self.bits, self.bits, self.signed)
        if zero.any():
            kind = FixedType.integers(int(integers.min()), int(integers.max()))
        return Quantised(integers, scale.copy(), kind)


@handler("quant")
def _quant(net: Layers, op: Operation, x: Tensor, quant: Quant) -> Tensor:
    """One type where scales are one power of 2, else scaling, rounding to integers and scaling back."""
    if quant.narrow and not quant.signed:
        raise refuse("narrow range needs signed integers", op.name)
    overflow = Overflow.SAT_SYM if quant.narrow else Overflow.SAT
    exponent = None
    if (quant.scale == quant.scale.flat[0]).all() and not quant.zero.any():
        exponent = power_of_two(float(quant.scale.flat[0]))
    integer = quant.bits + (exponent or 0)
    kind = FixedType(quant.bits, integer, quant.signed, ROUNDING[quant.rounding][0], overflow)
    if exponent is not None:
        return net.rounded(op.name, x, kind)
    scale, zero = (_of_event(values, x.shape, op) for values in (quant.scale, quant.zero))
    name, before = f"{op.name}_integers", net.before_relu.get(x.name)
    if before is not None and not zero.any():  # scaled before relu, whose own result would have a type
        integers = net.activation(
            name, "relu", net.scaled(f"{op.name}_scale", before, 1 / scale, 0), types={"result": str(kind)}
        )
    else:
        integers = net.rounded(name, net.scaled(f"{op.name}_scale", x, 1 / scale, zero), kind)
    return net.scaled(op.name, integers, scale, -zero * scale)


def _of_event(values: NDArray[Any], shape: tuple[int, ...], op: Operation) -> NDArray[Any]:
    try:
        full: NDArray[Any] = np.broadcast_to(values, (1, *shape))[0]
        return full
    except ValueError as error:
        raise refuse("scale or zero point does not fit the tensor", op.name, values.shape) from error


@handler("bipolar")
def _bipolar(net: Layers, op: Operation, x: Tensor, scale: NDArray[Any]) -> Tensor:
    """+scale from zero on, else −scale."""
    shape, falls = x.shape, net.falls(x)
    if falls:  # hls4ml would merge the two into a comparison the wrong way round
        x = reshaped(net, f"{op.name}_kept", net.plain(x), (*shape, 1))
    signs = net.activation(f"{op.name}_sign", "binary_tanh", x, types={"result": "fixed<2,2>"})
    if falls:
        signs = reshaped(net, f"{op.name}_signs", signs, shape)
    return net.scaled(op.name, signs, _of_event(scale, shape, op), 0)
