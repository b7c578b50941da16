"""What the compiler proved and chose, for people to read."""

from __future__ import annotations

from dataclasses import dataclass

from l1forge.emulator.kernel.intervals import magnitude
from l1forge.emulator.kernel.native.dots import choose
from l1forge.emulator.kernel.native.lookups import choose_lookup
from l1forge.emulator.kernel.native.vectors import Target
from l1forge.emulator.kernel.program import Dot, Evaluated, Lookup, OrderedDot, Program


def carrier(step: Dot) -> str:
    """The arithmetic of a sum: exact for every partial sum in any order, narrowest first."""
    if isinstance(step, OrderedDot):
        return "int64"
    bits = max(magnitude(step.partial), magnitude(step.source.interval))
    if bits <= 25:  # 24 bits of magnitude and the sign
        return "float32"
    return "float64" if bits <= 54 else "int64"


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


class Plan(list[Layer]):
    """The layers in order; ``str`` gives one line each."""

    def __str__(self) -> str:
        return "\n".join(str(layer) for layer in self)


def describe(program: Program, backend: str, target: Target | None) -> Plan:
    """One Layer per step of ``program`` for the chosen back end."""
    layers = Plan()
    for step in program.steps:
        interval, path, kind = step.out.interval, backend, "int64"
        density = step.density if isinstance(step, Dot) else None
        bits = magnitude(interval) if interval.rows else 1
        if step.inner is not None and step.inner.rows:
            bits = max(bits, magnitude(step.inner))
        if target is not None:
            kind = f"int{max(16, 1 << (bits - 1).bit_length())}"
        if isinstance(step, OrderedDot):
            path = "order-faithful"
        elif isinstance(step, Dot):
            kind = carrier(step) if target is None else f"int{choose(step, target).width}"
            path = "any order" if target is None else choose(step, target).name
            if target is not None and not len(step.row):
                path = "constants"
        elif isinstance(step, Lookup) and target is not None:
            path = choose_lookup(step, target).name
        elif isinstance(step, Evaluated):
            kind, path = "Python", f"reference evaluator: {step.reason}"
        if backend == "reference":
            kind, path = "Python", "reference evaluator"
        low, high = (int(min(interval.low)), int(max(interval.high))) if interval.rows else (0, 0)
        layers.append(
            Layer(step.node, type(step).__name__, step.out.rows, low, high, bits, kind, density, path)
        )
    return layers
