"""`l1forge export-ugt MODEL`: VHDL with the ports of the global trigger."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1forge.commands.ci_options import Github, Junit
from l1forge.commands.exported import (
    Check,
    EventFiles,
    JsonOutput,
    Results,
    Seed,
    Version,
    export_and_compare,
)

if TYPE_CHECKING:
    from l1forge.firmware.ugt import UgtProject

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[
    str, typer.Argument(help="Model name (vae, ...) or graph file; its inputs are event columns.")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder to write; default: build/ugt/MODEL_VERSION.")
]
Score = Annotated[str | None, typer.Option(help="Output that is the score; default: the first.")]
Threshold = Annotated[int, typer.Option(help="Default of the wrapper's threshold, a raw integer.", min=0)]
Menu = Annotated[Path | None, typer.Option(help="Take the threshold from this menu's seed on the score.")]
Latency = Annotated[int, typer.Option(help="Clocks of 40 MHz from objects to score.", min=2)]
Crossings = Annotated[int, typer.Option("-n", help="Crossings to simulate with GHDL.", min=1)]


@app.command()
def export_ugt(
    model: Model,
    output: Output = None,
    version: Version = "v1",
    score: Score = None,
    threshold: Threshold = 0,
    menu: Menu = None,
    latency: Latency = 2,
    check: Check = None,
    n: Crossings = 2_000,
    events: EventFiles = None,
    seed: Seed = 1,
    json_output: JsonOutput = None,
    junit: Junit = None,
    github: Github = False,
) -> None:
    """Write MODEL as VHDL-2008 with the ports of the global trigger, and compare it with the emulator.

    GHDL simulates real crossings and random bits; score, decision and latency must agree in each. Any
    difference ends with exit code 1.

    Examples:

    `l1forge export-ugt my_axo --menu menu.yaml --version v2 -o build/ugt`

    `l1forge export-ugt my_axo --check build/ugt --junit ugt.xml`
    """
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.ugt import UgtProject
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.studies import export_ugt as study

    check_outputs(json_output, junit)
    check_folders(output)
    check_event_files(events)
    folder = output or build_folder() / "ugt" / f"{Path(model).stem.split('.')[0]}_{version}"
    wanted: dict[str, Any] = {
        "version": version,
        "score": score,
        "threshold": threshold,
        "menu": menu,
        "latency": latency,
    }
    export_and_compare(
        "ugt",
        ("writing VHDL", "simulating with GHDL"),
        partial(study.export_ugt, model, folder, **wanted)
        if check is None
        else partial(UgtProject.load, check),
        lambda project: study.check_ugt(project, model, n, events=events or (), seed=seed),
        _told if check is None else None,
        Results(json_output, junit, github),
    )


def _told(project: UgtProject) -> str:
    """What was written."""
    return (
        f"{project.wrapper}: {len(project.sources)} files in {project.folder};"
        f" threshold {project.threshold}, {project.latency} clocks of 40 MHz,"
        f" longest stage about {project.delay_ns:g} ns before routing"
    )
