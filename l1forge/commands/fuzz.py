"""`l1forge fuzz`: random fixed-point networks, emulator against hls4ml's compiled C++."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.fuzz import Fuzzed

app = typer.Typer(rich_markup_mode="markdown")


Networks = Annotated[int, typer.Option("-n", help="Number of random networks.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of the networks; network k is drawn from (seed, k).", min=0)]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for the smallest network that reproduces each failure.")
]
Batch = Annotated[int, typer.Option(help="Number of networks compiled in one C++ file.", min=1)]
Replay = Annotated[Path | None, typer.Option(help="Check one saved failing network instead of random ones.")]
JsonOutput = Annotated[
    Path | None, typer.Option("--json", help="JSON file for the summary, written after every batch.")
]
Trained = Annotated[
    bool,
    typer.Option(
        "--trained",
        help="Compare random PyTorch networks with their own prediction, with types chosen from data.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run that wrote the --json file.")]


@app.command()
def fuzz(
    n: Networks = 100,
    seed: Seed = 1,
    output: Output = Path("build/fuzz"),
    batch: Batch = 25,
    replay: Replay = None,
    json_output: JsonOutput = None,
    trained: Trained = False,
    resume: Resume = False,
) -> None:
    """Compare the emulator with hls4ml's C++ on random networks: random layers, types, weights and inputs.

    A network that differs is reduced to the smallest one that still differs and saved; the exit code is 1.

    Examples:

    `l1forge fuzz -n 100`

    `l1forge fuzz -n 2000 --seed 7 --json fuzz.json`

    `l1forge fuzz -n 2000 --seed 7 --json fuzz.json --resume`

    `l1forge fuzz --replay build/fuzz/fuzz_7_123.json`

    `l1forge fuzz --trained -n 500 --seed 7 --json trained.json --resume`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.firmware.hls.fuzz.campaign import Summary
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies import fuzz as studies

    check_folders(output)
    check_outputs(json_output)
    console = Console()
    if replay is not None:
        problem = studies.replay(replay)
        console.print(f"[red]{problem}[/red]" if problem else "[green]no difference[/green]")
        raise typer.Exit(1 if problem else 0)
    if resume and json_output is None:
        raise InputError("needs the summary of the run", field="--resume", remedy="give it with --json")
    if trained:
        _trained(n, seed, json_output, console, resume)
        return
    resumed = Summary.load(json_output, seed) if resume and json_output and json_output.exists() else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("networks", total=n, completed=resumed.done if resumed else 0)

        def report(summary: Summary) -> None:
            bar.update(task, completed=summary.done)
            if json_output is not None:
                write_text(json_output, json.dumps(summary.document(seed), indent=1) + "\n")

        found = studies.fuzz(n, seed=seed, output=output, batch=batch, resumed=resumed, on_batch=report)
    _print(found, console)
    if not found.passed:
        raise typer.Exit(1)


def _print(found: Fuzzed, console: Console) -> None:
    summary = found.summary
    table = Table(title=f"fuzz: seed {found.seed}")
    table.add_column("layer")
    table.add_column("compared", justify="right")
    for layer, count in summary.layers.most_common():
        table.add_row(layer, str(count))
    console.print(table)
    for reason, count in summary.refused.most_common():
        console.print(f"refused {count}: {reason}")
    for failure in summary.failures:
        console.print(f"[red]network {failure.number}: {failure.network.label}: {failure.problem}[/red]")
    console.print(found.verdict)
    if not summary.networks:
        console.print("[red]no network was compared: this run shows nothing[/red]")


def _trained(n: int, seed: int, json_output: Path | None, console: Console, resume: bool) -> None:
    """Networks against the framework's own prediction; exit code 1 if one differs, or none was compared."""
    from l1forge.emulator.atomic import write_text
    from l1forge.firmware.hls.fuzz.trained import TrainedSummary, trained_campaign
    from l1forge.screen.quiet import quiet_stderr

    resumed = (
        TrainedSummary.load(json_output, seed) if resume and json_output and json_output.exists() else None
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("networks", total=n, completed=resumed.done if resumed else 0)

        def report(summary: TrainedSummary) -> None:
            bar.update(task, completed=summary.done)
            if json_output is not None:
                write_text(json_output, json.dumps(summary.document(seed), indent=1) + "\n")

        with quiet_stderr():
            summary = trained_campaign(n, seed, report, resumed)
    for reason, count in summary.refused.most_common():
        console.print(f"refused {count}: {reason}")
    for number, problem in summary.failures:
        console.print(f"[red]network {number}: {problem}[/red]")
    console.print(
        f"{len(summary.failures)} networks differ of {summary.networks} compared with their own prediction"
        f" (largest mean error over spread {summary.worst:.2g}, {sum(summary.refused.values())} refused)"
    )
    if summary.failures or not summary.networks:
        raise typer.Exit(1)
