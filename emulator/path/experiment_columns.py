"""The experiment's prescale CSV: `Index,Name,<column>...`, one row per algorithm, also from spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.path.prescale import ALGORITHMS, UNIT, PrescaleSettings, factor

HEADER = ["Index", "Name"]


def experiment_settings(
    path: Path, rows: Sequence[Sequence[str]], algorithms: Mapping[str, int], column: str | None = None
) -> PrescaleSettings:
    """Settings from the rows of such a file, header included; every algorithm of it is in the FinOR.

    ``algorithms``: name to index of the menu. ``column``: header to use; None takes the first. Rows without a
    name are unused bits and must be 0.

    Raises
    ------
    InputError
        Naming line and column of the first entry that cannot be used, or an algorithm without a row.
    """
    header = [word.strip() for word in rows[0]]
    chosen = chosen_column(path, header[len(HEADER) :], column)
    at = header.index(chosen, len(HEADER))
    settings = PrescaleSettings.default(())
    seen: set[int] = set()
    for line, row in enumerate(rows[1:], 2):
        entry = [word.strip() for word in row]
        if not any(entry):
            continue
        if len(entry) != len(header):
            raise InputError(
                f"{len(header)} columns expected", file=path, field=f"line {line}", value=len(entry)
            )
        index = algorithm_index(entry[0], path, f"line {line}, Index")
        if index in seen:
            raise InputError("listed twice", file=path, field=f"line {line}, Index", value=index)
        seen.add(index)
        settings.factors[index] = prescale_factor(entry[at], path, f"line {line}, {chosen}")
        if not entry[1] and settings.factors[index] == 0:
            continue
        if entry[1] not in algorithms:
            raise InputError(
                "the menu has no such algorithm", file=path, field=f"line {line}, Name", value=entry[1]
            )
        if algorithms[entry[1]] != index:
            raise InputError(
                f"is algorithm {algorithms[entry[1]]} of the menu, not {index}",
                file=path,
                field=f"line {line}, Name",
                value=entry[1],
                remedy="the columns belong to another version of the menu",
            )
        settings.finor[index] = True
    demand_all(path, algorithms, seen)
    return settings


def chosen_column(path: Path, names: Sequence[str], column: str | None) -> str:
    """The column to use; None: the first. InputError if there is none of that name, or two."""
    if not names:
        raise InputError("has no prescale column", file=path, field="line 1")
    chosen = names[0] if column is None else column
    if chosen not in names:
        raise InputError(
            "no such prescale column", file=path, value=chosen, remedy=f"it has {', '.join(names)}"
        )
    if names.count(chosen) > 1:
        raise InputError("two columns of this name", file=path, value=chosen, remedy="rename one")
    return chosen


def algorithm_index(text: str, path: Path, field: str) -> int:
    """An algorithm index from text; InputError if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < ALGORITHMS):
        raise InputError("is no algorithm index", file=path, field=field, value=text, remedy="0 to 511")
    return int(text)


def prescale_factor(text: str, path: Path, field: str) -> int:
    """The 32-bit factor of a prescale; InputError if it has none."""
    try:
        return factor(text)
    except ValueError as error:
        remedy = "0 (off) or at least 1, two decimals"
        raise InputError(f"prescale {error}", file=path, field=field, value=text, remedy=remedy) from error


def demand_all(path: Path, algorithms: Mapping[str, int], seen: set[int]) -> None:
    """InputError if an algorithm of the menu has no row."""
    absent = [name for name, index in algorithms.items() if index not in seen]
    if absent:
        raise InputError(
            f"has no row for {len(absent)} algorithms of the menu",
            file=path,
            value=absent[0],
            remedy="one row per algorithm; 0 turns it off",
        )


def prescale_text(value: int) -> str:
    """A prescale from its factor, as short as it can be: 0, 2, 1.5."""
    return f"{(Decimal(int(value)) / UNIT).normalize():f}"


def write_experiment_csv(
    path: str | Path, algorithms: Mapping[str, int], columns: Mapping[str, PrescaleSettings]
) -> None:
    """Write the prescales of ``columns`` (header to settings), one row per algorithm in order of index.

    FinOR mask, veto and bunch-crossing mask have no place in this file: ``write_tables`` writes them.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEADER, *columns])
    for name, index in sorted(algorithms.items(), key=lambda item: item[1]):
        factors = (int(settings.factors[index]) for settings in columns.values())
        writer.writerow([index, name, *map(prescale_text, factors)])
    write_text(path, text.getvalue())
