"""`l1forge synth-table [MODEL...]`: all designs through Yosys, as a table; or held against one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1forge.commands.ci_options import Github, Junit
from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.firmware.synth.table import Row

app = typer.Typer(rich_markup_mode="markdown")

Models = Annotated[
    list[str] | None, typer.Argument(metavar="[MODEL]...", help="Models, graph files, folders; default: all.")
]
File = Annotated[Path, typer.Option("--table", "-t", help="The table, JSON.")]
Check = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit code 1 if LUT, FF or latency grew by over 5 %.")
]
Docs = Annotated[Path | None, typer.Option(help="Page whose table is refreshed.")]
Jobs = Annotated[int | None, typer.Option(help="Designs side by side; default: one per processor.", min=1)]
Fresh = Annotated[bool, typer.Option("--fresh", help="Also run what was found before.")]
Skip = Annotated[list[str] | None, typer.Option(help="A model that is not run, and named so.")]
Parts = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        help="Family of Yosys (xcup, xcu, xc7), or ECP5 part, which is routed (LFE5U-85F-8); may be repeated."
        " Default: those of the table, else xcup.",
    ),
]
Netlist = Annotated[
    int,
    typer.Option(help="Also simulate netlists on this number of crossings, where that was not done.", min=0),
]
Limit = Annotated[
    float | None,
    typer.Option(help="Minutes after which a design is given up, and named as not run.", min=0.01),
]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Result as JSON.")]


@app.command()
def synth_table(
    models: Models = None,
    table: File = Path("docs/synthesis.json"),
    check: Check = False,
    docs: Docs = None,
    jobs: Jobs = None,
    fresh: Fresh = False,
    skip: Skip = None,
    part: Parts = None,
    netlist: Netlist = 0,
    limit: Limit = None,
    junit: Junit = None,
    github: Github = False,
    json_output: JsonOutput = None,
) -> None:
    """Synthesise all designs and write the table, or with `--check` compare with it.

    A design whose Verilog, options and tool are those of the table is not run again. With MODELs the other
    rows of the table stay. `--check` without MODELs leaves out what the table names as not run. Every row is
    written as soon as it is known: after an interrupt the same call continues.

    Examples:

    `l1forge synth-table --docs docs/synthesis.md`

    `l1forge synth-table --netlist 2000 --limit 10`

    `l1forge synth-table --check --junit build/synthesis.xml`

    `l1forge synth-table tau_id eg_iso --part xc7 --part LFE5U-85F-8`

    `l1forge synth-table tau_id mine/graph.json --table mine/synthesis.json --jobs 2`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.firmware.synth import table as tables
    from l1forge.screen import ci
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.synthesis_table import synthesise_all

    check_outputs(json_output, docs, junit, None if check else table)
    if check and docs is not None:
        raise InputError("writes nothing", field="--check", remedy="leave --docs out")
    if not check and (junit is not None or github):
        raise InputError(
            "is what a check says", field="--github" if junit is None else "--junit", remedy="add --check"
        )
    if docs is not None:
        tables.halves(docs, (tables.BEGIN, tables.END))
    before = tables.Table.load(table) if check or table.exists() else None
    console = Console()
    known: dict[str, Row] = {}
    with console.status("looking at the designs") as status:

        def show(name: str, row: Row) -> None:
            known[name] = row
            if not check:
                tables.merged(before, tables.Table(known)).save(table)
            path = "-" if row.delay_ns is None else f"{row.delay_ns:.2f} ns{' routed' if row.routed else ''}"
            numbers = f"{row.lut} LUT, {row.ff} FF, {row.latency_clocks} clocks, {path}"
            console.print(f"{name}: {numbers}; circuit {row.circuit}")

        found = synthesise_all(
            models or None,
            before,
            jobs=jobs,
            fresh=fresh,
            skip=skip or (),
            parts=part or None,
            netlist=netlist,
            limit_s=None if limit is None else 60 * limit,
            as_before=check and not models,
            progress=status.update,
            on_row=show,
        )
    for name, reason in found.table.not_run.items():
        console.print(f"not run: {name}: {reason}", markup=False)
    for name, note in found.notes.items():
        console.print(f"{name}: {note}", markup=False)
    if check:
        ci.report("l1forge", found.checks(str(table)), junit, github)
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
    if check:
        for name, line in found.worse.items():
            console.print(f"worse: {name}: {line}", style="red", markup=False)
        console.print(found.verdict if found.table.rows else "nothing was compared, so nothing is proven")
        raise typer.Exit(0 if found.passed else 1)
    made = tables.merged(before if models or part else None, found.table)
    made.save(table)
    console.print(f"wrote {table}")
    if docs is not None:
        tables.refresh(docs, (tables.BEGIN, tables.END), tables.markdown(made))
        console.print(f"wrote the table of {docs}")
    if not found.table.rows:
        raise typer.Exit(1)
