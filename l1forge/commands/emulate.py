"""`l1forge emulate MODEL INPUT`: stream events through a model."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

QUANTILES = (0.5, 0.9, 0.99, 0.999)


@app.command()
def emulate(
    model: Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Event file (parquet, ADC2021 HDF5, NanoAOD, test vector, pattern file) or arrays of the"
            " model's inputs (.npy, .npz, parquet).",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Scores (raw integers): .parquet or .npz.")
    ] = None,
    outputs: Annotated[
        list[str] | None, typer.Option("--score", help="Only these outputs of the graph.")
    ] = None,
    non_finite: Annotated[
        Literal["error", "zero", "saturate"],
        typer.Option(help="NaN and infinity in float arrays: refuse, 0, or the ends of the range."),
    ] = "error",
    threads: Annotated[int | None, typer.Option(help="Threads; default: all cores.", min=1)] = None,
    block: Annotated[
        int | None, typer.Option(help="Crossings at a time; default: as is best for the file.", min=1)
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse inputs that differ from those of the training.")
    ] = False,
    record_inputs: Annotated[
        bool,
        typer.Option(
            "--record-inputs",
            help="INPUT is the training sample: record the model's inputs beside its graph, for comparison.",
        ),
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print how each layer is computed.")] = False,
    json_output: Annotated[Path | None, typer.Option("--json", help="Summary as JSON.")] = None,
) -> None:
    """Score every crossing of INPUT, bit for bit as the firmware does.

    Arrays have one event a row. Integers count LSBs of the input's type; floats are physical values, cast
    with that type, and what saturates, wraps, is rounded or is not finite is counted.

    Inputs are compared with those that the model was trained on, where its graph has a record of them.

    Examples:

    `l1forge emulate vae simulation/sample/ttbar.parquet -o scores.parquet`

    `l1forge emulate model.json TestVector_ttbar.txt --score mu2_score`

    `l1forge emulate tau_id features.npy --non-finite zero -o scores.npz`

    `l1forge emulate model.json training_sample.parquet --record-inputs`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.graph.graph import Graph
    from l1forge.emulator.kernel import compile_graph
    from l1forge.emulator.scoring.feeds import open_feed
    from l1forge.emulator.scoring.files import Distribution, check_format, open_writer
    from l1forge.emulator.scoring.trained_inputs import Recorder, record_beside
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_outputs
    from l1forge.screen.progress import bar
    from l1forge.screen.trained import comparison, report

    console = Console()
    check_outputs(output, json_output, inputs=[source])
    if output is not None:
        check_format(output)
    path = graph_path(model)
    graph = Graph.load(path)
    started = time.perf_counter()
    kernel = compile_graph(graph, outputs or None)
    compared = None if record_inputs else comparison(path, strict)
    if record_inputs:
        check_outputs(record_beside(path), output, json_output, inputs=[source])
    recorder = Recorder()
    feed = open_feed(source, kernel, non_finite)
    if compared is not None:
        feed.watchers.append(compared.add)
    if record_inputs:
        feed.watchers.append(recorder.add)
    console.print(feed.description)
    ready = time.perf_counter() - started
    if plan:
        console.print(plan_table(kernel.plan))
    names = list(outputs or graph.outputs)
    types = {name: (graph[name].type, graph[name].size) for name in names}
    scalars = {
        name: Distribution(types[name][0])
        for name in names
        if types[name][1] == 1 and types[name][0].width <= 62
    }
    done, busy = 0, 0.0
    inputs: dict[str, Any] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())

    def run(append) -> None:  # type: ignore[no-untyped-def]
        nonlocal done, busy
        with bar(*columns) as progress:
            task = progress.add_task("crossings", total=feed.n)
            for scores, count, seconds in feed.scores(block, threads):
                busy += seconds
                done += count
                for name, distribution in scalars.items():
                    distribution.add(scores[name])
                append(scores)
                progress.update(task, completed=done)
        inputs.update(report(compared, console, source, strict))  # before a file of scores is complete

    if output is None:
        run(lambda scores: None)
    else:
        note = {
            "model": graph.name,
            "first": graph.outputs[0],  # what a menu's seed means that names the model alone
            "graph": str(path),
            "input": str(source),
        }
        with open_writer(output, types, note) as writer:
            run(writer.append)
    total = time.perf_counter() - started
    summary: dict[str, Any] = {
        "model": graph.name,
        "input": str(source),
        "crossings": done,
        "kernel_ready_s": ready,
        "kernel_events_per_s": done / busy if busy else None,
        "events_per_s": done / total,
        "notes": feed.notes(),
        "casts": feed.casts(),
        "inputs": inputs,
        "scores": {},
    }
    table = Table(title=f"{graph.name}: {done} crossings of {source}")
    for heading in ("score", "LSB", *(f"{100 * q:g} %" for q in QUANTILES), "max"):
        table.add_column(heading, justify="right")
    for name, distribution in scalars.items():
        if not done:
            continue
        values = {f"{q:g}": distribution.quantile(q) for q in QUANTILES} | {"max": distribution.maximum()}
        summary["scores"][name] = {"type": str(distribution.type), **values}
        table.add_row(name, f"{distribution.type.lsb:g}", *(str(v) for v in values.values()))
    if scalars:
        console.print(table)
    for note, count in feed.notes().items():
        console.print(f"note: {note}: {count:,}")
    for name, counts in feed.casts().items():
        words = ", ".join(f"{count:,} {'NaN' if kind == 'nan' else kind}" for kind, count in counts.items())
        console.print(f"floats of {name}: {words}")
    speed = f"{_speed(done / busy)} in the kernel, " if busy else ""
    console.print(f"{speed}{_speed(done / total)} with reading, writing and start-up")
    if record_inputs:
        record, replaced = recorder.record(graph.name, str(source)), record_beside(path).exists()
        record.save(record_beside(path))
        how = "replaced" if replaced else "recorded"
        console.print(f"training inputs {how}: {record_beside(path)}, {record.events:,} events of {source}")
    elif compared is None:
        console.print(f"inputs not compared with training: no {record_beside(path)}")
    if output is not None:
        console.print(f"wrote {output}")
    if json_output is not None:
        write_text(json_output, json.dumps(summary, indent=1) + "\n")


def _speed(rate: float) -> str:
    return f"{rate / 1e6:.2f} M events/s" if rate >= 1e5 else f"{rate / 1e3:.1f} k events/s"


def plan_table(plan: Any) -> Table:
    """How each layer is computed: proven range, carrier, density of weights, code path."""
    table = Table(title="how each layer is computed")
    for heading in ("node", "step", "rows", "proven range", "bits", "carrier", "non-zero", "path"):
        table.add_column(heading)
    for layer in plan:
        density = "" if layer.density is None else f"{layer.density:.0%}"
        interval = f"{layer.low} .. {layer.high}"
        cells = (layer.node, layer.step, layer.rows, interval, layer.bits, layer.carrier, density, layer.path)
        table.add_row(*(str(cell) for cell in cells))
    return table
