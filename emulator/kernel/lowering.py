"""Graph to primitive steps, with the interval proof carried along.

``LOWERINGS`` maps an operation to the function that appends its steps. A function that returns None, or an
operation without one, makes the node an ``Evaluated`` step: exact, slow, and visible in the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from emulator.errors import InputError
from emulator.fixed import FixedType, Overflow, Rounding, cast, round_shift
from emulator.graph import Graph, Node
from emulator.kernel.intervals import Cast, Exact, Interval, accumulate, exact, magnitude, plan_cast
from emulator.kernel.program import (
    ArgMax,
    Binary,
    Dot,
    Evaluated,
    Index,
    Lookup,
    Map,
    OrderedDot,
    Program,
    Source,
    Trees,
    Value,
)
from emulator.kernel.simplify import simplify

LIMIT = 62
"""Bits that an int64 kernel may use; wider intermediate results are left to the reference."""


class NotLowered(Exception):
    """A step needs more than the kernels have; the text says what."""


class Builder:
    """Appends steps for one node to a program."""

    def __init__(self, program: Program, node: Node, shapes: list[tuple[int, ...]]) -> None:
        self.program, self.node, self.shapes = program, node, shapes

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
        scale, shift = exact(multiplier, (rows,)), exact(offset, (rows,))
        before = source.interval.take(index).affine(scale, shift)
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
        keep = weight != 0
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


def needed(graph: Graph, outputs: Iterable[str] | None = None) -> Graph:
    """The part that ``outputs`` need, with all inputs (an input that nothing reads is never touched)."""
    part = graph.subgraph(graph.outputs if outputs is None else outputs)
    kept = {node.name for node in (*part.nodes, *graph.inputs)}
    return Graph(graph.name, [n for n in graph.nodes if n.name in kept], part.outputs, part.meta, part.file)


def lower(graph: Graph, outputs: Iterable[str] | None = None) -> Program:
    """The steps that compute ``outputs`` (default: the graph's) and nothing else."""
    graph = needed(graph, outputs)
    program = Program()
    produced: dict[str, Value] = {}
    for node in graph.nodes:
        sources = [produced[name] for name in node.inputs]
        if node.op == "input":
            value = program.value(node.name, node.type.fraction, Interval.of_type(node.type, node.size))
            program.sources.append(Source(value, node, np.zeros(node.size, bool), _columns(node, graph.file)))
        else:
            mark = len(program.steps), len(program.values)
            try:
                if node.op not in LOWERINGS:
                    raise NotLowered(f"no kernel for {node.op}")
                shapes = [graph[name].shape for name in node.inputs]
                value = LOWERINGS[node.op](Builder(program, node, shapes), node, sources)
            except NotLowered as reason:
                del program.steps[mark[0] :], program.values[mark[1] :]
                value = program.value(node.name, node.type.fraction, Interval.of_type(node.type, node.size))
                origins = [graph[name] for name in node.inputs]
                program.steps.append(Evaluated(value, node.name, node, sources, origins, str(reason)))
        produced[node.name] = value
    program.outputs = {name: produced[name] for name in graph.outputs}
    simplify(program)
    _mark_used(program)
    return program


def _columns(node: Node, file: str | None) -> list[tuple[str, int] | None] | None:
    texts = node.attributes.get("source")
    if texts is None:
        return None
    if len(texts) != node.size:
        raise InputError(
            f"needs one entry per element ({node.size})",
            file=file,
            field=f"node {node.name}: source",
            value=len(texts),
        )
    columns: list[tuple[str, int] | None] = []
    for text in texts:
        name, bracket, slot = str(text).partition("[")
        if text == "0":
            columns.append(None)
        elif bracket and slot.endswith("]") and slot[:-1].isdecimal():
            columns.append((name, int(slot[:-1])))
        else:
            raise InputError(
                "is not a column",
                file=file,
                field=f"node {node.name}: source",
                value=text,
                remedy='write "mu.pt[0]" or "0"',
            )
    return columns


def _mark_used(program: Program) -> None:
    """Which input rows any step (or output) reads."""
    sources = {source.value.number: source for source in program.sources}
    for value in program.outputs.values():
        if value.number in sources:
            sources[value.number].used[:] = True
    for step in program.steps:
        for value in step.inputs:
            if value.number not in sources:
                continue
            used = sources[value.number].used
            if isinstance(step, Map):
                used[step.source_row] = True
            elif isinstance(step, Dot):
                used[step.row] = True
            elif isinstance(step, Binary):
                used[step.a_row if step.a is value else step.b_row] = True
                if step.a is step.b:
                    used[step.b_row] = True
            elif isinstance(step, Trees):
                for tree in step.trees:
                    used[tree.feature[tree.feature >= 0]] = True
            else:
                used[:] = True


@lowers("constant")
def _constant(build: Builder, node: Node, sources: list[Value]) -> Value:
    data = exact(node.constants["value"].data).reshape(-1)
    empty = build.program.value(node.name, node.type.fraction, Interval(exact([0]), exact([0])))
    none = np.zeros(0, np.int64)
    out = build.program.value(node.name, node.type.fraction, Interval(data, data))
    if magnitude(out.interval) > LIMIT:
        raise NotLowered("wide constant")
    build.program.steps.append(
        Dot(
            out,
            node.name,
            empty,
            none,
            none,
            exact([]),
            data,
            Interval(np.minimum(data, 0), np.maximum(data, 0)),
            0,
        )
    )
    return out


@lowers("cast")
def _cast(build: Builder, node: Node, sources: list[Value]) -> Value:
    texts = node.attributes.get("types")
    targets = [FixedType.parse(t) for t in texts] if texts is not None else [node.type] * node.size
    if any(target.fraction > node.type.fraction for target in targets):
        raise NotLowered("element finer than the node's type")
    return build.cast_rows(sources[0], targets)


@lowers("reshape")
def _reshape(build: Builder, node: Node, sources: list[Value]) -> Value:
    return build.cast_all(sources[0])


@lowers("take")
def _take(build: Builder, node: Node, sources: list[Value]) -> Value:
    return build.cast_all(sources[0], source_row=np.array(node.attributes["index"], np.int64))


@lowers("relu")
def _relu(build: Builder, node: Node, sources: list[Value]) -> Value:
    return build.cast_all(sources[0], relu=True)


@lowers("scale_bias")
def _scale_bias(build: Builder, node: Node, sources: list[Value]) -> Value:
    scale, bias = node.constants["scale"], node.constants["bias"]
    product = sources[0].fraction + scale.type.fraction
    fraction = max(product, bias.type.fraction)
    multiplier = exact(scale.data, node.shape).reshape(-1) << (fraction - product)
    offset = exact(bias.data, node.shape).reshape(-1) << (fraction - bias.type.fraction)
    return build.cast_all(sources[0], multiplier=multiplier, offset=offset, fraction=fraction)


@lowers("dense")
def _dense(build: Builder, node: Node, sources: list[Value]) -> Value:
    weight, bias, accum = node.constants["weight"], node.constants["bias"], node.accumulator()
    n_in, n_out = weight.data.shape
    positions = node.size // n_out if n_out else 0
    start = cast(exact(bias.data), bias.type.fraction, accum)
    place, j, i = np.meshgrid(np.arange(positions), np.arange(n_out), np.arange(n_in), indexing="ij")
    total = build.dot(
        sources[0],
        (place * n_in + i).reshape(-1),
        (place * n_out + j).reshape(-1),
        np.tile(exact(weight.data).T.reshape(-1), positions),
        weight.type.fraction,
        np.tile(exact(start), positions),
        accum,
    )
    return build.cast_all(total)


@lowers("sum")
def _sum(build: Builder, node: Node, sources: list[Value]) -> Value:
    (x,) = sources
    rows = np.arange(x.rows)
    total = build.dot(x, rows, np.zeros_like(rows), exact(1, (x.rows,)), 0, exact([0]), node.accumulator())
    return build.cast_all(total)


def binary(build: Builder, operator: str, a: Value, b: Value, a_row: Index, b_row: Index) -> Value:
    """Append ``a (operator) b`` on chosen rows, exact on the finer LSB (product: exact)."""
    x, y = a.interval.take(a_row), b.interval.take(b_row)
    if operator == "multiply":
        a_shift = b_shift = 0
        fraction = a.fraction + b.fraction
        corners = [p * q for p in (x.low, x.high) for q in (y.low, y.high)]
        if a is b and np.array_equal(a_row, b_row):
            crosses = (x.low < 0) & (x.high > 0)
            low = np.where(crosses, 0, np.minimum(corners[0], corners[3]))
            out = Interval(low, np.maximum(corners[0], corners[3]))
        else:
            out = Interval(np.minimum.reduce(corners), np.maximum.reduce(corners))
    else:
        fraction = max(a.fraction, b.fraction)
        a_shift, b_shift = fraction - a.fraction, fraction - b.fraction
        x, y = Interval(x.low << a_shift, x.high << a_shift), Interval(y.low << b_shift, y.high << b_shift)
        if operator == "add":
            out = Interval(x.low + y.low, x.high + y.high)
        elif operator == "subtract":
            out = Interval(x.low - y.high, x.high - y.low)
        elif operator == "greater_equal":
            out = Interval(
                (x.low >= y.high).astype(int).astype(object), (x.high >= y.low).astype(int).astype(object)
            )
            fraction = 0
        elif operator == "maximum":
            out = Interval(np.maximum(x.low, y.low), np.maximum(x.high, y.high))
        else:
            out = Interval(np.minimum(x.low, y.low), np.minimum(x.high, y.high))
    if magnitude(x, y, out) > LIMIT:
        raise NotLowered(f"{magnitude(x, y, out)} bits in {operator}")
    value = build.program.value(build.node.name, fraction, out)
    build.program.steps.append(
        Binary(value, build.node.name, operator, a, b, a_row, b_row, a_shift, b_shift, x.union(y))
    )
    return value


@lowers("square")
def _square(build: Builder, node: Node, sources: list[Value]) -> Value:
    rows = np.arange(sources[0].rows)
    return build.cast_all(binary(build, "multiply", sources[0], sources[0], rows, rows))


@lowers("add", "subtract", "multiply", "maximum", "minimum", "greater_equal")
def _pair(build: Builder, node: Node, sources: list[Value]) -> Value:
    rows = [
        np.broadcast_to(np.arange(source.rows).reshape(shape), node.shape).reshape(-1).copy()
        for source, shape in zip(sources, build.shapes, strict=True)
    ]
    return build.cast_all(binary(build, node.op, sources[0], sources[1], rows[0], rows[1]))


@lowers("concatenate")
def _concatenate(build: Builder, node: Node, sources: list[Value]) -> Value:
    offsets = np.cumsum([0] + [source.rows for source in sources])
    parts = [
        start + np.arange(source.rows).reshape(shape)
        for start, source, shape in zip(offsets, sources, build.shapes, strict=False)
    ]
    order = np.concatenate(parts, axis=node.attributes["axis"]).reshape(-1)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    rows = node.size
    out = build.program.value(node.name, node.type.fraction, Interval(exact(0, (rows,)), exact(0, (rows,))))
    for start, source in zip(offsets, sources, strict=False):
        build.cast_all(source, out=out, out_row=place[start : start + source.rows])
    return out


@lowers("argmax")
def _argmax(build: Builder, node: Node, sources: list[Value]) -> Value:
    (x,) = sources
    out = build.program.value(node.name, 0, Interval(exact([0]), exact([x.rows - 1])))
    build.program.steps.append(ArgMax(out, node.name, x))
    return build.cast_all(out)


@lowers("table")
def _table(build: Builder, node: Node, sources: list[Value]) -> Value:
    (x,) = sources
    attributes, table = node.attributes, node.constants["table"]
    entries = cast(exact(table.data).reshape(-1), table.type.fraction, node.type)
    multiplier, shift = int(attributes.get("multiplier", 1)), int(attributes.get("shift", 0))
    rounding = Rounding(attributes.get("index_rounding", "TRN"))
    offset = int(attributes["offset"])
    before = x.interval.affine(exact(multiplier, (x.rows,)), exact(0, (x.rows,)))
    if magnitude(before) + max(0, -shift) + 1 > LIMIT or abs(offset) >= 1 << 60:
        raise NotLowered("wide table index")
    if magnitude(Interval(exact([min(entries)]), exact([max(entries)]))) > LIMIT:
        raise NotLowered("wide table entries")
    low, high = exact(0, (x.rows,)), exact(0, (x.rows,))
    for r in range(x.rows):
        ends = round_shift(np.array([before.low[r], before.high[r]], dtype=object), shift, rounding) + offset
        first, last = (int(min(max(v, 0), len(entries) - 1)) for v in sorted(ends))
        low[r], high[r] = min(entries[first : last + 1]), max(entries[first : last + 1])
    out = build.program.value(node.name, node.type.fraction, Interval(low, high))
    build.program.steps.append(
        Lookup(out, node.name, x, exact(entries), offset, multiplier, shift, rounding, before)
    )
    return out
