"""Proofs that a value cannot be reached: a mixed-integer program that allows more than the graph does.

Inputs are continuous, every rounding may be off by what its mode allows, saturation and ReLU are exact (one
binary each), and what is not modelled (tables, products, wrapping) may take any value of its proven interval.
What this program cannot reach, the graph cannot. Solved by HiGHS (``scipy.optimize.milp``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, cast
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.kernel.lowering import lower
from l1forge.testbench.stimuli import ELEMENTWISE

BINARIES = 300  # programs with more on-off decisions are not tried: they would not end
FRONT = 1 << 16  # values of an input that are all tried to find what follows from it alone
NODES = 20_000  # branches of one program: the limit that makes results reproducible
SECONDS = 20.0  # and its limit in time, for slow machines; then fewer proofs
MARGIN = 1e-2  # LSB: what the solver's floating point is trusted with
LARGE = 1e13  # ranges beyond are not given to a solver that works in floating point
NEAREST = {Rounding.RND, Rounding.RND_ZERO, Rounding.RND_INF, Rounding.RND_MIN_INF, Rounding.RND_CONV}


@dataclass(frozen=True)
class Bound:
    """Nothing beyond ``limit`` can be reached (None: no proof); ``row``: inputs near the extreme, if any.

    ``stopped``: the solver ended by a limit of time or branches, with a weaker bound.
    """

    limit: int | None
    row: NDArray[np.int64] | None
    stopped: bool = False


@dataclass
class _Expression:
    """``constant + sum of coefficient times variable``."""

    terms: dict[int, float] = field(default_factory=dict)
    constant: float = 0.0


class Relaxation:
    """The program of everything that node ``name`` of ``graph`` needs."""

    def __init__(self, graph: Graph, name: str) -> None:
        needed = graph.subgraph([name])
        self.front = _front(needed, name)
        self.graph = needed if self.front is None else self.front.rest
        self.low: list[float] = []
        self.high: list[float] = []
        self.binary: list[bool] = []
        self.rows: list[tuple[dict[int, float], float]] = []  # sum of terms <= limit
        ranges = lower(self.graph, [node.name for node in self.graph.nodes]).outputs
        self.ranges = {n: (r.interval.low, r.interval.high) for n, r in ranges.items()}
        if self.front is not None:
            table = self.front.table.astype(object)
            self.ranges[self.front.name] = table.min(axis=0), table.max(axis=0)
        self.values: dict[str, list[_Expression]] = {}
        for node in self.graph.nodes:
            self.values[node.name] = self._node(node)
        self.target = self.values[name]

    @property
    def solvable(self) -> bool:
        return sum(self.binary) <= BINARIES and max(map(abs, (*self.low, *self.high, 0.0))) < LARGE

    def _variable(self, low: float, high: float, binary: bool = False) -> int:
        self.low.append(low)
        self.high.append(high)
        self.binary.append(binary)
        return len(self.low) - 1

    def _bounds(self, e: _Expression) -> tuple[float, float]:
        low = high = e.constant
        for v, c in e.terms.items():
            ends = c * self.low[v], c * self.high[v]
            low, high = low + min(ends), high + max(ends)
        return low, high

    def _solve(self, objective: NDArray[np.float64], options: dict[str, Any] | None) -> Any:
        """Minimise ``objective``; without options the binaries are continuous."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array

        entries = [(i, v, c) for i, (terms, _) in enumerate(self.rows) for v, c in terms.items()]
        constraints = None
        if entries:
            i, v, c = zip(*entries, strict=True)
            matrix = coo_array((c, (i, v)), shape=(len(self.rows), len(self.low))).tocsr()
            constraints = LinearConstraint(matrix, -np.inf, np.array([limit for _, limit in self.rows]))
        return milp(
            objective,
            integrality=np.array(self.binary, int) if options else None,
            bounds=Bounds(np.array(self.low), np.array(self.high)),
            constraints=constraints,
            options=options,
        )

    def _at_most(self, terms: dict[int, float], limit: float) -> None:
        self.rows.append((terms, limit))

    def _node(self, node: Node) -> list[_Expression]:
        lows, highs = self.ranges[node.name]
        before = self._before(node)
        made = []
        for i in range(node.size):
            low, high = float(lows[i]), float(highs[i])
            expression = None
            if low == high:
                expression = _Expression({}, low)
            elif before is not None:
                target = node.type
                if "types" in node.attributes:
                    target = FixedType.parse(node.attributes["types"][i])
                expression = self._cast(before[0][i], before[1], node, target, low, high)
            if expression is None:
                variable = self._variable(low, high)
                expression = _Expression({variable: 1.0})
            made.append(expression)
        return made

    def _before(self, node: Node) -> tuple[list[_Expression], int] | None:
        """Linear expressions before the cast, and their fractional bits; None where there are none."""
        sources = [self.values[name] for name in node.inputs]
        fractions = [self.graph[name].type.fraction for name in node.inputs]
        shapes = [self.graph[name].shape for name in node.inputs]
        if node.op in ("cast", "relu", "reshape"):
            return sources[0], fractions[0]
        if node.op == "take":
            return [sources[0][i] for i in node.attributes["index"]], fractions[0]
        if node.op == "concatenate":
            fine = max(fractions)
            arrays = [
                _objects([_scaled(e, 2.0 ** (fine - f)) for e in s]).reshape(shape)
                for s, f, shape in zip(sources, fractions, shapes, strict=True)
            ]
            return list(np.concatenate(arrays, axis=node.attributes["axis"]).ravel()), fine
        if node.op == "scale_bias":
            scale, bias = node.constants["scale"], node.constants["bias"]
            fine = max(fractions[0] + scale.type.fraction, bias.type.fraction)
            s = np.broadcast_to(scale.data, node.shape).ravel() * 2.0 ** (
                fine - fractions[0] - scale.type.fraction
            )
            b = np.broadcast_to(bias.data, node.shape).ravel() * 2.0 ** (fine - bias.type.fraction)
            return [_sum([(e, float(m))], float(o)) for e, m, o in zip(sources[0], s, b, strict=True)], fine
        if node.op == "dense":
            return self._dense(node, sources[0], fractions[0])
        if node.op == "sum":
            accum = node.accumulator()
            if accum.fraction < fractions[0]:
                return None
            total = _sum([(e, 2.0 ** (accum.fraction - fractions[0])) for e in sources[0]])
            return ([total], accum.fraction) if self._fits(total, accum) else None
        if node.op in ("add", "subtract"):
            fine = max(fractions)
            sign = 1.0 if node.op == "add" else -1.0
            left, right = (
                np.broadcast_to(_objects(s).reshape(shape), node.shape).ravel()
                for s, shape in zip(sources, shapes, strict=True)
            )
            factors = 2.0 ** (fine - fractions[0]), sign * 2.0 ** (fine - fractions[1])
            return [_sum([(x, factors[0]), (y, factors[1])]) for x, y in zip(left, right, strict=True)], fine
        return None

    def _dense(
        self, node: Node, source: list[_Expression], fraction: int
    ) -> tuple[list[_Expression], int] | None:
        weight, bias, accum = node.constants["weight"], node.constants["bias"], node.accumulator()
        product = fraction + weight.type.fraction
        if product > accum.fraction and (weight.data % (1 << (product - accum.fraction))).any():
            return None  # products are rounded one by one
        factor = 2.0 ** (accum.fraction - product)
        start = cast(bias.data.astype(object), bias.type.fraction, accum)
        n_in, n_out = weight.data.shape
        made = []
        for place in range(node.size // n_out):
            part = source[place * n_in : (place + 1) * n_in]
            for j in range(n_out):
                column = weight.data[:, j]
                terms = [(part[i], float(column[i]) * factor) for i in np.flatnonzero(column)]
                made.append(_sum(terms, float(start[j])))
        return (made, accum.fraction) if all(self._fits(e, accum) for e in made) else None

    def _fits(self, e: _Expression, accum: FixedType) -> bool:
        """Whether no partial sum can leave the accumulator."""
        below, above = min(e.constant, 0.0), max(e.constant, 0.0)
        for v, c in e.terms.items():
            below += min(c * self.low[v], c * self.high[v], 0.0)
            above += max(c * self.low[v], c * self.high[v], 0.0)
        return bool(below >= accum.minimum and above <= accum.maximum)

    def _cast(
        self, e: _Expression, fraction: int, node: Node, target: FixedType, low: float, high: float
    ) -> _Expression | None:
        """Rounding error, ReLU and saturation of one element, in LSBs of the node; None: not modelled."""
        step = 2.0 ** (node.type.fraction - target.fraction)
        rounded = _scaled(e, 2.0 ** (target.fraction - fraction))
        if fraction > target.fraction:
            down, up = (-0.5, 0.5) if target.rounding in NEAREST else (-1.0, 0.0)
            up = 1.0 if target.rounding is Rounding.TRN_ZERO else up
            rounded = _sum([(rounded, 1.0), (_Expression({self._variable(down, up): 1.0}), 1.0)])
        least, most = float(target.minimum), float(target.maximum)
        if node.op == "relu":
            least = max(least, 0.0)
        first, last = self._bounds(rounded)
        under, over = first < least, last > most
        saturates = target.overflow in (Overflow.SAT, Overflow.SAT_SYM)
        if not saturates and (over or (under and node.op != "relu")):
            return None
        if not under and not over:
            # one variable per element keeps the expressions of the next layer short
            return (
                _scaled(rounded, step) if len(rounded.terms) <= 2 else self._named(rounded, step, low, high)
            )
        y = self._variable(max(low / step, least), min(high / step, most))
        terms = dict(rounded.terms)
        less = {v: -c for v, c in terms.items()}
        over_bit = self._variable(0, 1, True) if over else None
        under_bit = self._variable(0, 1, True) if under else None
        # y >= r - (last - most) over;  y <= r + (least - first) under
        row = {**terms, y: -1.0}
        if over_bit is not None:
            row[over_bit] = -(last - most)
            self._at_most({y: -1.0, over_bit: most - least}, -least)  # over: y >= most
        self._at_most(row, -rounded.constant)
        row = {**less, y: 1.0}
        if under_bit is not None:
            row[under_bit] = -(least - first)
            self._at_most({y: 1.0, under_bit: most - least}, most)  # under: y <= least
        self._at_most(row, rounded.constant)
        return _Expression({y: step})

    def _named(self, e: _Expression, step: float, low: float, high: float) -> _Expression:
        y = self._variable(low / step, high / step)
        self._at_most({**e.terms, y: -1.0}, -e.constant)
        self._at_most({**{v: -c for v, c in e.terms.items()}, y: 1.0}, e.constant)
        return _Expression({y: step})

    def extreme(self, element: int, largest: bool, seconds: float = SECONDS) -> Bound:
        """The proven limit of one element of the target, on one side."""
        goal = self.target[element]
        if not goal.terms:
            return Bound(int(goal.constant), None)
        objective = np.zeros(len(self.low))
        for v, c in goal.terms.items():
            objective[v] = -c if largest else c
        options = {"node_limit": NODES, "time_limit": seconds, "mip_rel_gap": 1e-3}
        result = self._solve(objective, options)
        dual = result.mip_dual_bound if any(self.binary) else result.fun
        limit = None
        if dual is not None and np.isfinite(dual):
            best = (-dual if largest else dual) + goal.constant
            limit = int(np.floor(best + MARGIN)) if largest else int(np.ceil(best - MARGIN))
        return Bound(limit, None if result.x is None else self._row(result.x), result.status == 1)

    def _row(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """The inputs of a solution, rounded to integers; order of this program's inputs."""
        values: list[int] = []
        for node in self.graph.inputs:
            for element, e in enumerate(self.values[node.name]):
                found = e.constant + sum(c * x[v] for v, c in e.terms.items())
                if self.front is not None:
                    found = self.front.low + int(np.abs(self.front.table[:, element] - found).argmin())
                values.append(round(found))
        return np.array(values, np.int64)


@dataclass(frozen=True)
class _Front:
    """Element-wise nodes between the only input and the rest, as ``table`` (input values, elements)."""

    name: str
    rest: Graph
    low: int
    table: NDArray[np.int64]


def _front(graph: Graph, target: str) -> _Front | None:
    """The last node that depends element by element on the input and hides it from the others."""
    if len(graph.inputs) != 1:
        return None
    source = last = graph.inputs[0]
    skipped: set[str] = set()
    while True:
        readers = [node for node in graph.nodes if last.name in node.inputs]
        if len(readers) != 1 or readers[0].op not in ELEMENTWISE or readers[0].name == target:
            break
        skipped.add(last.name)
        last = readers[0]
    span = source.type.maximum - source.type.minimum
    if not skipped or span >= FRONT:
        return None
    scan = np.arange(source.type.minimum, source.type.maximum + 1)
    rows = np.broadcast_to(scan.reshape(-1, *[1] * len(source.shape)), (len(scan), *source.shape))
    table = compile_graph(graph.subgraph([last.name])).run_rows({source.name: rows})[last.name]
    nodes = [n for n in graph.nodes if n.name not in skipped]
    front = Node(last.name, "input", (), last.shape, last.type)
    nodes = [front if node is last else node for node in nodes]
    rest = Graph(graph.name, nodes, list(graph.outputs))
    return _Front(last.name, rest, source.type.minimum, table.reshape(len(scan), -1))


def _objects(values: list[_Expression]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _scaled(e: _Expression, factor: float) -> _Expression:
    return (
        e if factor == 1.0 else _Expression({v: c * factor for v, c in e.terms.items()}, e.constant * factor)
    )


def _sum(parts: list[tuple[_Expression, float]], constant: float = 0.0) -> _Expression:
    total = _Expression({}, constant)
    for e, factor in parts:
        total.constant += e.constant * factor
        for v, c in e.terms.items():
            total.terms[v] = total.terms.get(v, 0.0) + c * factor
    return total
