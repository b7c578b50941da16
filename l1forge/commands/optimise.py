"""`l1forge optimise MODEL.py|GRAPH`: settings that make a model small, good and fast enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from l1forge.screen.console import Console
from l1forge.screen.progress import bar

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[
    str, typer.Argument(help="Python file that trains a graph, or name or path of a graph to narrow.")
]
Data = Annotated[list[Path], typer.Option(help="File that the training reads; repeatable.")]
Validation = Annotated[
    list[Path] | None, typer.Option(help="File that judges a trial; repeatable; default: --data.")
]
Signal = Annotated[list[str] | None, typer.Option(help="Signal events as NAME=FILE, for --rate; repeatable.")]
Rate = Annotated[
    float | None,
    typer.Option(help="Judge by the mean efficiency of the signals at this total rate (kHz).", min=1e-6),
]
Latency = Annotated[float, typer.Option(help="Longest latency in ns.", min=1.0)]
Lut = Annotated[int | None, typer.Option(help="Most LUTs, by the estimate.", min=1)]
Trials = Annotated[int, typer.Option(help="Trials in all, those of an earlier call included.", min=1)]
Seeds = Annotated[int, typer.Option(help="Seeds of training for each trial; their spread is stated.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of the search and the first one of training.", min=0)]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for trials, graphs, plot; continued if it holds them.")
]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Also write the result to this file.")]


@app.command()
def optimise(
    model: Model,
    data: Data,
    output: Output,
    validation: Validation = None,
    signal: Signal = None,
    rate: Rate = None,
    latency: Latency = 25.0,
    lut: Lut = None,
    trials: Trials = 50,
    seeds: Seeds = 1,
    seed: Seed = 1,
    json_output: JsonOutput = None,
) -> None:
    """Propose settings of MODEL with few LUTs, small loss and a latency within a limit.

    A Python file defines SETTINGS and train(settings, data, seed), see docs/optimise.md; of a graph, the bits
    of inputs, weights and tables and the pruned share are searched. LUT and latency are
    those of the circuit that the RTL generator traces. Ctrl-C loses nothing: the same command goes on.

    Examples:

    `l1forge optimise my_model.py --data train.npy --validation test.npy -o build/search`

    `l1forge optimise graph.json --data zb.parquet --latency 25 --lut 3000 -o build/search`

    `l1forge optimise vae --data zb.parquet --signal A4l=A4l.parquet --rate 10 -o build/search`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.optimise import HEADINGS, Goal, Optimised
    from l1forge.studies.optimise import optimise as search

    check_folders(output)
    check_outputs(json_output, inputs=[*data, *(validation or [])])
    signals = []
    for text in signal or []:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise InputError("is not NAME=FILE", field="--signal", value=text)
        signals.append((name, Path(file)))
    goal = Goal(tuple(data), tuple(validation or ()), tuple(signals), rate, latency, lut, seeds)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bar(*columns) as progress:
        task = progress.add_task("trials", total=trials)

        def report(state: Optimised) -> None:
            progress.update(task, completed=len(state.trials))

        found = search(model, goal, output, trials=trials, seed=seed, on_trial=report)
    table = Table(*HEADINGS, title=f"{found.name}: front of {len(found.trials)} trials, {found.what}")
    for trial in found.front:
        table.add_row(*trial.row())
    console.print(table)
    if not found.front:
        console.print("no trial is within the limits", style="yellow")
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    console.print(f"wrote {output}", markup=False)
