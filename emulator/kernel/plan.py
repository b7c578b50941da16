"""What the compiler proved and chose, for people to read."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.kernel.interpreter import carrier
from emulator.kernel.intervals import magnitude
from emulator.kernel.program import Dot, Evaluated, Lookup, Map, OrderedDot, Program


@dataclass(frozen=True)
class Layer:
    """One step: ``bits`` hold every partial result (sign included), ``density`` is the share of non-zero
    weights, ``path`` says how it is computed."""

    node: str
    step: str
    rows: int
    low: int
    high: int
    bits: int
    carrier: str
    density: float | None
    path: str

    def __str__(self) -> str:
        density = "" if self.density is None else f"{100 * self.density:.0f} %"
        return (
            f"{self.node:<24} {self.step:<9} {self.rows:>5} rows  {self.low} .. {self.high}  "
            f"{self.bits} bits  {self.carrier:<8} {density:>5}  {self.path}"
        )


def describe(program: Program, wide: bool) -> list[Layer]:
    """One Layer per step of ``program``; ``wide``: everything is left to the reference."""
    layers = []
    for step in program.steps:
        interval, density, path, kind = step.out.interval, None, "vector", "int64"
        bits = magnitude(interval) if interval.rows else 1
        if isinstance(step, Dot):
            kind = carrier(step)
            bits = max(bits, magnitude(step.partial))
            density = len(step.weight) / step.size if step.size else None
            path = "order-faithful" if isinstance(step, OrderedDot) else "any order"
        elif isinstance(step, Map | Lookup) and step.before.rows:
            bits = max(bits, magnitude(step.before))
        elif isinstance(step, Evaluated):
            path = f"reference evaluator: {step.reason}"
        if wide:
            kind, path = "Python", f"reference evaluator: more than 62 bits ({step.node})"
        low, high = (int(min(interval.low)), int(max(interval.high))) if interval.rows else (0, 0)
        layers.append(
            Layer(step.node, type(step).__name__, step.out.rows, low, high, bits, kind, density, path)
        )
    return layers
