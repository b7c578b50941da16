"""Bounds of every operation's result and change, from those of its inputs.

The arithmetic of the operations is that of docs/graph.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Rounding
from l1forge.emulator.graph.node import Node
from l1forge.emulator.monotone.pairs import Array, Pair, TooWide, cast_pair, check, clipped, rounded, unknown
from l1forge.emulator.monotone.trees import ensemble

Bounds = Callable[[Node, list[Node], list[Pair]], Pair]
BOUNDS: dict[str, Bounds] = {}


class Lossy(Exception):
    """A sum that rounds or overflows on its way: its change has no useful bound."""


def bounds(name: str) -> Callable[[Bounds], Bounds]:
    """Register the bounds of an operation."""

    def register(function: Bounds) -> Bounds:
        BOUNDS[name] = function
        return function

    return register


def bounds_of(node: Node, sources: list[Node], inputs: list[Pair]) -> tuple[Pair, str | None]:
    """Bounds of ``node``, and why they are the widest possible where they are."""
    try:
        if node.op in BOUNDS:
            return BOUNDS[node.op](node, sources, inputs), None
        reason = "the operation has no bound"
    except Lossy:
        reason = "the accumulator rounds or can overflow on the way"
    except TooWide:
        reason = "more than 60 bits"
    still = np.all([((x.down == 0) & (x.up == 0)).all(axis=1) for x in inputs], axis=0)
    return unknown(node.type, still, node.size), f"node {node.name} ({node.op}): {reason}"


def products(x: Pair, factor: Array) -> Pair:
    """``x * factor`` element by element, for constant factors (broadcast)."""
    check(
        float(max(np.abs(x.low).max(initial=0), np.abs(x.high).max(initial=0)))
        * float(np.abs(factor).max(initial=0))
    )
    positive = factor >= 0
    return Pair(
        np.where(positive, x.low * factor, x.high * factor),
        np.where(positive, x.high * factor, x.low * factor),
        np.where(positive, x.down * factor, x.up * factor),
        np.where(positive, x.up * factor, x.down * factor),
    )


@bounds("cast")
def _cast(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    (x,), fraction = inputs, sources[0].type.fraction
    types = node.attributes.get("types")
    if types is None:
        return cast_pair(x, fraction, node.type)
    columns = []
    for i, text in enumerate(types):
        own = FixedType.parse(text)
        column = cast_pair(x.map(lambda bound, i=i: bound[:, i : i + 1]), fraction, own)  # type: ignore[misc]
        columns.append(column.shifted_left(node.type.fraction - own.fraction))
    return joined(columns)


def joined(parts: list[Pair]) -> Pair:
    """Elements of ``parts`` one after the other."""
    return Pair(*(np.concatenate([getattr(part, name) for part in parts], axis=1)
                  for name in ("low", "high", "down", "up")))  # fmt: skip


@bounds("scale_bias")
def _scale_bias(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    scale, bias = node.constants["scale"], node.constants["bias"]
    factor = np.broadcast_to(scale.data, node.shape).reshape(1, -1).astype(np.int64)
    fraction = sources[0].type.fraction + scale.type.fraction
    common = max(fraction, bias.type.fraction)
    product = products(inputs[0], factor).shifted_left(common - fraction)
    offset = np.broadcast_to(bias.data, node.shape).reshape(1, -1).astype(np.int64) << (
        common - bias.type.fraction
    )
    moved = Pair(product.low + offset, product.high + offset, product.down, product.up)
    return cast_pair(moved, common, node.type)


def exact_sum(total: Pair, partial: float, accum: FixedType) -> Pair:
    """``total`` if no partial sum (of magnitude ``partial`` at most) leaves ``accum``.

    Raises
    ------
    Lossy
        If one could, and the accumulator does not saturate harmlessly.
    """
    check(partial)
    if partial <= min(accum.maximum, -accum.minimum):
        return total
    raise Lossy


@bounds("dense")
def _dense(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    weight, bias, accum = node.constants["weight"], node.constants["bias"], node.accumulator()
    fraction = sources[0].type.fraction + weight.type.fraction
    lift = accum.fraction - fraction
    if lift < 0 or accum.fraction < bias.type.fraction:
        raise Lossy
    w = weight.data.astype(np.int64)
    n = w.shape[0]
    x = inputs[0].map(lambda bound: bound.reshape(-1, n))
    size = np.maximum(np.abs(x.low), np.abs(x.high)).astype(float)
    start = bias.data.astype(np.int64) << (accum.fraction - bias.type.fraction)
    partial = float((size @ np.abs(w).astype(float)).max(initial=0)) * 2.0**lift + float(
        np.abs(start).max(initial=0)
    )
    partial = max(partial, float((np.maximum(np.abs(x.low_after), np.abs(x.high_after)).astype(float)
                                  @ np.abs(w).astype(float)).max(initial=0)) * 2.0**lift)  # fmt: skip
    plus, minus = np.maximum(w, 0), np.minimum(w, 0)
    total = Pair(
        ((x.low @ plus + x.high @ minus) << lift) + start,
        ((x.high @ plus + x.low @ minus) << lift) + start,
        (x.down @ plus + x.up @ minus) << lift,
        (x.up @ plus + x.down @ minus) << lift,
    )
    total = exact_sum(total, partial, accum)
    boxes = len(inputs[0].low)
    return cast_pair(total.map(lambda bound: bound.reshape(boxes, -1)), accum.fraction, node.type)


@bounds("sum")
def _sum(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    accum = node.accumulator()
    terms = cast_pair(inputs[0], sources[0].type.fraction, accum)
    size = [np.maximum(np.abs(a), np.abs(b)).astype(float).sum(axis=1).max(initial=0)
            for a, b in ((terms.low, terms.high), (terms.low_after, terms.high_after))]  # fmt: skip
    total = terms.map(lambda bound: bound.sum(axis=1, keepdims=True))
    return cast_pair(exact_sum(total, float(max(size)), accum), accum.fraction, node.type)


@bounds("relu")
def _relu(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    return cast_pair(clipped(inputs[0], 0, 1 << 60), sources[0].type.fraction, node.type)


@bounds("table")
def _table(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    table = node.constants["table"]
    data = table.data.astype(np.int64)
    attributes = node.attributes
    scaled = products(inputs[0], np.array([[int(attributes.get("multiplier", 1))]], np.int64))
    scaled = rounded(
        scaled, int(attributes.get("shift", 0)), Rounding(attributes.get("index_rounding", "TRN"))
    )
    offset = int(attributes["offset"])
    place = clipped(Pair(scaled.low + offset, scaled.high + offset, scaled.down, scaled.up), 0, len(data) - 1)
    least, most = _range_extremes(data)
    low, high = least(place.low, place.high), most(place.low, place.high)
    after = np.clip(place.low_after, 0, len(data) - 1), np.clip(place.high_after, 0, len(data) - 1)
    steps = np.diff(data)
    flat, steep = (int(steps.min()), int(steps.max())) if len(steps) else (0, 0)
    down, up = _table_change(place, flat, steep)
    down = np.maximum(down, least(*after) - high)
    up = np.minimum(up, most(*after) - low)
    return cast_pair(Pair(low, high, down, up), table.type.fraction, node.type)


def _table_change(place: Pair, flat: int, steep: int) -> tuple[Array, Array]:
    """Change of a table's value whose entries differ by ``flat`` to ``steep`` from one to the next."""
    ends = [place.down, place.up, np.clip(0, place.down, place.up)]
    down = np.min([np.where(j >= 0, j * flat, j * steep) for j in ends], axis=0)
    up = np.max([np.where(j >= 0, j * steep, j * flat) for j in ends], axis=0)
    return down, up


