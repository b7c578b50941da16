"""`l1forge convert INPUT ... -o OUTPUT`: event files from one format to another, joined, cut and selected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.events.source import EventSource

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def convert(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="Parquet, ADC2021 HDF5, NanoAOD, test vector or pattern files; several are joined in order.",
        ),
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
    emulated: Annotated[
        bool, typer.Option("--emulated", help="NanoAOD: re-emulated objects (L1EmulMu_…), not L1Mu_….")
    ] = False,
    skip: Annotated[int, typer.Option("--skip", help="Leave out the first crossings.", min=0)] = 0,
    limit: Annotated[
        int | None, typer.Option("-n", help="Only so many crossings, after those skipped.", min=1)
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(help="Only these columns, separated by commas: mu.pt,jet (a collection has them all)."),
    ] = None,
    split: Annotated[
        int | None,
        typer.Option(help="Files of at most so many crossings: OUTPUT-0000, OUTPUT-0001 …", min=1),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Convert event files; integers stay what they are, and everything that did not fit is counted.

    Examples:

    `l1forge convert nano.root -o events.parquet`

    `l1forge convert events.parquet -o orbit.txt --skip 7128 -n 3564`

    `l1forge convert skim_*.root --emulated --select mu,jet.et -o events.parquet --split 100000`

    `l1forge convert TestVector_ttbar.txt -o pattern.empv2 --to empv2`
    """
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.events.cutting import columns_of, crossings, pieces
    from l1forge.emulator.events.formats.object_words import absent_words
    from l1forge.emulator.events.formats.ugt_vectors import FULL
    from l1forge.emulator.events.sink import format_of, write_any
    from l1forge.emulator.events.source import open_events
    from l1forge.screen.outputs import check_outputs
    from l1forge.screen.progress import tracked

    if layout not in ("compact", "dense"):
        raise InputError("compact or dense", field="--layout", value=layout)
    check_outputs(output, inputs=sources)
    format_name = format_of(output, to)
    files = [open_events(source, bx, emulated or None) for source in sources]
    if emulated and not any(file.format == "NanoAOD" for file in files):
        raise InputError("only NanoAOD has re-emulated objects", file=sources[0], field="--emulated")
    filled, empty = [file for file in files if file.n != 0], [file.path for file in files if file.n == 0]
    used = filled or files[:1]
    wanted = columns_of(used[0], select)
    if select is None and format_name != "parquet":
        # words are written whole, bits that no field holds included; parquet has only fields and counts them
        wanted = (*wanted, *used[0].optional)
    for file in used[1:]:
        check_same(used[0], file, wanted, select)
    total = None
    if all(file.n is not None for file in used):
        total = max(0, sum(file.n or 0 for file in used) - skip)
        total = total if limit is None else min(limit, total)
        if total == 0 and filled:
            raise InputError("nothing is left after the crossings skipped", field="--skip", value=skip)
    blocks = tracked(crossings(_joined(used, wanted), skip, limit), total, "converting")
    described = used[0].metadata or {"description": used[0].description}
    metadata = {
        **described,
        "source": ", ".join(file.path.name for file in used),
        "source_format": ", ".join(dict.fromkeys(file.format for file in used)),
    }
    if skip:
        metadata["skipped"] = skip
    layouts = {file.row_columns or FULL for file in used}
    rows = columns or (layouts.pop() if len(layouts) == 1 else FULL)
    zeros = [] if format_name == "parquet" else absent_words(wanted)
    if split is None:
        results = {output: write_any(output, blocks, format_name, metadata, layout, rows)}
    else:
        results = {}
        for number, piece in enumerate(pieces(blocks, split)):
            target = numbered(output, number)
            check_outputs(target, inputs=sources)
            results[target] = write_any(target, piece, format_name, metadata, layout, rows)
    notes: Counter[str] = sum((file.notes for file in used), Counter())
    stale = numbered(output, len(results)) if split is not None else None
    if stale is not None and not stale.exists():
        stale = None
    console = Console()
    written = sum(results.values())
    if as_json:
        summary = {
            "crossings": written,
            "from": metadata["source_format"],
            "to": format_name,
            "notes": dict(notes),
            "written_as_zeros": zeros,
            "files": {str(target): count for target, count in results.items()},
            "empty": [str(path) for path in empty],
        }
        console.print_json(json.dumps(summary))
    else:
        for file in used:
            console.print(f"{file.path.name}: {file.format}, {file.description}")
        for target, count in results.items():
            console.print(f"{count} crossings -> {target} ({format_name})")
        if zeros:
            console.print(f"[yellow]not in {used[0].path.name}, written as zeros:[/] {', '.join(zeros)}")
        for note, count in sorted(notes.items()):
            console.print(f"[yellow]{count}[/] {note}")
        for path in empty:
            console.print(f"[yellow]{path} has no entries[/]")
    if stale is not None:
        Console(stderr=True).print(f"[yellow]{stale} is left from an earlier run[/]")


def numbered(output: Path, number: int) -> Path:
    """``events-0003.parquet`` for ``events.parquet`` and 3."""
    return output.with_name(f"{output.stem}-{number:04d}{output.suffix}")


def check_same(first: EventSource, other: EventSource, wanted: tuple[str, ...], select: str | None) -> None:
    """Demand that ``other`` can be joined to ``first``: the same columns are read from both.

    Raises
    ------
    InputError
        If it lacks one of the columns, or has others that were not left out on purpose.
    """
    from l1forge.emulator.errors import InputError

    lacking = [name for name in wanted if name not in (*other.columns, *other.optional)]
    beyond = [] if select else [name for name in other.columns if name not in wanted]
    if lacking or beyond:
        problem = f"has no such column, {first.path} has" if lacking else f"is not a column of {first.path}"
        raise InputError(
            problem, file=other.path, field=(lacking or beyond)[0], remedy="join them with --select"
        )


def _joined(files: list[EventSource], wanted: tuple[str, ...]) -> Iterator[Events]:
    from l1forge.emulator.events.objects import Events

    for file in files:
        for block in file.blocks(wanted):
            yield Events.of_rows({name: block[name] for name in wanted}, block.n)
