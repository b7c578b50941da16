"""Decision-tree ensembles in floating point: the one form that every training library is read into.

The form keeps what the library computes with (float32 or float64 features, ``<`` or ``<=``, the direction
of missing values), so that ``Ensemble.margin`` can be compared with the library itself before anything is
quantised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1forge.emulator.errors import InputError

LEAF = -1

Split = Literal["<", "<="]
Floats = NDArray[Any]


@dataclass(frozen=True)
class Tree:
    """One tree as parallel arrays over its nodes; node 0 is the root, children come after their parent.

    ``feature`` is -1 at leaves; ``value`` counts at leaves only; ``missing_left`` is the direction that a
    missing value takes.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]
    missing_left: NDArray[np.bool_]

    @staticmethod
    def from_arrays(
        feature: ArrayLike,
        threshold: ArrayLike,
        left: ArrayLike,
        right: ArrayLike,
        value: ArrayLike,
        missing_left: ArrayLike | None = None,
    ) -> Tree:
        """A tree from a library's arrays, whatever the order of its nodes; unreachable nodes are dropped.

        Raises
        ------
        InputError
            If the arrays differ in length, or do not describe a tree.
        """
        split, first, second = (np.asarray(a).astype(np.int64) for a in (feature, left, right))
        sizes = {np.shape(a) for a in (split, first, second, threshold, value)}
        if len(sizes) != 1 or not split.size:
            raise InputError("node arrays differ in length or are empty", remedy="the model is damaged")
        order, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            if not 0 <= node < len(split):
                raise InputError("tree lacks a node", value=node, remedy="the model is damaged")
            order.append(node)
            if split[node] != LEAF:
                waiting += [int(second[node]), int(first[node])]
            if len(order) > len(split):
                raise InputError("tree has a cycle", remedy="the model is damaged")
        number = np.full(len(split) + 1, LEAF)
        number[order] = np.arange(len(order))
        leaf = split[order] == LEAF
        absent = (
            np.zeros(len(split), np.bool_) if missing_left is None else np.asarray(missing_left, np.bool_)
        )
        return Tree(
            split[order],
            np.where(leaf, 0.0, np.asarray(threshold, np.float64)[order]),
            np.where(leaf, LEAF, number[first[order]]),
            np.where(leaf, LEAF, number[second[order]]),
            np.where(leaf, np.asarray(value, np.float64)[order], 0.0),
            absent[order],
        )

    @property
    def depth(self) -> int:
        """Comparisons on the longest path."""
        depth = np.zeros(len(self.feature), np.int64)
        for node in np.flatnonzero(self.feature != LEAF):
            depth[[self.left[node], self.right[node]]] = depth[node] + 1
        return int(depth.max())


