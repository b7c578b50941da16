"""Appending primitive steps for one node, each with the proof that it is exact; the registry of lowerings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow
from l1forge.emulator.graph.graph import Node
from l1forge.emulator.kernel.extremes import Extremes
from l1forge.emulator.kernel.intervals import Cast, Exact, Interval, accumulate, exact, magnitude, plan_cast
from l1forge.emulator.kernel.program import Dot, Index, Map, OrderedDot, Program, Value

LIMIT = 62
"""Bits that an int64 kernel may use; wider intermediate results are left to the reference."""


class NotLowered(Exception):
    """A step needs more than the kernels have; the text says what."""


class Builder:
    """Appends steps for one node to a program."""

    def __init__(
        self, program: Program, node: Node, shapes: list[tuple[int, ...]], extremes: Extremes
    ) -> None:
        self.program, self.node, self.shapes = program, node, shapes
        self._extremes, self._first = extremes, len(program.steps)

    def signs(self, a: Value, b: Value, a_row: Index, b_row: Index) -> tuple[Index, Index]:
        """Rows of ``a − b`` that are never negative, and never positive, because one is an extreme."""
        self._extremes.look(self.program, self._first)
        return self._extremes.signs(a, b, a_row, b_row)

    def cast_rows(
        self,
        source: Value,
        targets: list[FixedType],
        *,
        source_row: Index | None = None,
        multiplier: Exact | int = 1,
        offset: Exact | int = 0,
        fraction: int | None = None,
        relu: bool = False,
        out: Value | None = None,
        out_row: Index | None = None,
    ) -> Value:
        """Append a Map: gather, scale, rectify, cast row r to ``targets[r]``, express in the node's LSB."""
        rows = source.rows if source_row is None else len(source_row)
        index = np.arange(rows) if source_row is None else source_row
        given = source.interval.take(index)
        never = (given.low == 0) & (given.high == 0)
        scale, shift = np.where(never, 1, exact(multiplier, (rows,))), exact(offset, (rows,))
        before = given.affine(scale, shift)
        after = Interval(np.maximum(before.low, 0), np.maximum(before.high, 0)) if relu else before
        f = source.fraction if fraction is None else fraction
        casts: list[Cast] = []
        low, high = exact(0, (rows,)), exact(0, (rows,))
        planned: dict[tuple[int, int, FixedType], tuple[Cast, int, int] | None] = {}
        widest = magnitude(before)
        for r, target in enumerate(targets):
            key = (int(after.low[r]), int(after.high[r]), target)
            if key not in planned:
                planned[key] = plan_cast(key[0], key[1], f, target, self.node.type.fraction - target.fraction)
            plan = planned[key]
            if plan is None:
                raise NotLowered(f"cast to {target}")
            if plan[0].shift >= LIMIT:
                raise NotLowered(f"shift by {plan[0].shift} bits")
            casts.append(plan[0])
            low[r], high[r] = plan[1], plan[2]
            widest = max(
                widest, max(key[1].bit_length(), (-key[0]).bit_length()) + 1 + max(0, -plan[0].shift)
            )
        if max(widest, magnitude(Interval(low, high))) > LIMIT:
            raise NotLowered(f"{widest} bits in a cast")
        interval = Interval(low, high)
        where = np.arange(rows) if out_row is None else out_row
        if out is None:
            out = self.program.value(self.node.name, self.node.type.fraction, interval)
        else:
            out.interval.low[where], out.interval.high[where] = low, high
        self.program.steps.append(
            Map(out, self.node.name, source, index, where, scale, shift, relu, casts, before)
        )
        return out

    def cast_all(self, source: Value, **more: object) -> Value:
        """``cast_rows`` with the node's type for every row."""
        rows = source.rows if more.get("source_row") is None else len(more["source_row"])  # type: ignore[arg-type]
        return self.cast_rows(source, [self.node.type] * rows, **more)  # type: ignore[arg-type]

    def wrapped(self, total: Value, accum: FixedType) -> Value:
        """``total`` wrapped into ``accum``: sums modulo 2^W do not depend on the order of their terms."""
        bounds = zip(total.interval.low, total.interval.high, strict=True)
        planned = [plan_cast(int(a), int(b), total.fraction, accum) for a, b in bounds]
        known = [plan for plan in planned if plan is not None]
        result = self.program.value(
            self.node.name,
            accum.fraction,
            Interval(exact([p[1] for p in known]), exact([p[2] for p in known])),
        )
        rows = np.arange(total.rows)
        one, zero = exact(1, (total.rows,)), exact(0, (total.rows,))
        casts = [p[0] for p in known]
        self.program.steps.append(
            Map(result, self.node.name, total, rows, rows, one, zero, False, casts, total.interval)
        )
        return result

    def dot(
        self,
        source: Value,
        row: Index,
        target: Index,
        weight: Exact,
        weight_fraction: int,
        start: Exact,
        accum: FixedType,
    ) -> Value:
        """Append the sums ``start + Σ cast(source·weight)`` in ``accum``, whichever way is exact.

        ``start`` is in LSBs of ``accum``; terms are sorted by target and in contract order.
        """
        size = len(weight)
        keep = (weight != 0) & ((source.interval.low[row] != 0) | (source.interval.high[row] != 0))
        row, target, weight = row[keep], target[keep], weight[keep]
        product_fraction = source.fraction + weight_fraction
        shift = accum.fraction - product_fraction
        terms = source.interval.take(row).affine(weight, exact(0, (len(row),)))
        steps = self.program.steps
        name = self.node.name
        scaled = _shift_exact(weight, shift)
        if scaled is not None:
            # sums carry no trailing zeros: the cast that follows shifts less
            spare = _trailing_zeros(scaled, start)
            scaled, begin, fraction = scaled >> spare, start >> spare, accum.fraction - spare
            total, partial = accumulate(
                source.interval.take(row).affine(scaled, exact(0, (len(row),))), begin, target
            )
            lowest, highest = accum.minimum >> spare, accum.maximum >> spare
            fits = bool(np.all(partial.low >= lowest) and np.all(partial.high <= highest))
            modular = accum.overflow is Overflow.WRAP and accum.saturation_bits == 0
            if (fits or modular) and magnitude(partial) + spare <= LIMIT:
                out = self.program.value(name, fraction, total)
                steps.append(Dot(out, name, source, row, target, scaled, begin, partial, size))
                if fits:
                    return out
                return self.wrapped(out, accum)
        least = int(min(terms.low, default=0))
        most = int(max(terms.high, default=0))
        product = plan_cast(least, most, product_fraction, accum)
        bound = (
            max(accum.width, (product[0].shift < 0) * -product[0].shift + magnitude(terms)) if product else 0
        )
        span = (accum.minimum * 2, accum.maximum * 2)
        adding = plan_cast(*span, accum.fraction, accum)
        if product is None or adding is None or bound + 1 > LIMIT:
            raise NotLowered(f"accumulator {accum}")
        interval = Interval.of_type(accum, len(start))
        out = self.program.value(name, accum.fraction, interval)
        steps.append(
            OrderedDot(
                out, name, source, row, target, weight, start, interval, size, product[0], adding[0], terms
            )
        )
        return out


def _shift_exact(weight: Exact, shift: int) -> Exact | None:
    """``weight * 2**shift`` if that is whole for every weight."""
    if shift >= 0:
        return weight << shift
    down = weight >> -shift
    return down if bool(np.all((down << -shift) == weight)) else None


def _trailing_zeros(*arrays: Exact) -> int:
    """Zero bits at the end of every number (0 if all are zero)."""
    together = 0
    for array in arrays:
        for v in array:
            together |= int(v)
    return (together & -together).bit_length() - 1 if together else 0


Lowering = Callable[[Builder, Node, list[Value]], Value]
LOWERINGS: dict[str, Lowering] = {}


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Register the lowering of operations."""

    def register(function: Lowering) -> Lowering:
        for name in names:
            LOWERINGS[name] = function
        return function

    return register
