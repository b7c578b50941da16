"""Hardware columns as inputs of a package: presets, and files with one column per line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS, Field
from l1forge.emulator.graph.fixed import FixedType

LARGEST = 1 << 20
"""Of a factor, and of the denominator of one."""


@dataclass(frozen=True)
class Column:
    """``source`` (``jet.et[0]``, or ``0`` for nothing) times ``factor`` is what the package takes."""

    source: str
    factor: Fraction = Fraction(1)


def _objects(name: str, slots: int, energy: str = "et") -> list[Column]:
    fields = (energy, "eta", "phi")
    return [_in_gev(f"{name}.{field}[{slot}]") for slot in range(slots) for field in fields]


def _in_gev(source: str) -> Column:
    """Energies in GeV (code × LSB), as the firmware's ``ap_ufixed<11,10>`` reads them; the rest as codes."""
    field = COLUMNS[source.partition("[")[0]][1]
    return Column(source, Fraction(field.lsb) if field.unit == "GeV" else Fraction(1))


def _anomaly(met: str) -> list[Column]:
    return [
        _in_gev(f"{met}.et[0]"),
        Column("0"),
        _in_gev(f"{met}.phi[0]"),
        *_objects("eg", 4),
        *_objects("mu", 4, "pt"),
        *_objects("jet", 10),
    ]


PRESETS = {"met-eg-mu-jet": _anomaly("etm"), "methf-eg-mu-jet": _anomaly("etmhf")}
"""57 inputs: missing energy (et, 0, phi), 4 e/γ, 4 muons, 10 jets, each (pt, eta, phi)."""


def read_columns(text: str) -> list[Column]:
    """A preset by name, or a file: one ``COLUMN`` or ``COLUMN*FACTOR`` per line, ``0`` for an unused input.

    Raises
    ------
    InputError
        If a line is not a column, or a factor is not a multiple of a power of two.
    """
    if text in PRESETS:
        return list(PRESETS[text])
    path = Path(text)
    if not path.is_file():
        raise InputError(
            "is neither a preset nor a file",
            field="--inputs",
            value=text,
            remedy=f"presets: {', '.join(PRESETS)}",
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError("is not a text file", file=path, remedy="write one column per line") from error
    words = [line.partition("#")[0].strip() for line in lines]
    return [_column(word, path, number) for number, word in enumerate(words, 1) if word]


def _column(text: str, path: Path, line: int) -> Column:
    source, _, factor = (part.strip() for part in text.partition("*"))
    name = source.partition("[")[0]
    slots = COLUMNS[name][0] if name in COLUMNS else 0
    if source != "0" and source not in {f"{name}[{slot}]" for slot in range(slots)}:
        remedy = f"{name}[0] … {name}[{slots - 1}]" if slots else "jet.et[0]*0.5, mu.pt[1], … or 0"
        raise InputError(
            "is not an event column", file=path, field=f"line {line}", value=source, remedy=remedy
        )
    return Column(source, _factor(factor, path, f"line {line}") if factor else Fraction(1))


def _factor(text: str, path: Path, line: str) -> Fraction:
    """A factor; its type must stay one that an input can have."""
    try:
        size = abs(float(Fraction(text) if "/" in text else float(text)))
        value = Fraction(text) if size < LARGEST else None
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise InputError("is not a number", file=path, field=line, value=text) from error
    if value is None or value.denominator > LARGEST or value.denominator & (value.denominator - 1):
        raise InputError(
            f"is not a multiple of a power of two below {LARGEST:,}",
            file=path,
            field=line,
            value=text,
            remedy="such as 0.5",
        )
    return value


def field_of(column: Column) -> Field | None:
    """The field of the object word, None for an unused input."""
    return None if column.source == "0" else COLUMNS[column.source.partition("[")[0]][1]


def column_type(columns: Sequence[Column]) -> FixedType:
    """The narrowest integer type that holds every column's codes."""
    fields = [field for column in columns if (field := field_of(column)) is not None]
    low = min((field.minimum for field in fields), default=0)
    return FixedType.integers(low, max((field.maximum for field in fields), default=1))
