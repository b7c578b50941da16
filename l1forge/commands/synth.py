"""`l1forge synth MODEL`: LUT, FF, DSP, longest path and latency of the generated Verilog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.synthesis import Synthesised

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[
    str, typer.Argument(help="Model name (vae, ...), path of a graph file, or folder of Verilog.")
]
Stages = Annotated[
    int | None, typer.Option(help="Number of pipeline stages; default: as many as the clock needs.", min=1)
]
Period = Annotated[
    float | None, typer.Option(help="Clock period in ns; default: the project's, or 240 MHz.", min=0.1)
]
Tool = Annotated[
    str, typer.Option(help="Synthesis tool: auto, yosys, nextpnr, vivado (Verilog) or vitis (HLS).")
]
Route = Annotated[bool, typer.Option("--route", help="Place and route for ECP5; the same as --tool nextpnr.")]
Part = Annotated[
    str | None,
    typer.Option(
        help="With --tool: FPGA part for Vivado and nextpnr (LFE5U-85F-8), family for Yosys (xcup, xcu, xc7)."
    ),
]
Dsp = Annotated[bool, typer.Option("--dsp/--no-dsp", help="Build multipliers from DSP blocks, or from LUTs.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Run Yosys also if the result for the same Verilog is known.")
]
Netlist = Annotated[int, typer.Option(help="Also simulate the netlist on this number of crossings.", min=0)]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the netlist and the log.")]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the result to this JSON file.")]
Compare = Annotated[
    str | None, typer.Option(help="Compare numbers of pipeline stages in a table, 9-13 or 9,11 (Yosys only).")
]
Docs = Annotated[Path | None, typer.Option(help="With --compare: page whose table is updated.")]


@app.command()
def synth(
    model: Model,
    stages: Stages = None,
    period: Period = None,
    tool: Tool = "auto",
    part: Part = None,
    route: Route = False,
    dsp: Dsp = True,
    fresh: Fresh = False,
    netlist: Netlist = 0,
    output: Output = None,
    json_output: JsonOutput = None,
    compare: Compare = None,
    docs: Docs = None,
) -> None:
    """Synthesise MODEL for UltraScale+ with Yosys, or with the vendor's tool if it is on PATH.

    `auto` uses the first tool that is available: Vivado (on the Verilog), Vitis (on the HLS project, if the
    model has one), Yosys. `--route` runs place and route for Lattice ECP5, the part with open silicon data; a
    clock that is missed is reported. MODEL may also be `muon_patterns`, `menu_default` or the folder of a
    Verilog project (`l1forge menu firmware -o DIR`).

    Examples:

    `l1forge synth vae`

    `l1forge synth tau_id --route`

    `l1forge synth tau_id --netlist 5000 --json synth.json`

    `l1forge synth vae --compare 9-13 --docs docs/rtl.md`
    """
    from l1forge.firmware.synth.backend import check_tool
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.synthesis import synthesise

    tool = _routing(tool, compare) if route else tool
    check_tool(tool, part)
    check_outputs(json_output, docs)
    check_folders(output)
    console = Console()
    if compare is not None:
        _compare(model, compare, period, dsp, docs, json_output, console)
        return
    with console.status("writing Verilog") as status:
        found = synthesise(
            model,
            stages=stages,
            period=period,
            tool=tool,
            part=part,
            dsp=dsp,
            fresh=fresh,
            netlist=netlist,
            output=output,
            save_to=json_output,
            progress=status.update,
            on_result=lambda made: _print(made, console),
        )
    if found.netlist is None:
        return
    if found.netlist.directed is not None:
        console.print("\n".join(found.netlist.directed.report()))
    console.print(f"netlist: [{'green' if found.passed else 'red'}]{found.netlist.verdict}[/]")
    if not found.passed:
        raise typer.Exit(1)


def _routing(tool: str, compare: str | None) -> str:
    """The tool that places and routes; InputError with options that need another."""
    from l1forge.emulator.errors import InputError

    if tool not in ("auto", "nextpnr"):
        raise InputError("means --tool nextpnr", field="--route", value=tool, remedy="leave one out")
    if compare is not None:
        raise InputError("is for Yosys only", field="--compare", value=compare, remedy="leave out --route")
    return "nextpnr"


def _print(made: Synthesised, console: Console) -> None:
    table = Table(title=f"{made.model}: synthesis", show_header=False)
    for row in made.result.rows():
        table.add_row(*row)
    console.print(table)
    if made.project.slow:
        console.print(f"[yellow]{made.project.slow}[/yellow]")


def _compare(
    model: str,
    text: str,
    period: float | None,
    dsp: bool,
    docs: Path | None,
    json_output: Path | None,
    console: Console,
) -> None:
    """One row per number of stages."""
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.synth import tradeoff
    from l1forge.models import graph_path
    from l1forge.studies.synthesis import compare_stages

    numbers = tradeoff.stage_numbers(text)
    if docs is not None:
        tradeoff.halves(docs, Graph.load(graph_path(model)).name)
    with console.status("writing Verilog") as status:
        found = compare_stages(model, numbers, period=period, dsp=dsp, progress=status.update)
    title = f"{found.model}: stages at {1000 / found.clock_period_ns:.0f} MHz"
    table = Table(*map(escape, tradeoff.HEADINGS), title=title)
    for cut in found.cuts:
        table.add_row(*cut.row())
    console.print(table)
    if docs is not None:
        tradeoff.refresh(docs, found.model, found.cuts)
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
