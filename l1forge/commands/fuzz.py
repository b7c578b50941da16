"""`l1forge fuzz`: random fixed-point networks, emulator against hls4ml's compiled C++."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def fuzz(
    n: Annotated[int, typer.Option("-n", help="Networks.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Network k is drawn from (seed, k).", min=0)] = 1,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for shrunk reproducers of failures.")
    ] = Path("build/fuzz"),
    batch: Annotated[int, typer.Option(help="Networks in one translation unit.", min=1)] = 25,
    replay: Annotated[
        Path | None, typer.Option(help="Check one saved reproducer instead of drawing networks.")
    ] = None,
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Summary as JSON, written after every batch.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the run that wrote --json stopped.")
    ] = False,
) -> None:
    """Compare random networks with hls4ml's C++: random layers, types and weights, corner and random inputs.

    A network that differs is shrunk and saved; the exit code is then 1.

    Examples:

    `l1forge fuzz -n 100`

    `l1forge fuzz -n 2000 --seed 7 --json fuzz.json`

    `l1forge fuzz -n 2000 --seed 7 --json fuzz.json --resume`

    `l1forge fuzz --replay build/fuzz/fuzz_7_123.json`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.firmware.hls.fuzz.campaign import Summary, campaign, check_one
    from l1forge.firmware.hls.fuzz.network import Network
    from l1forge.screen.outputs import check_folders, check_outputs

    check_folders(output)
    check_outputs(json_output)
    console = Console()
    warnings.simplefilter("ignore")
    if replay is not None:
        problem = check_one(Network.load(replay))
        console.print(f"[red]{problem}[/red]" if problem else "[green]no difference[/green]")
        raise typer.Exit(1 if problem else 0)
    if resume and json_output is None:
        raise InputError("needs the summary of the run", field="--resume", remedy="give it with --json")
    resumed = Summary.load(json_output, seed) if resume and json_output and json_output.exists() else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("networks", total=n, completed=resumed.done if resumed else 0)

        def report(summary: Summary) -> None:
            bar.update(task, completed=summary.done)
            if json_output is not None:
                write_text(json_output, json.dumps(summary.document(seed), indent=1) + "\n")

        summary = campaign(n, seed, output, report, batch, resumed=resumed)
    table = Table(title=f"fuzz: seed {seed}")
    table.add_column("layer")
    table.add_column("compared", justify="right")
    for layer, count in summary.layers.most_common():
        table.add_row(layer, str(count))
    console.print(table)
    for reason, count in summary.refused.most_common():
        console.print(f"refused {count}: {reason}")
    for failure in summary.failures:
        console.print(f"[red]network {failure.number}: {failure.network.label}: {failure.problem}[/red]")
    console.print(
        f"{len(summary.failures)} networks differ of {summary.networks} compared"
        f" ({summary.values:,} output values, outputs vary in {summary.varied} networks,"
        f" {sum(summary.refused.values())} refused)"
    )
    if not summary.networks:
        console.print("[red]nothing was compared, so nothing is proven[/red]")
    if summary.failures or not summary.networks:
        raise typer.Exit(1)
