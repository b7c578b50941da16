"""`l1forge path`: stream orbits through the whole trigger path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from emulator.events.objects import Events
    from emulator.path import Decision, TriggerPath
    from emulator.stream import Recipe
    from emulator.stream_source import Stream

app = typer.Typer(rich_markup_mode="markdown")

ROOT = Path(__file__).parents[2]
EXIT_INTERRUPTED = 130
DENSE_ORBITS, SPARSE_ORBITS = 8, 128
"""Orbits of a block."""
SAMPLE = ROOT / "simulation" / "sample" / "zerobias.parquet"


@app.command()
def path(
    source: Annotated[
        Path,
        typer.Argument(metavar="[SOURCE]", help="Event file, test vector, pattern file, or - for stdin."),
    ] = SAMPLE,
    menu: Annotated[Path | None, typer.Option(help="Menu: YAML, official XML or compiled JSON.")] = None,
    orbits: Annotated[
        int, typer.Option("--orbits", "-n", help="LHC orbits to stream, 0 for endless.", min=0)
    ] = 100,
    prescales: Annotated[Path | None, typer.Option(help="CSV of prescale columns.")] = None,
    column: Annotated[str | None, typer.Option(help="Prescale column, default the first.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="name=graph.json, in place of the model of that name.")
    ] = None,
    scheme: Annotated[Path | None, typer.Option(help="Filling scheme, JSON or CSV.")] = None,
    signal: Annotated[Path | None, typer.Option(help="Signal events to inject.")] = None,
    cross_section: Annotated[float, typer.Option(help="Cross-section of the signal, pb.")] = 1000.0,
    luminosity: Annotated[float, typer.Option(help="Instantaneous luminosity, 1/cm²/s.")] = 2e34,
    noise: Annotated[
        float, typer.Option(help="Noise jets per crossing without collision.", min=0, max=1)
    ] = 1e-3,
    dead_time: Annotated[int, typer.Option(help="Fixed dead time after an accept, BX.", min=0)] = 0,
    buffer: Annotated[
        str | None, typer.Option(help="De-randomiser as places,service: 128,364 reads 110 kHz.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default: all cores.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Seed of signal and noise.", min=0)] = 1,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Crossings with our bits: .txt, .emp, .apx, .parquet."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse events unlike those that the models were trained on.")
    ] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Print the cost of every seed.")] = False,
    json_output: Annotated[Path | None, typer.Option("--json", help="Report as JSON.")] = None,
) -> None:
    """Stream bunch crossings through objects → models → menu → prescales → trigger rules → accept.

    Examples:

    `l1forge path` streams 100 LHC orbits of the committed zero-bias sample through the default menu.

    `l1forge path --signal simulation/sample/ttbar.parquet --cross-section 900 --orbits 1000`

    `l1forge path TestVector.txt --orbits 1 --menu menu.xml -o ours.txt`

    `cat orbit.txt | l1forge path - --menu menu.xml`
    """
    import os
    from dataclasses import replace

    from emulator.atomic import write_text
    from emulator.errors import InputError
    from emulator.filled_stream import FilledStream
    from emulator.filling import LHC, load_scheme
    from emulator.injection import Noise
    from emulator.menu.load import DEFAULT, load_menu
    from emulator.path import TriggerPath
    from emulator.path_profile import seed_costs
    from emulator.prescale_columns import load_settings
    from emulator.stream_source import STANDARD_INPUT, open_stream
    from emulator.trigger_control import RULES, TriggerControl
    from l1forge.interrupt import stoppable
    from l1forge.outputs import check_outputs
    from l1forge.path_tables import model_latencies, print_costs, print_report, watched
    from l1forge.trained import check_events
    from models.console import Console

    console = Console()
    check_outputs(output, json_output, inputs=[source, *([signal] if signal else [])])
    compiled = load_menu(menu or DEFAULT)
    algorithms = {algorithm.name: algorithm.index for algorithm in compiled.algorithms}
    settings = load_settings(prescales, algorithms, column) if prescales else None
    if column and not prescales:
        raise InputError("needs --prescales", field="--column", value=column)
    depth, service = _buffer(buffer)
    models = sorted({score.partition(".")[0] for score in compiled.scores})
    graphs = _graphs(model or [], models)
    trigger = TriggerPath(
        compiled,
        _stages(compiled.scores, graphs, compiled.score_types),
        settings,
        TriggerControl(RULES, dead_time, depth, service),
        threads or os.cpu_count() or 1,
    )
    filling = load_scheme(scheme) if scheme else LHC
    wanted = None if output else trigger.columns
    stream, events = open_stream(
        source,
        wanted,
        filling,
        seed,
        _signal(signal, trigger, cross_section, luminosity, filling),
        Noise(noise) if noise else None,
    )
    console.print(f"{source.name}: {events.format}, {events.description}")
    absent = sorted(set(trigger.columns) - set(events.columns))
    if absent:
        console.print(f"[yellow]{source.name} has no {', '.join(absent)}: taken as 0[/]")
    compared = check_events(source, {name: graphs[name] for name in models}, console, strict)
    limit = orbits or None
    total = None if source == STANDARD_INPUT else limit
    with stoppable() as stopped:
        running = trigger.run(_recipes(stream, limit, trigger, output is not None))
        decisions = watched(trigger, running, total, stopped)
        if output:
            _write(output, decisions, compiled.name)
        else:
            for _ in decisions:
                pass
        running.close()
        interrupted = stopped()
    report = trigger.report()
    if isinstance(stream, FilledStream) and events.n:
        report = replace(report, repeats=max(1.0, report.colliding / events.n))
    latencies = model_latencies({name: graphs[name] for name in models})
    print_report(console, report, events, stream, latencies)
    document = report.as_json() | {"latency": latencies, "inputs": compared}
    if profile:
        costs = seed_costs(trigger, stream)
        print_costs(console, costs)
        document["cost_ns_per_crossing"] = costs
    if json_output:
        write_text(json_output, json.dumps(document, indent=1) + "\n")
    if interrupted and limit:
        console.print(f"[yellow]interrupted before orbit {limit}[/]")
        raise typer.Exit(EXIT_INTERRUPTED)


def _buffer(text: str | None) -> tuple[int, int]:
    from emulator.errors import InputError

    if text is None:
        return 0, 0
    depth, _, service = text.partition(",")
    if not (text.isascii() and depth.isdigit() and service.isdigit() and int(depth) and int(service)):
        raise InputError("places,service expected, such as 128,364", field="--buffer", value=text)
    return int(depth), int(service)


def _recipes(stream: Stream, orbits: int | None, trigger: TriggerPath, everything: bool) -> Iterator[Recipe]:
    """Blocks of the crossings that are not empty, unless neighbours matter or all are to be written.

    A sparse block copies nothing and may be large, if there are enough to keep all threads busy.
    """
    from emulator.stream import ReplayStream

    halo = trigger.halo
    if isinstance(stream, ReplayStream) or halo or everything:
        return stream.recipes(orbits, DENSE_ORBITS, halo)
    most = SPARSE_ORBITS if orbits is None else orbits // (4 * trigger.threads)
    return stream.recipes(orbits, min(max(most, DENSE_ORBITS), SPARSE_ORBITS), halo, sparse=True)


def _stages(scores: tuple[str, ...], graphs: dict[str, Path], declared: dict[str, str]) -> list[Any]:
    """What computes the menu's scores: the muon network runs on stubs, all other models on event columns."""
    from emulator.errors import InputError
    from emulator.models_in_path import load_scorers
    from models import GRAPH

    muon = tuple(score for score in scores if score.startswith("muon_pt."))
    stages: list[Any] = list(load_scorers((s for s in scores if s not in muon), graphs, declared))
    if muon:
        from l1forge.muon_stage import MuonStage
        from models.muon_pt.path import MuonNetwork

        graph = graphs["muon_pt"]
        if graph.name != GRAPH:
            raise InputError(
                "the muon network needs its calibration",
                field="--model",
                value=str(graph),
                remedy=f"call it {GRAPH}, beside its calibration.json",
            )
        stages.append(MuonStage(MuonNetwork(graph.parent), muon))
    return stages


