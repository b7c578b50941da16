"""`l1forge export-ugt MODEL`: VHDL with the ports of the global trigger."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from l1forge.commands.ci_options import Github, Junit

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[
    str, typer.Argument(help="Model name (vae, ...) or graph file; its inputs are event columns.")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder to write; default: build/ugt/MODEL_VERSION.")
]
Version = Annotated[str, typer.Option(help="Version of the model, part of all names.")]
Score = Annotated[str | None, typer.Option(help="Output that is the score; default: the first.")]
Threshold = Annotated[int, typer.Option(help="Default of the wrapper's threshold, a raw integer.", min=0)]
Menu = Annotated[Path | None, typer.Option(help="Take the threshold from this menu's seed on the score.")]
Latency = Annotated[int, typer.Option(help="Clocks of 40 MHz from objects to score.", min=2)]
Check = Annotated[
    Path | None, typer.Option(help="Write nothing: simulate this exported folder and compare it with MODEL.")
]
Crossings = Annotated[int, typer.Option("-n", help="Crossings to simulate with GHDL.", min=1)]
EventFiles = Annotated[list[Path] | None, typer.Option("--events", help="Event files of the real half.")]
Seed = Annotated[int, typer.Option(help="Seed of the random half.", min=0)]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the result to this JSON file.")]


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
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.ugt import UgtProject
    from l1forge.screen import ci
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.studies import export_ugt as study

    check_outputs(json_output, junit)
    check_folders(output)
    check_event_files(events)
    console = Console()
    with console.status("writing VHDL") as status:
        if check is None:
            folder = output or build_folder() / "ugt" / f"{Path(model).stem.split('.')[0]}_{version}"
            project = study.export_ugt(
                model, folder, version=version, score=score, threshold=threshold, menu=menu, latency=latency
            )
        else:
            project = UgtProject.load(check)
        status.update("simulating with GHDL")
        found = study.check_ugt(project, model, n, events=events or (), seed=seed)
    if check is None:
        console.print(
            f"{project.wrapper}: {len(project.sources)} files in {project.folder};"
            f" threshold {project.threshold}, {project.latency} clocks of 40 MHz,"
            f" longest stage about {project.delay_ns:g} ns before routing",
            highlight=False,
        )
    console.print(f"[{'green' if found.passed else 'red'}]{found.verdict}[/]", highlight=False)
    ci.report("l1forge", [ci.Check("ugt", found.name, found.passed, found.verdict)], junit, github)
    if json_output is not None:
        write_text(json_output, json.dumps(asdict(found) | {"passed": found.passed}, indent=1) + "\n")
    if not found.passed:
        raise typer.Exit(1)
