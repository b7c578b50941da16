"""Rows that are the largest (or smallest) of others, so that the sign of a difference is proven.

Intervals alone say of ``max(x, y) − x`` that it can be negative; that the maximum contains x proves that it
cannot. A softmax subtracts each logit from the largest in this way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from l1forge.emulator.kernel.program import Binary, Index, Map, Program, Value

Row = tuple[int, int]
"""Number of a value, and its row."""
ZERO: Row = (-1, 0)
MOST = 4096
"""Rows in one maximum beyond which nothing is remembered."""


@dataclass(frozen=True)
class Extreme:
    """A number that equals the largest (``operator`` maximum) or smallest of ``rows``, in physical values."""

    operator: str
    rows: frozenset[Row]

    def one_of(self, operator: str) -> bool:
        """Whether it can be read as this operator over its rows; a single row as both."""
        return len(self.rows) == 1 or self.operator == operator

    def never_below(self, other: Extreme) -> bool:
        """Whether ``self >= other`` follows from the rows that they share."""
        if self.one_of("maximum") and other.one_of("minimum"):
            return not self.rows.isdisjoint(other.rows)
        if self.one_of("maximum") and other.one_of("maximum"):
            return self.rows >= other.rows
        return self.one_of("minimum") and other.one_of("minimum") and self.rows <= other.rows


@dataclass
class Extremes:
    """What is known of the values of a program; ``done`` of its steps are looked at."""

    known: dict[Row, Extreme] = field(default_factory=dict)
    done: int = 0

    def of(self, value: Value, row: int) -> Extreme:
        """The row itself, where nothing better is known."""
        place = (value.number, row)
        return self.known.get(place) or Extreme("maximum", frozenset([place]))

    def look(self, program: Program, until: int) -> None:
        """Look at the steps before ``until``: those of nodes that are complete, whose values stay."""
        for step in program.steps[self.done : until]:
            if isinstance(step, Map):
                self._copies(step)
            elif isinstance(step, Binary) and step.operator in ("maximum", "minimum"):
                for r, (i, j) in enumerate(zip(step.a_row.tolist(), step.b_row.tolist(), strict=True)):
                    both = self.of(step.a, i), self.of(step.b, j)
                    self._keep(step.out, r, step.operator, *both)
        self.done = max(self.done, until)

    def signs(self, a: Value, b: Value, a_row: Index, b_row: Index) -> tuple[Index, Index]:
        """Rows of ``a − b`` that are proven to be never negative, and never positive."""
        never_negative, never_positive = [], []
        for r, (i, j) in enumerate(zip(a_row.tolist(), b_row.tolist(), strict=True)):
            x, y = self.of(a, i), self.of(b, j)
            if x.never_below(y):
                never_negative.append(r)
            if y.never_below(x):
                never_positive.append(r)
        return np.array(never_negative, np.int64), np.array(never_positive, np.int64)

    def _copies(self, step: Map) -> None:
        """Rows that keep their physical value, rectified or not."""
        for r, (i, out) in enumerate(zip(step.source_row.tolist(), step.out_row.tolist(), strict=True)):
            cast, factor = step.casts[r], int(step.multiplier[r])
            if step.offset[r] != 0 or cast.overflow is not None or cast.shift > 0 or factor <= 0:
                continue
            finer = step.out.fraction + cast.shift - cast.post - step.source.fraction
            if finer < 0 or factor != 1 << finer:
                continue
            source = self.of(step.source, i)
            if step.relu:
                self._keep(step.out, out, "maximum", source, Extreme("maximum", frozenset([ZERO])))
            else:
                self.known[step.out.number, out] = source

    def _keep(self, out: Value, row: int, operator: str, *parts: Extreme) -> None:
        rows = frozenset[Row]().union(*(part.rows for part in parts))
        if all(part.one_of(operator) for part in parts) and len(rows) <= MOST:
            self.known[out.number, row] = Extreme(operator, rows)
