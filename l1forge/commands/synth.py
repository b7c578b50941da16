"""`l1forge synth MODEL`: LUT, FF, DSP, longest path and latency of the generated Verilog."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from l1forge.screen.console import Console

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
    compare: Annotated[
        str | None, typer.Option(help="Instead: a table over pipeline stages, 9-13 or 9,11 (Yosys).")
    ] = None,
    docs: Annotated[Path | None, typer.Option(help="With --compare: page whose table is refreshed.")] = None,
) -> None:
    """Synthesise MODEL for UltraScale+ with Yosys, or with the vendor's tool where that is on PATH.

    `auto` takes Vivado on the Verilog, else Vitis on the HLS project of a model that has one, else Yosys.

    Examples:

    `l1forge synth vae`

    `l1forge synth tau_id --netlist 5000 --json synth.json`

    `l1forge synth vae --compare 9-13 --docs docs/rtl.md`
    """
    import math

    from l1forge.emulator.atomic import append_line
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.synth import vitis_hls as vitis
    from l1forge.firmware.synth import vivado as vendor
    from l1forge.firmware.synth import yosys
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.limits import check_pipelined
    from l1forge.testbench.flow import has_hls, hls_project

    if tool not in ("auto", "yosys", "vivado", "vitis"):
        raise InputError("unknown tool", field="--tool", value=tool, remedy="auto, yosys, vivado or vitis")
    if period is not None and not math.isfinite(period):
        raise InputError("is not a clock period in ns", field="--period", value=period, remedy="such as 4.2")
    check_outputs(json_output, docs)
    check_folders(output)
    console = Console()
    graph = Graph.load(graph_path(model))
    check_pipelined(graph)
    if compare is not None:
        _compare(graph, compare, period, dsp, docs, json_output, console)
        return
    build = build_folder()
    project, folder = _design(graph, stages, period, dsp)
    folder = output or folder
    if tool == "vivado" or (tool == "auto" and vendor.available()):
        with console.status("Vivado: synthesis, placement, routing"):
            result = vendor.synthesise(project, folder)
    elif tool == "vitis" or (tool == "auto" and vitis.available() and has_hls(model)):
        with console.status("Vitis HLS"):
            hls = hls_project(model, graph, build / "hls") or Path("hls_projects") / model
            result = vitis.synthesise(hls, folder, name=graph.name, design=project.circuit)
    else:
        result = _yosys(project, folder, dsp, console)
    table = Table(title=f"{graph.name}: synthesis", show_header=False)
    for row in result.rows():
        table.add_row(*row)
    console.print(table)
    if project.slow:
        console.print(f"[yellow]{project.slow}[/yellow]")
    reports = build / "reports" / graph.name
    result.save(json_output or reports / "synthesis.json")
    reports.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    append_line(reports / "history.jsonl", json.dumps({"when": when, "step": "synth", **result.to_dict()}))
    if netlist:
        if result.netlist is None:
            raise InputError("only Yosys netlists can be simulated", field="--netlist", value=netlist)
        from l1forge.testbench.cosim import cosimulate
        from l1forge.testbench.directed import directed
        from l1forge.testbench.flow import Plan, sample_files

        with console.status("simulating the netlist"):
            found = directed(graph, proofs=False)
            kinds = Plan(netlist).stimuli(graph, sample_files(), 1, found)
            netlist_project = yosys.netlist_project(project, folder)
            report = cosimulate(netlist_project, graph, kinds, label="netlist", directed=found)
        if report.directed is not None:
            console.print("\n".join(report.directed.report()))
        console.print(f"netlist: [{'green' if report.passed else 'red'}]{report.verdict}[/]")
        if not report.passed:
            raise typer.Exit(1)


def _design(graph: Any, stages: int | None, period: float | None, dsp: bool) -> tuple[Any, Path]:
    """The Verilog project of ``graph`` and the folder for its synthesis."""
    from l1forge.emulator.folders import build_folder, variant
    from l1forge.firmware.rtl import CLOCK_PERIOD_NS, generate

    name = variant(graph.name, stages, period)
    project = generate(
        graph, build_folder() / "rtl" / name, stages=stages, clock_period_ns=period or CLOCK_PERIOD_NS
    )
    return project, build_folder() / "synth" / f"{name}{'' if dsp else '-nodsp'}"


def _yosys(project: Any, folder: Path, dsp: bool, console: Console) -> Any:
    from l1forge.firmware.synth import yosys

    label = f"Yosys, {project.stages} stages"
    with console.status(label) as status:
        return yosys.synthesise(
            project, folder, dsp=dsp, progress=lambda name: status.update(f"{label}: {name.lower()}")
        )


def _compare(
    graph: Any,
    text: str,
    period: float | None,
    dsp: bool,
    docs: Path | None,
    json_output: Path | None,
    console: Console,
) -> None:
    """One row per number of stages; what was synthesised before is found again."""
    import json

    from l1forge.emulator.atomic import write_text
    from l1forge.firmware.synth import tradeoff

    numbers = tradeoff.stage_numbers(text)
    if docs is not None:
        tradeoff.halves(docs, graph.name)
    usual, _ = _design(graph, None, period, dsp)
    cuts = []
    for number in numbers:
        default = number == usual.stages
        project, folder = _design(graph, None if default else number, period, dsp)
        cuts.append(tradeoff.Cut(project, _yosys(project, folder, dsp, console), default))
    table = Table(*tradeoff.HEADINGS, title=f"{graph.name}: stages at {1000 / usual.clock_period_ns:.0f} MHz")
    for cut in cuts:
        table.add_row(*cut.row())
    console.print(table)
    if docs is not None:
        tradeoff.refresh(docs, graph.name, cuts)
    if json_output is not None:
        write_text(json_output, json.dumps([cut.result.to_dict() for cut in cuts], indent=1) + "\n")