Extreme = Callable[[Array, Array], Array]


def _range_extremes(data: Array) -> tuple[Extreme, Extreme]:
    """Functions (first, last) -> smallest and largest entry from first to last, both included."""

    def levels(function: Callable[[Array, Array], Array]) -> list[Array]:
        out = [data]
        width = 1
        while 2 * width <= len(data):
            out.append(function(out[-1][:-width], out[-1][width:]))
            width *= 2
        return out

    def extreme(function: Callable[[Array, Array], Array]) -> Extreme:
        made = levels(function)

        def of(first: Array, last: Array) -> Array:
            level = np.floor(np.log2((last - first + 1).astype(float))).astype(np.int64)
            result = np.empty_like(first)
            for k, row in enumerate(made):
                mine = level == k
                if mine.any():
                    result[mine] = function(row[first[mine]], row[last[mine] - (1 << k) + 1])
            return result

        return of

    return extreme(np.minimum), extreme(np.maximum)


def _aligned(node: Node, sources: list[Node], inputs: list[Pair]) -> tuple[Pair, Pair, int]:
    """Both inputs, broadcast to the result's shape, on the finer LSB."""
    fraction = max(source.type.fraction for source in sources)
    fine = [x.shifted_left(fraction - s.type.fraction) for x, s in zip(inputs, sources, strict=True)]
    return (*_broadcast(node, sources, fine), fraction)


def _broadcast(node: Node, sources: list[Node], inputs: list[Pair]) -> tuple[Pair, Pair]:
    boxes = len(inputs[0].low)

    def spread(x: Pair, source: Node) -> Pair:
        shape = (boxes, *[1] * (len(node.shape) - len(source.shape)), *source.shape)
        return x.map(
            lambda bound: np.broadcast_to(bound.reshape(shape), (boxes, *node.shape)).reshape(boxes, -1)
        )

    first, second = (spread(x, s) for x, s in zip(inputs, sources, strict=True))
    return first, second


