"""The picture of a rate study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def style() -> Iterator[None]:
    """CMS style inside the block; the settings of the process are as before behind it."""
    import matplotlib.style
    import mplhep

    with matplotlib.rc_context(), matplotlib.style.context(mplhep.style.CMS):
        matplotlib.rcParams["font.size"] = 15
        yield


def draw(report: Mapping[str, Any], title: str, figure: Figure) -> None:
    """Rate against raw threshold with its interval, the targets marked, on an empty matplotlib figure."""
    curve = report["curve"]
    x = np.array([point["threshold"] for point in curve])
    rate, low, high = (
        np.array([point[key] for point in curve]) for key in ("rate_khz", "rate_low_khz", "rate_high_khz")
    )
    with style():
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


def plot(report: Mapping[str, Any], title: str, path: Path) -> None:
    """What ``draw`` draws, as a PNG."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(8, 6))
        draw(report, title, figure)
        figure.savefig(path, dpi=80, bbox_inches="tight")
