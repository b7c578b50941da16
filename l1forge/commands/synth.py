"""`l1forge synth MODEL`: LUT, FF, DSP, longest path and latency of the generated Verilog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def synth(
    model: Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")],
    stages: Annotated[
        int | None, typer.Option(help="Pipeline stages; default: as many as the clock needs.", min=1)
    ] = None,
    period: Annotated[
        float | None, typer.Option(help="Clock period in ns; default 240 MHz.", min=0.1)
    ] = None,
    tool: Annotated[str, typer.Option(help="auto, yosys, vivado (Verilog) or vitis (HLS).")] = "auto",
    dsp: Annotated[
        bool, typer.Option("--dsp/--no-dsp", help="Multipliers in DSP blocks, or in LUTs.")
    ] = True,
    netlist: Annotated[int, typer.Option(help="Also simulate the netlist on so many crossings.", min=0)] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of netlist and log.")] = None,
    json_output: Annotated[Path | None, typer.Option("--json", help="Result as JSON.")] = None,
) -> None:
    """Synthesise MODEL for UltraScale+ with Yosys, or with the vendor's tool where that is on PATH.

    `auto` takes Vivado on the Verilog, else Vitis on the HLS project of a model that has one, else Yosys.

    Examples:

    `l1forge synth vae`

    `l1forge synth tau_id --netlist 5000 --json synth.json`
    """
    import math

    from emulator.errors import InputError
    from emulator.graph import Graph
    from firmware.folders import build_folder
    from firmware.rtl import CLOCK_PERIOD_NS, generate
    from firmware.synth import vendor, vitis, yosys
    from l1forge.outputs import check_folders, check_outputs
    from models import graph_path
    from testbench.flow import has_hls, hls_project

    if tool not in ("auto", "yosys", "vivado", "vitis"):
        raise InputError("unknown tool", field="--tool", value=tool, remedy="auto, yosys, vivado or vitis")
    if period is not None and not math.isfinite(period):
        raise InputError("is not a clock period in ns", field="--period", value=period, remedy="such as 4.2")
    check_outputs(json_output)
    check_folders(output)
    console = Console()
    graph = Graph.load(graph_path(model))
    custom = "" if stages is None and period is None else f"-{stages or 'auto'}-{period or 'default'}"
    variant = custom if dsp else f"{custom}-nodsp"
    build = build_folder()
    project = generate(
        graph,
        build / "rtl" / f"{graph.name}{custom}",
        stages=stages,
        clock_period_ns=period or CLOCK_PERIOD_NS,
    )
    folder = output or build / "synth" / f"{graph.name}{variant}"
    if tool == "vivado" or (tool == "auto" and vendor.available()):
        with console.status("Vivado: synthesis, placement, routing"):
            result = vendor.synthesise(project, folder)
    elif tool == "vitis" or (tool == "auto" and vitis.available() and has_hls(model)):
        with console.status("Vitis HLS"):
            hls = hls_project(model, graph, build / "hls") or Path("hls_projects") / model
            result = vitis.synthesise(hls, folder, name=graph.name, design=project.circuit)
    else:
        with console.status("Yosys") as status:
            result = yosys.synthesise(
                project, folder, dsp=dsp, progress=lambda name: status.update(f"Yosys: {name.lower()}")
            )
    table = Table(title=f"{graph.name}: synthesis", show_header=False)
    for row in result.rows():
        table.add_row(*row)
    console.print(table)
    result.save(json_output or build / "reports" / graph.name / "synthesis.json")
    if netlist:
        if result.netlist is None:
            raise InputError("only Yosys netlists can be simulated", field="--netlist", value=netlist)
        from testbench.cosim import cosimulate
        from testbench.flow import Plan, sample_files

        with console.status("simulating the netlist"):
            kinds = Plan(netlist).stimuli(graph, sample_files(), 1)
            report = cosimulate(yosys.netlist_project(project, folder), graph, kinds, label="netlist")
        console.print(f"netlist: [{'green' if report.passed else 'red'}]{report.verdict}[/]")
        if not report.passed:
            raise typer.Exit(1)
