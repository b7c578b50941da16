"""What values a graph's elements can take, roughly and fast: how many of a type's bits ever change.

Floating-point intervals for an estimate, not a proof (that is ``emulator/kernel/intervals.py``): an element
that is constant costs no logic, and an accumulator that stays small has no high bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.node import Node

Values = NDArray[np.float64]


@dataclass(frozen=True)
class BitRange:
    """Smallest and largest value of every element (of the node's shape), and their fraction bits."""

    low: Values
    high: Values
    fraction: int

    @property
    def bits(self) -> Values:
        """Bits of each element that change."""
        return np.ceil(np.log2((self.high - self.low) * 2.0**self.fraction + 1))

    @staticmethod
    def of(kind: FixedType, shape: tuple[int, ...]) -> BitRange:
        """All that a type can hold."""
        scale = 2.0**-kind.fraction
        return BitRange(
            np.full(shape, kind.minimum * scale), np.full(shape, kind.maximum * scale), kind.fraction
        )

    def cast(self, kind: FixedType) -> BitRange:
        """After a cast to ``kind``; what wraps takes all values."""
        full = BitRange.of(kind, self.low.shape)
        fraction = min(self.fraction, kind.fraction)
        low, high = (np.floor(side * 2.0**fraction) / 2.0**fraction for side in (self.low, self.high))
        if kind.overflow.value.startswith("SAT"):
            return BitRange(np.clip(low, full.low, full.high), np.clip(high, full.low, full.high), fraction)
        wraps = (low < full.low) | (high > full.high)
        return BitRange(np.where(wraps, full.low, low), np.where(wraps, full.high, high), fraction)


def range_of(node: Node, sources: list[BitRange]) -> BitRange:
    """The range of a node; all of its type for operations that are not followed."""
    found = before_cast(node, sources)
    return BitRange.of(node.type, node.shape) if found is None else found.cast(node.type)


def before_cast(node: Node, sources: list[BitRange]) -> BitRange | None:
    """The range of what an operation casts to its type; None if it is not followed."""
    if node.op == "dense":
        return _dense(node, sources[0])
    if node.op in ("relu", "cast") and "types" not in node.attributes:
        (x,) = sources
        floor = 0.0 if node.op == "relu" else -np.inf
        return BitRange(np.maximum(x.low, floor), np.maximum(x.high, floor), x.fraction)
    if node.op == "scale_bias":
        scale, bias = (node.constants[name] for name in ("scale", "bias"))
        a, b = (side * _real(scale.data, scale.type) for side in (sources[0].low, sources[0].high))
        offset = _real(bias.data, bias.type)
        fraction = max(sources[0].fraction + scale.type.fraction, bias.type.fraction)
        return BitRange(np.minimum(a, b) + offset, np.maximum(a, b) + offset, fraction)
    if node.op == "square":
        (x,) = sources
        first, last = np.square(x.low), np.square(x.high)
        least = np.where((x.low <= 0) & (x.high >= 0), 0.0, np.minimum(first, last))
        return BitRange(least, np.maximum(first, last), 2 * x.fraction)
    return None


def _dense(node: Node, x: BitRange) -> BitRange:
    weight, bias = node.constants["weight"], node.constants["bias"]
    w = _real(weight.data, weight.type)
    up, down = np.maximum(w, 0), np.minimum(w, 0)
    offset = _real(bias.data, bias.type)
    fraction = max(x.fraction + weight.type.fraction, bias.type.fraction)
    return BitRange(x.low @ up + x.high @ down + offset, x.high @ up + x.low @ down + offset, fraction)


def _real(data: NDArray[np.int64], kind: FixedType) -> Values:
    return data.astype(np.float64) * 2.0**-kind.fraction
