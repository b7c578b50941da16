"""What a study of calorimeter images writes: JSON, tables of docs/calorimeter.md, plots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import rc_context

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.models.anomaly.merit import PURE, TOTAL
from l1forge.studies import gain_tables
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
from l1forge.studies.gain_tables import (
    Rows,
    areas,
    cms_style,
    draw_gains,
    headings,
    legend,
    markdown,
    panels,
)

BEGIN, END = "<!-- calorimeter: written by l1forge evaluate calorimeter -->", "<!-- end of calorimeter -->"
DRAWN = (STUDENT, BOTH, VAE, TEACHER, TAILS, *BASELINES)
_COLOURS = [f"tab:{name}" for name in ("red", "purple", "blue", "pink", "cyan", "green", "olive", "gray",
                                       "orange", "brown")]  # fmt: skip


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
        parts += [f"**{title}**", markdown(*table(study, kind, rate))]
    parts += ["**Area under the ROC curve**, in %", markdown(*areas(study))]
    parts += [
        "**Part of the replicas, in %, in which the student gains more** (pure rate)",
        markdown(*probabilities(study)),
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


def table(study: CalorimeterStudy, kind: str, rate: float) -> tuple[list[str], Rows]:
    """Heading and rows of one table of efficiencies in percent; the seeds' mean follows the student."""
    return gain_tables.table(study, kind, rate, STUDENT)


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
    return ["than", "kHz", *headings(study)], rows


def draw_gain(study: CalorimeterStudy) -> Picture:
    """Gain against pure rate, a panel for each signal; error bars of the new scores and the VAE."""
    return draw_gains(study, RATES_KHZ[PURE], DRAWN, _COLOURS, (*NEW, VAE), BOTH)


def draw_roc(study: CalorimeterStudy) -> Picture:
    """Efficiency against the part of zero bias that passes, a panel for each signal."""
    colours = {STUDENT: "tab:red", TEACHER: "tab:pink", SUM: "tab:green", VAE: "tab:blue"}
    with cms_style(), rc_context({"font.size": 13}):
        figure, axes = panels(study)
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
        legend(figure, axes)
    return figure
