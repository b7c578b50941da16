"""From a float ensemble and its types to the fixed-point graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.trees import NODE_CONSTANTS
from l1forge.firmware.bdt.ensemble import LEAF, Ensemble
from l1forge.firmware.bdt.fold import IntegerNode, integer_tree


@dataclass(frozen=True)
class Precision:
    """The types of a quantised ensemble.

    ``features`` are the types the trees compare in, one per feature; ``score`` is that of leaves and start
    values; ``threshold`` may be coarser than the features, None puts thresholds on the features' own grid.
    Sums are exact: their type follows from the leaves.
    """

    features: tuple[FixedType, ...]
    score: FixedType
    threshold: FixedType | None = None


def common_type(types: Sequence[FixedType]) -> FixedType:
    """The narrowest type with one LSB that holds all values of ``types``."""
    signed = any(t.signed for t in types)
    fraction = max(t.fraction for t in types)
    integer = max(t.integer + (signed and not t.signed) for t in types)
    return FixedType(integer + fraction, integer, signed)


def input_type(types: Sequence[FixedType]) -> FixedType:
    """A type for all features that loses nothing of what the features' own modes look at.

    Equal types: that type. Else the common grid, and one bit below it where the finest feature does not
    truncate; cut off there, a value still rounds to nearest as it would at once.
    """
    if len(set(types)) == 1:
        return types[0]
    own = common_type(types)
    finest = [t for t in types if t.fraction == own.fraction]
    extra = any(t.rounding is not Rounding.TRN for t in finest)
    saturating = all(t.overflow is Overflow.SAT for t in types)
    overflow = Overflow.SAT if saturating else Overflow.WRAP
    return FixedType(own.width + extra, own.integer, own.signed, Rounding.TRN, overflow)


def narrowest(values: ArrayLike, fraction: int) -> FixedType:
    """The narrowest type with ``fraction`` fractional bits that holds the integers ``values``."""
    array = np.asarray(values)
    bare = FixedType.integers(int(array.min(initial=0)), int(array.max(initial=0)))
    return FixedType(bare.width, bare.width - fraction, bare.signed)


def to_graph(
    ensemble: Ensemble,
    precision: Precision,
    name: str,
    *,
    raw: FixedType | None = None,
    source: Sequence[str] | None = None,
    meta: dict[str, Any] | None = None,
) -> Graph:
    """The ensemble as a graph: input, one cast per feature where types differ, trees.

    Parameters
    ----------
    raw
        Type of the graph's input; by default one that casts physical values as the features' own types do
        (``input_type``). Where it is wider than a feature's type, that type's modes apply.
    source
        Event column of each feature, such as ``"jet.et[0]"``.

    Returns
    -------
    Graph with output ``"score"``: the raw scores, exact sums, shape (n_scores,).

    Raises
    ------
    InputError
        If a leaf, start value or threshold does not fit the type given for it, or a declared missing value
        cannot be represented.
    """
    if len(precision.features) != ensemble.n_features:
        raise InputError(
            f"expected one type for each of {ensemble.n_features} features",
            field=name,
            value=len(precision.features),
        )
    own = common_type(precision.features)
    bare = [FixedType(t.width, t.integer, t.signed) for t in precision.features]
    entry = raw or input_type(precision.features)
    nodes = [
        Node(
            "features",
            "input",
            (),
            (ensemble.n_features,),
            entry,
            {"source": list(source)} if source is not None else {},
        )
    ]
    last = nodes[0]
    if any(t != FixedType(entry.width, entry.integer, entry.signed) for t in bare):
        types = {"types": [str(t) for t in precision.features]}
        last = Node("quantised", "cast", (last.name,), last.shape, own, types)
        nodes.append(last)
    nodes.append(_tree_node(ensemble, precision, last))
    about = {
        "library": ensemble.library,
        "link": ensemble.link,
        "feature_names": list(ensemble.feature_names),
        **ensemble.meta,
        **(meta or {}),
    }
    return Graph(name, nodes, ["score"], about)


def _tree_node(ensemble: Ensemble, precision: Precision, source: Node) -> Node:
    scale = math.ldexp(1.0, precision.score.fraction)
    trees: list[list[IntegerNode]] = []
    for number, tree in enumerate(ensemble.trees):
        leaves = rounded(tree.value / ensemble.divisor * scale)
        _fits(leaves[tree.feature == LEAF], precision.score, f"{ensemble.library} tree {number}: leaf")
        threshold_fraction = precision.threshold.fraction if precision.threshold else None
        trees.append(
            integer_tree(ensemble, tree, precision.features, [int(v) for v in leaves], threshold_fraction)
        )
    bias = rounded(np.array(ensemble.base) * scale)
    arrays = _padded(trees)
    shift = np.array([source.type.fraction - t.fraction for t in precision.features] + [0])
    arrays["threshold"] <<= shift[arrays["feature"]]  # feature -1 takes the last entry
    limits, limit_type = _threshold_type(arrays["threshold"], arrays["feature"], precision, source)
    arrays["threshold"] = limits
    classes = np.array(ensemble.tree_class)
    accum = narrowest(
        [_extreme(trees, classes, bias, min), _extreme(trees, classes, bias, max)],
        precision.score.fraction,
    )
    types = {
        "threshold": limit_type,
        "value": FixedType(precision.score.width, precision.score.integer, precision.score.signed),
    }
    constants = {
        key: Constant(types.get(key) or narrowest(arrays[key], 0), arrays[key]) for key in NODE_CONSTANTS
    }
    constants["tree_class"] = Constant(narrowest(classes, 0), classes)
    constants["bias"] = Constant(narrowest(bias, precision.score.fraction), bias)
    attributes = {"split": ensemble.split, "accum": str(accum)}
    return Node("score", "tree_ensemble", (source.name,), (ensemble.n_scores,), accum, attributes, constants)


def rounded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Nearest integers, ties upwards (``RND``)."""
    return np.floor(values + 0.5).astype(np.int64)


