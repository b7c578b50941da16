"""`l1forge prove-monotone GRAPH --input NAME`: proofs of monotony on the integers of the circuit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (tau_id, ...) or path of a graph file.")]
Inputs = Annotated[
    list[str],
    typer.Option(
        "--input",
        help="Input that is declared monotone: NAME, NAME:increasing or NAME:decreasing. NAME is an input"
        " node, node[3], an event column or a feature of the graph. Repeatable.",
    ),
]
Outputs = Annotated[
    list[str] | None, typer.Option("--output", help="Node that shall be monotone; default: all outputs.")
]
Ranges = Annotated[
    list[str] | None,
    typer.Option("--range", help="NAME=LOW..HIGH in integers: other inputs cannot occur. Repeatable."),
]
Seconds = Annotated[float, typer.Option(help="Most seconds for the search.", min=0.1)]
Seed = Annotated[int, typer.Option(help="Seed of the random inputs that are tried first.", min=0)]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Result as JSON.")]


@app.command()
def prove_monotone(
    model: Model,
    inputs: Inputs,
    outputs: Outputs = None,
    ranges: Ranges = None,
    seconds: Seconds = 60.0,
    seed: Seed = 1,
    json_output: JsonOutput = None,
) -> None:
    """Prove that no output of MODEL falls when a declared input grows, all other inputs being equal.

    The proof is about the integers of the circuit, rounding and saturation included. Exit code 0: proven;
    1: not so, a counterexample is shown; 3: not decided in the time given.

    Examples:

    `l1forge prove-monotone graph.json --input bending:decreasing`

    `l1forge prove-monotone tau_id --input seed_et --range seed_et=0..255 --seconds 300`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.monotone import prove_monotone as study

    check_outputs(json_output)
    console = Console()
    with console.status("looking for a counterexample") as status:
        found = study(
            model,
            inputs,
            outputs=outputs or (),
            ranges=ranges or (),
            seconds=seconds,
            seed=seed,
            progress=lambda boxes, left: status.update(f"{boxes:,} boxes examined, {left:,} open"),
        )
    for line in found.lines():
        console.print(line, highlight=False, markup=False)
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    if found.exit_code:
        raise typer.Exit(found.exit_code)
