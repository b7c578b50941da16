"""The page of a menu's rate study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l1forge.studies.pages.page import Plot, plot, render
from l1forge.studies.pages.rate_plots import curve_plot, overlap_plot, rates_plot, target_plot

if TYPE_CHECKING:
    from l1forge.studies.rates_results import MenuRates

OVERLAPPING = 8
"""Seeds that a seed's section lists: those that fire most often together with it."""


def rates_page(study: MenuRates) -> str:
    """The study as one HTML page."""
    details = {seed.index: seed for seed in study.details}
    fractions = study.overlap_fractions()
    sections = []
    for place, seed in enumerate(study.seeds):
        more = details.get(seed.index)
        others = [
            (part, study.seeds[j].name, study.overlap_khz[place][j])
            for j, part in enumerate(fractions[place])
            if part and j != place
        ]
        others.sort(key=lambda other: (-other[0], other[1]))
        sections.append(
            {
                "seed": seed,
                "details": more,
                "curve": plot(curve_plot(more), f"curve-{seed.name}") if more and more.curve else None,
                "others": others[:OVERLAPPING],
            }
        )
    return render(
        "rates.html.j2",
        title=f"Rates of {study.menu}",
        study=study,
        sections=sections,
        reasons=_reasons(study),
        rates_plot=_shown(study, rates_plot, "rates"),
        overlap_plot=_shown(study, overlap_plot, "overlap"),
        targets=[(target, plot(target_plot(target), f"target-{target.seed}")) for target in study.targets],
    )


def _shown(study: MenuRates, make: Any, name: str) -> Plot | None:
    return plot(make(study), name) if study.seeds else None


def _reasons(study: MenuRates) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for seed in study.excluded:
        reasons.setdefault(seed.reason, []).append(seed.name)
    return reasons
