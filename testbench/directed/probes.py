"""What must be reached, and the quantities that show it, as nodes of one more graph.

Every quantity (the index of a table, a value before it saturates, the difference of two compared values) is a
node added to the user's graph, so that the emulator computes it, and its interval analysis bounds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, round_shift
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.kernel.lowering import lower
from l1forge.testbench.directed.goals import CUTS, ENDS, ENTRIES, Goal

WIDE = 60  # bits of a quantity: what needs more is not watched
ENTRY_LIMIT = 1 << 12  # squares of more values are multipliers in the RTL: their ends and signs are watched
PAIRS = ("greater_equal", "maximum", "minimum")


@dataclass(frozen=True)
class Column:
    """One watched integer: element ``element`` of node ``quantity`` of the probe graph."""

    quantity: str
    element: int
    margin: bool = False  # the element less the largest of the others, instead of the element


@dataclass(frozen=True)
class Derived:
    """A column that is a monotone function of column ``base``: what is proven of that holds for it, too."""

    base: int
    function: Callable[[int], int]


@dataclass(frozen=True)
class Probes:
    """The graph with its probes, the columns, their proven ranges, and the goals (without those of trees)."""

    graph: Graph
    columns: list[Column]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    goals: list[Goal]
    unwatched: list[str]
    derived: dict[int, Derived]


@dataclass(frozen=True)
class _Watch:
    """A probe node and how its elements become goals."""

    node: Node  # of the user's graph
    probe: Node
    kind: str  # "value", "cast", "index", "difference", "margin"
    fraction: int = 0  # fractional bits before a cast


def probes_of(graph: Graph) -> Probes:
    """The probes of all tables, squares, comparisons, quantisers and argmax nodes of ``graph``."""
    watches = [watch for node in graph.nodes for watch in _watches(graph, node)]
    known = {node.name for node in graph.nodes}
    added = [watch.probe for watch in watches if watch.probe.name not in known]
    probing = Graph(graph.name, [*graph.nodes, *added], list(graph.outputs), {}, graph.file)
    wanted = list(dict.fromkeys([*(watch.probe.name for watch in watches), *graph.outputs]))
    ranges = lower(probing, wanted).outputs
    columns: dict[Column, int] = {}
    bounds: list[tuple[int, int]] = []
    goals: list[Goal] = []
    unwatched: list[str] = []
    for watch in watches:
        lows, highs = ranges[watch.probe.name].interval.low, ranges[watch.probe.name].interval.high
        if max(abs(int(v)) for v in (*lows, *highs)) >= 1 << (WIDE - 1):
            unwatched.append(f"{watch.node.name}: wider than {WIDE} bits")
            continue
        if watch.kind == "margin":
            lows, highs = _margins(lows, highs)
        for element in range(watch.probe.size):
            column = Column(watch.probe.name, element, watch.kind == "margin")
            low, high = int(lows[element]), int(highs[element])
            made = list(_goals(watch, element, low, high))
            if not made:
                continue
            if column not in columns:
                columns[column] = len(bounds)
                bounds.append((low, high))
            goals += [replace(goal, column=columns[column]) for goal in made]
    used = list(dict.fromkeys(column.quantity for column in columns))
    least, most = np.array(bounds, np.int64).reshape(-1, 2).T
    derived = {
        columns[column]: Derived(columns[base], function)
        for watch in watches
        if watch.kind in ("value", "index") and (function := _monotone(graph, watch)) is not None
        for element in range(watch.probe.size)
        if (column := Column(watch.probe.name, element)) in columns
        and (base := Column(f"probe.{watch.node.inputs[0]}.before", element)) in columns
    }
    return Probes(
        replace(probing, outputs=used) if used else probing,
        list(columns),
        least,
        most,
        goals,
        unwatched,
        derived,
    )


def _monotone(graph: Graph, watch: _Watch) -> Callable[[int], int] | None:
    """From the source's value before its cast to the watched quantity; None: not monotone."""
    source, attributes = graph[watch.node.inputs[0]], watch.node.attributes
    if source.type.overflow not in (Overflow.SAT, Overflow.SAT_SYM) or "types" in source.attributes:
        return None
    multiplier, shift = int(attributes.get("multiplier", 1)), int(attributes.get("shift", 0))
    rounding = Rounding(attributes.get("index_rounding", "TRN"))
    least, most = source.type.minimum, source.type.maximum
    if source.op == "relu":
        least = max(least, 0)

    def quantity(before: int) -> int:
        value = min(max(before, least), most)
        if watch.kind == "value":
            return value
        return int(round_shift(np.array([value * multiplier], object), shift, rounding)[0])

    return quantity


