"""A rate study of one score: rate against threshold, thresholds for target rates, efficiency per signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.rates.intervals import fraction, full_rate_khz, rate_curve, threshold_for_rate


def study(
    zero_bias: NDArray[np.integer[Any]],
    signals: Mapping[str, NDArray[np.integer[Any]]],
    targets_khz: Sequence[float],
    lsb: float,
    points: int = 200,
) -> dict[str, Any]:
    """Everything the table, the JSON file and the plot show.

    Parameters
    ----------
    zero_bias, signals
        Raw integer scores of shape (n,).
    targets_khz
        Rates to find thresholds for.
    lsb
        Value of one score count, for the axis only.

    Returns
    -------
    ``{"curve": [...], "targets": [...]}``: per threshold the rate with its 68.3 % interval, in kHz; per
    target the raw threshold, the rate measured there and each signal's efficiency with its interval.
    """
    full = full_rate_khz()
    low, high = int(zero_bias.min()), int(zero_bias.max()) + 1
    thresholds = np.unique(np.linspace(low, high, points).astype(np.int64))
    curve = []
    for threshold, passed in zip(thresholds, rate_curve(zero_bias, thresholds), strict=True):
        value, lower, upper = fraction(int(passed), len(zero_bias)).scaled(full)
        curve.append(
            {"threshold": int(threshold), "rate_khz": value, "rate_low_khz": lower, "rate_high_khz": upper}
        )
    targets = []
    for target in targets_khz:
        threshold = int(threshold_for_rate(zero_bias, target))
        passed_zero_bias = fraction(int((zero_bias >= threshold).sum()), len(zero_bias))
        value, lower, upper = passed_zero_bias.scaled(full)
        targets.append(
            {
                "target_khz": target,
                "threshold": threshold,
                "rate_khz": value,
                "rate_low_khz": lower,
                "rate_high_khz": upper,
                "passed": passed_zero_bias.passed,
                "efficiency": {
                    name: fraction(int((scores >= threshold).sum()), len(scores)).as_dict()
                    for name, scores in signals.items()
                },
            }
        )
    return {
        "zero_bias_crossings": len(zero_bias),
        "full_rate_khz": full,
        "lsb": lsb,
        "curve": curve,
        "targets": targets,
    }
