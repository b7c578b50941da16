"""Tables of a menu's rate study for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from l1forge.studies.rates_results import with_errors

if TYPE_CHECKING:
    from l1forge.screen.console import Console
    from l1forge.studies.rates_results import MenuRates

NAMED = 5
"""Seeds that a line names; the JSON has all."""


def print_menu_rates(console: Console, study: MenuRates) -> None:
    """Everything left out first, then seeds, groups, targets and the FinOR."""
    for sample in study.samples:
        whole = "all of an orbit" if sample["exact"] else "counted"
        worth = ""
        if sample["weighted"]:
            worth = (
                f", worth {sample['exposure']:,.0f}, effective number {sample['effective_crossings']:,.0f}"
            )
        console.print(f"{sample['crossings']:,} {sample['kind']} crossings {whole}{worth}")
    if study.left_out_crossings:
        left_out = f"{study.left_out_crossings:,}"
        console.print(
            f"[yellow]the first {left_out} crossings trained the models: left out[/] (--trained-on uses them)"
        )
    for file in study.skipped:
        console.print(f"[yellow]left out with all its crossings:[/] {file.reason}", highlight=False)
    if study.masked_crossings:
        console.print(f"{study.masked_crossings:,} crossings are outside the lumi mask: not counted")
    if study.resumed_crossings:
        console.print(f"{study.resumed_crossings:,} crossings were counted by an earlier attempt")
    reasons: dict[str, list[str]] = {}
    for seed in study.excluded:
        reasons.setdefault(seed.reason, []).append(seed.name)
    whole_menu = len(study.seeds) + len(study.excluded)
    for reason, names in reasons.items():
        more = f" and {len(names) - NAMED} more (rates.json lists all)" if len(names) > NAMED else ""
        console.print(
            f"[yellow]{len(names)} of {whole_menu} seeds are not evaluated, not in the FinOR[/]: "
            f"{reason}: {', '.join(names[:NAMED])}{more}",
            highlight=False,
        )
    if study.signals:
        console.print(f"external signals from {study.scheme}: {', '.join(study.signals)}", highlight=False)
    if study.unknown_signals:
        unknown = study.unknown_signals
        console.print(
            f"[yellow]{len(unknown)} external signals cannot be derived[/]: {', '.join(unknown)}",
            highlight=False,
        )
    for note in study.notes:
        console.print(f"[yellow]{note}[/]", highlight=False)
    seeds = _table(
        f"{study.menu}: rates in kHz", "seed", "prescale", "events", "before", "after", "pure", "prop."
    )
    for s in study.seeds:
        shown = (s.total_before, s.total_after, s.pure_after, s.proportional_after)
        seeds.add_row(s.name, f"{s.prescale:g}", f"{s.effective:.0f}", *map(with_errors, shown))
    console.print(seeds)
    if study.groups:
        groups = _table("groups behind prescales: rates in kHz", "group", "seeds", "total", "pure", "shared")
        for g in study.groups:
            groups.add_row(g.name, str(len(g.seeds)), *map(with_errors, (g.total, g.pure, g.shared)))
        console.print(groups)
    for t in study.targets:
        gev = "" if t.gev is None else f" ({t.gev:g} GeV)"
        high = "none, too few crossings" if t.high is None else str(t.high)
        console.print(
            f"{t.seed}: {t.cut} ≥ {t.threshold}{gev} for {t.target_khz:g} kHz, between {t.low} and {high} "
            f"within errors; rate there {with_errors(t.rate)} kHz",
            highlight=False,
        )
    console.print(
        f"FinOR before prescales {with_errors(study.finor_before)} kHz, "
        f"after {with_errors(study.finor_after)} kHz: "
        + ", ".join(
            f"{100 * limit['part']:.1f} % of {limit['limit_khz']:g} kHz"
            + (" [red](above)[/]" if limit["part"] > 1 else "")
            for limit in study.limits()
        ),
        highlight=False,
    )
    if study.after_rules is not None and study.after_rules.khz:
        rules = study.after_rules
        console.print(
            f"behind the trigger rules {rules.khz:.3f} kHz are expected: "
            f"{100 * rules.part:.2f} ± {100 * rules.error:.2f} % of requests that come at random",
            highlight=False,
        )


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
