"""The form between graph and machine code: a few primitive steps over rows of integers.

A ``Value`` is a tensor flattened to rows (C order), one integer per row and event, with a proven interval
per row. Rich operations are lowered to these steps (``emulator.kernel.lowering``); the Numba interpreter,
the vector code generator and the C export each implement the steps and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import Rounding
from l1forge.emulator.graph.graph import Node
from l1forge.emulator.kernel.intervals import Cast, Exact, Interval

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(eq=False)
class Value:
    """Rows of one tensor; ``fraction`` is its fractional bits, ``interval`` its proven range."""

    number: int
    name: str
    fraction: int
    interval: Interval

    @property
    def rows(self) -> int:
        """Number of rows (elements)."""
        return self.interval.rows


@dataclass(eq=False)
class Step:
    """``out`` is the value that is (partly) produced; ``node`` names the graph node it comes from.

    What a step reads and which of its rows can be left out, it says itself: a kind of step that overrides
    nothing reads all rows of its ``inputs`` and makes all rows of ``out``. Rows of values are only renumbered
    where every step that reads or makes the value can narrow itself.
    """

    out: Value
    node: str

    @property
    def inputs(self) -> list[Value]:
        """The values that are read."""
        raise NotImplementedError

    @property
    def inner(self) -> Interval | None:
        """Range of what is computed on the way to ``out``, where that may be wider."""
        return None

    @property
    def makes_nothing(self) -> bool:
        """Whether no row is left to make."""
        return False

    def reads(self, wanted: Mask | None = None) -> list[tuple[Value, Index | slice]]:
        """The rows of each input that are read for the ``wanted`` rows of ``out`` (None: for all)."""
        return [(value, slice(None)) for value in self.inputs]

    def narrow(self, wanted: Mask) -> bool:
        """Leave out what only makes rows that are not ``wanted``; False: every row is made anyhow."""
        return False

    def source_renumbered(self, value: Value, place: Index) -> None:
        """Row r of ``value`` is now row ``place[r]``; all rows that are read are still there."""

    def result_renumbered(self, rows: Index, place: Index) -> None:
        """Of ``out`` only ``rows`` are left; row r is now row ``place[r]``."""


@dataclass(eq=False)
class OneSource(Step):
    """A step that reads one value."""

    source: Value

    @property
    def inputs(self) -> list[Value]:
        return [self.source]


@dataclass(eq=False)
class Map(OneSource):
    """``out[out_row[r]] = cast_r(max?(source[source_row[r]] * multiplier[r] + offset[r]))``."""

    source_row: Index
    out_row: Index
    multiplier: Exact
    offset: Exact
    relu: bool
    casts: list[Cast]
    before: Interval  # of x * multiplier + offset

    @property
    def inner(self) -> Interval:
        return self.before

    @property
    def makes_nothing(self) -> bool:
        return not self.casts

    def reads(self, wanted: Mask | None = None) -> list[tuple[Value, Index | slice]]:
        return [(self.source, self.source_row)]

    def narrow(self, wanted: Mask) -> bool:
        keep = np.flatnonzero(wanted[self.out_row])
        self.source_row, self.out_row = self.source_row[keep], self.out_row[keep]
        self.multiplier, self.offset = self.multiplier[keep], self.offset[keep]
        self.casts = [self.casts[r] for r in keep]
        self.before = self.before.take(keep)
        return True

    def source_renumbered(self, value: Value, place: Index) -> None:
        if self.source is value:
            self.source_row = place[self.source_row]

    def result_renumbered(self, rows: Index, place: Index) -> None:
        self.out_row = place[self.out_row]


@dataclass(eq=False)
class Dot(OneSource):
    """Exact in any order: ``out[j] = start[j] + sum over t with target[t] = j: source[row[t]] * weight[t]``.

    Terms are sorted by (target, order in the contract); zero weights are left out. ``partial`` holds every
    partial sum in any order.
    """

    row: Index
    target: Index
    weight: Exact
    start: Exact
    partial: Interval
    size: int  # products including the zero weights

    @property
    def inner(self) -> Interval:
        return self.partial

    @property
    def density(self) -> float | None:
        """Share of the weights that are not zero; None of a sum without terms."""
        return len(self.weight) / self.size if self.size else None

    def reads(self, wanted: Mask | None = None) -> list[tuple[Value, Index | slice]]:
        return [(self.source, self.row)]

    def narrow(self, wanted: Mask) -> bool:
        keep = np.flatnonzero(wanted[self.target]) if len(self.target) else np.zeros(0, np.int64)
        self.row, self.target, self.weight = self.row[keep], self.target[keep], self.weight[keep]
        return True

    def source_renumbered(self, value: Value, place: Index) -> None:
        if self.source is value:
            self.row = place[self.row]

    def result_renumbered(self, rows: Index, place: Index) -> None:
        self.target, self.start = place[self.target], self.start[rows]
        self.partial = Interval(self.partial.low[rows], self.partial.high[rows])


@dataclass(eq=False)
class OrderedDot(Dot):
    """As Dot, but each product is cast and each partial sum overflows, in the order of the terms."""

    product: Cast | None = None
    accumulate: Cast | None = None
    terms: Interval | None = None  # of the products before their cast


@dataclass(eq=False)
class Lookup(OneSource):
    """``out[r] = table[clip(round(source[r] * multiplier / 2**shift) + offset)]``, entries already cast."""

    table: Exact
    offset: int
    multiplier: int
    shift: int
    rounding: Rounding
    before: Interval

    @property
    def inner(self) -> Interval:
        return self.before


@dataclass(eq=False)
class Binary(Step):
    """``out[r] = (a[a_row[r]] << a_shift) (op) (b[b_row[r]] << b_shift)``."""

    operator: str  # add, subtract, multiply, maximum, minimum, greater_equal
    a: Value
    b: Value
    a_row: Index
    b_row: Index
    a_shift: int
    b_shift: int
    aligned: Interval

    @property
    def inputs(self) -> list[Value]:
        return [self.a, self.b]

    @property
    def inner(self) -> Interval:
        return self.aligned

    def reads(self, wanted: Mask | None = None) -> list[tuple[Value, Index | slice]]:
        rows: Mask | slice = slice(None) if wanted is None else wanted
        return [(self.a, self.a_row[rows]), (self.b, self.b_row[rows])]

    def narrow(self, wanted: Mask) -> bool:
        return True  # one row of each operand per row of the result: they go when the result is renumbered

    def source_renumbered(self, value: Value, place: Index) -> None:
        if self.a is value:
            self.a_row = place[self.a_row]
        if self.b is value:
            self.b_row = place[self.b_row]

    def result_renumbered(self, rows: Index, place: Index) -> None:
        self.a_row, self.b_row = self.a_row[rows], self.b_row[rows]


@dataclass(eq=False)
class ArgMax(OneSource):
    """The number of the largest row of ``source``, the first of equals."""


@dataclass(frozen=True)
class Tree:
    """One tree as arrays over its nodes, root first; an event goes left where ``x[feature] < below``.

    ``feature`` is -1 at a leaf; ``value`` is what a leaf adds, in LSBs of the sum.
    """

    score: int
    feature: Index
    below: Exact
    left: Index
    right: Index
    value: Exact
    depth: int


@dataclass(eq=False)
class Trees(OneSource):
    """``out[c] = start[c] + the values of the leaves reached`` in the trees of c, in any order."""

    trees: list[Tree]
    start: Exact
    partial: Interval

    def reads(self, wanted: Mask | None = None) -> list[tuple[Value, Index | slice]]:
        return [(self.source, tree.feature[tree.feature >= 0]) for tree in self.trees]


@dataclass(eq=False)
class Evaluated(Step):
    """A node that the kernels do not have: evaluated by ``graph.reference``, exact and slow."""

    graph_node: Node
    sources: list[Value]
    source_nodes: list[Node]
    reason: str

    @property
    def inputs(self) -> list[Value]:
        return self.sources


AnyStep = Map | Dot | OrderedDot | Lookup | Binary | ArgMax | Trees | Evaluated


@dataclass(eq=False)
class Source:
    """Where the rows of a graph input come from: column name and slot, or None for constant zero."""

    value: Value
    node: Node
    used: NDArray[np.bool_]
    columns: list[tuple[str, int] | None] | None = None


@dataclass(eq=False)
class Program:
    """Steps in order, the values they produce, the inputs and the named outputs."""

    values: list[Value] = field(default_factory=list)
    steps: list[AnyStep] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    outputs: dict[str, Value] = field(default_factory=dict)

    def value(self, name: str, fraction: int, interval: Interval) -> Value:
        """A new value of this program."""
        created = Value(len(self.values), name, fraction, interval)
        self.values.append(created)
        return created
