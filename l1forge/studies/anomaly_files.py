"""What an anomaly study writes: JSON, tables of docs/vae.md, plots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.models.anomaly.merit import PURE, TOTAL
from l1forge.studies import gain_tables
from l1forge.studies.anomaly import BASELINES, BOTH, NEW, RATES_KHZ, AnomalyStudy
from l1forge.studies.figures import Picture
from l1forge.studies.gain_tables import Rows, areas, draw_gains, headings, markdown

if TYPE_CHECKING:
    from l1forge.models.anomaly.merit import Comparison

BEGIN, END = "<!-- anomaly: written by l1forge evaluate anomaly -->", "<!-- end of anomaly -->"
DRAWN = (*NEW, *BASELINES)
_COLOURS = [f"tab:{name}" for name in ("red", "blue", "purple", "green", "olive", "gray", "pink", "orange",
                                       "brown", "cyan")]  # fmt: skip


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
        parts += [f"**{title}**", markdown(*table(study, kind, rate))]
    parts += ["**Area under the ROC curve**, in %", markdown(*areas(study))]
    parts += [
        "**Part of the replicas, in %, in which a score gains more than a baseline** (pure rate):"
        " the least of all baselines, and which one",
        markdown(*probabilities(study)),
    ]
    return "\n\n".join(parts) + "\n"


def tables_of() -> Iterator[tuple[str, str, float]]:
    """Title, kind and rate of every table of efficiencies."""
    for rate in RATES_KHZ[PURE]:
        yield f"Gain at {rate:g} kHz pure rate", PURE, rate
    for rate in RATES_KHZ[TOTAL]:
        yield f"Efficiency at {rate:g} kHz total rate", TOTAL, rate


def table(study: AnomalyStudy, kind: str, rate: float) -> tuple[list[str], Rows]:
    """Heading and rows of one table of efficiencies in percent; the seeds' mean follows the VAE."""
    return gain_tables.table(study, kind, rate, "VAE")


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
    return ["score", "kHz", *headings(study)], rows


def hardest(study: AnomalyStudy, score: str, signal: str, rate: float) -> Comparison | None:
    """The comparison with the baseline that is hardest to beat."""
    found = [
        c
        for c in study.comparisons
        if (c.score, c.signal, c.kind, c.rate_khz) == (score, signal, PURE, rate) and c.other in BASELINES
    ]
    return min(found, key=lambda c: (c.probability, c.difference)) if found else None


def draw(study: AnomalyStudy) -> Picture:
    """Gain against pure rate, a panel for each signal; error bars of the new scores."""
    return draw_gains(study, RATES_KHZ[PURE], DRAWN, _COLOURS, NEW, BOTH)
