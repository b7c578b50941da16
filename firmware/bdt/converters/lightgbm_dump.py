"""LightGBM models through their own ``dump_model`` JSON. Features, thresholds and sums are doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.converters.document import entry
from l1forge.firmware.bdt.ensemble import Ensemble, Tree, TreeBuilder

if TYPE_CHECKING:
    from lightgbm import Booster, LGBMModel

ZERO = 1e-35  # LightGBM's kZeroThreshold: values this small count as missing under zero_as_missing
LINKS = {
    "binary": "logistic",
    "cross_entropy": "logistic",
    "multiclass": "softmax",
    "multiclassova": "logistic",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "quantile": "identity",
    "fair": "identity",
    "mape": "identity",
    "lambdarank": "identity",
    "poisson": "exponential",
    "gamma": "exponential",
    "tweedie": "exponential",
}


def convert(model: Booster | LGBMModel) -> Ensemble:
    """Read a live Booster or an estimator of lightgbm's scikit-learn interface (to its best iteration)."""
    booster = getattr(model, "booster_", model)
    return from_document(booster.dump_model(), None)


def from_document(document: dict[str, Any], file: str | None) -> Ensemble:
    """Read a parsed ``dump_model``.

    Raises
    ------
    InputError
        For categorical splits, linear trees, an unknown objective, or zeros that are declared missing and
        sent where the comparison would not send them.
    """
    objective, *words = str(entry(document, "objective", file)).split(" ")
    if objective not in LINKS or "sqrt" in words:
        raise InputError("objective is not supported", file=file, field="objective", value=objective)
    slopes = [float(word.split(":")[1]) for word in words if word.startswith("sigmoid:")]
    if slopes and slopes[0] != 1:
        raise InputError("is not supported", file=file, field="objective: sigmoid", value=slopes[0])
    names = entry(document, "feature_names", file)
    records = entry(document, "tree_info", file)
    trees = [_tree(entry(record, "tree_structure", file), n, file) for n, record in enumerate(records)]
    scores = int(entry(document, "num_tree_per_iteration", file))
    averaged = bool(document.get("average_output", False))
    return Ensemble(
        trees=tuple(trees),
        tree_class=tuple(number % scores for number in range(len(trees))),
        base=(0.0,) * scores,
        feature_names=tuple(names),
        split="<=",
        library="lightgbm",
        link=LINKS[objective],
        divisor=len(trees) / scores if averaged else 1.0,
        feature_dtype="float64",
        meta={"version": str(document.get("version", "")), "objective": objective},
    )


def _tree(record: dict[str, Any], number: int, file: str | None) -> Tree:
    builder, where = TreeBuilder(), f"tree {number}"

    def add(node: dict[str, Any]) -> int:
        if node.get("leaf_coeff"):
            raise InputError("linear leaf cannot be represented", file=file, field=where)
        if "split_feature" not in node:
            return builder.leaf(entry(node, "leaf_value", file))
        if node["decision_type"] != "<=":
            raise InputError(
                "categorical split cannot be represented",
                file=file,
                field=where,
                value=node["decision_type"],
                remedy="train on numerical (one-hot) features",
            )
        threshold = float(node["threshold"])
        missing = node.get("missing_type", "None")
        if missing == "Zero":
            for zero in (-ZERO, 0.0, ZERO):
                if (zero <= threshold) != node["default_left"]:
                    raise InputError(
                        "zero is declared missing and goes against the comparison",
                        file=file,
                        field=where,
                        remedy="train with zero_as_missing=false",
                    )
        # without missing values in training, LightGBM reads NaN as 0
        absent_left = node["default_left"] if missing == "NaN" else threshold >= 0
        return builder.split(
            int(node["split_feature"]),
            float(np.clip(threshold, np.finfo(np.float64).min, np.finfo(np.float64).max)),
            bool(absent_left),
            lambda: add(node["left_child"]),
            lambda: add(node["right_child"]),
        )

    add(record)
    return builder.tree()
