"""`l1forge firmware MODEL`: write the HLS project of a trained model and prove it equal to the emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.firmware import Firmware, TreeFirmware

app = typer.Typer(rich_markup_mode="markdown")

DEFAULT = 20_000

Model = Annotated[str, typer.Argument(help="Model name (vae, ...), or the graph file of a BDT.")]
Crossings = Annotated[int, typer.Option("-n", help="Number of crossings to compare.", min=1)]
EventFiles = Annotated[list[Path] | None, typer.Option("--events", help="Event files for the comparison.")]
Compile = Annotated[
    bool, typer.Option("--compile/--no-compile", help="Compile the C++ with g++ and compare.")
]
Verilog = Annotated[bool, typer.Option("--rtl/--no-rtl", help="Also write the Verilog of the same graph.")]
Seed = Annotated[int, typer.Option(help="Seed of the random crossings.", min=0)]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Project folder; default: hls_projects/MODEL.")
]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the result to this JSON file.")]


@app.command()
def firmware(
    model: Model,
    n: Crossings = DEFAULT,
    events: EventFiles = None,
    compile_: Compile = True,
    rtl: Verilog = True,
    seed: Seed = 1,
    output: Output = None,
    json_output: JsonOutput = None,
) -> None:
    """Write the Vitis HLS project of MODEL, compile it with g++ and compare it exactly with the emulator.

    The fixed-point graph is read back from the C++ that hls4ml writes and must equal the committed graph. For
    models of tables (vae, tail_pairs) hls4ml has no layers: their C++ is written from the graph. The stimuli
    are events, corner vectors and random bits; any difference gives exit code 1.

    Examples:

    `l1forge firmware vae`

    `l1forge firmware vae -n 100000 --events simulation/sample/zerobias.parquet --json firmware.json`

    `l1forge firmware vae --no-compile -o /tmp/vae_project`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.models.registry import check_rows
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.firmware import Firmware
    from l1forge.studies.firmware import firmware as study

    console = Console()
    check_folders(output)
    check_outputs(json_output)
    check_rows(model, events)
    with console.status("reading") as status:
        made = study(
            model,
            n,
            events=events,
            compiled=compile_,
            rtl=rtl,
            seed=seed,
            output=output,
            progress=status.update,
            on_projects=console.print,
        )
    if isinstance(made, Firmware):
        _print_network(made, console)
    else:
        _print_trees(made, console)
    if json_output is not None:
        write_text(json_output, json.dumps(made.to_dict(), indent=1) + "\n")
    if not made.exact:
        raise typer.Exit(1)


def _print_network(made: Firmware, console: Console) -> None:
    for example in made.examples:
        console.print(f"[red]{example}[/red]")
    if made.directed is not None:
        table = Table(title=f"{made.model}: HLS C++ against the emulator")
        for heading in ("output", *(f"{kind} crossings" for kind in made.crossings), "mismatches"):
            table.add_column(heading, justify="right")
        for name, wrong in made.mismatches.items():
            counts = (f"{count:,}" for count in made.crossings.values())
            table.add_row(name, *counts, f"[{'red' if wrong else 'green'}]{wrong}[/]")
        console.print(table)
        console.print("\n".join(made.directed.report()))
    if made.too_many_weights is not None:
        weights = f"{made.too_many_weights:,}"
        console.print(f"no Verilog: {weights} weights are too many for a design with initiation interval 1")
    if made.rtl is not None:
        clock = f"{1000 / made.rtl.clock_period_ns:.0f} MHz"
        console.print(f"Verilog in {made.rtl.folder}: latency {made.rtl.latency} clocks at {clock}")
        if made.rtl.slow:
            console.print(f"[yellow]{made.rtl.slow}[/yellow]")


def _print_trees(made: TreeFirmware, console: Console) -> None:
    if made.compared is None:
        return
    wrong, events = made.compared.mismatches, made.compared.events
    console.print(f"conifer C++: [{'red' if wrong else 'green'}]{wrong} mismatches in {events:,} events[/]")
    if made.compared.first:
        console.print(f"[red]{made.compared.first}[/red]")
