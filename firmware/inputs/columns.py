"""Event columns as inputs: ``jet.et[0]*0.5 offset=12 shift=3``, one for each input element."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS, Field
from l1forge.emulator.graph.fixed import FixedType

Units = Literal["code", "physical"]
"""What one count is worth: 1, or the column's LSB in GeV, radian or units of eta."""
PHYSICAL = "physical"
MOST_SHIFT = 64
_ENTRY = re.compile(r"(?P<source>[^\s*]+)\s*(\*\s*(?P<factor>[^\s*]+))?(?P<rest>(\s+\S+)*)")


@dataclass(frozen=True)
class Column:
    """The network reads ``(code * factor - offset) / 2**shift`` of ``source`` (``jet.et[0]``; ``0``: none).

    ``factor`` is None where nobody said what one count is worth.
    """

    source: str
    factor: Fraction | None = Fraction(1)
    offset: Fraction = Fraction(0)
    shift: int = 0

    @property
    def plain(self) -> bool:
        """Whether only the column is named."""
        return self.factor is None and not self.offset and not self.shift

    @property
    def worth(self) -> Fraction:
        """The factor, 1 where none is given."""
        return Fraction(1) if self.factor is None else self.factor

    def __str__(self) -> str:
        text = self.source if self.factor is None else f"{self.source}*{_told(self.factor)}"
        text += f" offset={_told(self.offset)}" if self.offset else ""
        return text + (f" shift={self.shift}" if self.shift else "")


def _told(value: Fraction) -> str:
    """As a decimal number where that is exact."""
    text = repr(float(value)).removesuffix(".0")
    return text if Fraction(text) == value else str(value)


def check_source(source: str, where: str, file: str | Path | None = None) -> None:
    """InputError unless it is a slot of an event column, such as ``mu.pt[0]``, or ``0`` for none."""
    name = source.partition("[")[0]
    slots = COLUMNS[name][0] if name in COLUMNS else 0
    if source != "0" and source not in {f"{name}[{slot}]" for slot in range(slots)}:
        raise InputError(
            "is not an event column",
            file=file,
            field=where,
            value=source,
            remedy=f"{name}[0] … {name}[{slots - 1}]" if slots else "jet.et[0], mu.pt[1], … or 0",
        )


def field_of(column: Column) -> Field | None:
    """The field of the object word, None for an unused input."""
    return None if column.source == "0" else COLUMNS[column.source.partition("[")[0]][1]


def column_type(columns: Sequence[Column]) -> FixedType:
    """The narrowest integer type that holds every column's codes."""
    fields = [field for column in columns if (field := field_of(column)) is not None]
    low = min((field.minimum for field in fields), default=0)
    return FixedType.integers(low, max((field.maximum for field in fields), default=1))


def parse_column(text: str, where: str, file: str | Path | None = None) -> Column:
    """One entry: ``COLUMN``, ``COLUMN*FACTOR``, with ``offset=N`` and ``shift=N`` behind it.

    The factor is a number, a fraction (``1/3``) or ``physical``, the column's LSB.

    Raises
    ------
    InputError
        If it is not such an entry.
    """
    found = _ENTRY.fullmatch(text.strip())
    if found is None:
        remedy = "write jet.et[0], jet.et[0]*0.5 or jet.et[0]*0.5 offset=12 shift=3"
        raise InputError("is not a column", file=file, field=where, value=text, remedy=remedy)
    check_source(found["source"], where, file)
    column = Column(found["source"], None)
    if found["factor"] == PHYSICAL:
        column = replace(column, factor=_lsb(column))
    elif found["factor"]:
        column = replace(column, factor=number(found["factor"], where, file))
    for word in found["rest"].split():
        key, _, value = word.partition("=")
        if key == "offset":
            column = replace(column, offset=number(value, where, file))
        elif key == "shift":
            column = replace(column, shift=_shift(value, where, file))
        else:
            raise InputError(
                "is not understood", file=file, field=where, value=word, remedy="write offset=N or shift=N"
            )
    return column


def _lsb(column: Column) -> Fraction:
    field = field_of(column)
    return Fraction(1) if field is None else Fraction(repr(field.lsb))


