"""Draws what layers are made of: sizes, types, weights; everything from one generator of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from l1forge.emulator.graph.fixed import Overflow, Rounding

Shape = tuple[int, ...]
ROUNDINGS = [mode.value for mode in Rounding]
OVERFLOWS = [mode.value for mode in Overflow if mode is not Overflow.WRAP_SM]  # hls4ml has no WRAP_SM


class Draw:
    """A network in the making; ``rng`` decides everything, so that a seed reproduces it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.layers: list[dict[str, Any]] = []
        self.precision: dict[str, dict[str, str]] = {}
        self.shapes: dict[str, Shape] = {}
        self.binary: dict[str, bool] = {}
        self.strategy, self.reuse, self.io = "Latency", 1, "io_parallel"

    @property
    def streamed(self) -> bool:
        return self.io == "io_stream"

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def type(self, low: int = 2, high: int = 14, exotic: float = 0.5, signed: bool | None = None) -> str:
        """A random type; binary points may lie outside the word."""
        width = self.integer(low, high)
        if self.chance(0.05):
            return f"{'' if signed or signed is None else 'u'}int<{width}>"
        if signed is None:
            signed = self.chance(0.75)
        integer = self.integer(0, width) if self.chance(0.92) else self.integer(-2, width + 2)
        text = f"{'' if signed else 'u'}fixed<{width},{integer}"
        if self.chance(exotic):
            text += f",{self.choice(ROUNDINGS)},{self.choice(OVERFLOWS)}"
            if text.endswith(",WRAP") and self.chance(0.1) and width > 3:
                text += f",{self.integer(1, 2)}"
        return text + ">"

    def weights(self, shape: Shape, scale: float = 1.0) -> Any:
        """Weights, often off their grid, with zeros; on a coarse grid where they become logic as they are."""
        values = self.rng.normal(0, scale, shape)
        values[self.rng.random(shape) < 0.25] = 0
        if self.strategy == "distributed_arithmetic":
            values = np.round(values * 16) / 16
        return np.round(values, 5).astype(np.float32).tolist()

    def add(self, kind: str, shape: Shape, inputs: list[str], types: dict[str, str], **fields: Any) -> str:
        name = f"{kind.lower()}{len(self.layers)}"
        self.layers.append({"class_name": kind, "name": name, "inputs": inputs, **fields})
        self.precision[name] = types
        self.shapes[name] = shape
        return name
