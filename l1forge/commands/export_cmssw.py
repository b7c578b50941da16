"""`l1forge export-cmssw MODEL`: an emulator package for the experiment's offline software."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from l1forge.commands.ci_options import Github, Junit

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (vae, ...) or graph file.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder to write; default: build/cmssw/NAME_VERSION.")
]
Version = Annotated[str, typer.Option(help="Version of the model, part of all names.")]
Name = Annotated[str | None, typer.Option(help="Name of the package; default: the graph's.")]
Score = Annotated[str | None, typer.Option(help="Output to give, if the graph has several.")]
Vectors = Annotated[int, typer.Option(help="Test vectors to write.", min=1, max=100_000)]
Check = Annotated[
    Path | None, typer.Option(help="Write nothing: compile this exported folder and compare it with MODEL.")
]
Crossings = Annotated[int, typer.Option("-n", help="Crossings to compare.", min=1)]
EventFiles = Annotated[list[Path] | None, typer.Option("--events", help="Event files of the real half.")]
Seed = Annotated[int, typer.Option(help="Seed of corners and random bits.", min=0)]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the result to this JSON file.")]


@app.command()
def export_cmssw(
    model: Model,
    output: Output = None,
    version: Version = "v1",
    name: Name = None,
    score: Score = None,
    vectors: Vectors = 200,
    check: Check = None,
    n: Crossings = 20_000,
    events: EventFiles = None,
    seed: Seed = 1,
    json_output: JsonOutput = None,
    junit: Junit = None,
    github: Github = False,
) -> None:
    """Write MODEL as an emulator package of the offline software, and compare it with the emulator.

    The package is compiled with g++ and loaded with dlopen; the results of real crossings, corners and random
    bits must agree in each bit. Any difference ends with exit code 1.

    Examples:

    `l1forge export-cmssw vae --version v2 -o build/vae_v2`

    `l1forge export-cmssw vae --check build/vae_v2 --junit cmssw.xml`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.cmssw import CmsswProject
    from l1forge.screen import ci
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.studies import export_cmssw as study

    check_outputs(json_output, junit)
    check_folders(output)
    check_event_files(events)
    console, given = Console(), events or ()
    with console.status("writing C++") as status:
        if check is None:
            folder = (
                output or build_folder() / "cmssw" / f"{name or Path(model).stem.split('.')[0]}_{version}"
            )
            project = study.export_cmssw(
                model,
                folder,
                version=version,
                name=name,
                score=score,
                vectors=vectors,
                events=given,
                seed=seed,
            )
        else:
            project = CmsswProject.load(check)
        status.update("compiling with g++ and comparing")
        found = study.check_cmssw(project, model, n, events=given, seed=seed)
    if check is None:
        console.print(
            f"{project.base}: {project.inputs} inputs, {project.results} results of {project.outputs[0]},"
            f" {project.vectors} test vectors in {project.folder}; build it: make -C {project.folder} test",
            highlight=False,
        )
    console.print(f"[{'green' if found.passed else 'red'}]{found.verdict}[/]", highlight=False)
    ci.report("l1forge", [ci.Check("cmssw", found.name, found.passed, found.verdict)], junit, github)
    if json_output is not None:
        write_text(json_output, json.dumps(asdict(found) | {"passed": found.passed}, indent=1) + "\n")
    if not found.passed:
        raise typer.Exit(1)