@bounds("add")
def _add(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    a, b, fraction = _aligned(node, sources, inputs)
    return cast_pair(Pair(a.low + b.low, a.high + b.high, a.down + b.down, a.up + b.up), fraction, node.type)


@bounds("subtract")
def _subtract(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    a, b, fraction = _aligned(node, sources, inputs)
    return cast_pair(Pair(a.low - b.high, a.high - b.low, a.down - b.up, a.up - b.down), fraction, node.type)


def _larger(a: Pair, b: Pair) -> Pair:
    low, high = np.maximum(a.low, b.low), np.maximum(a.high, b.high)
    down, up = np.minimum(a.down, b.down), np.maximum(a.up, b.up)
    for winner, other in ((a, b), (b, a)):  # one is larger on all x and x'
        wins = (winner.low >= other.high) & (winner.low_after >= other.high_after)
        down, up = np.where(wins, winner.down, down), np.where(wins, winner.up, up)
    after = np.maximum(a.low_after, b.low_after), np.maximum(a.high_after, b.high_after)
    return Pair(low, high, np.maximum(down, after[0] - high), np.minimum(up, after[1] - low))


def _negative(x: Pair) -> Pair:
    return Pair(-x.high, -x.low, -x.up, -x.down)


@bounds("maximum")
def _maximum(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    a, b, fraction = _aligned(node, sources, inputs)
    return cast_pair(_larger(a, b), fraction, node.type)


@bounds("minimum")
def _minimum(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    a, b, fraction = _aligned(node, sources, inputs)
    return cast_pair(_negative(_larger(_negative(a), _negative(b))), fraction, node.type)


@bounds("greater_equal")
def _greater_equal(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    a, b, _ = _aligned(node, sources, inputs)
    gap = Pair(a.low - b.high, a.high - b.low, a.down - b.up, a.up - b.down)
    return cast_pair(clipped(Pair(gap.low + 1, gap.high + 1, gap.down, gap.up), 0, 1), 0, node.type)


def _product_range(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    corners = [x * y for x in a for y in b]
    return np.min(corners, axis=0), np.max(corners, axis=0)


@bounds("multiply")
def _multiply(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    a, b = _broadcast(node, sources, inputs)
    ends = [
        float(np.abs(part).max(initial=0))
        for x in (a, b)
        for part in (x.low, x.high, x.low_after, x.high_after)
    ]
    check(max(ends[:4]) * max(ends[4:]) * 2)
    fraction = sum(source.type.fraction for source in sources)
    low, high = _product_range((a.low, a.high), (b.low, b.high))
    first = _product_range((a.down, a.up), (b.low_after, b.high_after))
    second = _product_range((a.low, a.high), (b.down, b.up))
    after = _product_range((a.low_after, a.high_after), (b.low_after, b.high_after))
    down = np.maximum(first[0] + second[0], after[0] - high)
    up = np.minimum(first[1] + second[1], after[1] - low)
    return cast_pair(Pair(low, high, down, up), fraction, node.type)


@bounds("square")
def _square(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    (x,) = inputs
    check(float(max(np.abs(b).max(initial=0) for b in (x.low, x.high, x.low_after, x.high_after))) ** 2 * 4)

    def squares(low: Array, high: Array) -> tuple[Array, Array]:
        ends = low * low, high * high
        return np.where((low <= 0) & (high >= 0), 0, np.minimum(*ends)), np.maximum(*ends)

    low, high = squares(x.low, x.high)
    change = _product_range((x.down, x.up), (x.low + x.low_after, x.high + x.high_after))
    after = squares(x.low_after, x.high_after)
    down, up = np.maximum(change[0], after[0] - high), np.minimum(change[1], after[1] - low)
    return cast_pair(Pair(low, high, down, up), 2 * sources[0].type.fraction, node.type)


@bounds("concatenate")
def _concatenate(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    axis = int(node.attributes["axis"]) % len(node.shape)
    parts = [cast_pair(x, s.type.fraction, node.type) for x, s in zip(inputs, sources, strict=True)]
    boxes = len(inputs[0].low)

    def joined_along(name: str) -> Array:
        shaped = [getattr(p, name).reshape(boxes, *s.shape) for p, s in zip(parts, sources, strict=True)]
        return np.concatenate(shaped, axis + 1).reshape(boxes, -1)

    return Pair(*(joined_along(name) for name in ("low", "high", "down", "up")))


@bounds("reshape")
def _reshape(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    return cast_pair(inputs[0], sources[0].type.fraction, node.type)


@bounds("take")
def _take(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    index = np.array(node.attributes["index"], np.int64)
    return cast_pair(inputs[0].map(lambda bound: bound[:, index]), sources[0].type.fraction, node.type)


@bounds("tree_ensemble")
def _tree_ensemble(node: Node, sources: list[Node], inputs: list[Pair]) -> Pair:
    accum, value, bias = node.accumulator(), node.constants["value"], node.constants["bias"]
    if accum.fraction < max(value.type.fraction, bias.type.fraction):
        raise Lossy
    total, partial = ensemble(node, sources[0].type.fraction, inputs[0], accum.fraction)
    return cast_pair(exact_sum(total, partial, accum), accum.fraction, node.type)
