"""`l1forge simulate-muons`: overlap-region muons as integer stubs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def simulate_muons(
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet file to write.")],
    muons: Annotated[
        int, typer.Option("--muons", "-n", help="Number of muons.", min=1, max=1_000_000_000)
    ] = 100_000,
    seed: Annotated[
        int, typer.Option(help="Seed; equal seeds give equal files for any --processes.", min=0)
    ] = 1,
    pt_min: Annotated[float, typer.Option(help="Smallest pT in GeV; log(pT) is uniform.")] = 1.0,
    pt_max: Annotated[float, typer.Option(help="Largest pT in GeV.")] = 200.0,
    displacement: Annotated[float, typer.Option(help="Largest transverse impact parameter in cm.")] = 0.0,
    noise: Annotated[float, typer.Option(help="Probability of a noise stub per end-cap layer.")] = 0.02,
    punch_through: Annotated[float, typer.Option(help="Probability that a hadron reaches station 1.")] = 0.01,
    detector: Annotated[
        str,
        typer.Option(
            help="Detector: nominal, other (a second simulation), randomised (another one for every 10 000"
            " muons), or FILE:NAME of a file like simulation/muons/detectors.yaml."
        ),
    ] = "nominal",
    dead: Annotated[
        list[str] | None, typer.Option(help="Layer without stubs, such as MB1 or RE2/3; repeatable.")
    ] = None,
    processes: Annotated[int, typer.Option("--processes", "-j", help="Number of processes.", min=1)] = 1,
) -> None:
    """Simulate muons in the 18 logic layers of the overlap region.

    Examples:

    `l1forge simulate-muons -n 100000 --seed 1 -o muons.parquet`

    `l1forge simulate-muons --displacement 100 -o displaced.parquet`

    `l1forge simulate-muons --detector other --dead MB2 -o other.parquet`
    """
    from l1forge.screen.outputs import check_outputs
    from l1forge.simulation.muons import MuonSettings, generate
    from l1forge.simulation.muons.detectors import parse
    from l1forge.simulation.muons.stubs import write_stubs

    check_outputs(output)
    chosen = parse(detector, dead or ())
    settings = MuonSettings(pt_min, pt_max, displacement, noise, punch_through, detector=chosen)
    with Progress() as progress:
        task = progress.add_task("muons", total=muons)
        sample = generate(
            muons, seed, settings, processes=processes, progress=lambda n: progress.advance(task, n)
        )
    write_stubs(sample, output)
    typer.echo(f"{len(sample)} muons in {output}")
