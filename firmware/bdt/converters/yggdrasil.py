"""Yggdrasil Decision Forests (YDF) models. Features and thresholds are float32, ``x >= t`` is the right side.

YDF sums gradient-boosted trees in float32; leaves are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.ensemble import Ensemble, Tree, TreeBuilder

if TYPE_CHECKING:
    import ydf

EULER = 0.5772156649  # as written in Yggdrasil's isolation_forest.cc


def convert(model: ydf.DecisionForestModel) -> Ensemble:
    """Read a gradient-boosted, random-forest or isolation-forest model.

    Raises
    ------
    InputError
        For other models, and for conditions other than ``feature >= threshold`` (categorical, oblique, …).
    """
    kind = type(model).__name__
    if kind not in ("GradientBoostedTreesModel", "RandomForestModel", "IsolationForestModel"):
        raise InputError("model is not supported", value=kind, remedy="gradient boosting or a forest")
    inputs = model.input_features()
    columns = {feature.column_idx: index for index, feature in enumerate(inputs)}
    labels = model.label_classes() if model.task().name == "CLASSIFICATION" else []
    names = tuple(feature.name for feature in inputs)
    common: dict[str, Any] = {"feature_names": names, "split": "<", "library": "ydf"}
    sources = model.get_all_trees()
    if kind == "GradientBoostedTreesModel":
        base = [float(v) for v in model.initial_predictions()]
        trees = [_tree(t, columns, n, lambda value, depth: [value.value])[0] for n, t in enumerate(sources)]
        link = ("softmax" if len(base) > 1 else "logistic") if labels else "identity"
        classes = tuple(n % len(base) for n in range(len(trees)))
        return Ensemble(tuple(trees), classes, tuple(base), link=link, sum_dtype="float32", **common)
    if kind == "IsolationForestModel":
        trees = [_tree(t, columns, n, _path_length)[0] for n, t in enumerate(sources)]
        examples = sources[0].root.value.num_examples_without_weight
        divisor = len(trees) * expected_path_length(examples)
        return Ensemble(tuple(trees), (0,) * len(trees), (0.0,), link="isolation", divisor=divisor, **common)
    chosen = list(range(len(labels))) if len(labels) > 2 else [1 if labels else 0]
    vote = bool(labels) and model.winner_takes_all()

    def values(value: ydf.tree.AbstractValue, depth: int) -> list[float]:
        if not labels:
            return [value.value]
        share = np.asarray(value.probability, np.float64)
        if vote:
            share = (np.arange(len(share)) == share.argmax()).astype(np.float64)
        return [float(share[c]) for c in chosen]

    groups = [_tree(t, columns, n, values) for n, t in enumerate(sources)]
    return Ensemble(
        tuple(tree for group in groups for tree in group),
        tuple(range(len(chosen))) * len(groups),
        (0.0,) * len(chosen),
        divisor=float(len(groups)),
        **common,
    )


def expected_path_length(examples: int) -> float:
    """Mean path length of an unsuccessful search in a binary tree of ``examples`` (Preiss; Liu et al.)."""
    if examples <= 2:
        return float(examples == 2)
    return 2 * (float(np.log(examples - 1.0)) + EULER) - 2 * (examples - 1.0) / examples


def _path_length(value: ydf.tree.AbstractValue, depth: int) -> list[float]:
    return [depth + expected_path_length(value.num_examples_without_weight)]


def _tree(
    source: ydf.tree.Tree,
    columns: dict[int, int],
    number: int,
    values: Callable[[ydf.tree.AbstractValue, int], list[float]],
) -> list[Tree]:
    """One tree for each value of a leaf."""
    import ydf

    first, depth = source.root, 0
    while not first.is_leaf:
        first, depth = first.neg_child, depth + 1
    trees = []
    for score in range(len(values(first.value, depth))):
        builder = TreeBuilder()

        def add(
            node: ydf.tree.AbstractNode, depth: int, builder: TreeBuilder = builder, score: int = score
        ) -> int:
            if node.is_leaf:
                return builder.leaf(values(node.value, depth)[score])
            condition = node.condition
            if isinstance(condition, ydf.tree.NumericalHigherThanCondition):
                threshold = float(np.float32(condition.threshold))
            elif isinstance(condition, ydf.tree.IsTrueCondition):
                threshold = 0.5
            else:
                raise InputError(
                    "condition cannot be represented",
                    field=f"tree {number}",
                    value=type(condition).__name__,
                    remedy="train on numerical features with axis-aligned splits",
                )
            return builder.split(
                columns[condition.attribute],
                threshold,
                not condition.missing,
                lambda: add(node.neg_child, depth + 1),
                lambda: add(node.pos_child, depth + 1),
            )

        add(source.root, 0)
        trees.append(builder.tree())
    return trees
