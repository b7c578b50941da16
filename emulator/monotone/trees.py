"""Bounds of a tree ensemble: which leaves x and its partner x' can reach, together."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.node import Node
from l1forge.emulator.graph.trees import LEAF
from l1forge.emulator.monotone.pairs import Array, Pair, check

FAR = np.int64(1) << 61


def ensemble(node: Node, fraction: int, x: Pair, accum_fraction: int) -> tuple[Pair, float]:
    """Bounds of the scores in LSBs of the accumulator, and the largest magnitude of a partial sum.

    ``x``: bounds of the features (boxes, n_features), with ``fraction`` fractional bits.
    """
    threshold, value, bias = (node.constants[name] for name in ("threshold", "value", "bias"))
    common = max(fraction, threshold.type.fraction)
    x = x.shifted_left(common - fraction)
    limits = threshold.data.astype(np.int64) << (common - threshold.type.fraction)
    if node.attributes["split"] == "<=":  # of integers: x <= t is x < t + 1
        limits = limits + 1
    leaves = value.data.astype(np.int64) << (accum_fraction - value.type.fraction)
    start = bias.data.astype(np.int64) << (accum_fraction - bias.type.fraction)
    boxes = len(x.low)
    total = [np.broadcast_to(start, (boxes, len(start))).copy() for _ in range(2)]
    total += [np.zeros((boxes, len(start)), np.int64) for _ in range(2)]
    partial = np.abs(start).astype(float)
    for tree, score in enumerate(node.constants["tree_class"].data):
        for whole, part in zip(total, _tree(node, tree, x, limits[tree], leaves[tree]), strict=True):
            whole[:, score] += part
        partial[score] += float(np.abs(leaves[tree]).max())
    check(float(partial.max()))
    return Pair(*total), float(partial.max())


def _tree(node: Node, tree: int, x: Pair, limits: Array, leaves: Array) -> tuple[Array, Array, Array, Array]:
    """Low, high, down, up (boxes,) of one tree, from its leaves to its root: children come after parents."""
    feature, left, right = (node.constants[name].data[tree] for name in ("feature", "left", "right"))
    order = _reachable(feature, left, right)
    found: dict[int, tuple[Array, ...]] = {}
    boxes = len(x.low)
    for at in reversed(order):
        if feature[at] == LEAF:
            leaf = np.full(boxes, leaves[at])
            found[at] = (leaf, leaf, leaf, leaf, np.zeros_like(leaf), np.zeros_like(leaf))
            continue
        i, limit = int(feature[at]), limits[at]
        found[at] = _joined(found[int(left[at])], found[int(right[at])], x, i, int(limit))
    low, high, _, _, down, up = found[0]
    return low, high, down, up


def _reachable(feature: Array, left: Array, right: Array) -> list[int]:
    """Nodes below the root, parents first."""
    order, waiting = [], [0]
    while waiting:
        at = waiting.pop()
        order.append(at)
        if feature[at] != LEAF:
            waiting += [int(left[at]), int(right[at])]
    return sorted(order)


def _joined(a: tuple[Array, ...], b: tuple[Array, ...], x: Pair, i: int, limit: int) -> tuple[Array, ...]:
    """Bounds at a node whose children have ``a`` (feature i below ``limit``) and ``b``.

    Each is (low, high) of x, (low, high) of x', (down, up). x and x' may go separate ways.
    """
    low, high, down, up = x.low[:, i], x.high[:, i], x.down[:, i], x.up[:, i]
    left, right = low < limit, high >= limit
    left_after, right_after = low + down < limit, high + up >= limit
    out = []
    for place, (goes_left, goes_right) in enumerate(((left, right), (left_after, right_after))):
        lows, highs = 2 * place, 2 * place + 1
        out.append(np.minimum(np.where(goes_left, a[lows], FAR), np.where(goes_right, b[lows], FAR)))
        out.append(np.maximum(np.where(goes_left, a[highs], -FAR), np.where(goes_right, b[highs], -FAR)))
    rising = left & (np.minimum(high, limit - 1) + up >= limit)
    falling = right & (np.maximum(low, limit) + down < limit)
    changes = [
        (left & left_after, a[4], a[5]),
        (right & right_after, b[4], b[5]),
        (rising, b[2] - a[1], b[3] - a[0]),
        (falling, a[2] - b[1], a[3] - b[0]),
    ]
    out.append(np.min([np.where(possible, least, FAR) for possible, least, _ in changes], axis=0))
    out.append(np.max([np.where(possible, most, -FAR) for possible, _, most in changes], axis=0))
    return tuple(out)
