"""`l1forge verify`: everything that a project declares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from l1forge.commands.ci_options import Github, Junit

app = typer.Typer(rich_markup_mode="markdown")

Crossings = Annotated[
    int | None, typer.Option("-n", help="Crossings of each co-verification; default: as declared.", min=1)
]
Seed = Annotated[int, typer.Option(help="Seed of random bits, corner values and gaps.", min=0)]
Badge = Annotated[Path | None, typer.Option(help="Write a badge (shields.io JSON) to this file.")]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the result to this JSON file.")]


@app.command()
def verify(
    n: Crossings = None,
    seed: Seed = 1,
    junit: Junit = None,
    github: Github = False,
    badge: Badge = None,
    json_output: JsonOutput = None,
) -> None:
    """Verify what the project in this folder declares (l1forge.toml), and print one table.

    Models: Verilog, HLS C++ and emulator agree in every crossing. Menu: it compiles, its scores have the
    models' types, its thresholds are those that were measured, its decisions are those of the test vectors.

    Exit codes: 0 everything agrees, 1 something differs, 2 bad input.

    Examples:

    `l1forge verify`

    `l1forge verify -n 100000 --junit build/verify.xml --github`
    """
    from rich.table import Table

    from l1forge.emulator.atomic import write_text
    from l1forge.screen import ci
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.verify_project import verify_project

    check_outputs(junit, badge, json_output)
    console = Console()
    with console.status("reading") as status:
        found = verify_project(n=n, seed=seed, progress=status.update)
    table = Table(title=f"{found.project}: verification")
    for heading in ("check", "of", "result", "verdict", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left", overflow="fold")
    for check in found.checks:
        result = "[green]passed[/]" if check.passed else "[red]failed[/]"
        table.add_row(
            check.kind, check.name, result, check.verdict.replace("[", "\\["), f"{check.seconds:.1f}"
        )
    console.print(table)
    ci.report(found.project, found.checks, junit, github)
    if badge is not None:
        write_text(badge, json.dumps(ci.badge(found.checks)) + "\n")
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    if not found.passed:
        raise typer.Exit(1)
