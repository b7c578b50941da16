"""`l1forge prescales MENU INPUT… --budget 100kHz`: propose prescales for a rate budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from l1forge.commands.menu_options import (
    Menu,
    ModelFile,
    Scheme,
    TrainedOn,
    WithoutModel,
    counting,
    say_excluded,
    study_folder,
)

if TYPE_CHECKING:
    from l1forge.screen.console import Console
    from l1forge.studies.prescales import ProposedPrescales

app = typer.Typer(rich_markup_mode="markdown")

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="Zero-bias files, plain or weighted, or patterns."),
]
Budget = Annotated[str, typer.Option(help="Highest rate of the FinOR, such as 100kHz.")]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="NAME=PATTERN", help="Group of seeds; default: each seed is one."),
]
Weights = Annotated[
    list[str] | None, typer.Option("--weight", metavar="NAME=W", help="Importance of a group; default: 1.")
]
Minimum = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=RATE", help="Rate of accepted crossings that a group must keep."),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN[=P]", help="Seeds with this prescale (default: 1), repeatable."),
]
Off = Annotated[bool, typer.Option("--off", help="Let seeds be turned off (prescale 0).")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder for the results; default: build/prescales/MENU."),
]


@app.command()
def prescales(
    menu: Menu,
    inputs: Inputs,
    budget: Budget,
    group: Groups = None,
    weight: Weights = None,
    minimum: Minimum = None,
    keep: Keep = None,
    off: Off = False,
    model: ModelFile = None,
    without_model: WithoutModel = None,
    scheme: Scheme = None,
    trained_on: TrainedOn = False,
    output: Output = None,
) -> None:
    """Compute whole-number prescales for a rate budget, and say what they cost.

    Every group keeps as much of its crossings as the budget allows, by its weight (docs/rates.md). Writes
    prescales.csv, the experiment's CSV and prescales.json.

    Examples:

    `l1forge prescales menu.yaml zb.parquet --budget 60kHz`

    `l1forge prescales menu.yaml zb.parquet --budget 60kHz --group 'muons=L1_*Mu*' --group 'rest=*'
    --weight muons=3 --minimum muons=15kHz --keep 'L1_AD*'`
    """
    import math

    from l1forge.commands.rates import parse_groups
    from l1forge.emulator.errors import InputError
    from l1forge.screen.console import Console
    from l1forge.studies.prescales import propose_prescales
    from l1forge.studies.rates_inputs import parse_rate

    def numbers(option: str, texts: list[str] | None) -> dict[str, float]:
        found: dict[str, float] = {}
        for text in texts or []:
            name, separator, value = text.rpartition("=")
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if not separator or not name or not 0 <= number < math.inf:
                raise InputError("NAME=NUMBER expected", field=option, value=text, remedy="such as muons=2")
            found[name] = number
        return found

    def kept(texts: list[str] | None) -> dict[str, float]:
        plain = [text for text in texts or [] if "=" not in text]
        given = numbers("--keep", [text for text in texts or [] if "=" in text])
        for pattern, value in given.items():
            if 0 < value < 1:
                raise InputError(
                    "a prescale is 0 or at least 1", field="--keep", value=f"{pattern}={value:g}"
                )
        return dict.fromkeys(plain, 1.0) | given

    console = Console()
    folder = study_folder("prescales", menu, output)
    limits = {}
    for text in minimum or []:
        name, _, value = text.rpartition("=")
        limits[name] = parse_rate(value, "--minimum", text)
    with counting(console) as seen:
        study = propose_prescales(
            menu,
            inputs,
            parse_rate(budget, "--budget", budget),
            groups=parse_groups(group),
            weights=numbers("--weight", weight),
            minimum_khz=limits,
            fixed=kept(keep),
            may_be_off=off,
            models=model or [],
            without_models=without_model or [],
            scheme=scheme,
            trained_on=trained_on,
            seen=seen,
        )
    names = study.save(folder)
    _show(console, study)
    console.print(f"wrote {folder}/ {', '.join(names)}")


def _show(console: Console, study: ProposedPrescales) -> None:
    from l1forge.studies.rates_results import with_errors

    say_excluded(console, study.excluded, " and turned off")
    seeds = Table(title=f"{study.menu}: prescales for {study.budget_khz:g} kHz")
    for column in ("seed", "prescale", "before (kHz)", "after (kHz)", "accepted (%)"):
        seeds.add_column(column, justify="left" if column == "seed" else "right")
    for s in study.seeds:
        rates = map(with_errors, (s.before, s.after))
        seeds.add_row(s.name, f"{s.prescale:g}", *rates, f"{100 * s.accepted:.1f}")
    console.print(seeds)
    if any(len(group.seeds) > 1 for group in study.groups):
        groups = Table(title="groups: crossings that the menu accepts")
        for column in ("group", "seeds", "weight", "before (kHz)", "accepted (kHz)", "accepted (%)"):
            groups.add_column(column, justify="left" if column == "group" else "right")
        for g in study.groups:
            numbers = (
                f"{g.weight:g}",
                f"{g.before_khz:.3f}",
                f"{g.after_khz:.3f}",
                f"{100 * g.accepted:.1f}",
            )
            groups.add_row(g.name, str(len(g.seeds)), *numbers)
        console.print(groups)
    console.print(
        f"FinOR {with_errors(study.finor_before)} kHz without prescales, "
        f"{with_errors(study.finor_after)} kHz with them; cost: {100 * study.cost:.1f} % of the weighted sum "
        "of all groups' crossings",
        highlight=False,
    )
