"""`l1forge emulate MODEL INPUT`: stream events through a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.emulate import Emulation, Scoring

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="Event file (parquet, ADC2021 HDF5, NanoAOD, test vector, pattern file) or arrays of the"
        " model's inputs (.npy, .npz, parquet).",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File for the scores (raw integers): .parquet or .npz.")
]
Outputs = Annotated[
    list[str] | None, typer.Option("--score", help="Compute only these outputs of the graph; repeatable.")
]
NonFinite = Annotated[
    Literal["error", "zero", "saturate"],
    typer.Option(
        help="What to do with NaN and infinity in floats: error (refuse the file), zero (NaN and infinity"
        " become 0), saturate (infinity becomes the largest or smallest value)."
    ),
]
Threads = Annotated[int | None, typer.Option(help="Number of threads; default: all cores.", min=1)]
Block = Annotated[
    int | None, typer.Option(help="Block size in crossings; the default depends on the format.", min=1)
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse inputs that differ from the training sample.")]
RecordInputs = Annotated[
    bool,
    typer.Option(
        "--record-inputs",
        help="INPUT is the training sample: record its ranges beside the graph, for later comparison.",
    ),
]
Plan = Annotated[bool, typer.Option("--plan", help="Print for each layer how the emulator computes it.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the summary to this JSON file.")]


@app.command()
def emulate(
    model: Model,
    source: Source,
    output: Output = None,
    outputs: Outputs = None,
    non_finite: NonFinite = "error",
    threads: Threads = None,
    block: Block = None,
    strict: Strict = False,
    record_inputs: RecordInputs = False,
    plan: Plan = False,
    json_output: Json = None,
) -> None:
    """Score every crossing of INPUT, bit for bit as the firmware does.

    Arrays have one row per event. Integers count LSBs of the input's type. Floats are physical values and are
    cast to that type; values that saturate, wrap, are rounded or are not finite are counted.

    If the graph has a record of its training inputs, the inputs are compared with it.

    Examples:

    `l1forge emulate vae simulation/sample/ttbar.parquet -o scores.parquet`

    `l1forge emulate model.json TestVector_ttbar.txt --score mu2_score`

    `l1forge emulate tau_id features.npy --non-finite zero -o scores.npz`

    `l1forge emulate model.json training_sample.parquet --record-inputs`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.studies.emulate import prepare

    console = Console()
    scoring = prepare(
        model,
        source,
        outputs=outputs,
        non_finite=non_finite,
        strict=strict,
        record_inputs=record_inputs,
        output=output,
        summary=json_output,
    )
    console.print(scoring.feed.description)
    if plan:
        console.print(plan_table(scoring.kernel.plan))
        console.print(PLAN_LEGEND)
    result = _run(scoring, output, block, threads)
    _print(console, result, scoring)
    if json_output is not None:
        write_text(json_output, json.dumps(result.to_dict(), indent=1) + "\n")


def _run(scoring: Scoring, output: Path | None, block: int | None, threads: int | None) -> Emulation:
    """Score with a bar on standard error; scores are not kept in memory."""
    from l1forge.screen.progress import bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bar(*columns) as progress:
        task = progress.add_task("crossings", total=scoring.feed.n)
        return scoring.run(
            output,
            keep=False,
            block=block,
            threads=threads,
            progress=lambda done: progress.update(task, completed=done),
        )


def _print(console: Console, result: Emulation, scoring: Scoring) -> None:
    """What differs from training, the table of scores, what was changed, speed, files."""
    from l1forge.emulator.scoring.trained_inputs import record_beside
    from l1forge.screen.trained import report

    report(result.compared, console, result.input)
    if result.distributions:
        console.print(_score_table(result))
    for note, count in result.notes.items():
        console.print(f"note: {note}: {count:,}")
    for name, counts in result.casts.items():
        words = ", ".join(f"{count:,} {'NaN' if kind == 'nan' else kind}" for kind, count in counts.items())
        console.print(f"floats of {name}: {words}")
    speed = f"{_speed(result.kernel_events_per_s)} in the kernel, " if result.kernel_events_per_s else ""
    console.print(f"{speed}{_speed(result.events_per_s)} including reading, writing and start-up")
    if result.recorded is not None and scoring.recorder is not None:
        how = "replaced" if result.replaced else "recorded"
        events = f"{scoring.recorder.events:,} events of {result.input}"
        console.print(f"training inputs {how}: {result.recorded}, {events}")
    elif result.compared is None:
        console.print(f"inputs are not compared with training: there is no {record_beside(result.graph)}")
    if result.output is not None:
        console.print(f"wrote {result.output}")


def _score_table(result: Emulation) -> Table:
    """Quantiles and largest value of every scalar score."""
    from l1forge.studies.emulate import QUANTILES

    table = Table(title=f"{result.model}: {result.crossings} crossings of {result.input}, quantiles in LSBs")
    for heading in ("score", "LSB", *(f"{100 * q:g} %" for q in QUANTILES), "max"):
        table.add_column(heading, justify="right")
    for name, values in result.quantiles().items():
        table.add_row(name, f"{result.types[name].lsb:g}", *(str(v) for v in values.values()))
    return table


def _speed(rate: float) -> str:
    return f"{rate / 1e6:.2f} M events/s" if rate >= 1e5 else f"{rate / 1e3:.1f} k events/s"


PLAN_LEGEND = """\
operations: Map: scale, shift, add and cast each value; Dot: matrix product, exact in any order of the sum;
  OrderedDot: matrix product with a cast after each term; Lookup: table; Binary: two values combined;
  ArgMax: index of the largest value; Trees: decision trees; Evaluated: Python reference, slow
rows: values per event; range: smallest and largest value that can occur, in LSBs of the result;
bits: width of every intermediate result; computed in: machine type that holds it;
non-zero: fraction of weights other than 0; code path: instructions or back end"""


def plan_table(plan: Any) -> Table:
    """How each layer is computed: proven range, machine type, density of weights, code path."""
    table = Table(title="how each layer is computed")
    for heading in (
        "node",
        "operation",
        "rows",
        "range [LSB]",
        "bits",
        "computed in",
        "non-zero",
        "code path",
    ):
        table.add_column(heading)
    for layer in plan:
        density = "" if layer.density is None else f"{layer.density:.0%}"
        interval = f"{layer.low} .. {layer.high}"
        cells = (layer.node, layer.step, layer.rows, interval, layer.bits, layer.carrier, density, layer.path)
        table.add_row(*(str(cell) for cell in cells))
    return table
