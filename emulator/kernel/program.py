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


@dataclass(eq=False)
class Value:
    """Rows of one tensor; ``fraction`` is its fractional bits, ``interval`` its proven range."""

    number: int
    name: str
    fraction: int
    interval: Interval

    @property
    def rows(self) -> int:
        return self.interval.rows


@dataclass(eq=False)
class Step:
    """``out`` is the value that is (partly) produced; ``node`` names the graph node it comes from."""

    out: Value
    node: str


@dataclass(eq=False)
class Map(Step):
    """``out[out_row[r]] = cast_r(max?(source[source_row[r]] * multiplier[r] + offset[r]))``."""

    source: Value
    source_row: Index
    out_row: Index
    multiplier: Exact
    offset: Exact
    relu: bool
    casts: list[Cast]
    before: Interval  # of x * multiplier + offset

    @property
    def inputs(self) -> list[Value]:
        return [self.source]


@dataclass(eq=False)
class Dot(Step):
    """Exact in any order: ``out[j] = start[j] + sum over t with target[t] = j: source[row[t]] * weight[t]``.

    Terms are sorted by (target, order in the contract); zero weights are left out. ``partial`` holds every
    partial sum in any order.
    """

    source: Value
    row: Index
    target: Index
    weight: Exact
    start: Exact
    partial: Interval
    size: int  # products including the zero weights

    @property
    def inputs(self) -> list[Value]:
        return [self.source]


@dataclass(eq=False)
class OrderedDot(Dot):
    """As Dot, but each product is cast and each partial sum overflows, in the order of the terms."""

    product: Cast | None = None
    accumulate: Cast | None = None
    terms: Interval | None = None  # of the products before their cast


@dataclass(eq=False)
class Lookup(Step):
    """``out[r] = table[clip(round(source[r] * multiplier / 2**shift) + offset)]``, entries already cast."""

    source: Value
    table: Exact
    offset: int
    multiplier: int
    shift: int
    rounding: Rounding
    before: Interval

    @property
    def inputs(self) -> list[Value]:
        return [self.source]


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


@dataclass(eq=False)
class ArgMax(Step):
    """The number of the largest row of ``source``, the first of equals."""

    source: Value

    @property
    def inputs(self) -> list[Value]:
        return [self.source]


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
class Trees(Step):
    """``out[c] = start[c] + the values of the leaves reached`` in the trees of c, in any order."""

    source: Value
    trees: list[Tree]
    start: Exact
    partial: Interval

    @property
    def inputs(self) -> list[Value]:
        return [self.source]


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
