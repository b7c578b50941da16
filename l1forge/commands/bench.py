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
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where page, plot and JSON go.")
    ] = Path("docs"),
    seconds: Annotated[float, typer.Option(help="Time for each measurement.", min=0.01)] = 1.0,
    events: Annotated[int, typer.Option("-n", help="Events in memory.", min=2000)] = 1 << 20,
) -> None:
    """Measure speed on this machine: ours, hls4ml, alkaid, conifer, ONNX Runtime, QKeras, NumPy, roofline.

    About two minutes, most of it compiling and importing the peers.

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
        raise InputError("is not a time", field="--seconds", value=seconds, remedy="such as 0.3")
    with console.status("starting") as status, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of tf_keras, about QKeras' own constraints
        import_tensorflow()
        result = suite.run(seconds, status.update, events)
    output.mkdir(parents=True, exist_ok=True)
    console.print(report.table(result))
    console.print(report.roofline(result))
    for path in report.write(result, output):
        console.print(f"wrote {path}")
