"""`l1forge convert INPUT -o OUTPUT`: event files from one format to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from models.console import Console

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="Parquet, ADC2021 HDF5, NanoAOD, test vector or pattern file."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; its ending tells the format.")
    ],
    to: Annotated[
        str | None, typer.Option(help="Format: parquet, test-vectors, empv1, empv2 or apx.")
    ] = None,
    layout: Annotated[
        str, typer.Option(help="Parquet: compact (small) or dense (fastest to read).")
    ] = "compact",
    columns: Annotated[
        int | None,
        typer.Option(help="Test vectors: 60 columns, or 48 (2015, 2016); default: as INPUT, else 60."),
    ] = None,
    bx: Annotated[int, typer.Option(help="NanoAOD: bunch crossing to take, 0 is the triggered one.")] = 0,
    limit: Annotated[int | None, typer.Option("-n", help="Only the first crossings.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Convert an event file; integers stay what they are, and everything that did not fit is counted.

    Examples:

    `l1forge convert nano.root -o events.parquet`

    `l1forge convert events.parquet -o orbit.txt -n 3564`

    `l1forge convert TestVector_ttbar.txt -o pattern.empv2 --to empv2`
    """
    from emulator.errors import InputError
    from emulator.events.blocks import first_crossings
    from emulator.events.sink import format_of, write_any
    from emulator.events.source import open_events
    from emulator.events.test_vectors import FULL
    from emulator.events.words import absent_words
    from l1forge.outputs import check_outputs
    from l1forge.progress import tracked

    if layout not in ("compact", "dense"):
        raise InputError("compact or dense", field="--layout", value=layout)
    check_outputs(output, inputs=[source])
    format_name = format_of(output, to)
    events = open_events(source, bx)
    total = events.n if limit is None or events.n is None else min(limit, events.n)
    # words are written whole, bits that no field holds included; parquet has only fields and counts them
    kept = (*events.columns, *events.optional) if format_name != "parquet" and events.optional else None
    blocks = tracked(first_crossings(events.blocks(kept), limit), total, "converting")
    described = events.metadata or {"description": events.description}
    metadata = {**described, "source": source.name, "source_format": events.format}
    written = write_any(output, blocks, format_name, metadata, layout, columns or events.row_columns or FULL)
    console = Console()
    zeros = [] if format_name == "parquet" else absent_words(events.columns)
    if as_json:
        summary = {
            "crossings": written,
            "from": events.format,
            "to": format_name,
            "notes": dict(events.notes),
            "written_as_zeros": zeros,
        }
        console.print_json(json.dumps(summary))
        return
    console.print(f"{source.name}: {events.format}, {events.description}")
    console.print(f"{written} crossings -> {output} ({format_name})")
    if zeros:
        console.print(f"[yellow]not in {source.name}, written as zeros:[/] {', '.join(zeros)}")
    for note, count in sorted(events.notes.items()):
        console.print(f"[yellow]{count}[/] {note}")
