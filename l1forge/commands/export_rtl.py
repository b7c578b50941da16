"""`l1forge export-rtl MODEL -o DIR`: a design as a folder to take away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder to write: new, empty, or made so before."),
]
Vhdl = Annotated[bool, typer.Option("--vhdl", help="VHDL-2008 instead of Verilog; without testbench.")]
Stages = Annotated[
    int | None, typer.Option(help="Number of pipeline stages; default: as many as the clock needs.", min=1)
]
Period = Annotated[
    float | None, typer.Option(help="Clock period in ns; default: the project's, or 240 MHz.", min=0.1)
]
Crossings = Annotated[int, typer.Option("-n", help="Number of crossings of the testbench.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of random bits and corner values.", min=0)]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write what was made to this JSON file.")]


@app.command()
def export_rtl(
    model: Model,
    output: Output,
    vhdl: Vhdl = False,
    stages: Stages = None,
    period: Period = None,
    n: Crossings = 1_000,
    seed: Seed = 1,
    json_output: JsonOutput = None,
) -> None:
    """Write the design of MODEL as a folder to take away: sources, constraints, scripts, testbench, README.

    The folder needs nothing of l1forge. It holds Verilog and an AXI4-Stream wrapper, XDC and SDC, Tcl for
    Vivado and Quartus, a Makefile, a FuseSoC `.core`, and a testbench that compares with the emulator's
    results.

    Examples:

    `l1forge export-rtl tau_id -o tau_id_rtl && make -C tau_id_rtl test`

    `l1forge export-rtl graph.json -o mine --period 2.77 --vhdl`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.export_rtl import export_rtl as study

    check_folders(output)
    check_outputs(json_output)
    console = Console()
    with console.status("reading") as status:
        made = study(
            model, output, vhdl=vhdl, stages=stages, period=period, n=n, seed=seed, progress=status.update
        )
    if json_output is not None:
        write_text(json_output, json.dumps(made.to_dict(), indent=1) + "\n")
    console.print(f"wrote {made.folder}: {len(made.files)} files, circuit {made.project.circuit}")
    if made.project.slow:
        console.print(f"[yellow]{made.project.slow}[/yellow]")
    console.print(f"test it: make -C {made.folder} {'lint' if vhdl else 'test'}")
