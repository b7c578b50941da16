"""`l1forge bench`: the emulator against its peers and the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")


Models = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MODEL]...", help="Model names or graph files; default: the whole benchmark."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder for the page, the plot and the JSON file; with MODEL for the JSON file alone.",
        show_default="docs; with MODEL none",
    ),
]
Seconds = Annotated[float, typer.Option(help="Time for each measurement, in s.", min=0.01)]
Number = Annotated[int, typer.Option("-n", help="Number of events held in memory.", min=2000)]


@app.command()
def bench(
    models: Models = None, output: Output = None, seconds: Seconds = 1.0, events: Number = 1 << 20
) -> None:
    """Measure the speed of the emulator, hls4ml, alkaid, conifer, ONNX Runtime, QKeras and NumPy here.

    The tables also show the roofline of this machine. A run takes about two minutes; most of that time goes
    into compiling and importing the other programs.

    With MODEL: the kernel of that graph, its C++ as `export-cmssw` writes it and with ap_fixed, NumPy, and
    ONNX Runtime in float32 where the graph is a chain of layers.

    Examples:

    `l1forge bench`

    `l1forge bench -o build/bench --seconds 0.3`

    `l1forge bench my_trigger.json tau_id --seconds 0.3`
    """
    import math

    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_folders

    check_folders(output)
    if not math.isfinite(seconds):
        raise InputError(
            "is not a time in s", field="--seconds", value=seconds, remedy="write 0.3, for example"
        )
    if models:
        _graphs(models, output, seconds, events)
    else:
        _whole(output or Path("docs"), seconds, events)


def _graphs(models: list[str], output: Path | None, seconds: float, events: int) -> None:
    """The table of some graphs."""
    import json

    from l1forge.benchmarks import one_graph
    from l1forge.benchmarks import pages as report
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path

    console = Console()
    graphs = [Graph.load(graph_path(model)) for model in models]
    with console.status("starting") as status:
        result, missing = one_graph.run(graphs, seconds, status.update, events)
    console.print(report.table(result))
    where = result.machine
    console.print(f"{where['cpu']}, {where['threads']} threads, load {where['load']:.1f} at the end")
    for text in missing:
        console.print(f"not measured: {text}", markup=False)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        document = result.document() | {"not_measured": missing}
        write_text(output / "bench.json", json.dumps(document, indent=1) + "\n")
        console.print(f"wrote {output / 'bench.json'}")


def _whole(output: Path, seconds: float, events: int) -> None:
    """Everything, with page and plot."""
    import warnings

    from l1forge.benchmarks import pages as report
    from l1forge.benchmarks import suite
    from l1forge.screen.quiet import import_tensorflow

    console = Console()
    with console.status("starting") as status, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of tf_keras, about QKeras' own constraints
        import_tensorflow()
        result = suite.run(seconds, status.update, events)
    output.mkdir(parents=True, exist_ok=True)
    console.print(report.table(result))
    console.print(report.roofline(result))
    for path in report.write(result, output):
        console.print(f"wrote {path}")
