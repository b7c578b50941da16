"""What a tagger is worth: accuracy, AUC and background rejection of each class against all others.

Errors are those of a finite test sample: binomial for rejections and accuracy, Hanley and McNeil (Radiology
143 (1982) 29) for areas. The spread of trainings from other seeds is told apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.models.jet_tagger.network import SCORE_UNIT
from l1forge.models.jet_tagger.versions import TaggerVersion
from l1forge.simulation.jets import CLASSES

EFFICIENCY = 0.5
"""Efficiency of the class at which the rejection 1 / (share of all other jets that pass) is told."""
Array = NDArray[np.float64]


def probabilities(scores: Array) -> Array:
    """Softmax along the classes, (n, 5)."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def scores_in_units(version: TaggerVersion, integers: NDArray[np.int64], lsb: float) -> Array:
    """Scores whose softmax is taken: real values of 6 bits; of signs, ``SCORE_UNIT`` for each step."""
    return np.asarray(integers * (lsb if version.kind == "bits" else SCORE_UNIT), np.float64)


def roc(values: Array, is_class: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Efficiency of the class and of the others for every threshold, from none to all; ties move together."""
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    hits, false = np.cumsum(is_class[order])[ends], np.cumsum(~is_class[order])[ends]
    return np.append(0, hits / max(is_class.sum(), 1)), np.append(0, false / max((~is_class).sum(), 1))


def area(values: Array, is_class: NDArray[np.bool_]) -> tuple[float, float]:
    """Area under the ROC curve and its error."""
    signal, background = roc(values, is_class)
    a = float(np.trapezoid(signal, background))
    n, m = int(is_class.sum()), int((~is_class).sum())
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    variance = a * (1 - a) + (n - 1) * (q1 - a * a) + (m - 1) * (q2 - a * a)
    return a, float(np.sqrt(max(variance, 0) / (n * m)))


def rejection(values: Array, is_class: NDArray[np.bool_]) -> tuple[float, float]:
    """1 / (efficiency of the others) at ``EFFICIENCY``, between the two nearest thresholds, and its error."""
    signal, background = roc(values, is_class)
    passed = float(np.interp(EFFICIENCY, signal, background))
    others = int((~is_class).sum())
    passed = max(passed, 0.5 / others)  # no jet passes: half a jet, and an error as large
    return 1 / passed, float(np.sqrt((1 - passed) / (passed * others)) / passed)


def summary(scores: Array, truth: NDArray[np.uint8]) -> dict[str, Any]:
    """Accuracy, cross entropy, and by class AUC and rejection as (value, error)."""
    p = probabilities(scores)
    right = float((p.argmax(1) == truth).mean())
    chosen = p[np.arange(len(truth)), truth]
    return {
        "jets": len(truth),
        "accuracy": (right, float(np.sqrt(right * (1 - right) / len(truth)))),
        "cross_entropy": float(-np.log(np.maximum(chosen, 1e-12)).mean()),
        "auc": {name: area(p[:, i], truth == i) for i, name in enumerate(CLASSES)},
        "rejection": {name: rejection(p[:, i], truth == i) for i, name in enumerate(CLASSES)},
    }


def spread(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """Standard deviation of accuracy and areas over trainings from other seeds; None for a single one."""
    if len(summaries) < 2:
        return {"seeds": len(summaries), "accuracy": None, "auc": None}
    auc = {name: float(np.std([s["auc"][name][0] for s in summaries], ddof=1)) for name in CLASSES}
    accuracy = float(np.std([s["accuracy"][0] for s in summaries], ddof=1))
    return {"seeds": len(summaries), "accuracy": accuracy, "auc": auc}