def number(text: str, where: str, file: str | Path | None = None) -> Fraction:
    """A number or a fraction, exactly.

    Raises
    ------
    InputError
        If it is none, or beyond all hardware.
    """
    plain = text.replace(" ", "")
    try:
        # as a float first: 1e999999999 is a short text and a very long integer
        small = len(plain) <= 40 and ("/" in plain or abs(float(plain)) <= 2**MOST_SHIFT)
        value = Fraction(plain) if small else None
    except (ValueError, ZeroDivisionError):
        value = None
    if value is None or abs(value) > 2**MOST_SHIFT:
        raise InputError(
            "is not a number", file=file, field=where, value=text[:40], remedy="such as 0.5 or 1/3"
        )
    return value


def _shift(text: str, where: str, file: str | Path | None = None) -> int:
    value = number(text, where, file)
    if value.denominator != 1 or abs(value) > MOST_SHIFT:
        remedy = "a whole number of bits; negative shifts multiply"
        raise InputError("is not a shift", file=file, field=where, value=text, remedy=remedy)
    return int(value)


def read_columns(
    given: Sequence[str],
    units: Units | None = None,
    offset: str | None = None,
    shift: str | None = None,
) -> list[Column]:
    """The columns that the options of a command name.

    Parameters
    ----------
    given
        Each a comma-separated list of entries, or a file with one entry on each line (``#``: comment).
    units
        What one count is worth where an entry has no factor; None: not said.
    offset, shift
        Numbers for all columns: one, a comma-separated list, or a file of them (as ``scales.h`` has them).

    Raises
    ------
    InputError
        If an entry is no column, a file cannot be read, or there are not as many numbers as columns.
    """
    columns = [column for text in given for column in _entries(text)]
    if units is not None:
        worth = [Fraction(1) if units == "code" else _lsb(column) for column in columns]
        columns = [
            replace(c, factor=w) if c.factor is None else c for c, w in zip(columns, worth, strict=True)
        ]
    if offset is not None:
        values = _numbers(offset, "--offset", len(columns))
        _only_once(columns, "offset")
        columns = [
            replace(c, offset=number(text, "--offset")) for c, text in zip(columns, values, strict=True)
        ]
    if shift is not None:
        values = _numbers(shift, "--shift", len(columns))
        _only_once(columns, "shift")
        columns = [replace(c, shift=_shift(text, "--shift")) for c, text in zip(columns, values, strict=True)]
    return columns


def _is_file(text: str) -> bool:
    """Whether a text names a file; a long list of columns is no name at all."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _only_once(columns: Sequence[Column], name: str) -> None:
    for column in columns:
        if getattr(column, name):
            raise InputError(
                f"an entry of --source has its own {name}",
                field=f"--{name}",
                value=str(column),
                remedy="give it in one place",
            )


def _entries(text: str) -> Iterator[Column]:
    if _is_file(text):
        yield from read_column_file(Path(text))
        return
    for entry in text.split(","):
        yield parse_column(entry, "--source")


def read_column_file(path: Path) -> list[Column]:
    """A file with one entry on each line; ``#`` begins a comment.

    Raises
    ------
    InputError
        Names file and line.
    """
    lines = enumerate(_text(path, "write one column per line").splitlines(), 1)
    words = [(number, line.partition("#")[0].strip().rstrip(",")) for number, line in lines]
    columns = [parse_column(word, f"line {number}", path) for number, word in words if word]
    if not columns:
        raise InputError("names no column", file=path, remedy="write one column per line")
    return columns


def _numbers(text: str, option: str, count: int) -> list[str]:
    """As many numbers as there are columns; one counts for all."""
    if _is_file(text):
        content = re.sub(r"//.*|#.*", "", _text(Path(text), "write one number per line"))
        if "{" in content:  # an array as C++ headers hold it
            content = content.partition("{")[2].partition("}")[0]
        values = [word for word in re.split(r"[\s,;]+", content) if word]
    else:
        values = text.split(",")
    values = values * count if len(values) == 1 else values
    if len(values) != count:
        raise InputError(
            f"{len(values)} numbers for {count} columns",
            field=option,
            value=text[:60],
            remedy="give one for all, or one for each column in the order of --source",
        )
    return values


def _text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("is not a text file", file=path, remedy=remedy) from error
