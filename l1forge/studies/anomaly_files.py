"""What an anomaly study writes: JSON, tables of docs/vae.md, plots."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import mplhep
import numpy as np
from matplotlib import rc_context, style

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.models.anomaly.merit import PURE, TOTAL
from l1forge.studies.anomaly import BASELINES, BOTH, NEW, RATES_KHZ, AnomalyStudy
from l1forge.studies.figures import Picture

if TYPE_CHECKING:
    from l1forge.models.anomaly.merit import Comparison

BEGIN, END = "<!-- anomaly: written by l1forge evaluate anomaly -->", "<!-- end of anomaly -->"
DRAWN = (*NEW, *BASELINES)
_COLOURS = [f"tab:{name}" for name in ("red", "blue", "purple", "green", "olive", "gray", "pink", "orange",
                                       "brown", "cyan")]  # fmt: skip
_LINES = (":", "-.", "--")
Rows = list[list[str]]


def save(study: AnomalyStudy, folder: Path) -> tuple[str, ...]:
    """Write ``anomaly.json``, ``anomaly.md`` and the plots, or nothing; returns their names."""
    with atomic_files(folder) as work:
        write_text(work / "anomaly.json", json.dumps(study.to_dict(), indent=1) + "\n")
        write_text(work / "anomaly.md", page(study))
        draw(study).savefig(work / "anomaly_gain.png", dpi=80, bbox_inches="tight")
        names = tuple(sorted(file.name for file in work.iterdir()))
    return names


def page(study: AnomalyStudy) -> str:
    """The tables as Markdown, to stand between the markers of docs/vae.md."""
    parts = [
        f"Fitted on the first {study.trained:,} crossings of `{Path(study.zero_bias).name}`, judged on"
        f" {study.judged:,} of `{Path(study.judged_on).name}`"
        + (f" (worth {study.effective:,.0f})" if study.effective < 0.999 * study.judged else "")
        + f". The cut menu alone has {study.cut_khz:.1f} kHz. Efficiencies in %, ± from"
        f" {len(study.efficiencies[0].values) - 1} replicas of zero bias and signal; of the seeds: mean ±"
        " spread."
    ]
    for title, kind, rate in tables_of():
        parts += [f"**{title}**", _markdown(*table(study, kind, rate))]
    parts += ["**Area under the ROC curve**, in %", _markdown(*areas(study))]
    parts += [
        "**Part of the replicas, in %, in which a score gains more than a baseline** (pure rate):"
        " the least of all baselines, and which one",
        _markdown(*probabilities(study)),
    ]
    return "\n\n".join(parts) + "\n"


def tables_of() -> Iterator[tuple[str, str, float]]:
    """Title, kind and rate of every table of efficiencies."""
    for rate in RATES_KHZ[PURE]:
        yield f"Gain at {rate:g} kHz pure rate", PURE, rate
    for rate in RATES_KHZ[TOTAL]:
        yield f"Efficiency at {rate:g} kHz total rate", TOTAL, rate


def heading(study: AnomalyStudy, signal: str) -> str:
    """A signal and, of validation and blind ones, which of them it is."""
    group = study.groups[signal]
    return signal if group == "test" else f"{signal} ({group})"


def table(study: AnomalyStudy, kind: str, rate: float) -> tuple[list[str], Rows]:
    """Heading and rows of one table of efficiencies in percent; the seeds' mean follows the VAE."""
    rows: Rows = []
    for score in study.scores:
        found = [study.of(score, signal, kind, rate) for signal in study.signals]
        rows.append([score, *(f"{100 * e.value:.2f} ± {100 * e.error:.2f}" for e in found)])
        if score == "VAE" and study.spreads:
            by = {s.signal: s for s in study.spreads if (s.kind, s.rate_khz) == (kind, rate)}
            cells = [f"{100 * by[s].mean:.2f} ± {100 * by[s].spread:.2f}" for s in study.signals]
            rows.append([f"VAE, {len(next(iter(by.values())).seeds)} seeds", *cells])
    return ["score", *(heading(study, signal) for signal in study.signals)], rows


def areas(study: AnomalyStudy) -> tuple[list[str], Rows]:
    """Heading and rows of the areas under the ROC curve in percent."""
    by = {(a.score, a.signal): a for a in study.areas}
    rows = [
        [score, *(f"{100 * by[score, s].value:.1f} ± {100 * by[score, s].error:.1f}" for s in study.signals)]
        for score in study.scores
    ]
    return ["score", *(heading(study, signal) for signal in study.signals)], rows


def probabilities(study: AnomalyStudy) -> tuple[list[str], Rows]:
    """The least probability to be better than a baseline, by score, rate and signal."""
    rows: Rows = []
    for score in NEW:
        for rate in RATES_KHZ[PURE]:
            cells = []
            for signal in study.signals:
                worst = hardest(study, score, signal, rate)
                cells.append(f"{100 * worst.probability:.0f} ({worst.other})" if worst else "–")
            rows.append([score, f"{rate:g}", *cells])
    return ["score", "kHz", *(heading(study, signal) for signal in study.signals)], rows


def hardest(study: AnomalyStudy, score: str, signal: str, rate: float) -> Comparison | None:
    """The comparison with the baseline that is hardest to beat."""
    found = [
        c
        for c in study.comparisons
        if (c.score, c.signal, c.kind, c.rate_khz) == (score, signal, PURE, rate) and c.other in BASELINES
    ]
    return min(found, key=lambda c: (c.probability, c.difference)) if found else None


def _markdown(head: Sequence[str], rows: Rows) -> str:
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _style() -> AbstractContextManager[None]:
    return style.context(mplhep.style.CMS)


def draw(study: AnomalyStudy) -> Picture:
    """Gain against pure rate, a panel for each signal; error bars of the new scores only, for clarity."""
    columns = min(4, len(study.signals))
    lines = -(-len(study.signals) // columns)
    context: Callable[[], AbstractContextManager[None]] = _style
    with _style(), rc_context({"font.size": 13}):
        figure = Picture(figsize=(4.4 * columns, 3.9 * lines), layout="constrained", style=context)
        axes = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
        rates = RATES_KHZ[PURE]
        for axis, signal in zip(axes, study.signals, strict=False):
            for i, score in enumerate(name for name in DRAWN if name in study.scores):
                found = [study.of(score, signal, PURE, rate) for rate in rates]
                values = [100 * e.value for e in found]
                if score in NEW:
                    errors = [100 * e.error for e in found]
                    axis.errorbar(
                        rates, values, errors, color=_COLOURS[i], marker="o", ms=4, lw=1.8, capsize=2,
                        label=score, zorder=3, ls="--" if score == BOTH else "-",
                    )  # fmt: skip
                else:
                    line = _LINES[i % len(_LINES)]
                    axis.plot(rates, values, color=_COLOURS[i], lw=1.1, ls=line, marker=".", label=score)
            axis.set_title(heading(study, signal), fontsize=13)
            axis.set_xlabel("pure rate [kHz]", fontsize=12)
            axis.set_ylabel("gain [%]", fontsize=12)
            axis.set_ylim(bottom=0)
            axis.tick_params(labelsize=11)
        for axis in axes[len(study.signals) :]:
            axis.set_axis_off()
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=11)
    return figure
