"""`l1forge pileup MENU INPUT…`: rates against pile-up and luminosity."""

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
    from l1forge.studies.pileup import PileupRates

app = typer.Typer(rich_markup_mode="markdown")

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="Zero-bias files of several pile-ups, or weighted."),
]
Bins = Annotated[
    str | None, typer.Option(metavar="EDGES", help="Bins of collisions per event, such as 30,45,60,75.")
]
At = Annotated[
    list[float] | None, typer.Option(help="Pile-up to extrapolate to, repeatable; default: 140, 200.")
]
Profile = Annotated[Path | None, typer.Option(help="CSV pileup,weight: also the rate averaged over it.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for the results; default: build/pileup/MENU.")
]


@app.command()
def pileup(
    menu: Menu,
    inputs: Inputs,
    bins: Bins = None,
    at: At = None,
    profile: Profile = None,
    model: ModelFile = None,
    without_model: WithoutModel = None,
    scheme: Scheme = None,
    trained_on: TrainedOn = False,
    output: Output = None,
) -> None:
    """Measure rates of a menu against pile-up and luminosity, fit and extrapolate them.

    Before prescales. Fits through the origin: a µ, and a µ + b µ² (docs/rates.md). Writes pileup.json,
    pileup.csv and pileup.png.

    Examples:

    `l1forge pileup menu.yaml zb40.parquet zb52.parquet zb64.parquet`

    `l1forge pileup menu.yaml weighted.parquet --bins 30,45,60,75 --profile fill.csv --at 140`
    """
    from l1forge.emulator.errors import InputError
    from l1forge.screen.console import Console
    from l1forge.studies.pileup import EXTRAPOLATED, pileup_rates

    console = Console()
    folder = study_folder("pileup", menu, output)
    edges = None
    if bins is not None:
        try:
            edges = [float(word) for word in bins.split(",")]
        except ValueError:
            raise InputError("numbers expected", field="--bins", value=bins, remedy="30,45,60,75") from None
    for value in at or ():
        if not 0 < value < 1000:
            raise InputError("must lie between 0 and 1000", field="--at", value=value)
    with counting(console) as seen:
        study = pileup_rates(
            menu,
            inputs,
            edges=edges,
            at=at or EXTRAPOLATED,
            profile=profile,
            models=model or [],
            without_models=without_model or [],
            scheme=scheme,
            trained_on=trained_on,
            seen=seen,
        )
    names = study.save(folder)
    _show(console, study)
    console.print(f"wrote {folder}/ {', '.join(names)}")


def _show(console: Console, study: PileupRates) -> None:
    from l1forge.studies.rates_results import with_errors

    say_excluded(console, study.excluded)
    table = Table(title=f"{study.menu}: rate in kHz before prescales; by {study.mode}")
    table.add_column("seed")
    for point in study.curves[0].points:
        table.add_column(f"µ = {point.pileup:.1f}\n{point.luminosity:.2e}", justify="right")
    ends = study.curves[-1].fits[-1].extrapolated if study.curves[-1].fits else ()
    for end in ends:
        table.add_column(f"fit at {end.pileup:g}\n{end.luminosity:.2e}", justify="right")
    for curve in study.curves:
        cells = [with_errors(point.rate) for point in curve.points]
        if ends:
            found = curve.fits[-1].extrapolated if curve.fits else ()
            cells += [f"{e.khz:.2f} ± {e.error_khz:.2f}" for e in found] or ["–"] * len(ends)
        table.add_row(curve.name, *cells)
    console.print(table)
    for fit in study.curves[-1].fits:
        console.print(
            f"FinOR, {fit.kind}: χ² {fit.chi2:.1f} for {fit.degrees} degrees of freedom", highlight=False
        )
    last = study.curves[-1]
    if last.profile is not None:
        console.print(f"FinOR over the profile: {with_errors(last.profile)} kHz", highlight=False)
