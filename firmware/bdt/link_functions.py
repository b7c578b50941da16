"""From raw scores to a library's output: the functions named by ``Ensemble.link``.

All of them are monotonic in the raw score (``softmax`` in the difference of scores), so a trigger cuts on
the raw score and needs none of them in firmware; ``threshold`` moves a cut to the raw score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

from l1forge.emulator.errors import InputError

Floats = NDArray[Any]

LINKS: dict[str, Callable[[Floats], Floats]] = {
    "identity": lambda m: m,
    "logistic": expit,
    "logistic2": lambda m: expit(2 * m),  # scikit-learn's exponential loss
    "exponential": np.exp,
    "softmax": lambda m: softmax(m, axis=-1),
    # TMVA gradient boosting: 2 / (1 + exp(-2 m)) - 1
    "tanh": np.tanh,
    # scikit-learn's isolation forest: score_samples = -2^(-mean path length / expected path length)
    "isolation": lambda m: -np.exp2(-m),
}

INVERSES: dict[str, Callable[[float], float]] = {
    "identity": lambda p: p,
    "logistic": lambda p: float(logit(p)),
    "logistic2": lambda p: float(logit(p)) / 2,
    "exponential": lambda p: float(np.log(p)),
    "tanh": lambda p: float(np.arctanh(p)),
    "isolation": lambda p: float(-np.log2(-p)),
}


def apply_link(name: str, margin: Floats) -> Floats:
    """The library's output for raw scores of shape (n, n_scores); same shape."""
    return LINKS[name](margin)


def threshold(name: str, cut: float) -> float:
    """The raw score at which the output crosses ``cut``.

    Raises
    ------
    InputError
        If the link has no inverse (softmax), or ``cut`` is not an output it can give.
    """
    if name not in INVERSES:
        raise InputError(
            "this output has no inverse: apply thresholds to the raw scores or take their argmax",
            field="link",
            value=name,
        )
    with np.errstate(all="ignore"):
        value = INVERSES[name](cut)
    if not np.isfinite(value):
        raise InputError(f"no raw score gives this {name} output", field="cut", value=cut)
    return value
