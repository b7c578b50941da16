"""Options that the import commands share: comparison with the trained network, and files to write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        help="Compare the graph with the trained network's own prediction on these events: .npy, .npz or"
        " parquet of the inputs (floats are physical values), or an event file with --source."
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="Class of each event: an array of the .npz, a column of the parquet file, or another .npy;"
        " default: y, labels or label, if there is one."
    ),
]
Background = Annotated[
    float,
    typer.Option(
        help="With --labels: fraction of background accepted where signal efficiencies are compared."
    ),
]
FidelityFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--fidelity",
        help="Write the comparison to .json, or a plot of the layers to .png, .pdf or .svg; repeatable.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with code 2 if a value can exceed a type that wraps.")
]
Sources = Annotated[
    Path | None,
    typer.Option(
        help="Text file with one event column per line, one for each input element, e.g. mu.pt[0]; each code"
        " is the integer of the input's type (--source says what it is worth)."
    ),
]


def columns_of(path: Path | None) -> list[str] | None:
    """The event columns in a file, one for each input element.

    Raises
    ------
    InputError
        If it is not a text file, or a name is not an event column.
    """
    from l1forge.emulator.errors import InputError
    from l1forge.studies.imports import check_columns

    if path is None:
        return None
    try:
        columns = path.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise InputError("is not a text file", file=path, remedy="write one event column per line") from error
    check_columns(columns, f"--sources {path}")
    return columns


def shape_of(text: str) -> tuple[int, ...]:
    """The shape of one event, written ``16`` or ``3x10x10``.

    Raises
    ------
    InputError
        If it is not a shape.
    """
    from l1forge.emulator.errors import InputError

    sizes = text.lower().replace("×", "x").split("x")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        remedy = "write 16 or 3x10x10, without the batch axis"
        raise InputError("is not a shape", field="--input-shape", value=text, remedy=remedy)
    return tuple(int(size) for size in sizes)


def check_data(data: Path | None, labels: str | None, files: list[Path] | None) -> None:
    """Refuse --labels or --fidelity without --data: there would be nothing to compare.

    Raises
    ------
    InputError
        Names the option.
    """
    from l1forge.emulator.errors import InputError
    from l1forge.screen.fidelity import check_names
    from l1forge.screen.outputs import check_outputs

    check_names(files or [], "--fidelity")
    check_outputs(*(files or []), inputs=[data] if data is not None else [])
    for option, given in (("--fidelity", files), ("--labels", labels)):
        if given and data is None:
            raise InputError("needs events to compare on", field=option, remedy="give --data")
