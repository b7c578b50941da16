"""Which values a tensor can hold, as far as the layers so far tell: a type that loses none of them.

hls4ml infers types after the layer list is complete. What is built of several layers here (comparisons,
tables, crops) must know the grid and the range of its input before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, holding
from l1forge.firmware.hls.converters.frontend.layers import MOVING, Layers, Tensor

WIDEST = 60
"""Bits beyond which a type is not followed: it is cut to the default precision."""


@dataclass(frozen=True)
class Range:
    """Whole multiples of 2^-fraction from ``low`` to ``high``."""

    low: int
    high: int
    fraction: int

    @classmethod
    def of(cls, kind: FixedType) -> Range:
        return cls(kind.minimum, kind.maximum, kind.fraction)

    @property
    def type(self) -> FixedType:
        """The narrowest type that holds the range."""
        return holding(self.low, self.high, self.fraction)

    def at(self, fraction: int) -> tuple[int, int]:
        """Both ends in units of 2^-fraction, which must not be coarser."""
        return self.low << (fraction - self.fraction), self.high << (fraction - self.fraction)


def known_type(net: Layers, x: Tensor) -> FixedType:
    """The type of ``x``, which its layer keeps from now on: hls4ml infers no other, and merges nothing."""
    found = range_of(net, x.name)
    kind = net.type_of(x) or found.type
    if kind.width > WIDEST:
        kind = net.default
    for name in _moved_from(net, x.name):
        if "result" not in net.types[name] and name not in net.typed:
            net.types[name]["result"] = str(kind)
    net.ranges[x.name] = found if found.type.width <= kind.width else Range.of(kind)
    return kind


def range_of(net: Layers, name: str) -> Range:
    """The range of a layer's results."""
    if name not in net.ranges:
        net.ranges[name] = _computed(net, name)
    found: Range = net.ranges[name]
    return found


def _moved_from(net: Layers, name: str) -> list[str]:
    """The layer and those before it that only move elements: they have its type."""
    names = [name]
    while net.layer(names[-1])["class_name"] in MOVING:
        names.append(net.layer(names[-1])["inputs"][0])
    return names


def _computed(net: Layers, name: str) -> Range:
    given = net.typed.get(name) or net.types.get(name, {}).get("result")
    layer = net.layer(name)
    if given is not None:
        return _typed(net, layer, FixedType.parse(given))
    sources = [range_of(net, source) for source in layer.get("inputs", ())]
    kind = layer["class_name"]
    if kind in MOVING or kind == "Resize" or "Pooling" in kind:  # hls4ml gives an average its input's type
        return sources[0]
    if kind.startswith("ZeroPadding"):
        return replace(sources[0], low=min(sources[0].low, 0), high=max(sources[0].high, 0))
    if kind == "Concatenate":
        return _both(sources[0], sources[1], lambda a, b: (min(a[0], b[0]), max(a[1], b[1])))
    if kind == "Merge":
        return _merged(str(layer["op"]), sources[0], sources[1])
    if kind == "BatchNormalization":
        scale, bias = (_constants(net, layer, key) for key in ("scale", "bias"))
        return _linear(sources[0], scale[0].reshape(1, -1), scale[1], bias)
    if kind in ("Dense", "Conv1D", "Conv2D", "DepthwiseConv1D"):
        source = sources[0]
        if kind != "Dense":  # zeros around the image
            source = replace(source, low=min(source.low, 0), high=max(source.high, 0))
        weight, fraction = _constants(net, layer, "weight")
        columns = weight.reshape(-1, weight.shape[-1])
        if kind == "DepthwiseConv1D":  # filter by filter
            columns = weight.reshape(weight.shape[0], -1)
        return _linear(source, columns, fraction, _constants(net, layer, "bias"))
    return Range.of(net.default)


def _typed(net: Layers, layer: dict[str, Any], kind: FixedType) -> Range:
    """The range of a type, or of what a relu or a rounding has left in it."""
    if layer["class_name"] != "Activation" or layer["activation"] not in ("relu", "linear"):
        return Range.of(kind)
    source = range_of(net, layer["inputs"][0])
    low = max(source.low, 0) if layer["activation"] == "relu" else source.low
    if source.fraction > kind.fraction:
        return Range.of(kind)
    least, most = (
        Range.of(kind).low >> (kind.fraction - source.fraction),
        kind.maximum >> (kind.fraction - source.fraction),
    )
    high = max(source.high, 0) if layer["activation"] == "relu" else source.high
    if kind.overflow is not Overflow.SAT and not (least <= low and high <= most):
        return Range.of(kind)
    return Range(max(low, least), min(high, most), source.fraction)


def _both(a: Range, b: Range, function: Callable[[Any, Any], Any]) -> Range:
    fraction = max(a.fraction, b.fraction)
    low, high = function(a.at(fraction), b.at(fraction))
    return Range(low, high, fraction)


def _merged(kind: str, a: Range, b: Range) -> Range:
    if kind == "multiply":
        ends = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
        return Range(min(ends), max(ends), a.fraction + b.fraction)
    functions = {
        "add": lambda p, q: (p[0] + q[0], p[1] + q[1]),
        "subtract": lambda p, q: (p[0] - q[1], p[1] - q[0]),
        "maximum": lambda p, q: (max(p[0], q[0]), max(p[1], q[1])),
        "minimum": lambda p, q: (min(p[0], q[0]), min(p[1], q[1])),
    }
    return _both(a, b, functions[kind])


def _constants(net: Layers, layer: dict[str, Any], key: str) -> tuple[NDArray[np.int64], int]:
    """The constants of a layer as whole numbers, and the fractional bits of their type."""
    values = layer.get(f"{key}_data")
    if values is None:
        return np.zeros(1, np.int64), 0
    kind = net.default
    if f"{key}_quantizer" in layer:
        exact = layer[f"{key}_quantizer"].hls_type
        kind = FixedType(exact.width, exact.integer, bool(exact.signed))
    given = net.types.get(layer["name"], {}).get(key)
    kind = kind if given is None else FixedType.parse(given)
    return np.floor(np.ldexp(np.asarray(values, np.float64), kind.fraction)).astype(np.int64), kind.fraction


def _linear(
    source: Range, columns: NDArray[np.int64], fraction: int, bias: tuple[NDArray[np.int64], int]
) -> Range:
    """Σ w·x + b for every output: ``columns`` is (inputs, outputs)."""
    up, down = (np.abs(part).sum(axis=0) for part in (np.maximum(columns, 0), np.minimum(columns, 0)))
    result = max(source.fraction + fraction, bias[1])
    shift = result - source.fraction - fraction
    offsets = [int(b) << (result - bias[1]) for b in np.ravel(bias[0])]
    sums = list(zip((int(u) for u in up), (int(d) for d in down), strict=True))
    offsets = offsets * len(sums) if len(offsets) == 1 else offsets
    sums = sums * len(offsets) if len(sums) == 1 else sums
    low = min(
        ((u * source.low - d * source.high) << shift) + b for (u, d), b in zip(sums, offsets, strict=True)
    )
    high = max(
        ((u * source.high - d * source.low) << shift) + b for (u, d), b in zip(sums, offsets, strict=True)
    )
    return Range(low, high, result)