def _margins(
    low: NDArray[np.object_], high: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    def others(values: NDArray[np.object_], i: int) -> int:
        return max((int(v) for j, v in enumerate(values) if j != i), default=0)

    lows = [int(v) - others(high, i) for i, v in enumerate(low)]
    highs = [int(v) - others(low, i) for i, v in enumerate(high)]
    return np.array(lows, object), np.array(highs, object)


def _wide(fraction: int, rounding: Rounding = Rounding.TRN) -> FixedType:
    return FixedType(WIDE, WIDE - fraction, True, rounding)


def _watches(graph: Graph, node: Node) -> Iterator[_Watch]:
    """The probes of one node."""
    sources = [graph[name] for name in node.inputs]
    name = f"probe.{node.name}"
    if node.op == "table":
        yield _Watch(node, _index(node, sources[0], name), "index")
    elif node.op == "square":
        yield _Watch(node, sources[0], "value")
    elif node.op == "argmax":
        if sources[0].size > 1:
            yield _Watch(node, sources[0], "margin")
    elif node.op in PAIRS:
        finest = max(source.type.fraction for source in sources)
        yield _Watch(node, Node(name, "subtract", node.inputs, node.shape, _wide(finest)), "difference")
    fraction = _fraction_before(node, sources)
    if fraction is not None and node.op != "square":  # the entries of a square hold its ends
        probe = replace(node, name=f"{name}.before", type=_wide(node.type.fraction, node.type.rounding))
        if node.op == "relu":
            probe = replace(probe, op="cast")
        if "types" in node.attributes:
            types = [FixedType.parse(text) for text in node.attributes["types"]]
            text = [str(_wide(kind.fraction, kind.rounding)) for kind in types]
            probe = replace(probe, attributes={**node.attributes, "types": text})
        yield _Watch(node, probe, "cast", fraction)


def _fraction_before(node: Node, sources: list[Node]) -> int | None:
    """Fractional bits of a result before its cast; None if the node has no cast of its own."""
    fractions = [source.type.fraction for source in sources]
    if node.op in ("cast", "relu", "reshape", "take", "concatenate", "add", "subtract", "maximum", "minimum"):
        return max(fractions)
    if node.op == "multiply":
        return sum(fractions)
    if node.op in ("dense", "sum"):
        return node.accumulator().fraction
    if node.op == "scale_bias":
        scale, bias = node.constants["scale"].type, node.constants["bias"].type
        return max(fractions[0] + scale.fraction, bias.fraction)
    return None


def _index(node: Node, source: Node, name: str) -> Node:
    """The rounded table index without its offset: rounding may depend on the sign before the offset."""
    multiplier, shift = int(node.attributes.get("multiplier", 1)), int(node.attributes.get("shift", 0))
    width = max(multiplier.bit_length() + 1, 2)
    constants = {
        "scale": Constant(
            FixedType(width, width - (shift - source.type.fraction)), np.full(node.shape, multiplier)
        ),
        "bias": Constant(FixedType(1, 1, False), np.zeros(node.shape, np.int64)),
    }
    rounding = Rounding(node.attributes.get("index_rounding", "TRN"))
    return Node(name, "scale_bias", node.inputs, node.shape, _wide(0, rounding), {}, constants)


def _goals(watch: _Watch, element: int, low: int, high: int) -> Iterator[Goal]:
    """Goals of one element whose quantity is proven to lie in ``low .. high``; the column is set later."""
    node = watch.node

    def goal(kind: str, first: int, last: int | None = None, what: str = "") -> Goal:
        offset = int(node.attributes["offset"]) if watch.kind == "index" else 0
        return Goal(kind, node.name, element, -1, first, first if last is None else last, what, offset)

    if watch.kind == "index":
        last, offset = node.constants["table"].data.size - 1, int(node.attributes["offset"])
        for k in range(last + 1):  # the first and the last are addressed from beyond the table, too
            index = k - offset
            yield goal(
                ENTRIES, min(low, index) if k == 0 else index, max(high, index) if k == last else index
            )
        for value in (-1 - offset, last + 1 - offset):
            if low <= value <= high:
                yield goal(CUTS, value, what="index beyond the table")
    elif watch.kind == "value":
        if high - low < ENTRY_LIMIT:
            yield from (goal(ENTRIES, value) for value in range(low, high + 1))
        else:
            yield from (goal(ENDS, value) for value in (low, high))
            yield from (goal(CUTS, value) for value in (-1, 0, 1) if low < value < high)
    elif watch.kind == "margin":
        yield from (goal(CUTS, value, what="margin") for value in (-1, 0, 1) if low <= value <= high)
    elif watch.kind == "difference":
        values = (-1, 0) if node.op == "greater_equal" else (-1, 0, 1)
        if low < high:
            yield from (goal(CUTS, value, what="difference") for value in values if low <= value <= high)
    else:
        yield from _cast_goals(watch, element, low, high, goal)


def _cast_goals(
    watch: _Watch, element: int, low: int, high: int, goal: Callable[..., Goal]
) -> Iterator[Goal]:
    """Both sides of saturation (wrapping, ReLU), else the ends, of a value rounded but not yet cut."""
    node, fraction = watch.node, watch.fraction
    texts = node.attributes.get("types")
    target = node.type if texts is None else FixedType.parse(texts[element])
    step = 1 << max(node.type.fraction - target.fraction, 0)
    least, most = target.minimum * step, target.maximum * step
    if node.op == "relu":
        least = max(least, 0)
    if low >= least and high <= most and fraction <= target.fraction:
        return  # nothing is quantised
    sides = ((low, low < least, least, least - step), (high, high > most, most, most + step))
    for end, overflows, edge, beyond in sides if low < high else ():
        if overflows:
            yield goal(CUTS, edge, what="last before overflow")
            yield goal(CUTS, beyond, what="first overflow")
        else:
            yield goal(ENDS, end)
