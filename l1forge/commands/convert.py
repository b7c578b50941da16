"""`l1forge convert INPUT ... -o OUTPUT`: event files from one format to another, joined, cut and selected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.convert import Conversion

app = typer.Typer(rich_markup_mode="markdown")

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT...",
        help="Parquet, ADC2021 HDF5, NanoAOD, test vector or pattern files; several are joined in order.",
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="File to write; the format follows from its name.")
]
To = Annotated[str | None, typer.Option(help="Format to write: parquet, test-vectors, empv1, empv2 or apx.")]
Layout = Annotated[
    str, typer.Option(help="For parquet: compact (small file), packed (small, faster) or dense (fastest).")
]
Columns = Annotated[
    int | None,
    typer.Option(
        help="For test vectors: write 60 columns, or 48 (years 2015, 2016); default: as in INPUT, else 60."
    ),
]
Crossing = Annotated[int, typer.Option(help="For NanoAOD: bunch crossing to read; 0 is the triggered one.")]
Emulated = Annotated[
    bool,
    typer.Option("--emulated", help="For NanoAOD: read the re-emulated objects (L1EmulMu_…), not L1Mu_…."),
]
Skip = Annotated[int, typer.Option("--skip", help="Skip this number of crossings at the start.", min=0)]
Limit = Annotated[int | None, typer.Option("-n", help="Write at most this number of crossings.", min=1)]
Select = Annotated[
    str | None,
    typer.Option(
        help="Write only these columns, separated by commas: mu.pt,jet (jet: all columns of the jets)."
    ),
]
Split = Annotated[
    int | None,
    typer.Option(help="Write at most this number of crossings per file: OUTPUT-0000, OUTPUT-0001 …", min=1),
]
Cicada = Annotated[
    Path | None,
    typer.Option(
        "--cicada",
        metavar="SCORES",
        help="Raw scores of a calorimeter model, one for each crossing (`l1forge emulate calorimeter`): write"
        " them into the link words as CICADA scores.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


@app.command()
def convert(
    sources: Sources,
    output: Output,
    to: To = None,
    layout: Layout = "compact",
    columns: Columns = None,
    bx: Crossing = 0,
    emulated: Emulated = False,
    skip: Skip = 0,
    limit: Limit = None,
    select: Select = None,
    split: Split = None,
    cicada: Cicada = None,
    as_json: Json = False,
) -> None:
    """Convert event files. Integers are copied unchanged; what the new format cannot hold is counted.

    Examples:

    `l1forge convert nano.root -o events.parquet`

    `l1forge convert events.parquet -o orbit.txt --skip 7128 -n 3564`

    `l1forge convert skim_*.root --emulated --select mu,jet.et -o events.parquet --split 100000`

    `l1forge convert TestVector_ttbar.txt -o pattern.empv2 --to empv2`

    `l1forge convert zerobias.parquet --skip 200000 --cicada scores.parquet -o with_cicada.parquet`
    """
    from l1forge.screen.progress import tracked
    from l1forge.studies import convert as studies

    result = studies.convert(
        sources,
        output,
        to=to,
        layout=layout,  # type: ignore[arg-type]  # the study refuses others
        columns=columns,
        bx=bx,
        emulated=emulated,
        skip=skip,
        limit=limit,
        select=select,
        split=split,
        cicada=cicada,
        track=lambda blocks, total: tracked(blocks, total, "converting"),
    )
    if as_json:
        Console().print_json(json.dumps(result.to_dict()))
    else:
        _print(result)
    if result.stale is not None:
        Console(stderr=True).print(f"[yellow]{result.stale} is left from an earlier run[/]")


def _print(result: Conversion) -> None:
    """What was read and written, and everything that did not fit."""
    console = Console()
    for name, format_name, description in result.described:
        console.print(f"{name}: {format_name}, {description}")
    for target, count in result.files.items():
        console.print(f"{count} crossings -> {target} ({result.format})")
    if result.zeros:
        first = result.described[0][0]
        console.print(f"[yellow]not in {first}, written as zeros:[/] {', '.join(result.zeros)}")
    for note, count in sorted(result.notes.items()):
        console.print(f"[yellow]{count}[/] {note}")
    for path in result.empty:
        console.print(f"[yellow]{path} has no entries[/]")
