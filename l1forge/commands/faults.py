"""`l1forge faults [DESIGN...]`: single faults in Verilog, and how many the co-verification notices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.faults import FaultStudy

app = typer.Typer(rich_markup_mode="markdown")

Designs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DESIGN]...",
        help="menu and path (the default ones), control (trigger control alone), menu files, models, graph"
        " files; default: menu, control, vae and the trees.",
    ),
]
Faults = Annotated[int, typer.Option("-n", help="Number of faults in all designs together.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of the drawn faults.", min=0)]
Crossings = Annotated[
    int | None, typer.Option(help="Crossings of a co-verification; default: as many as in the tests.", min=1)
]
Prove = Annotated[
    bool, typer.Option("--prove/--no-prove", help="Give faults that nothing noticed to a SAT solver.")
]
Copies = Annotated[
    bool,
    typer.Option(
        "--copies/--single-copy",
        help="Put a fault in a loop of the Verilog into all its copies, or into one of them.",
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Do not use verdicts that an earlier run found.")]
Docs = Annotated[Path | None, typer.Option(help="Page whose tables are refreshed.")]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Verdict on every fault as JSON.")]


@app.command()
def faults(
    designs: Designs = None,
    n: Faults = 500,
    seed: Seed = 1,
    crossings: Crossings = None,
    prove: Prove = True,
    copies: Copies = True,
    fresh: Fresh = False,
    docs: Docs = None,
    json_output: JsonOutput = None,
) -> None:
    """Measure how many single faults in the Verilog of designs the co-verification notices.

    Kinds: stuck and inverted nets, changed constants, one clock late, swapped operands, wrong table entries,
    wrong shifts, dropped register bits. A fault that nothing notices is given to a SAT solver, which proves
    that no input shows it, or not. Exit code 1 if less than 99 % of the others are noticed.

    500 faults take half an hour. Run it again after an interruption: the verdicts found so far are kept.

    Examples:

    `l1forge faults`

    `l1forge faults tau_id -n 50 --seed 7`

    `l1forge faults menu.yaml -n 100 --json faults.json`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.firmware.synth.table import halves
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.faults import run_faults

    check_outputs(json_output, docs)
    if docs is not None:
        halves(docs, BETWEEN)
    console = Console()
    with console.status("building") as status:
        found = run_faults(
            designs or (),
            n=n,
            seed=seed,
            crossings=crossings,
            prove=prove,
            copies=copies,
            fresh=fresh,
            progress=status.update,
        )
    if json_output:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    if docs is not None:
        refresh(docs, found)
    show(console, found)
    if not found.passed:
        raise typer.Exit(1)


BETWEEN = ("<!-- faults: written by l1forge faults -->", "<!-- end of faults -->")


def refresh(page: Path, found: FaultStudy) -> None:
    """Write the tables into a page, between its markers."""
    from l1forge.firmware.synth import table
    from l1forge.studies.faults import HEADINGS, KIND_HEADINGS

    parts = [markdown(HEADINGS, found.rows()), markdown(KIND_HEADINGS, found.kinds())]
    if found.survivors:
        rows = [(name, v.place, v.reason) for name, v in found.survivors]
        parts.append(markdown(("design", "fault that nothing noticed", "why"), rows))
    table.refresh(page, BETWEEN, "\n\n".join([*parts, verdict(found)]))


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a page."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdict(found: FaultStudy) -> str:
    """The one line that matters."""
    visible = found.faults - found.equivalent
    return (
        f"{found.caught:,} of {visible:,} faults noticed ({found.share:.2%}); {found.equivalent:,} more are"
        " proven to change no output"
    )


def show(console: Console, found: FaultStudy) -> None:
    """Tables of designs and kinds, survivors, verdict."""
    from rich.table import Table

    from l1forge.studies.faults import HEADINGS, KIND_HEADINGS

    for headings, rows in ((HEADINGS, found.rows()), (KIND_HEADINGS, found.kinds())):
        table = Table()
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for name, v in found.survivors:
        console.print(f"{name}: {v.place}: {v.reason}", highlight=False, markup=False)
    console.print(verdict(found), highlight=False)
