"""The lowering of each operation of docs/graph.md (trees: ``ensembles``)."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Rounding, cast, round_shift
from l1forge.emulator.graph.graph import Node
from l1forge.emulator.kernel.builder import LIMIT, Builder, NotLowered, lowers
from l1forge.emulator.kernel.intervals import Interval, exact, magnitude
from l1forge.emulator.kernel.program import ArgMax, Binary, Dot, Index, Lookup, Value


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
        a_shift = fraction - a.fraction if x.any() else 0
        b_shift = fraction - b.fraction if y.any() else 0
        x, y = Interval(x.low << a_shift, x.high << a_shift), Interval(y.low << b_shift, y.high << b_shift)
        if operator == "add":
            out = Interval(x.low + y.low, x.high + y.high)
        elif operator == "subtract":
            out = Interval(x.low - y.high, x.high - y.low)
            never_negative, never_positive = build.signs(a, b, a_row, b_row)
            out.low[never_negative] = np.maximum(out.low[never_negative], 0)
            out.high[never_positive] = np.minimum(out.high[never_positive], 0)
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
