"""scikit-learn's tree ensembles.

Classical trees cast features to float32 and compare ``x <= threshold`` with a double; histogram gradient
boosting compares doubles. Sums are doubles, in tree order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.ensemble import LEAF, Ensemble, Tree, names

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.tree._tree import Tree as FittedTree

Values = NDArray[Any]


def convert(model: BaseEstimator) -> Ensemble:
    """Read a fitted ensemble.

    Raises
    ------
    InputError
        For other estimators, several targets, a start value that depends on the features, categorical
        splits, or a model that is not fitted.
    """
    kind = type(model).__name__
    reader = READERS.get(kind)
    if reader is None:
        raise InputError(
            "estimator is not supported", value=kind, remedy=f"supported: {', '.join(sorted(READERS))}"
        )
    if not hasattr(model, "n_features_in_"):
        raise InputError("model is not trained", value=kind, remedy="call fit first")
    if getattr(model, "n_outputs_", 1) > 1:
        raise InputError("several targets are not supported", field=kind, value=model.n_outputs_)
    ensemble: Ensemble = reader(model)
    return ensemble


def _tree(tree: FittedTree, value: Values, columns: Values | None = None) -> Tree:
    """``value`` has one number per node; ``columns`` maps the tree's features to the ensemble's."""
    inner = tree.children_left != LEAF
    feature = np.where(inner, tree.feature, LEAF)
    if columns is not None:
        feature[inner] = columns[feature[inner]]
    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count, np.bool_))
    return Tree.from_arrays(
        feature, _finite(tree.threshold), tree.children_left, tree.children_right, value, missing
    )


def _finite(threshold: Values) -> Values:
    """A split between missing and present has an infinite threshold: all numbers go to one side."""
    limits = np.finfo(np.float64)
    return np.clip(threshold, limits.min, limits.max)


def _ensemble(
    model: BaseEstimator, trees: list[Tree], classes: list[int], base: Values, **more: Any
) -> Ensemble:
    return Ensemble(
        trees=tuple(trees),
        tree_class=tuple(classes),
        base=tuple(float(v) for v in base),
        feature_names=names(getattr(model, "feature_names_in_", None), model.n_features_in_),
        split="<=",
        library="sklearn",
        **more,
    )


def _gradient_boosting(model: BaseEstimator) -> Ensemble:
    start = getattr(model, "init_", None)
    if (
        start != "zero"
        and type(start).__name__ != "DummyClassifier"
        and type(start).__name__ != "DummyRegressor"
    ):
        raise InputError(
            "start value that depends on the features cannot be represented",
            field="init",
            value=type(start).__name__,
            remedy="train with init=None or init='zero'",
        )
    base = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0]
    trees, classes = [], []
    for stage in model.estimators_:
        for score, estimator in enumerate(stage):
            tree = estimator.tree_
            trees.append(_tree(tree, model.learning_rate * tree.value[:, 0, 0]))
            classes.append(score)
    link = "identity"
    if hasattr(model, "classes_"):
        link = "softmax" if len(base) > 1 else "logistic"
        if model.loss == "exponential":
            link = "logistic2"
    return _ensemble(model, trees, classes, base, link=link)


def _forest(model: BaseEstimator) -> Ensemble:
    """Mean of the trees: probability of class 1 for two classes, of every class for more, or the value."""
    counts = len(model.classes_) if hasattr(model, "classes_") else 0
    chosen = list(range(counts)) if counts > 2 else [1 if counts else 0]
    trees, classes = [], []
    for estimator in model.estimators_:
        value = estimator.tree_.value[:, 0, :]
        for score, column in enumerate(chosen):  # vector leaves: one tree for each score
            trees.append(_tree(estimator.tree_, value[:, column]))
            classes.append(score)
    return _ensemble(model, trees, classes, np.zeros(len(chosen)), divisor=float(len(model.estimators_)))


def _isolation_forest(model: BaseEstimator) -> Ensemble:
    """Mean path length over the expected one; ``score_samples`` is its link."""
    from sklearn.ensemble._iforest import _average_path_length

    trees = []
    for estimator, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = estimator.tree_
        length = tree.compute_node_depths() + _average_path_length(tree.n_node_samples) - 1.0
        trees.append(_tree(tree, length, np.asarray(columns)))
    expected = float(_average_path_length([model._max_samples])[0])
    divisor = len(trees) * expected
    return _ensemble(model, trees, [0] * len(trees), np.zeros(1), link="isolation", divisor=divisor)


def _histogram(model: BaseEstimator) -> Ensemble:
    if model._preprocessor is not None or getattr(model, "is_categorical_", None) is not None:
        raise InputError(
            "categorical split cannot be represented",
            field="categorical_features",
            remedy="train on numerical (one-hot) features",
        )
    trees, classes = [], []
    for stage in model._predictors:
        for score, predictor in enumerate(stage):
            nodes = predictor.nodes
            feature = np.where(nodes["is_leaf"].astype(bool), LEAF, nodes["feature_idx"])
            trees.append(
                Tree.from_arrays(
                    feature,
                    _finite(nodes["num_threshold"]),
                    nodes["left"],
                    nodes["right"],
                    nodes["value"],
                    nodes["missing_go_to_left"].astype(bool),
                )
            )
            classes.append(score)
    base = np.asarray(model._baseline_prediction).ravel()
    link = ("softmax" if len(base) > 1 else "logistic") if hasattr(model, "classes_") else "identity"
    if link == "identity" and model.loss in ("poisson", "gamma"):
        link = "exponential"
    return _ensemble(model, trees, classes, base, link=link, feature_dtype="float64")


READERS = {
    "GradientBoostingClassifier": _gradient_boosting,
    "GradientBoostingRegressor": _gradient_boosting,
    "HistGradientBoostingClassifier": _histogram,
    "HistGradientBoostingRegressor": _histogram,
    "RandomForestClassifier": _forest,
    "RandomForestRegressor": _forest,
    "ExtraTreesClassifier": _forest,
    "ExtraTreesRegressor": _forest,
    "IsolationForest": _isolation_forest,
}