class TreeBuilder:
    """Collects nodes in an order where children follow their parents."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, float, int, int, float, bool]] = []

    def leaf(self, value: float) -> int:
        self._rows.append((LEAF, 0.0, LEAF, LEAF, float(value), False))
        return len(self._rows) - 1

    def split(
        self,
        feature: int,
        threshold: float,
        missing_left: bool,
        left: Callable[[], int],
        right: Callable[[], int],
    ) -> int:
        """Add an inner node; ``left`` and ``right`` add the children and return their numbers."""
        node = len(self._rows)
        self._rows.append((feature, float(threshold), LEAF, LEAF, 0.0, bool(missing_left)))
        children = left(), right()
        self._rows[node] = (feature, float(threshold), *children, 0.0, bool(missing_left))
        return node

    def tree(self) -> Tree:
        feature, threshold, left, right, value, missing = zip(*self._rows, strict=True)
        return Tree(
            np.array(feature, np.int64),
            np.array(threshold, np.float64),
            np.array(left, np.int64),
            np.array(right, np.int64),
            np.array(value, np.float64),
            np.array(missing, np.bool_),
        )


@dataclass(frozen=True)
class Ensemble:
    """Trees with everything that is needed to compute the library's raw score.

    ``margin = base + sum(leaf values) / divisor`` for each score; tree ``t`` adds to score
    ``tree_class[t]``. ``feature_dtype`` is what features are converted to before the comparison,
    ``sum_dtype`` what leaves are summed in, in tree order. ``missing`` is the feature value that the
    library takes for missing (NaN unless the training declared another). ``link`` turns margins into
    the library's output, see ``firmware.bdt.link_functions``.
    """

    trees: tuple[Tree, ...]
    tree_class: tuple[int, ...]
    base: tuple[float, ...]
    feature_names: tuple[str, ...]
    split: Split
    library: str
    link: str = "identity"
    divisor: float = 1.0
    feature_dtype: str = "float32"
    sum_dtype: str = "float64"
    missing: float = float("nan")
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.trees:
            raise InputError("ensemble has no trees", field=self.library, remedy="train it first")
        for number, tree in enumerate(self.trees):
            inner = tree.feature != LEAF
            if not np.isfinite(tree.threshold[inner]).all() or not np.isfinite(tree.value[~inner]).all():
                raise InputError("threshold or leaf is not finite", field=f"{self.library} tree {number}")
            wrong = tree.feature[inner & ((tree.feature < 0) | (tree.feature >= self.n_features))]
            if wrong.size:
                raise InputError(
                    f"tree splits on a feature beyond the {self.n_features} of the model",
                    field=f"{self.library} tree {number}",
                    value=int(wrong[0]),
                )
        if len(self.tree_class) != len(self.trees) or not set(self.tree_class) <= set(range(self.n_scores)):
            raise InputError(
                f"expected a score of 0 … {self.n_scores - 1} for each of {len(self.trees)} trees",
                field=f"{self.library} tree_class",
            )
        if not np.isfinite(self.base).all():
            raise InputError("base score is not finite", field=self.library, value=self.base)

    @property
    def n_features(self) -> int:
        return len(self.feature_names)

    @property
    def n_scores(self) -> int:
        return len(self.base)

    @property
    def depth(self) -> int:
        return max(tree.depth for tree in self.trees)

    def leaves(self, x: ArrayLike) -> NDArray[np.float64]:
        """Value of the leaf that each event reaches in each tree, shape (n, n_trees)."""
        features = self._features(x)
        if np.isnan(self.missing):
            absent = np.isnan(features)
        else:
            absent = features == np.dtype(self.feature_dtype).type(self.missing)
        return np.stack([self._leaf_values(tree, features, absent) for tree in self.trees], axis=1)

    def margin(self, x: ArrayLike) -> Floats:
        """Raw scores, shape (n, n_scores), in ``sum_dtype``; ``x`` has shape (n, n_features), NaN = missing.

        Raises
        ------
        InputError
            If ``x`` has another number of features.
        """
        leaves = self.leaves(x).astype(self.sum_dtype)
        start = np.array(self.base, self.sum_dtype)
        total = np.zeros((len(leaves), self.n_scores), self.sum_dtype)
        if self.divisor == 1:
            total += start  # the libraries that do not divide start their sum at the base score
        for tree, score in enumerate(self.tree_class):
            total[:, score] += leaves[:, tree]
        return total if self.divisor == 1 else start + total / np.dtype(self.sum_dtype).type(self.divisor)

    def _features(self, x: ArrayLike) -> Floats:
        features = np.asarray(x, self.feature_dtype)
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise InputError(
                f"expected features of shape (n, {self.n_features})", field=self.library, value=features.shape
            )
        return features

    def _leaf_values(self, tree: Tree, features: Floats, absent: NDArray[np.bool_]) -> Floats:
        events, position = np.arange(len(features)), np.zeros(len(features), np.int64)
        while (moving := tree.feature[position] != LEAF).any():
            column = np.where(moving, tree.feature[position], 0)
            x, limit = features[events, column], tree.threshold[position]
            to_left = x < limit if self.split == "<" else x <= limit
            to_left = np.where(absent[events, column], tree.missing_left[position], to_left)
            position = np.where(
                moving, np.where(to_left, tree.left[position], tree.right[position]), position
            )
        values: Floats = tree.value[position]
        return values


def names(given: Iterable[Any] | None, count: int) -> tuple[str, ...]:
    """The model's feature names, or ``f0`` … where it has none; InputError if their number is wrong."""
    found = tuple(f"f{i}" for i in range(count)) if given is None else tuple(map(str, given))
    if len(found) != count:
        raise InputError(f"expected {count} names", field="feature names", value=len(found))
    return found
