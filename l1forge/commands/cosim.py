"""`l1forge cosim MODEL`: RTL simulation against emulator and compiled HLS C++, integer by integer."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph

app = typer.Typer(rich_markup_mode="markdown")

DEFAULT, DEEP = 1_000_000, 50_000_000


@app.command()
def cosim(
    model: Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")],
    n: Annotated[int | None, typer.Option("-n", help="Crossings (1 M; 50 M with --deep).", min=1)] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Compiled harness only, many crossings.")] = False,
    waves: Annotated[
        bool, typer.Option("--waves", help="Also leave a waveform (VCD); or set WAVES=1.")
    ] = False,
    events: Annotated[
        list[Path] | None, typer.Option("--events", help="Event files instead of the committed sample.")
    ] = None,
    hls: Annotated[
        Path | None,
        typer.Option("--hls", help="hls4ml project to compare with; default: written from MODEL."),
    ] = None,
    stages: Annotated[
        int | None, typer.Option(help="Pipeline stages; default: as many as the clock needs.", min=1)
    ] = None,
    period: Annotated[
        float | None, typer.Option(help="Clock period in ns; default 240 MHz.", min=0.1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random bits, corners and gaps.", min=0)] = 1,
    threads: Annotated[int, typer.Option(help="Simulated instances side by side.", min=1)] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of report and waveform.")
    ] = None,
    json_output: Annotated[Path | None, typer.Option("--json", help="Report as JSON.")] = None,
) -> None:
    """Prove the Verilog of MODEL equal to its emulator, crossing by crossing; any difference fails.

    Ctrl-C ends a long run early: what was compared until then is reported and saved.

    The folder keeps the strongest record of the design in cosim.json (a failure always replaces it), and one
    line for every run in history.jsonl. `--json` writes
    this run's report there and, without `--output`, nowhere else.

    Examples:

    `l1forge cosim vae -n 100000`

    `WAVES=1 l1forge cosim vae -n 1000`

    `l1forge cosim vae --deep`

    `l1forge cosim vae --stages 9 -n 100000`
    """
    import math

    from l1forge.emulator.errors import InputError
    from l1forge.emulator.folders import build_folder, variant
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.rtl import CLOCK_PERIOD_NS, generate
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.screen.quiet import quiet_stderr
    from l1forge.studies.limits import check_pipelined
    from l1forge.testbench.conifer import conifer_implementations, has_trees
    from l1forge.testbench.directed import directed
    from l1forge.testbench.flow import hls_implementation, hls_project, verify, waveform
    from l1forge.testbench.records import keep

    if period is not None and not math.isfinite(period):
        raise InputError("is not a clock period in ns", field="--period", value=period, remedy="such as 4.2")
    console = Console()
    graph = Graph.load(graph_path(model))
    # a design that is cut otherwise leaves the record of the default one alone
    name = variant(graph.name, stages, period)
    folder = output or build_folder() / "reports" / name
    check_folders(folder)
    check_outputs(json_output)
    check_event_files(events)
    check_pipelined(graph)
    if hls is not None:
        _check_project(hls, graph)
    with console.status("writing Verilog"):
        project = generate(
            graph, build_folder() / "rtl" / name, stages=stages, clock_period_ns=period or CLOCK_PERIOD_NS
        )
    extra = {}
    with console.status("HLS project: writing and compiling, once"):
        with quiet_stderr():  # TensorFlow and torch talk while they are imported
            hls_folder = hls or hls_project(model, graph, build_folder() / "hls")
        if hls_folder is not None:
            extra["hls"] = hls_implementation(hls_folder, graph)
    extras = ExitStack()
    if has_trees(graph):
        with console.status("compiling conifer's C++, simulating its VHDL"):
            conifer = conifer_implementations(graph, build_folder() / "rtl" / f"{graph.name}_conifer")
            extra |= extras.enter_context(conifer)
    with console.status("directed stimuli") as status:  # once; then from the cache
        found = directed(graph, progress=status.update)
    count = n if n is not None else DEEP if deep else DEFAULT
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    started = time.perf_counter()
    with extras, Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("building, then crossings", total=count)
        _, report = verify(
            graph,
            count,
            project=project,
            extra=extra,
            files=events,
            seed=seed,
            deep=deep,
            threads=threads,
            progress=lambda done: bar.advance(task, done),
            found=found,
        )
    seconds = time.perf_counter() - started
    table = Table(title=f"{graph.name}: co-verification ({report.driver})")
    for heading in ("implementation", "crossings compared", "crossings/s"):
        table.add_column(heading, justify="right")
    for name, checked in {"emulator": report.crossings, **report.checked}.items():
        spent = report.seconds.get(name, 0.0)
        table.add_row(name, f"{checked:,}", f"{checked / spent:,.0f}" if spent else "-")
    console.print(table)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.stimuli.items())
    console.print(f"stimuli: {kinds}; {report.clocks:,} clocks, seed {seed}, {seconds:.0f} s")
    console.print(
        f"latency {project.latency} clocks ({project.latency_ns:.1f} ns at"
        f" {1000 / project.clock_period_ns:.0f} MHz), asserted on every clock; initiation interval 1"
    )
    if project.slow:
        console.print(f"[yellow]{project.slow}[/yellow]")
    if report.coverage is not None:
        console.print(f"toggle coverage of ports and pipeline registers: {100 * report.coverage:.2f} %")
    if report.directed is not None:
        console.print("\n".join(report.directed.report()))
    for example in report.examples:
        console.print(f"[red]{example}[/red]")
    if output is not None or json_output is None:
        stronger = keep(report, folder)
        if stronger:
            console.print(stronger)
    if json_output is not None:
        report.save(json_output)
    if waves or os.environ.get("WAVES") == "1":
        place = waveform(graph, folder / "waves.vcd", files=events, seed=seed, project=project)
        console.print(f"waveform: {place}")
    console.print(f"[{'green' if report.passed else 'red'}]{report.verdict}[/]")
    if not report.passed:
        raise typer.Exit(1)
    if report.interrupted:
        raise typer.Exit(130)


def _check_project(project: Path, graph: Graph) -> None:
    """Demand that an hls4ml project has the inputs and outputs of ``graph``."""
    from l1forge.emulator.errors import InputError
    from l1forge.firmware.hls.translate.graph import import_project

    def sizes(found: Graph) -> str:
        ends = [node.size for node in found.inputs], [found[name].size for name in found.outputs]
        return f"{ends[0]} inputs, {ends[1]} outputs"

    found = sizes(import_project(project))
    if found != sizes(graph):
        raise InputError(
            "is the project of another network",
            file=project,
            field="--hls",
            value=found,
            remedy=f"{graph.name} has {sizes(graph)}",
        )
