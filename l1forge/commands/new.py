"""`l1forge new NAME`: write a project of the user's own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode="markdown")


class Kind(StrEnum):
    """Kinds of models that a project can begin with."""

    vae = "vae"
    network = "network"
    bdt = "bdt"
    muon = "muon"


Name = Annotated[str, typer.Argument(help="Name of model and project: lower-case letters, digits, _.")]
KindOption = Annotated[
    Kind, typer.Option(help="Anomaly score, event classifier, trees, or a network on muons.")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Empty or new folder; default: NAME in this folder.")
]

Install = Annotated[
    str, typer.Option(help="What pip installs in the project's CI: a requirement, a git URL or a wheel.")
]


@app.command()
def new(
    name: Name,
    kind: KindOption = Kind.network,
    output: Output = None,
    install: Install = "l1forge[firmware,train,cosim]",
) -> None:
    """Write a small project with a model of your own: training script, menu, Makefile, tests, CI.

    Every command takes the project's model by its name as long as it runs inside the project's folder
    (l1forge.toml). `make demo && make test` in the new folder take some minutes.

    Examples:

    `l1forge new my_trigger --kind vae`

    `l1forge new dimuon --kind muon -o ~/work/dimuon`

    `l1forge new dimuon --install 'l1forge[firmware,train,cosim] @ git+https://gitlab.example/t/l1forge@v0.1.0'`
    """
    from l1forge.studies.scaffold import new_project

    made = new_project(name, kind.value, output, install)
    for file in made.files:
        typer.echo(f"  {made.folder}/{file}")
    repository = (
        "git initialised" if made.git else "git not initialised: inside another repository, or no git"
    )
    typer.echo(f"{len(made.files)} files, {repository}. Next: cd {made.folder} && make demo && make test")
