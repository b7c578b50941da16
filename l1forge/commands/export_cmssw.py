"""`l1forge export-cmssw MODEL`: an emulator package for the experiment's offline software."""

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
    from l1forge.firmware.cmssw import CmsswProject

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (vae, ...) or graph file.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder to write; default: build/cmssw/NAME_VERSION.")
]
Name = Annotated[str | None, typer.Option(help="Name of the package; default: the graph's.")]
Score = Annotated[str | None, typer.Option(help="Output to give, if the graph has several.")]
Vectors = Annotated[int, typer.Option(help="Test vectors to write.", min=1, max=100_000)]
Crossings = Annotated[int, typer.Option("-n", help="Crossings to compare.", min=1)]


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
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.cmssw import CmsswProject
    from l1forge.screen.outputs import check_event_files, check_folders, check_outputs
    from l1forge.studies import export_cmssw as study

    check_outputs(json_output, junit)
    check_folders(output)
    check_event_files(events)
    drawn: dict[str, Any] = {"events": events or (), "seed": seed}
    title = f"{name or Path(model).stem.split('.')[0]}_{version}"
    names: dict[str, Any] = {"version": version, "name": name, "score": score, "vectors": vectors}
    write = partial(study.export_cmssw, model, output or build_folder() / "cmssw" / title, **names, **drawn)
    export_and_compare(
        "cmssw",
        ("writing C++", "compiling with g++ and comparing"),
        write if check is None else partial(CmsswProject.load, check),
        lambda project: study.check_cmssw(project, model, n, **drawn),
        _told if check is None else None,
        Results(json_output, junit, github),
    )


def _told(project: CmsswProject) -> str:
    """What was written."""
    return (
        f"{project.base}: {project.inputs} inputs, {project.results} results of {project.outputs[0]},"
        f" {project.vectors} test vectors in {project.folder}; build it: make -C {project.folder} test"
    )
