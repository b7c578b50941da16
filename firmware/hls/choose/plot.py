"""The trade-off curve: loss against LUTs, and latency where the RTL generator was asked."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.atomic import atomic_path
from l1forge.firmware.hls.choose.choose import Choice


def plot_curve(choice: Choice, path: str | Path) -> None:
    """Draw loss and mean error against the estimated LUTs, labelled with what the generator says."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    luts = [point.luts for point in choice.curve]
    axes.plot(luts, [point.loss for point in choice.curve], "o-", ms=3, label=f"loss ({choice.loss.kind})")
    axes.plot(luts, [point.error for point in choice.curve], ".--", label="mean error / spread")
    axes.axhline(choice.loss.limit, color="grey", lw=1, label=f"limit {choice.loss.limit:g}")
    best = next(point for point in choice.curve if point.chosen)
    axes.plot([best.luts], [best.loss], "s", color="tab:red", label="chosen")
    for point in choice.curve:
        if point.rtl is not None:
            text = f"{point.rtl.luts:,.0f} LUTs\n{point.rtl.latency} clocks"
            axes.annotate(
                text, (point.luts, point.error), fontsize=7, xytext=(3, 6), textcoords="offset points"
            )
    smallest = min((v for p in choice.curve for v in (p.loss, p.error) if v > 0), default=1e-3)
    axes.set_yscale("symlog", linthresh=smallest)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("LUTs, estimate (labels: RTL generator)")
    axes.set_ylabel("loss on the events chosen with")
    axes.legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:], dpi=110)
