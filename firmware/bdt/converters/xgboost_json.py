"""XGBoost models, live or as JSON, of versions 1 to 3.

XGBoost keeps thresholds, leaves and sums in float32. Its JSON prints the shortest decimal that reads back to
the same float32, so every number goes through float32 here: a decimal threshold taken as a double lies
beside the one that the library compares with.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.converters.document import entry
from l1forge.firmware.bdt.ensemble import LEAF, Ensemble, Tree, names

if TYPE_CHECKING:
    from xgboost import Booster, XGBModel

# What the objective does to the raw score, and how it reads ``base_score`` (its "ProbToMargin"). Only one
# rule is needed per objective: base_score is given on the output's scale, for softmax on the raw one. The
# output of logitraw and hinge is the raw score (measured with 1.7, 2.1, 3.0, 3.1 and 3.2).
LINKS = {
    "binary:logistic": "logistic",
    "reg:logistic": "logistic",
    "binary:logitraw": "identity",
    "binary:hinge": "identity",
    "multi:softmax": "softmax",
    "multi:softprob": "softmax",
    "reg:squarederror": "identity",
    "reg:linear": "identity",
    "reg:absoluteerror": "identity",
    "reg:quantileerror": "identity",
    "reg:squaredlogerror": "identity",
    "reg:pseudohubererror": "identity",
    "rank:pairwise": "identity",
    "rank:ndcg": "identity",
    "rank:map": "identity",
    "count:poisson": "exponential",
    "reg:gamma": "exponential",
    "reg:tweedie": "exponential",
}


def convert(model: Booster | XGBModel) -> Ensemble:
    """Read a live Booster or an estimator of xgboost's scikit-learn interface.

    An estimator that stopped early predicts with the trees up to its best iteration only; so does the
    result. Its ``missing`` value is kept.
    """
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    ensemble = from_document(json.loads(bytes(booster.save_raw("json"))), None)
    best = getattr(model, "best_iteration", None) if booster is not model and _stopped(booster) else None
    if best is not None:
        keep = (int(best) + 1) * ensemble.meta["trees_per_iteration"]
        ensemble = Ensemble(
            **{**ensemble.__dict__, "trees": ensemble.trees[:keep], "tree_class": ensemble.tree_class[:keep]}
        )
    missing = getattr(model, "missing", None) if booster is not model else None
    if missing is not None and not np.isnan(missing):
        ensemble = Ensemble(**{**ensemble.__dict__, "missing": float(missing)})
    return ensemble


def _stopped(booster: Booster) -> bool:
    return booster.attr("best_iteration") is not None


def from_document(document: dict[str, Any], file: str | None) -> Ensemble:
    """Read a parsed JSON model.

    Raises
    ------
    InputError
        For a model that is not trees (gblinear), categorical splits, vector leaves, an unknown objective.
    """
    learner = entry(document, "learner", file)
    booster = entry(learner, "gradient_booster", file)
    kind = entry(booster, "name", file)
    weights = None
    if kind == "dart":
        weights = [float(w) for w in entry(booster, "weight_drop", file)]
        booster = entry(booster, "gbtree", file)
    elif kind != "gbtree":
        raise InputError("is not an ensemble of trees", file=file, field="gradient_booster", value=kind)
    objective = entry(learner, "objective.name", file)
    if objective not in LINKS:
        raise InputError(
            "objective is not supported",
            file=file,
            field="objective",
            value=objective,
            remedy=f"known: {', '.join(sorted(LINKS))}",
        )
    parameters = entry(learner, "learner_model_param", file)
    scores = max(int(parameters.get("num_class", 0)), 1)
    if int(parameters.get("num_target", 1)) > 1:
        raise InputError("several targets are not supported", file=file, field="num_target")
    records = entry(booster, "model.trees", file)
    trees = [_tree(record, number, file) for number, record in enumerate(records)]
    if weights is not None:
        trees = [
            Tree(**{**t.__dict__, "value": np.float32(w) * t.value.astype(np.float32)})
            for t, w in zip(trees, weights, strict=True)
        ]
    count = int(entry(parameters, "num_feature", file))
    parallel = int(entry(booster, "model.gbtree_model_param", file).get("num_parallel_tree", 1) or 1)
    link = LINKS[objective]
    return Ensemble(
        trees=tuple(trees),
        tree_class=tuple(int(c) for c in entry(booster, "model.tree_info", file)),
        base=_base(str(entry(parameters, "base_score", file)), link, scores, file),
        feature_names=names(learner.get("feature_names") or None, count),
        split="<",
        library="xgboost",
        link=link,
        sum_dtype="float32",
        meta={
            "version": ".".join(map(str, document.get("version", []))),
            "objective": objective,
            "trees_per_iteration": parallel * scores,
        },
    )


def _base(text: str, link: str, scores: int, file: str | None) -> tuple[float, ...]:
    """Starting scores; versions before 3.1 store one number, later ones a list of one or of all classes."""
    try:
        stored = [np.float32(word) for word in text.strip("[]").split(",")]
    except ValueError as error:
        raise InputError("is not a number", file=file, field="base_score", value=text) from error
    if len(stored) not in (1, scores):
        raise InputError(f"expected 1 or {scores} values", file=file, field="base_score", value=text)
    values: NDArray[np.floating] = np.array(stored * (scores if len(stored) == 1 else 1), np.float32)
    with np.errstate(all="ignore"):
        if link == "logistic":
            one = np.float32(1)
            odds = (one / values - one).astype(np.float64)
            values = -np.log(odds)  # XGBoost's formula: float32 but for the logarithm
        elif link == "exponential":
            values = np.log(values.astype(np.float64))
    if not np.isfinite(values).all():
        raise InputError(f"has no raw score for a {link} output", file=file, field="base_score", value=text)
    return tuple(float(np.float32(v)) for v in values)


def _tree(record: dict[str, Any], number: int, file: str | None) -> Tree:
    where = f"tree {number}"
    if int(entry(record, "tree_param", file).get("size_leaf_vector", 1) or 1) > 1:
        raise InputError(
            "vector leaves cannot be represented",
            file=file,
            field=where,
            remedy="train with multi_strategy='one_output_per_tree'",
        )
    if any(record.get("split_type", [])) or record.get("categories_nodes"):
        raise InputError(
            "categorical split cannot be represented",
            file=file,
            field=where,
            remedy="train on numerical (one-hot) features",
        )
    left, right = (np.array(entry(record, f"{side}_children", file), np.int64) for side in ("left", "right"))
    stored = np.array(entry(record, "split_conditions", file), np.float32).astype(np.float64)
    feature = np.where(left == LEAF, LEAF, np.array(entry(record, "split_indices", file), np.int64))
    return Tree.from_arrays(feature, stored, left, right, stored, entry(record, "default_left", file))
