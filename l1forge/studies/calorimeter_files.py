"""What a study of calorimeter images writes: JSON, tables of docs/calorimeter.md, plots."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import mplhep
import numpy as np
from matplotlib import rc_context, style

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.models.anomaly.merit import PURE, TOTAL
from l1forge.studies.calorimeter import (
    BASELINES,
    BESIDE,
    BOTH,
    NEW,
    RATES_KHZ,
    STUDENT,
    SUM,
    TAILS,
    TEACHER,
    VAE,
    CalorimeterStudy,
)
from l1forge.studies.figures import Picture

BEGIN, END = "<!-- calorimeter: written by l1forge evaluate calorimeter -->", "<!-- end of calorimeter -->"
DRAWN = (STUDENT, BOTH, VAE, TEACHER, TAILS, *BASELINES)
_COLOURS = [f"tab:{name}" for name in ("red", "purple", "blue", "pink", "cyan", "green", "olive", "gray",
                                       "orange", "brown")]  # fmt: skip
_LINES = (":", "-.", "--")
Rows = list[list[str]]


def save(study: CalorimeterStudy, folder: Path) -> tuple[str, ...]:
    """Write ``calorimeter.json``, ``calorimeter.md`` and the plots, or nothing; returns their names."""
    with atomic_files(folder) as work:
        write_text(work / "calorimeter.json", json.dumps(study.to_dict(), indent=1) + "\n")
        write_text(work / "calorimeter.md", page(study))
        draw_gain(study).savefig(work / "calorimeter_gain.png", dpi=80, bbox_inches="tight")
        draw_roc(study).savefig(work / "calorimeter_roc.png", dpi=80, bbox_inches="tight")
        names = tuple(sorted(file.name for file in work.iterdir()))
    return names


def page(study: CalorimeterStudy) -> str:
    """The tables as Markdown, to stand between the markers of docs/calorimeter.md."""
    replicas = len(study.efficiencies[0].values) - 1
    thresholds = ", ".join(f"{value} for {rate} kHz" for rate, value in study.thresholds.items())
    parts = [
        f"Judged on {study.judged:,} images of `{Path(study.zero_bias).name}`; the {study.fitted:,} before"
        f" them gave the ranks of the joint score. The cut menu alone has {study.cut_khz:.1f} kHz; the VAE's"
        f" seed adds"
        f" {study.vae_khz:.1f} kHz. Efficiencies in %, ± from {replicas} replicas of zero bias and signal; of"
        f" the seeds: mean ± spread. Raw thresholds of the student by pure rate: {thresholds}."
    ]
    for title, kind, rate in tables_of():
        parts += [f"**{title}**", _markdown(*table(study, kind, rate))]
    parts += ["**Area under the ROC curve**, in %", _markdown(*areas(study))]
    parts += [
        "**Part of the replicas, in %, in which the student gains more** (pure rate)",
        _markdown(*probabilities(study)),
    ]
    return "\n\n".join(parts) + "\n"


def tables_of() -> Iterator[tuple[str, str, float]]:
    """Title, kind and rate of every table of efficiencies."""
    titles = {
        PURE: "Gain at {:g} kHz pure rate",
        BESIDE: "Gain at {:g} kHz pure rate beside the cut menu and the VAE's seed",
        TOTAL: "Efficiency at {:g} kHz total rate",
    }
    for kind, title in titles.items():
        for rate in RATES_KHZ[kind]:
            yield title.format(rate), kind, rate


def heading(study: CalorimeterStudy, signal: str) -> str:
    """A signal and, of validation and blind ones, which of them it is."""
    group = study.groups[signal]
    return signal if group == "test" else f"{signal} ({group})"


def table(study: CalorimeterStudy, kind: str, rate: float) -> tuple[list[str], Rows]:
    """Heading and rows of one table of efficiencies in percent; the seeds' mean follows the student."""
    measured = {(e.score, e.signal): e for e in study.efficiencies if (e.kind, e.rate_khz) == (kind, rate)}
    rows: Rows = []
    for score in study.scores:
        if (score, study.signals[0]) not in measured:
            continue
        found = [measured[score, signal] for signal in study.signals]
        rows.append([score, *(f"{100 * e.value:.2f} ± {100 * e.error:.2f}" for e in found)])
        by = {s.signal: s for s in study.spreads if (s.kind, s.rate_khz) == (kind, rate)}
        if score == STUDENT and by:
            cells = [f"{100 * by[s].mean:.2f} ± {100 * by[s].spread:.2f}" for s in study.signals]
            rows.append([f"student, {len(next(iter(by.values())).seeds)} seeds", *cells])
    return ["score", *(heading(study, signal) for signal in study.signals)], rows


