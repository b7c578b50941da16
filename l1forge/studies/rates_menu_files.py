"""The files of a menu's rate study: JSON, CSV tables, plots."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.studies.rates_histograms import to_json
from l1forge.studies.rates_seeds import to_dict

if TYPE_CHECKING:
    from l1forge.studies.figures import Picture
    from l1forge.studies.rates_numbers import Rate
    from l1forge.studies.rates_results import MenuRates

RATES = ("total_before", "total_after", "pure_before", "pure_after")
SHARES = ("proportional_before", "proportional_after")
RULES = ("total_rules", "pure_rules", "proportional_rules")
MENU_TOOLS = (
    *("L1Bit", "L1SeedName", "pre-scale", "rate", "error_rate", "pure", "error_pure"),
    *("propor", "error_propor", "Comments"),
)
"""Columns as in the rate tables of L1MenuTools; rates in Hz."""


def save(study: MenuRates, folder: Path) -> tuple[str, ...]:
    """Write all files, or none, and return their names; targets also have a table and a plot each."""
    texts = {
        "rates.json": json.dumps(study.to_dict(), indent=1) + "\n",
        "rates.csv": _seeds(study),
        "rates_l1menutools.csv": _menu_tools(study),
        "overlap.csv": _overlap(study),
    }
    if study.groups:
        texts["groups.csv"] = _groups(study)
    if study.lumi_sections:
        texts["lumi_sections.csv"] = _lumis(study)
    if study.details:
        texts["seeds.json"] = json.dumps(to_dict(study.details), indent=1) + "\n"
    pictures: dict[str, Picture] = {"rates.png": study.plot(), "overlap.png": study.plot_overlap()}
    for place, target in enumerate(study.targets):
        stem = f"threshold_{re.sub(r'[^A-Za-z0-9_-]', '_', target.seed)}"
        rows = ((point.threshold, *_values(point.rate)) for point in target.curve)
        texts[f"{stem}.csv"] = _csv(("threshold", *_columns("rate")), rows)
        pictures[f"{stem}.png"] = study.plot_target(place)
    texts["histograms.json"] = to_json(study.histograms())
    texts["rates.html"] = study.html()
    names = [*texts]
    with atomic_files(folder) as work:
        if study.crossings is not None:
            names.append("crossings.parquet")
            study.crossings.save(work / names[-1])
        for name, text in texts.items():
            write_text(work / name, text)
        for name, picture in pictures.items():
            for kind in (".png", ".pdf"):
                names.append(Path(name).with_suffix(kind).name)
                picture.savefig(work / names[-1], dpi=80, bbox_inches="tight")
    return tuple(names)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _columns(name: str) -> tuple[str, str, str]:
    return f"{name}_khz", f"{name}_low_khz", f"{name}_high_khz"


def _values(rate: Rate | None) -> tuple[object, object, object]:
    return ("", "", "") if rate is None else (rate.khz, rate.low_khz, rate.high_khz)


def _seeds(study: MenuRates) -> str:
    names = (*RATES, *SHARES, *RULES)
    columns = (c for name in names for c in _columns(name))
    header = ("index", "name", "prescale", "count", *columns, "effective_events")
    return _csv(
        header,
        (
            (
                *(s.index, s.name, s.prescale, s.count),
                *(v for name in names for v in _values(getattr(s, name))),
                s.effective,
            )
            for s in study.seeds
        ),
    )


def _menu_tools(study: MenuRates) -> str:
    def hertz(rate: Rate | None) -> tuple[float, float]:
        return (0.0, 0.0) if rate is None else (rate.khz * 1e3, (rate.high_khz - rate.low_khz) * 500)

    rows = []
    for s in study.seeds:
        comment = "" if s.pure_after is not None else "not in the FinOR"
        rates = (*hertz(s.total_after), *hertz(s.pure_after), *hertz(s.proportional_after))
        rows.append((s.index, s.name, s.prescale, *rates, comment))
    return _csv(MENU_TOOLS, rows)


def _groups(study: MenuRates) -> str:
    names = ("total", "pure", "shared")
    header = ("group", "seeds", *(column for name in names for column in _columns(name)))
    return _csv(
        header,
        (
            (g.name, " ".join(g.seeds), *(v for name in names for v in _values(getattr(g, name))))
            for g in study.groups
        ),
    )


def _lumis(study: MenuRates) -> str:
    """One row for each section: crossings counted, then how often each seed fired, before prescales."""
    names = [seed.name for seed in study.seeds]
    rows = (
        (part.run, part.section, part.crossings, *(part.counts[name] for name in names))
        for part in study.lumi_sections
    )
    return _csv(("run", "section", "crossings", *names), rows)


def _overlap(study: MenuRates) -> str:
    """One row for each two seeds that fire together."""
    fractions, rows = study.overlap_fractions(), []
    for i, first in enumerate(study.seeds):
        for j, second in enumerate(study.seeds[i + 1 :], i + 1):
            if study.overlap_khz[i][j]:
                parts = (fractions[i][j], fractions[j][i])
                rows.append((first.name, second.name, study.overlap_khz[i][j], *parts))
    return _csv(("seed", "other", "overlap_khz", "part_of_seed", "part_of_other"), rows)
