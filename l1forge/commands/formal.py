"""`l1forge formal [MENU]`: proofs that parts of the firmware are what their descriptions say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode="markdown")

MenuFile = Annotated[
    Path | None, typer.Argument(help="Menu file: .yaml, .xml, .json; default: the default menu.")
]
Control = Annotated[
    Path | None, typer.Option(help="Folder with path_prescaler.v and path_rules.v; default: the package's.")
]
Seconds = Annotated[int, typer.Option(help="Most seconds for one proof.", min=1)]
Docs = Annotated[Path | None, typer.Option(help="Page whose table is refreshed.")]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Result as JSON.")]

BETWEEN = ("<!-- formal: written by l1forge formal -->", "<!-- end of formal -->")


@app.command()
def formal(
    menu: MenuFile = None,
    control: Control = None,
    seconds: Seconds = 300,
    docs: Docs = None,
    json_output: JsonOutput = None,
) -> None:
    """Check prescaler, trigger rules and every combination of a menu by proofs of a SAT solver.

    The other side of each proof is written by another route: combinations as the list of all assignments of
    objects to legs, prescaler and rules as a person would say them, by induction over the clocks. A
    difference, or a proof that takes too long, ends with exit code 1. The default menu takes minutes.

    Examples:

    `l1forge formal`

    `l1forge formal menu.yaml --json proofs.json`
    """
    from rich.table import Table

    from l1forge.commands.faults import markdown
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.menu.language.load import DEFAULT, load_menu
    from l1forge.firmware.synth import table as pages
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.formal import HEADINGS, run_formal

    check_outputs(json_output, docs)
    if docs is not None:
        pages.halves(docs, BETWEEN)
    console = Console()
    with console.status("proving") as status:
        found = run_formal(
            load_menu(menu or DEFAULT),
            control=control,
            seconds=seconds,
            progress=lambda name: status.update(f"proving; done: {name}"),
        )
    if json_output:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    if docs is not None:
        pages.refresh(docs, BETWEEN, f"{markdown(HEADINGS, found.rows())}\n\n{found.verdict}")
    table = Table()
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if number == len(HEADINGS) - 1 else "left")
    for row in found.rows():
        table.add_row(*row)
    console.print(table)
    for proof in found.proofs:
        if proof.example:
            console.print(f"{proof.name} differs for {proof.example}", highlight=False, markup=False)
    if found.left_out:
        console.print(f"not proven here: {', '.join(found.left_out)}", highlight=False, markup=False)
    console.print(found.verdict, highlight=False)
    if not found.passed:
        raise typer.Exit(1)
