"""`l1forge bench`: the emulator against its peers and the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def bench(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder for the page, the plot and the JSON file."
        ),
    ] = Path("docs"),
    seconds: Annotated[float, typer.Option(help="Time for each measurement, in s.", min=0.01)] = 1.0,
    events: Annotated[int, typer.Option("-n", help="Number of events held in memory.", min=2000)] = 1 << 20,
) -> None:
    """Measure the speed of the emulator, hls4ml, alkaid, conifer, ONNX Runtime, QKeras and NumPy here.

    The tables also show the roofline of this machine. A run takes about two minutes; most of that time goes
    into compiling and importing the other programs.

    Examples:

    `l1forge bench`

    `l1forge bench -o build/bench --seconds 0.3`
    """
    import math
    import warnings

    from l1forge.benchmarks import pages as report
    from l1forge.benchmarks import suite
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_folders
    from l1forge.screen.quiet import import_tensorflow

    console = Console()
    check_folders(output)
    if not math.isfinite(seconds):
        raise InputError(
            "is not a time in s", field="--seconds", value=seconds, remedy="write 0.3, for example"
        )
    with console.status("starting") as status, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of tf_keras, about QKeras' own constraints
        import_tensorflow()
        result = suite.run(seconds, status.update, events)
    output.mkdir(parents=True, exist_ok=True)
    console.print(report.table(result))
    console.print(report.roofline(result))
    for path in report.write(result, output):
        console.print(f"wrote {path}")
