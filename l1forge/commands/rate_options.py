"""Options of the import commands that choose types at the rate at which a score will trigger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from l1forge.studies.working_point import WorkingPoint

AT_RATE = "Types chosen at a rate"
Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        help="Choose types by what is lost at this rate of the score, such as 5kHz; needs --source.",
        rich_help_panel=AT_RATE,
    ),
]
ZeroBias = Annotated[
    Path | None,
    typer.Option(
        help="Zero-bias events for --rate; default: the project's, or the committed sample.",
        rich_help_panel=AT_RATE,
    ),
]
Signal = Annotated[
    list[Path] | None,
    typer.Option(
        "--signal",
        help="Signal events for --rate: the share of these that is lost counts, not that of the rate.",
        rich_help_panel=AT_RATE,
    ),
]


def point_of(
    rate: str | None, zero_bias: Path | None, signals: list[Path] | None, loss: str | float | None
) -> WorkingPoint | None:
    """The working point, None without --rate.

    Raises
    ------
    InputError
        If the rate or the loss is no number, a file is missing, or options of --rate come without it.
    """
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_event_files
    from l1forge.studies.rates_inputs import parse_rate
    from l1forge.studies.working_point import LOSS, WorkingPoint

    if rate is None:
        for option, given in (("--zero-bias", zero_bias), ("--signal", signals)):
            if given:
                raise InputError("needs --rate", field=option, remedy="give a rate, such as 5kHz")
        return None
    khz = parse_rate(rate, "--rate", rate, remedy="such as 5kHz")
    try:
        limit = LOSS if loss is None else float(loss)
    except ValueError:
        remedy = "with --rate a share of the accepted events, such as 0.05"
        raise InputError("is not a loss", field="--loss", value=loss, remedy=remedy) from None
    check_event_files([*([zero_bias] if zero_bias else []), *(signals or [])])
    return WorkingPoint(khz, zero_bias, tuple(signals or ()), limit)
