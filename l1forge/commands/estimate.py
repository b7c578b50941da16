"""`l1forge estimate GRAPH`: LUT, FF, latency, longest path and routed period from the graph alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Result as JSON.")]


@app.command()
def estimate(model: Model, json_output: JsonOutput = None) -> None:
    """Estimate MODEL's resources and timing in milliseconds: no Verilog is generated, no tool is run.

    The numbers are those that `l1forge synth` would find with Yosys, default stages and clock; the errors are
    those on designs that the calibration did not see (docs/synthesis.md). The routed period is what the
    longest path becomes on ECP5, the only silicon with open data: for other parts it is an assumption.

    Examples:

    `l1forge estimate graph.json`

    `l1forge estimate tau_id --json estimate.json`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.estimate import HEADINGS
    from l1forge.studies.estimate import estimate as estimated

    check_outputs(json_output)
    found = estimated(model)
    console = Console()
    table = Table(*HEADINGS, title=f"{found.result.name}: estimate from the graph alone")
    for row in found.rows():
        table.add_row(*row)
    console.print(table)
    for line in found.warnings:
        console.print(line, style="yellow", markup=False)
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
