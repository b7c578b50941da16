"""`l1forge path`: stream orbits through the whole trigger path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge import simulation

if TYPE_CHECKING:
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.events.source import EventSource
    from l1forge.emulator.path.path import Decision, TriggerPath
    from l1forge.emulator.stream.blocks import Recipe
    from l1forge.emulator.stream.open import Stream

app = typer.Typer(rich_markup_mode="markdown")

EXIT_INTERRUPTED = 130
DENSE_ORBITS, SPARSE_ORBITS = 8, 128
"""Orbits of a block."""
SAMPLE = simulation.SAMPLE / "zerobias.parquet"


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
    scores: Annotated[
        Path | None,
        typer.Option(
            help="Raw model scores, .parquet or .npz, one row per row of SOURCE; in place of the models."
        ),
    ] = None,
    without_model: Annotated[
        list[str] | None,
        typer.Option("--without-model", help="Leave out the seeds that need this model; repeatable."),
    ] = None,
    trained_on: Annotated[
        bool,
        typer.Option("--trained-on", help="Also use the sample's crossings that trained the models."),
    ] = False,
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

    `l1forge path --menu L1Menu.xml --without-model axo_v4`: its seeds are counted, listed, not in the FinOR

    `l1forge path TestVector.txt --menu L1Menu.xml --scores scores.parquet`: of `l1forge emulate`, one row per
    crossing
    """
    import os
    from dataclasses import replace

    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.events.sink import format_of
    from l1forge.emulator.lhc import LHC, load_scheme
    from l1forge.emulator.menu.language.load import DEFAULT, load_menu
    from l1forge.emulator.path.path import TriggerPath
    from l1forge.emulator.path.prescale_columns import load_settings
    from l1forge.emulator.path.profile import seed_costs
    from l1forge.emulator.path.trigger_control import RULES, TriggerControl
    from l1forge.emulator.scoring.given import GivenScores
    from l1forge.emulator.stream.blocks import ReplayStream
    from l1forge.emulator.stream.filled import FilledStream
    from l1forge.emulator.stream.injection import Noise
    from l1forge.emulator.stream.open import STANDARD_INPUT, carried_columns, open_source, open_stream
    from l1forge.screen.console import Console
    from l1forge.screen.interrupt import stoppable
    from l1forge.screen.outputs import check_outputs
    from l1forge.screen.path_tables import model_latencies, print_costs, print_excluded, print_report, watched
    from l1forge.screen.trained import check_events
    from l1forge.studies.path_inputs import evaluable, given_scores, graph_files, score_stages, trained_part

    console = Console()
    check_outputs(
        output, json_output, inputs=[source, *(file for file in (signal, menu, scores, prescales) if file)]
    )
    target = format_of(output) if output else None
    complete = load_menu(menu or DEFAULT)
    algorithms = {algorithm.name: algorithm.index for algorithm in complete.algorithms}
    settings = load_settings(prescales, algorithms, column) if prescales else None
    if column and not prescales:
        raise InputError("needs --prescales", field="--column", value=column)
    depth, service = _buffer(buffer)
    opened = open_source(source)
    compiled, excluded = evaluable(complete, carried_columns(opened), without_model or [])
    if not trained_on and compiled.scores:
        opened = trained_part(opened, SAMPLE)
    given = given_scores(scores, compiled, opened, signal, without_model or []) if scores else {}
    computed = tuple(score for score in compiled.scores if score not in given)
    models = sorted({score.partition(".")[0] for score in computed})
    graphs = graph_files(model or [], models)
    followed = GivenScores(given) if given else None
    trigger = TriggerPath(
        compiled,
        score_stages(computed, graphs, compiled.score_types),
        settings,
        TriggerControl(RULES, dead_time, depth, service),
        threads or os.cpu_count() or 1,
        followed,
        excluded,
    )
    filling = load_scheme(scheme) if scheme else LHC
    stream, events = open_stream(
        opened,
        None if output else trigger.columns,
        filling,
        seed,
        _signal(signal, trigger, cross_section, luminosity, filling),
        Noise(noise) if noise else None,
        keep=target not in (None, "parquet"),
    )
    if followed:
        if isinstance(stream, ReplayStream):
            stream.turn = next(iter(given.values())).shape[-1]
        followed.follow(stream.source_rows)
    console.print(f"{source.name}: {events.format}, {events.description}")
    if events.first:
        console.print(
            f"[yellow]the first {events.first:,} crossings trained the models: left out[/]"
            " (--trained-on uses them)"
        )
    print_excluded(console, complete, excluded)
    if given:
        where = "" if isinstance(stream, ReplayStream) else "; seeds on them fire in its crossings only"
        console.print(f"scores of {scores}: {', '.join(given)}{where}")
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
            _write(output, decisions, events, complete.name, [seed.name for seed in excluded])
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
    document = report.as_json() | {
        "latency": latencies,
        "inputs": compared,
        "scores": str(scores) if scores else None,
        "notes": dict(events.notes),
        "left_out_crossings": events.first,
        "trained_on": trained_on,
    }
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
    from l1forge.emulator.errors import InputError

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
    from l1forge.emulator.stream.blocks import ReplayStream

    halo = trigger.halo
    if isinstance(stream, ReplayStream) or halo or everything:
        return stream.recipes(orbits, DENSE_ORBITS, halo)
    most = SPARSE_ORBITS if orbits is None else orbits // (4 * trigger.threads)
    return stream.recipes(orbits, min(max(most, DENSE_ORBITS), SPARSE_ORBITS), halo, sparse=True)


def _signal(
    path: Path | None, trigger: TriggerPath, cross_section: float, luminosity: float, filling: Any
) -> Any:
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.events.source import open_events
    from l1forge.emulator.stream.injection import Injection, probability

    if path is None:
        return None
    source = open_events(path)
    events = Events.concatenate(list(source.blocks(source.has(trigger.columns))))
    if not events.n:
        raise InputError("holds no events", file=path, remedy="leave --signal out")
    return Injection(events, probability(cross_section, luminosity, filling))


def _write(
    output: Path, decisions: Iterator[Decision], source: EventSource, menu: str, excluded: list[str]
) -> None:
    """Test vectors keep the layout of the rows they came from."""
    from l1forge.emulator.events.formats.ugt_vectors import FULL
    from l1forge.emulator.events.sink import format_of, write_any

    def blocks() -> Iterator[Events]:
        for decision in decisions:
            yield decision.events()

    metadata = {"menu": menu} | ({"not_evaluated": excluded} if excluded else {})
    write_any(output, blocks(), format_of(output), metadata, columns=source.row_columns or FULL)
