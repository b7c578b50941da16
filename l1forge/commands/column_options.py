"""Options of the import commands for event columns of inputs, and names of outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from l1forge.firmware.inputs.columns import Column

COLUMNS = "Event columns and names"
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        "-s",
        help="Event column of each input element in order: repeat it, separate by commas, or give a file. An"
        " entry is jet.et[0], jet.et[0]*0.5, or jet.et[0]*0.5 offset=12 shift=3; 0 for none (docs/hls.md).",
        rich_help_panel=COLUMNS,
    ),
]
UnitsOption = Annotated[
    Literal["code", "physical"] | None,
    typer.Option(
        "--units",
        help="What one count is worth to the network where --source gives no factor: 1, or the LSB in GeV,"
        " rad, η.",
        rich_help_panel=COLUMNS,
    ),
]
Offset = Annotated[
    str | None,
    typer.Option(
        help="Offsets that are subtracted: one number, a list with commas, or a file (scales.h).",
        rich_help_panel=COLUMNS,
    ),
]
Shift = Annotated[
    str | None,
    typer.Option(
        help="Bits of the shift to the right after it: as --offset.",
        rich_help_panel=COLUMNS,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        help="Name of each output, or of each element of it, in order: repeat it, or separate by commas.",
        rich_help_panel=COLUMNS,
    ),
]


def names_of(given: list[str] | None) -> list[str]:
    """Names of outputs, from options that may hold several."""
    return [name.strip() for text in given or () for name in text.split(",")]


def wiring_of(
    source: list[str] | None,
    units: Literal["code", "physical"] | None,
    offset: str | None,
    shift: str | None,
) -> list[Column] | None:
    """The columns with what they are worth; None where none are named.

    Raises
    ------
    InputError
        If one is no column, or the other options come without columns.
    """
    from l1forge.emulator.errors import InputError
    from l1forge.firmware.inputs.columns import read_columns

    if source:
        return read_columns(source, units, offset, shift)
    for option, given in (("--units", units), ("--offset", offset), ("--shift", shift)):
        if given is not None:
            raise InputError("needs event columns", field=option, value=given, remedy="give --source")
    return None