def _fits(values: NDArray[np.int64], kind: FixedType, where: str) -> None:
    bad = values[(values < kind.minimum) | (values > kind.maximum)]
    if bad.size:
        raise InputError(
            f"does not fit {kind}", field=where, value=float(bad[0]) * kind.lsb, remedy="add integer bits"
        )


def _padded(trees: list[list[IntegerNode]]) -> dict[str, NDArray[np.int64]]:
    shape = len(trees), max(len(tree) for tree in trees)
    arrays = {key: np.zeros(shape, np.int64) for key in NODE_CONSTANTS}
    arrays["feature"][:] = LEAF
    for row, tree in enumerate(trees):
        for column, node in enumerate(tree):
            for key in NODE_CONSTANTS:
                arrays[key][row, column] = getattr(node, key)
    return arrays


def _threshold_type(
    limits: NDArray[np.int64], feature: NDArray[np.int64], precision: Precision, source: Node
) -> tuple[NDArray[np.int64], FixedType]:
    """Thresholds in their own type: the one given, or the narrowest that holds them."""
    used = limits[feature != LEAF]
    kind = precision.threshold
    if kind is None:
        spare = 0
        while used.any() and not (used & 1).any():
            used, spare = used >> 1, spare + 1
        return limits >> spare, narrowest(used, source.type.fraction - spare)
    shift = kind.fraction - source.type.fraction
    scaled = limits << shift if shift >= 0 else limits >> -shift
    _fits(scaled[feature != LEAF], kind, "threshold")
    return scaled, FixedType(kind.width, kind.integer, kind.signed)


def _extreme(
    trees: list[list[IntegerNode]],
    classes: NDArray[Any],
    bias: NDArray[Any],
    pick: Callable[[Iterable[int]], int],
) -> int:
    """Smallest (largest) value of any leaf, start value or partial sum."""
    total = [int(b) for b in bias]
    seen = list(total)
    for tree, score in zip(trees, classes, strict=True):
        leaf = pick(node.value for node in tree if node.feature == LEAF)
        total[score] += leaf
        seen += [leaf, total[score]]
    return int(pick(seen))
