"""Lowering of tree ensembles: one form of comparison, integer leaves, dead branches removed."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow, cast
from l1forge.emulator.graph.graph import Node
from l1forge.emulator.graph.trees import LEAF
from l1forge.emulator.kernel.builder import LIMIT, Builder, NotLowered, lowers
from l1forge.emulator.kernel.intervals import Exact, Interval, exact, magnitude
from l1forge.emulator.kernel.program import Tree, Trees, Value


def _below(node: Node, source: Value) -> Exact:
    """Thresholds such that "left" means ``x < threshold`` in LSBs of ``source``."""
    threshold = node.constants["threshold"]
    limits, strict = exact(threshold.data), node.attributes["split"] == "<"
    down = threshold.type.fraction - source.fraction
    if down <= 0:
        return (limits << -down) + (not strict)
    # x < t / 2^down means x < ceil(t / 2^down); x <= t / 2^down means x < floor(t / 2^down) + 1
    return -((-limits) >> down) if strict else (limits >> down) + 1


class _Walker:
    """Copies one tree without the branches that no value of the features reaches."""

    def __init__(self, node: Node, number: int, below: Exact, values: Exact, reach: Interval) -> None:
        self.feature, self.left, self.right = (
            node.constants[name].data[number] for name in ("feature", "left", "right")
        )
        self.below, self.values = below[number], values[number]
        self.low, self.high = list(reach.low), list(reach.high)
        self.nodes: list[list[int]] = []

    def copy(self, at: int) -> tuple[int, int]:
        """Append the subtree at ``at``; returns its number and depth."""
        f = int(self.feature[at])
        if f == LEAF:
            self.nodes.append([LEAF, 0, 0, 0, int(self.values[at])])
            return len(self.nodes) - 1, 0
        limit, low, high = int(self.below[at]), self.low[f], self.high[f]
        if high < limit:
            return self.copy(int(self.left[at]))
        if low >= limit:
            return self.copy(int(self.right[at]))
        number = len(self.nodes)
        self.nodes.append([f, limit, 0, 0, 0])
        self.high[f] = limit - 1
        left, depth_left = self.copy(int(self.left[at]))
        self.low[f], self.high[f] = limit, high
        right, depth_right = self.copy(int(self.right[at]))
        self.low[f] = low
        self.nodes[number][2:4] = left, right
        return number, 1 + max(depth_left, depth_right)


def _tree(node: Node, number: int, below: Exact, values: Exact, reach: Interval) -> Tree:
    walker = _Walker(node, number, below, values, reach)
    _, depth = walker.copy(0)
    columns = exact(walker.nodes).T
    feature, left, right = (columns[i].astype(np.int64) for i in (0, 2, 3))
    score = int(node.constants["tree_class"].data[number])
    return Tree(score, feature, columns[1], left, right, columns[4], depth)


@lowers("tree_ensemble")
def _tree_ensemble(build: Builder, node: Node, sources: list[Value]) -> Value:
    accum: FixedType = node.accumulator()
    value, bias = node.constants["value"], node.constants["bias"]
    values = exact(cast(exact(value.data), value.type.fraction, accum))
    start = exact(cast(exact(bias.data), bias.type.fraction, accum))
    below = _below(node, sources[0])
    trees = [_tree(node, t, below, values, sources[0].interval) for t in range(len(values))]
    low, high, least, most = start.copy(), start.copy(), np.minimum(start, 0), np.maximum(start, 0)
    for tree in trees:
        leaves = tree.value[tree.feature == LEAF]
        low[tree.score] += min(leaves)
        high[tree.score] += max(leaves)
        least[tree.score] += min(0, *leaves)
        most[tree.score] += max(0, *leaves)
    total, partial = Interval(low, high), Interval(least, most)
    fits = bool(np.all(least >= accum.minimum) and np.all(most <= accum.maximum))
    modular = accum.overflow is Overflow.WRAP and accum.saturation_bits == 0
    if not (fits or modular) or magnitude(partial, sources[0].interval) > LIMIT:
        raise NotLowered(f"accumulator {accum} of trees")
    out = build.program.value(node.name, accum.fraction, total)
    build.program.steps.append(Trees(out, node.name, sources[0], trees, start, partial))
    if not fits:
        out = build.wrapped(out, accum)
    return build.cast_all(out)
