"""`l1forge path`: stream orbits through the whole trigger path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1forge import simulation

if TYPE_CHECKING:
    from l1forge.screen.console import Console
    from l1forge.studies.path import PathRun, PreparedPath

app = typer.Typer(rich_markup_mode="markdown")

EXIT_INTERRUPTED = 130
SAMPLE = simulation.SAMPLE / "zerobias.parquet"

Source = Annotated[
    Path, typer.Argument(metavar="[SOURCE]", help="Event file, test vector, pattern file, or - for stdin.")
]
Menu = Annotated[
    Path | None,
    typer.Option(help="Menu file: .yaml, official .xml or compiled .json; default: the committed menu."),
]
Orbits = Annotated[
    int,
    typer.Option(
        "--orbits", "-n", help="Number of LHC orbits to stream; 0: until the input ends or Ctrl-C.", min=0
    ),
]
Prescales = Annotated[Path | None, typer.Option(help="CSV file with prescale columns.")]
Column = Annotated[str | None, typer.Option(help="Prescale column; default: the first.")]
Description = Annotated[
    Path | None,
    typer.Option(
        help="Description of the path, a YAML file that names menu, models and clock; instead of --menu."
    ),
]
Registers = Annotated[
    Path | None,
    typer.Option(help="Register file (JSON): prescales, masks, thresholds, rules; as the Verilog loads it."),
]
Rtl = Annotated[
    bool,
    typer.Option(
        "--rtl", help="Write the path as Verilog into the folder --output (hls_projects/NAME); no stream."
    ),
]
Model = Annotated[
    list[str] | None,
    typer.Option(help="name=graph.json: use this graph for the model of that name; repeatable."),
]
Scores = Annotated[
    Path | None,
    typer.Option(
        help="Raw model scores (.parquet, .npz), one row per row of SOURCE; used instead of the models."
    ),
]
WithoutModel = Annotated[
    list[str] | None,
    typer.Option("--without-model", help="Do not evaluate seeds that need this model; repeatable."),
]
TrainedOn = Annotated[
    bool,
    typer.Option(
        "--trained-on", help="Also use the crossings of the sample on which the models were trained."
    ),
]
Scheme = Annotated[Path | None, typer.Option(help="LHC filling scheme, JSON or CSV file.")]
Signal = Annotated[Path | None, typer.Option(help="Event file with signal events to inject.")]
CrossSection = Annotated[float, typer.Option(help="Cross-section of the signal in pb.")]
Luminosity = Annotated[float, typer.Option(help="Instantaneous luminosity in 1/cm²/s.")]
NoiseJets = Annotated[
    float, typer.Option(help="Probability of a noise jet per crossing without collision.", min=0, max=1)
]
DeadTime = Annotated[int, typer.Option(help="Fixed dead time after each accept, in BX.", min=0)]
Buffer = Annotated[
    str | None,
    typer.Option(help="Buffer depth and crossings per event read out, for example 128,364 (about 110 kHz)."),
]
Threads = Annotated[int | None, typer.Option(help="Number of threads; default: all cores.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of the injected signal and noise.", min=0)]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write the crossings with the emulated algorithm bits: .txt, .emp, .apx or .parquet.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse events that differ from the training samples of the models.")
]
Profile = Annotated[bool, typer.Option("--profile", help="Print the CPU time of every seed.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the report to this JSON file.")]


@app.command()
def path(
    source: Source = SAMPLE,
    menu: Menu = None,
    description: Description = None,
    rtl: Rtl = False,
    orbits: Orbits = 100,
    prescales: Prescales = None,
    column: Column = None,
    registers: Registers = None,
    model: Model = None,
    scores: Scores = None,
    without_model: WithoutModel = None,
    trained_on: TrainedOn = False,
    scheme: Scheme = None,
    signal: Signal = None,
    cross_section: CrossSection = 1000.0,
    luminosity: Luminosity = 2e34,
    noise: NoiseJets = 1e-3,
    dead_time: DeadTime = 0,
    buffer: Buffer = None,
    threads: Threads = None,
    seed: Seed = 1,
    output: Output = None,
    strict: Strict = False,
    profile: Profile = False,
    json_output: Json = None,
) -> None:
    """Stream bunch crossings through objects → models → menu → prescales → trigger rules → accept.

    Examples:

    `l1forge path` streams 100 LHC orbits of the committed zero-bias sample through the default menu.

    `l1forge path --signal simulation/sample/ttbar.parquet --cross-section 900 --orbits 1000`

    `l1forge path TestVector.txt --orbits 1 --menu menu.xml -o ours.txt`

    `cat orbit.txt | l1forge path - --menu menu.xml`

    `l1forge path --menu L1Menu.xml --without-model axo_v4` lists the seeds of this model; they do not enter
    the FinOR.

    `l1forge path TestVector.txt --menu L1Menu.xml --scores scores.parquet` takes the scores that
    `l1forge emulate` wrote, one row per crossing.

    `l1forge path --rtl -o build/path` writes the default path as Verilog.
    """
    from l1forge.screen.console import Console
    from l1forge.studies.path import Conditions, Readout, prepare

    if rtl:
        _write_rtl(Console(), menu, description, output, json_output)
        return
    ready = prepare(
        source,
        menu,
        description=description,
        orbits=orbits,
        readout=Readout(prescales, column, dead_time, _buffer(buffer), registers),
        conditions=Conditions(scheme, signal, cross_section, luminosity, noise, seed),
        models=model or [],
        scores=scores,
        without_models=without_model or [],
        trained_on=trained_on,
        threads=threads,
        output=output,
        summary=json_output,
    )
    _run(Console(), ready, strict, profile, json_output)


def _write_rtl(
    console: Console,
    menu: Path | None,
    description: Path | None,
    folder: Path | None,
    json_output: Path | None,
) -> None:
    """The path as Verilog, and its latency stage by stage."""
    from l1forge.commands.path_firmware_tables import print_firmware
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.path_firmware import write_path_firmware

    if menu is not None:
        raise InputError(
            "the Verilog is made from a description, which names the menu",
            field="--menu",
            value=str(menu),
            remedy="give --description (docs/path-rtl.md)",
        )
    check_folders(folder)
    check_outputs(json_output, inputs=[description] if description else [])
    made = write_path_firmware(description, folder)
    print_firmware(console, made)
    if json_output:
        write_text(json_output, json.dumps(made.to_dict(), indent=1) + "\n")


def _run(
    console: Console, ready: PreparedPath, strict: bool, profile: bool, json_output: Path | None
) -> None:
    """Stream, print, write the report; exit code 130 where Ctrl-C ended it early."""
    from l1forge.emulator.atomic import write_text
    from l1forge.screen.interrupt import stoppable
    from l1forge.screen.path_tables import watched
    from l1forge.screen.trained import print_compared

    _print_source(console, ready)
    compared = ready.compare(strict)
    print_compared(ready.source, compared, ready.graphs, console)
    with stoppable() as stopped:
        result = ready.run(
            compared,
            watch=lambda trigger, decisions: watched(trigger, decisions, ready.total, stopped),
            stopped=stopped,
            profile=profile,
        )
    _print_result(console, ready, result)
    if json_output:
        write_text(json_output, json.dumps(result.to_dict(), indent=1) + "\n")
    if result.interrupted and ready.orbits:
        console.print(f"[yellow]interrupted before orbit {ready.orbits}[/]")
        raise typer.Exit(EXIT_INTERRUPTED)


def _print_source(console: Console, ready: PreparedPath) -> None:
    """What is streamed, and what of it or of the menu is left out."""
    from l1forge.emulator.stream.blocks import ReplayStream
    from l1forge.screen.path_tables import print_excluded

    name, events = ready.source.name, ready.events
    console.print(f"{name}: {events.format}, {events.description}")
    if events.first:
        console.print(
            f"[yellow]the first {events.first:,} crossings are left out: the models were trained on them[/]"
            " (--trained-on uses them)"
        )
    print_excluded(console, ready.menu, ready.excluded)
    if ready.given:
        where = (
            ""
            if isinstance(ready.stream, ReplayStream)
            else "; seeds that use them can fire only in crossings of this file"
        )
        console.print(f"scores of {ready.scores}: {', '.join(ready.given)}{where}")
    absent = sorted(set(ready.trigger.columns) - set(events.columns))
    if absent:
        console.print(f"[yellow]{name} has no {', '.join(absent)}: the values are set to 0[/]")


def _print_result(console: Console, ready: PreparedPath, result: PathRun) -> None:
    from l1forge.screen.path_tables import print_costs, print_report

    print_report(console, result.report, ready.events, ready.stream, result.latency)
    if result.costs is not None:
        print_costs(console, result.costs)


def _buffer(text: str | None) -> tuple[int, int]:
    from l1forge.emulator.errors import InputError

    if text is None:
        return 0, 0
    depth, _, service = text.partition(",")
    if not (text.isascii() and depth.isdigit() and service.isdigit() and int(depth) and int(service)):
        raise InputError("depth,service expected, for example 128,364", field="--buffer", value=text)
    return int(depth), int(service)
