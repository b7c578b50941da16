"""The evaluation's table: on the terminal and in docs/muon.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError

BEGIN, END = "<!-- muon_pt table: written by l1forge evaluate muon_pt -->", "<!-- end of muon_pt table -->"
HEADINGS = ("algorithm", "rate [kHz]", "/ patterns", "3-5 GeV passing", "rate below 10 GeV [kHz]")
DIGITS = 5


def rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row of text per algorithm, in the order of HEADINGS."""
    return [
        (
            name,
            f"{line['rate_kHz']:.3f} ± {line['error_kHz']:.3f}",
            f"{line['rate_over_patterns']:.2f}",
            f"({1e4 * line['feed_through']:.1f} ± {1e4 * line['feed_through_error']:.1f})e-4",
            f"{line['rate_below_10_GeV_kHz']:.3f}",
        )
        for name, line in result["table"].items()
    ]


def rich_table(result: Mapping[str, Any]) -> Table:
    """For the terminal."""
    title = (
        f"{result['efficiency']:.0%} efficient at {result['threshold_GeV']:g} GeV, {result['muons']} muons"
    )
    table = Table(*(escape(heading) for heading in HEADINGS), title=title)
    for row in rows(result):
        table.add_row(*row)
    return table


def halves(page: Path) -> tuple[str, str]:
    """The text of ``page`` before and after the table between the markers.

    Raises
    ------
    InputError
        If the page or its markers are missing.
    """
    try:
        text = page.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        return before, after
    except (OSError, ValueError) as error:
        raise InputError(
            "no page with table markers", file=page, remedy=f"put {BEGIN} and {END} in it"
        ) from error


def refresh(page: Path, result: Mapping[str, Any]) -> None:
    """Replace the table between the markers of ``page``; InputError as ``halves``."""
    before, after = halves(page)
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(result)]
    note = f"\n{result['muons']} muons, seed {result['seed']}; errors are statistical.\n"
    write_text(page, before + BEGIN + "\n" + "\n".join(lines) + "\n" + note + END + after)


def rounded(value: Any) -> Any:
    """``value`` with every float to DIGITS significant digits, so that the committed JSON stays small."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value