def _graphs(given: list[str], used: list[str]) -> dict[str, Path]:
    """The graph file of every model by name: those given, else the committed ones."""
    from emulator.errors import InputError
    from models import available, graph_path

    graphs = {name: graph_path(name) for name in available()}
    for text in given:
        name, separator, file = text.partition("=")
        if not separator:
            raise InputError("name=graph.json expected", field="--model", value=text)
        if name not in used:
            raise InputError(
                "the menu does not use this model",
                field="--model",
                value=name,
                remedy=f"it uses {', '.join(used) or 'none'}",
            )
        graphs[name] = graph_path(file)
    return graphs


def _signal(
    path: Path | None, trigger: TriggerPath, cross_section: float, luminosity: float, filling: Any
) -> Any:
    from emulator.errors import InputError
    from emulator.events.objects import Events
    from emulator.events.source import open_events
    from emulator.injection import Injection, probability

    if path is None:
        return None
    source = open_events(path)
    events = Events.concatenate(list(source.blocks(source.has(trigger.columns))))
    if not events.n:
        raise InputError("holds no events", file=path, remedy="leave --signal out")
    return Injection(events, probability(cross_section, luminosity, filling))


def _write(output: Path, decisions: Iterator[Decision], menu: str) -> None:
    from emulator.events.sink import format_of, write_any

    def blocks() -> Iterator[Events]:
        for decision in decisions:
            yield decision.events()

    write_any(output, blocks(), format_of(output), {"menu": menu})
