"""A rate study of one score: rate against threshold, thresholds for target rates, efficiency per signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
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


def plot(report: Mapping[str, Any], title: str, path: Path) -> None:
    """Rate against raw threshold with its interval, the targets marked, as a PNG."""
    import mplhep
    from matplotlib import rc_context, style
    from matplotlib.figure import Figure

    curve = report["curve"]
    x = np.array([point["threshold"] for point in curve])
    rate, low, high = (
        np.array([point[key] for point in curve]) for key in ("rate_khz", "rate_low_khz", "rate_high_khz")
    )
    with style.context(mplhep.style.CMS), rc_context({"font.size": 15}):
        figure = Figure(figsize=(8, 6))  # not pyplot's: the user's backend and figures stay as they are
        axis = figure.subplots()
        axis.step(x, np.where(rate > 0, rate, np.nan), where="post", label="zero bias")
        axis.fill_between(x, low, high, step="post", alpha=0.3, label="68 % interval")
        for point in report["targets"]:
            at = point["threshold"]
            left = at > x[0] + 0.6 * (x[-1] - x[0])  # keep the label inside the frame
            axis.plot([at], [point["rate_khz"]], "o", color="C1")
            axis.annotate(
                f"{point['target_khz']:g} kHz: score ≥ {point['threshold']}",
                (at, point["rate_khz"]),
                xytext=(-8 if left else 8, 4),
                ha="right" if left else "left",
                textcoords="offset points",
                fontsize=12,
            )
        smallest = report["full_rate_khz"] / report["zero_bias_crossings"]
        axis.set(ylabel="rate [kHz]", yscale="log", title=title)
        axis.set_xlabel(f"threshold on the score [counts of {report['lsb']:g}]")
        axis.set_ylim(smallest / 3, report["full_rate_khz"] * 2)
        axis.legend(fontsize=12)
        figure.savefig(path, dpi=80, bbox_inches="tight")