def areas(study: CalorimeterStudy) -> tuple[list[str], Rows]:
    """Heading and rows of the areas under the ROC curve in percent."""
    by = {(a.score, a.signal): a for a in study.areas}
    rows = [
        [score, *(f"{100 * by[score, s].value:.1f} ± {100 * by[score, s].error:.1f}" for s in study.signals)]
        for score in study.scores
    ]
    return ["score", *(heading(study, signal) for signal in study.signals)], rows


def probabilities(study: CalorimeterStudy) -> tuple[list[str], Rows]:
    """How often the student gains more than each other score, by rate and signal."""
    by = {
        (c.other, c.signal, c.rate_khz): c.probability
        for c in study.comparisons
        if c.score == STUDENT and c.kind == PURE
    }
    rows = [
        [other, f"{rate:g}", *(f"{100 * by[other, signal, rate]:.0f}" for signal in study.signals)]
        for rate in RATES_KHZ[PURE]
        for other in (*BASELINES, VAE, TAILS)
        if (other, study.signals[0], rate) in by
    ]
    return ["than", "kHz", *(heading(study, signal) for signal in study.signals)], rows


def _markdown(head: Sequence[str], rows: Rows) -> str:
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _style() -> AbstractContextManager[None]:
    return style.context(mplhep.style.CMS)


def draw_gain(study: CalorimeterStudy) -> Picture:
    """Gain against pure rate, a panel for each signal; error bars of the new scores only, for clarity."""
    with _style(), rc_context({"font.size": 13}):
        figure, axes = _panels(study)
        rates = RATES_KHZ[PURE]
        for axis, signal in zip(axes, study.signals, strict=False):
            for i, score in enumerate(name for name in DRAWN if name in study.scores):
                found = [study.of(score, signal, PURE, rate) for rate in rates]
                values = [100 * e.value for e in found]
                if score in (*NEW, VAE):
                    errors = [100 * e.error for e in found]
                    axis.errorbar(
                        rates, values, errors, color=_COLOURS[i], marker="o", ms=4, lw=1.8, capsize=2,
                        label=score, zorder=3, ls="--" if score == BOTH else "-",
                    )  # fmt: skip
                else:
                    line = _LINES[i % len(_LINES)]
                    axis.plot(rates, values, color=_COLOURS[i], lw=1.1, ls=line, marker=".", label=score)
            axis.set_xlabel("pure rate [kHz]", fontsize=12)
            axis.set_ylabel("gain [%]", fontsize=12)
            axis.set_ylim(bottom=0)
        _legend(figure, axes[0])
    return figure


def draw_roc(study: CalorimeterStudy) -> Picture:
    """Efficiency against the part of zero bias that passes, a panel for each signal."""
    colours = {STUDENT: "tab:red", TEACHER: "tab:pink", SUM: "tab:green", VAE: "tab:blue"}
    with _style(), rc_context({"font.size": 13}):
        figure, axes = _panels(study)
        for axis, signal in zip(axes, study.signals, strict=False):
            for roc in study.rocs:
                if roc.signal == signal:
                    line = "--" if roc.score == TEACHER else "-"
                    axis.plot(
                        roc.zero_bias, roc.efficiency, color=colours[roc.score], label=roc.score, ls=line
                    )
            axis.plot(np.geomspace(1e-5, 1), np.geomspace(1e-5, 1), "k:", lw=0.8)
            axis.set(xscale="log", xlim=(1e-5, 1), ylim=(0, 1))
            axis.set_xlabel("part of zero bias", fontsize=12)
            axis.set_ylabel("part of the signal", fontsize=12)
        _legend(figure, axes[0])
    return figure


def _panels(study: CalorimeterStudy) -> tuple[Picture, Any]:
    columns = min(4, len(study.signals))
    lines = -(-len(study.signals) // columns)
    figure = Picture(figsize=(4.4 * columns, 3.9 * lines), layout="constrained", style=_style)
    axes = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
    for axis, signal in zip(axes, study.signals, strict=False):
        axis.set_title(heading(study, signal), fontsize=13)
        axis.tick_params(labelsize=11)
    for axis in axes[len(study.signals) :]:
        axis.set_axis_off()
    return figure, axes


def _legend(figure: Picture, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=11)
