"""What a rate study of a menu finds: rates of seeds and groups, overlaps, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.menu.excluded import Excluded
from l1forge.emulator.rates.after_rules import AfterRules
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_table
from l1forge.studies.rates_counting import Skipped
from l1forge.studies.rates_crossings import FiredCrossings
from l1forge.studies.rates_lumis import LumiSection
from l1forge.studies.rates_numbers import Rate
from l1forge.studies.rates_seeds import SeedDetails

if TYPE_CHECKING:
    from hist import Hist

FORMAT, VERSION = "l1forge-rates", 1
LIMITS_KHZ = (100.0, 750.0)
"""Level-1 accept rates of the LHC trigger and of the HL-LHC one."""


@dataclass(frozen=True)
class SeedRate:
    """Rates of a seed before (prescale 1) and after its prescale, and what the trigger rules leave of it.

    None where it is not in the FinOR; ``total_rules`` and the like are behind prescales and rules. ``count``:
    events in which it fires before its prescale; ``effective``: their effective number, (sum of weights)^2 /
    sum of squared weights, the same for plain samples.
    """

    index: int
    name: str
    prescale: float
    count: int
    total_before: Rate
    total_after: Rate
    pure_before: Rate | None
    pure_after: Rate | None
    proportional_before: Rate | None
    proportional_after: Rate | None
    total_rules: Rate | None
    pure_rules: Rate | None
    proportional_rules: Rate | None
    effective: float = 0.0


@dataclass(frozen=True)
class GroupRate:
    """Rates of a group behind prescales: any seed fires; only seeds of it (its unique part); with others."""

    name: str
    seeds: tuple[str, ...]
    total: Rate
    pure: Rate
    shared: Rate


@dataclass(frozen=True)
class ThresholdPoint:
    """Rate of a seed with its leading cut at ``threshold`` (hardware code), before its prescale."""

    threshold: int
    rate: Rate


@dataclass(frozen=True)
class TargetThreshold:
    """The lowest leading threshold of a seed whose rate stays within ``target_khz``.

    ``low``, ``high``: lowest thresholds whose lower and upper interval ends stay within it; ``high`` None:
    too few crossings for one. ``gev``: the threshold in GeV, None for scores and counts.
    """

    seed: str
    cut: str
    target_khz: float
    threshold: int
    low: int
    high: int | None
    gev: float | None
    rate: Rate
    curve: tuple[ThresholdPoint, ...]


@dataclass(frozen=True)
class MenuRates:
    """A rate study of a menu. ``overlap_khz``: both seeds fire, (m, m), behind prescales.

    ``samples``: kind of crossings, how many were counted, how many come per second, and whether they are
    all of them; ``left_out_crossings`` trained the models; ``signals`` were derived from ``scheme``;
    ``skipped`` files could not be read; ``resumed_crossings`` were counted by an earlier attempt;
    ``masked_crossings`` are outside the lumi mask;
    ``after_rules``: what the trigger rules leave of the FinOR behind prescales.
    """

    menu: str
    inputs: tuple[str, ...]
    scheme: str
    samples: tuple[Mapping[str, Any], ...]
    left_out_crossings: int
    seeds: tuple[SeedRate, ...]
    finor_before: Rate
    finor_after: Rate
    groups: tuple[GroupRate, ...]
    overlap_khz: tuple[tuple[float, ...], ...]
    targets: tuple[TargetThreshold, ...]
    excluded: tuple[Excluded, ...]
    signals: tuple[str, ...]
    unknown_signals: tuple[str, ...]
    notes: tuple[str, ...]
    details: tuple[SeedDetails, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    resumed_crossings: int = 0
    crossings: FiredCrossings | None = None
    lumi_sections: tuple[LumiSection, ...] = ()
    masked_crossings: int = 0
    after_rules: AfterRules | None = None

    def limits(self) -> list[dict[str, float]]:
        """The FinOR behind prescales as a part of each limit, with its interval."""
        rate = self.finor_after
        return [
            {
                "limit_khz": limit,
                "part": rate.khz / limit,
                "part_low": rate.low_khz / limit,
                "part_high": rate.high_khz / limit,
            }
            for limit in LIMITS_KHZ
        ]

    def overlap_fractions(self) -> list[list[float | None]]:
        """Row by row: part of the row's seed in which the column's fires too; None where it never does."""
        rows: list[list[float | None]] = []
        for place, row in enumerate(self.overlap_khz):
            own = row[place]
            rows.append([value / own if own else None for value in row])
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the content of rates.json (docs/rates.md); ``details`` are in seeds.json."""
        document = asdict(replace(self, details=(), resumed_crossings=0, crossings=None)) | {
            "limits": self.limits(),
            "overlap_fraction": self.overlap_fractions(),
        }
        del document["details"], document["resumed_crossings"], document["crossings"]
        return {"format": FORMAT, "version": VERSION} | document

    def plot(self) -> Picture:
        """Total and pure rates of the seeds behind prescales."""
        from l1forge.studies.rates_menu_plots import draw_rates

        return draw_rates(self)

    def plot_overlap(self) -> Picture:
        """Overlap of every two seeds, as a fraction of the row's seed."""
        from l1forge.studies.rates_menu_plots import draw_overlap

        return draw_overlap(self)

    def plot_target(self, place: int = 0) -> Picture:
        """Rate against the leading threshold of a target's seed."""
        from l1forge.studies.rates_menu_plots import draw_target

        return draw_target(self.targets[place])

    def histograms(self) -> dict[str, Hist]:
        """Rates by seed and by threshold as ``hist`` objects: the content of histograms.json."""
        from l1forge.studies.rates_histograms import histograms

        return histograms(self)

    def html(self) -> str:
        """The study as one HTML page."""
        from l1forge.studies.pages.rates_page import rates_page

        return rates_page(self)

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write page, JSON, CSV and plots into ``folder``, all or none; returns their names."""
        from l1forge.studies.rates_menu_files import save

        return save(self, folder)

    def _repr_html_(self) -> str:
        headings = ("bit", "seed", "prescale", "before [kHz]", "after [kHz]", "pure [kHz]", "prop. [kHz]")
        rows = []
        for seed in self.seeds:
            shown = (seed.total_before, seed.total_after, seed.pure_after, seed.proportional_after)
            rows.append((seed.index, seed.name, f"{seed.prescale:g}", *map(with_errors, shown)))
        title = f"{self.menu}: FinOR {with_errors(self.finor_after)} kHz"
        return html_table(title, headings, rows)


def with_errors(rate: Rate | None) -> str:
    """A rate with its errors, as text."""
    if rate is None:
        return "–"
    return f"{rate.khz:.3f} +{rate.high_khz - rate.khz:.3f} −{rate.khz - rate.low_khz:.3f}"
