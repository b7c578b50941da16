"""Pipeline stages against longest path, LUT and FF: the same circuit cut differently, as a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.synth import table
from l1forge.firmware.synth.result import Synthesis

HEADINGS = ("stages", "latency", "estimate [ns]", "longest path [ns]", "meets the clock", "LUT", "FF")
MOST_STAGES = 64


@dataclass(frozen=True)
class Cut:
    """One number of stages: the design and what synthesis found."""

    project: RtlProject
    result: Synthesis
    default: bool

    def row(self) -> tuple[str, ...]:
        """Texts in the order of HEADINGS."""
        delay = self.result.delay_ns
        return (
            f"{self.project.stages}{' (default)' if self.default else ''}",
            f"{self.project.latency} clocks",
            f"{self.project.delay_ns:.2f}",
            "-" if delay is None else f"{delay:.2f}",
            "yes" if delay is not None and delay <= self.project.clock_period_ns else "no",
            f"{self.result.lut:,}".replace(",", " "),
            f"{self.result.ff:,}".replace(",", " "),
        )


def stage_numbers(text: str) -> list[int]:
    """``9-13`` or ``9,11,14`` as numbers.

    Raises
    ------
    InputError
        If the text is neither, or a number is not in 1 ... 64.
    """
    numbers: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part.strip())
        if found is None:
            raise InputError(
                "is not a list of stages", field="--compare", value=text, remedy="9-13 or 9,11,14"
            )
        numbers += range(int(found[1]), int(found[2] or found[1]) + 1)
    if not numbers or not all(1 <= n <= MOST_STAGES for n in numbers):
        raise InputError(f"stages must be 1 to {MOST_STAGES}", field="--compare", value=text)
    return sorted(set(numbers))


def markers(name: str) -> tuple[str, str]:
    """The comments around the table of model ``name`` in a page."""
    return (
        f"<!-- {name} stages: written by l1forge synth {name} --compare -->",
        f"<!-- end of {name} stages -->",
    )


def halves(page: Path, name: str) -> tuple[str, str]:
    """The text of ``page`` before and after the table.

    Raises
    ------
    InputError
        If the page or its markers are missing.
    """
    return table.halves(page, markers(name))


def refresh(page: Path, name: str, cuts: Sequence[Cut]) -> None:
    """Replace the table of model ``name`` in ``page``; InputError as ``halves``."""
    before, after = halves(page, name)
    begin, end = markers(name)
    lines = ["| " + " | ".join(row) + " |" for row in (HEADINGS, *(cut.row() for cut in cuts))]
    lines.insert(1, "|" + "---|" * len(HEADINGS))
    write_text(page, before + "\n".join([begin, *lines, end]) + after)
