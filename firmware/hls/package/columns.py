"""Hardware columns as inputs of a package: presets, and files with one column per line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS
from l1forge.firmware.inputs.columns import Column, read_column_file

LARGEST = 1 << 20
"""Of a factor, and of the denominator of one."""


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
    return exact(read_column_file(path), path)


def exact(columns: Sequence[Column], file: str | Path | None = None) -> list[Column]:
    """The columns, each with a factor: what a package takes in front of its own scaling.

    Raises
    ------
    InputError
        If a factor is not a multiple of a power of two, or a column has an offset or a shift.
    """
    made = []
    for column in columns:
        factor = column.worth
        dyadic = factor.denominator & (factor.denominator - 1) == 0
        if not dyadic or max(abs(factor.numerator), factor.denominator) > LARGEST:
            raise InputError(
                f"factor is not a multiple of a power of two below {LARGEST:,}",
                file=file,
                field=column.source,
                value=str(factor),
                remedy="such as 0.5",
            )
        if column.offset or column.shift:
            raise InputError(
                "has an offset or a shift, but the package scales its inputs itself",
                file=file,
                field=column.source,
                value=str(column),
                remedy="leave them out, or read the network alone with --network-only",
            )
        made.append(Column(column.source, factor))
    return made
