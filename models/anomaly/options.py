"""Options that the trainings of the anomaly scores share."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from l1forge.emulator.errors import InputError

ZeroBias = Annotated[
    Path | None,
    typer.Option(
        "--zero-bias", help="Event file with zero bias, of any format; default: the committed sample's."
    ),
]
MenuFile = Annotated[
    Path | None,
    typer.Option(
        "--menu",
        help="Menu (YAML, XML, compiled JSON) whose cut-based seeds reject the crossings to train on;"
        " default: the default menu.",
    ),
]
Crossings = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Use only the first N crossings of the file, and keep the others for rates; default: all, and of"
        " the committed sample the first 300,000.",
    ),
]

Pairs = Annotated[
    str,
    typer.Option(
        help="Pairs of quantities: slim (31, with a leading object), ten (45), nine (36, without the muon"
        " of good quality) or seven (21, only ETM, muon pt and e/gamma et)."
    ),
]


def known(value: str, names: Collection[str], option: str) -> None:
    """Demand that ``value`` is one of ``names``.

    Raises
    ------
    InputError
        If it is not.
    """
    if value not in names:
        raise InputError("is not known", field=option, value=value, remedy=f"one of {', '.join(names)}")


def named_files(texts: list[str] | None, option: str) -> dict[str, Path]:
    """``NAME=FILE`` arguments by name.

    Raises
    ------
    InputError
        If one has another form, or a name comes twice.
    """
    found: dict[str, Path] = {}
    for text in texts or ():
        name, _, file = text.partition("=")
        if not name or not file:
            raise InputError("NAME=FILE expected", field=option, value=text, remedy="such as A4l=a4l.parquet")
        if name in found:
            raise InputError("is given twice", field=option, value=name)
        found[name] = Path(file)
    return found
