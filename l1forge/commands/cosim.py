"""`l1forge cosim MODEL`: RTL simulation against emulator and compiled HLS C++, integer by integer."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from l1forge.commands.ci_options import Github, Junit
from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.cosim import Verification

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")]
Crossings = Annotated[
    int | None,
    typer.Option("-n", help="Crossings to compare (default: 1 M; --deep: 50 M; --vhdl, --axi: 5000).", min=1),
]
Deep = Annotated[
    bool, typer.Option("--deep", help="Use only the compiled Verilator harness: many crossings.")
]
Waves = Annotated[bool, typer.Option("--waves", help="Also write a waveform (VCD); or set WAVES=1.")]
Vhdl = Annotated[
    bool, typer.Option("--vhdl", help="Compare the VHDL-2008 of the same circuit, simulated by GHDL.")
]
Axi = Annotated[
    bool, typer.Option("--axi", help="Compare the design behind AXI4-Stream, under random back-pressure.")
]
EventFiles = Annotated[
    list[Path] | None, typer.Option("--events", help="Event files to use instead of the committed sample.")
]
Hls = Annotated[
    Path | None,
    typer.Option("--hls", help="hls4ml project to compare with; default: a project written from MODEL."),
]
Stages = Annotated[
    int | None, typer.Option(help="Number of pipeline stages; default: as many as the clock needs.", min=1)
]
Period = Annotated[
    float | None, typer.Option(help="Clock period in ns; default: the project's, or 240 MHz.", min=0.1)
]
Interval = Annotated[
    int | None,
    typer.Option(
        help="Number of clocks between two events: compare the circuit folded in time (networks on sets).",
        min=1,
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of random bits, corner values and gaps.", min=0)]
Threads = Annotated[int, typer.Option(help="Number of simulations that run in parallel.", min=1)]
FOREIGN = "RTL of your own"
Rtl = Annotated[
    Path | None,
    typer.Option("--rtl", help="Folder with Verilog or VHDL, or one file.", rich_help_panel=FOREIGN),
]
Top = Annotated[str | None, typer.Option(help="Its top module or entity.", rich_help_panel=FOREIGN)]
Ports = Annotated[
    Path | None, typer.Option(help="YAML file with its ports (docs/cosim.md).", rich_help_panel=FOREIGN)
]
FindLatency = Annotated[
    bool,
    typer.Option("--find-latency", help="Find the latency instead of reading it.", rich_help_panel=FOREIGN),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for the report and the waveform.")
]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the report to this JSON file.")]


@app.command()
def cosim(
    model: Model,
    n: Crossings = None,
    deep: Deep = False,
    vhdl: Vhdl = False,
    axi: Axi = False,
    waves: Waves = False,
    events: EventFiles = None,
    hls: Hls = None,
    stages: Stages = None,
    period: Period = None,
    interval: Interval = None,
    seed: Seed = 1,
    threads: Threads = 1,
    output: Output = None,
    json_output: JsonOutput = None,
    junit: Junit = None,
    github: Github = False,
    rtl: Rtl = None,
    top: Top = None,
    ports: Ports = None,
    find_latency: FindLatency = False,
) -> None:
    """Compare the Verilog of MODEL with its emulator, crossing by crossing; any difference is an error.

    Ctrl-C ends a long run early: the crossings compared until then are reported and saved.

    cosim.json in the folder keeps the longest run of this design (a failure always replaces it);
    history.jsonl has one line per run. `--json` without `--output` writes only the JSON file.

    Examples:

    `l1forge cosim vae -n 100000`

    `WAVES=1 l1forge cosim vae -n 1000`

    `l1forge cosim vae --deep`

    `l1forge cosim vae --stages 9 -n 100000`

    `l1forge cosim graph.json --rtl firmware/ --top my_net --ports ports.yaml --find-latency`

    `l1forge cosim tau_id --vhdl`

    `l1forge cosim jet_sets_16 --interval 4`
    """
    from l1forge.models.registry import check_rows
    from l1forge.screen.outputs import check_folders, check_outputs

    others = {"hls": hls, "stages": stages, "waves": waves, "vhdl": vhdl, "axi": axi, "interval": interval}
    study = _foreign(rtl, top, ports, find_latency, others) or _own(others)
    console = Console()
    check_folders(output)
    check_outputs(json_output, junit)
    check_rows(model, events)
    common = {"n": n, "deep": deep, "events": events, "period": period, "seed": seed, "threads": threads}
    record = output is not None or json_output is None
    found = _watched(partial(study, model, **common, output=output, record=record), console)
    _print(found, console)
    if json_output is not None:
        found.report.save(json_output)
    _told(found, model, junit, github)


def _own(options: dict[str, Any]) -> Callable[..., Verification]:
    """The study of the Verilog that l1forge writes."""
    from l1forge.studies.cosim import verify

    waves = options["waves"] or os.environ.get("WAVES") == "1"
    return partial(verify, **options | {"waves": waves})


def _watched(study: Callable[..., Verification], console: Console) -> Verification:
    """Run a study under a bar that counts crossings."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        return study(
            progress=lambda step: bar.update(task, description=step),
            on_start=lambda count: bar.update(task, description="building, then crossings", total=count),
            on_crossings=lambda done: bar.advance(task, done),
        )


def _told(found: Verification, model: str, junit: Path | None, github: bool) -> None:
    """Results for CI, and the exit code."""
    from l1forge.screen import ci

    verdict = " ".join([found.verdict, *map(str, found.report.examples[:1])])
    check = ci.Check("cosim", found.model, found.passed, verdict, found.seconds, model)
    ci.report("l1forge", [check], junit, github)
    if not found.passed:
        raise typer.Exit(1)
    if found.report.interrupted:
        raise typer.Exit(130)


def _foreign(
    rtl: Path | None, top: str | None, ports: Path | None, search: bool, others: dict[str, Any]
) -> Callable[..., Verification] | None:
    """The study of foreign RTL if there is any; its three options belong together."""
    from l1forge.emulator.errors import InputError
    from l1forge.studies.foreign import verify_foreign

    given = {"--rtl": rtl, "--top": top, "--ports": ports}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given):
        if search:
            raise InputError("needs --rtl, --top and --ports", field="--find-latency")
        return None
    if rtl is None or top is None or ports is None:
        raise InputError("is missing", field=missing[0], remedy="give --rtl, --top and --ports")
    for name, value in others.items():
        if value:
            raise InputError("does not go with --rtl", field=f"--{name}", value=str(value))
    return partial(verify_foreign, rtl=rtl, top=top, ports=ports, search_latency=search)


def _print(found: Verification, console: Console) -> None:
    from l1forge.studies.cosim import HEADINGS

    table = Table(title=f"{found.model}: co-verification ({found.report.driver})")
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for row in found.rows():
        table.add_row(*row)
    console.print(table)
    console.print("\n".join(found.lines()))
    for example in found.report.examples:
        console.print(f"[red]{example}[/red]")
    if found.kept:
        console.print(found.kept)
    if found.waveform is not None:
        console.print(f"waveform: {found.waveform}")
    console.print(f"[{'green' if found.passed else 'red'}]{found.verdict}[/]")
