"""`l1forge cosim-muons`: muon firmware against its emulators, on simulated muons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")
UNITS = {"interval": r"interval \[clocks]", "latency": r"latency \[clocks]"}
"""Headings with a unit; rich would take a bare [clocks] for markup and drop it."""


@app.command()
def cosim_muons(
    n: Annotated[int, typer.Option("-n", help="Number of muons.", min=100)] = 100_000,
    small: Annotated[bool, typer.Option("--small", help="Leave out the ten-layer network.")] = False,
    inputs_per_clock: Annotated[
        int, typer.Option(help="Inputs that each neuron reads per clock.", min=1)
    ] = 8,
    csim: Annotated[
        int,
        typer.Option(
            help="Largest number of events through the HLS C++ (400 events/s for the large network).",
            min=1,
        ),
    ] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of muons, corner values and random codes.", min=0)] = 1,
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Write the result to this JSON file.")
    ] = None,
) -> None:
    """Compare the muon RTL (patterns; time-multiplexed networks) and the hls4ml C++ with the emulators.

    Examples:

    `l1forge cosim-muons -n 100000`

    `l1forge cosim-muons -n 5000 --small`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.muon_cosim import HEADINGS, verify_muons

    console = Console()
    check_outputs(json_output)
    with console.status("simulating muons") as status:
        found = verify_muons(
            n,
            small=small,
            inputs_per_clock=inputs_per_clock,
            csim=csim,
            seed=seed,
            progress=status.update,
        )
    headings = (UNITS.get(heading, heading) for heading in HEADINGS)
    table = Table(*headings, title=f"muon firmware, seed {seed}")
    for line in found.designs:
        *cells, wrong = (f"{getattr(line, key)}" for key in HEADINGS)
        table.add_row(*cells, f"[{'red' if line.mismatches else 'green'}]{wrong}[/]")
        if line.first:
            console.print(f"[red]{line.design}: {line.first}[/red]")
    console.print(table)
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    if not found.passed:
        raise typer.Exit(1)
