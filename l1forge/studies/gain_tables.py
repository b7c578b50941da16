"""Tables and panels of the studies of gains: a column or a panel for each signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import mplhep
import numpy as np
from matplotlib import rc_context, style

from l1forge.models.anomaly.merit import PURE
from l1forge.studies.figures import Picture
from l1forge.studies.gains import GainStudy

LINES = (":", "-.", "--")
Rows = list[list[str]]


def heading(study: GainStudy, signal: str) -> str:
    """A signal and, of validation and blind ones, which of them it is."""
    group = study.groups[signal]
    return signal if group == "test" else f"{signal} ({group})"


def headings(study: GainStudy) -> list[str]:
    """Of all signals, in order."""
    return [heading(study, signal) for signal in study.signals]


def areas(study: GainStudy) -> tuple[list[str], Rows]:
    """Heading and rows of the areas under the ROC curve in percent."""
    by = {(a.score, a.signal): a for a in study.areas}
    rows = [
        [score, *(f"{100 * by[score, s].value:.1f} ± {100 * by[score, s].error:.1f}" for s in study.signals)]
        for score in study.scores
    ]
    return ["score", *headings(study)], rows


def table(study: GainStudy, kind: str, rate: float, trained: str) -> tuple[list[str], Rows]:
    """Heading and rows of one table of efficiencies in percent; the seeds' mean follows ``trained``."""
    measured = {(e.score, e.signal): e for e in study.efficiencies if (e.kind, e.rate_khz) == (kind, rate)}
    by = {s.signal: s for s in study.spreads if (s.kind, s.rate_khz) == (kind, rate)}
    rows: Rows = []
    for score in study.scores:
        if (score, study.signals[0]) not in measured:
            continue
        found = [measured[score, signal] for signal in study.signals]
        rows.append([score, *(f"{100 * e.value:.2f} ± {100 * e.error:.2f}" for e in found)])
        if score == trained and by:
            cells = [f"{100 * by[s].mean:.2f} ± {100 * by[s].spread:.2f}" for s in study.signals]
            rows.append([f"{trained}, {len(next(iter(by.values())).seeds)} seeds", *cells])
    return ["score", *headings(study)], rows


def markdown(head: Sequence[str], rows: Rows) -> str:
    """The same for a page."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def cms_style() -> AbstractContextManager[None]:
    """The style of all panels."""
    return style.context(mplhep.style.CMS)


def panels(study: GainStudy) -> tuple[Picture, Any]:
    """A figure and an axis for each signal, at most four in a row."""
    columns = min(4, len(study.signals))
    lines = -(-len(study.signals) // columns)
    context: Callable[[], AbstractContextManager[None]] = cms_style
    figure = Picture(figsize=(4.4 * columns, 3.9 * lines), layout="constrained", style=context)
    axes = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
    for axis, signal in zip(axes, study.signals, strict=False):
        axis.set_title(heading(study, signal), fontsize=13)
        axis.tick_params(labelsize=11)
    for axis in axes[len(study.signals) :]:
        axis.set_axis_off()
    return figure, axes


def draw_gains(
    study: GainStudy,
    rates: Sequence[float],
    drawn: Sequence[str],
    colours: Sequence[str],
    with_bars: Sequence[str],
    dashed: str,
) -> Picture:
    """Gain against pure rate, a panel for each signal; error bars of some scores only, for clarity."""
    with cms_style(), rc_context({"font.size": 13}):
        figure, axes = panels(study)
        for axis, signal in zip(axes, study.signals, strict=False):
            for i, score in enumerate(name for name in drawn if name in study.scores):
                found = [study.of(score, signal, PURE, rate) for rate in rates]
                values = [100 * e.value for e in found]
                if score in with_bars:
                    errors = [100 * e.error for e in found]
                    axis.errorbar(
                        rates, values, errors, color=colours[i], marker="o", ms=4, lw=1.8, capsize=2,
                        label=score, zorder=3, ls="--" if score == dashed else "-",
                    )  # fmt: skip
                else:
                    line = LINES[i % len(LINES)]
                    axis.plot(rates, values, color=colours[i], lw=1.1, ls=line, marker=".", label=score)
            axis.set_xlabel("pure rate [kHz]", fontsize=12)
            axis.set_ylabel("gain [%]", fontsize=12)
            axis.set_ylim(bottom=0)
        legend(figure, axes)
    return figure


def legend(figure: Picture, axes: Any) -> None:
    """One legend below all panels."""
    columns = axes[0].get_subplotspec().get_gridspec().ncols
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=11)
