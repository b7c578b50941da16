"""Integer trees: thresholds on the features' grid, and comparisons that cannot matter removed.

A feature of type ``T`` is ``v * lsb`` with integer ``v``. With ``k`` the threshold in units of the LSB,
``x <= t`` holds exactly if ``v <= floor(k)`` and ``x < t`` exactly if ``v < ceil(k)``: rounding the other
way, or to nearest, moves events that lie on the grid between the threshold and its rounded value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.bdt.ensemble import LEAF, Ensemble, Split, Tree


@dataclass(frozen=True)
class IntegerNode:
    """A leaf (``feature`` = -1, ``value`` in LSBs of the score) or a comparison (``threshold`` in LSBs of
    its feature) with the numbers of its children."""

    feature: int
    threshold: int = 0
    left: int = 0
    right: int = 0
    value: int = 0


def grid_threshold(threshold: float, split: Split, fraction: int) -> int:
    """The threshold in units of ``2**-fraction``, rounded so that no value on that grid changes side."""
    exact = Fraction(threshold) * Fraction(2) ** fraction
    return math.floor(exact) if split == "<=" else math.ceil(exact)


def integer_tree(
    ensemble: Ensemble,
    tree: Tree,
    features: Sequence[FixedType],
    leaves: Sequence[int],
    threshold_fraction: int | None,
) -> list[IntegerNode]:
    """The tree on integer features; node 0 is the root, children follow their parents.

    A comparison whose outcome is settled by the range of its feature's type or by the comparisons above it
    is replaced by the branch that is taken, and one whose branches are equal leaves by that leaf: for every
    input that the types can hold, the leaf value reached is the same.

    Parameters
    ----------
    leaves
        Leaf values in LSBs of the score, one per node of ``tree``.
    threshold_fraction
        Fractional bits of the thresholds where these are coarser than the features'.

    Raises
    ------
    InputError
        If the ensemble declares a finite value missing that a comparison would send the other way.
    """
    nodes: list[IntegerNode] = []
    ranges = {i: (t.minimum, t.maximum) for i, t in enumerate(features)}

    def emit(node: int, limits: dict[int, tuple[int, int]]) -> int:
        feature = int(tree.feature[node])
        if feature == LEAF:
            nodes.append(IntegerNode(LEAF, value=leaves[node]))
            return len(nodes) - 1
        low, high = limits[feature]
        fraction = features[feature].fraction
        coarse = fraction if threshold_fraction is None else min(fraction, threshold_fraction)
        limit = grid_threshold(float(tree.threshold[node]), ensemble.split, coarse) << (fraction - coarse)
        last_left = limit if ensemble.split == "<=" else limit - 1
        _check_missing(ensemble, tree, node, low, high, fraction, last_left)
        if high <= last_left:
            return emit(int(tree.left[node]), limits)
        if low > last_left:
            return emit(int(tree.right[node]), limits)
        place = len(nodes)
        nodes.append(IntegerNode(feature, limit))
        left = emit(int(tree.left[node]), {**limits, feature: (low, last_left)})
        right = emit(int(tree.right[node]), {**limits, feature: (last_left + 1, high)})
        if nodes[left].feature == LEAF and nodes[left] == nodes[right]:
            nodes[place] = nodes[left]
            del nodes[place + 1 :]
        else:
            nodes[place] = IntegerNode(feature, limit, left, right)
        return place

    emit(0, ranges)
    return nodes


def _check_missing(
    ensemble: Ensemble, tree: Tree, node: int, low: int, high: int, fraction: int, last_left: int
) -> None:
    if math.isnan(ensemble.missing):
        return
    missing = Fraction(ensemble.missing) * Fraction(2) ** fraction
    if low <= missing <= high and (missing <= last_left) != bool(tree.missing_left[node]):
        name = ensemble.feature_names[int(tree.feature[node])]
        raise InputError(
            f"the value declared missing ({ensemble.missing:g}) goes against the comparison",
            field=f"{ensemble.library} feature {name}",
            value=float(tree.threshold[node]),
            remedy="train with NaN as missing, or without missing values",
        )
