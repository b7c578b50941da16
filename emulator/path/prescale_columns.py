"""Prescale columns from CSV: one row per algorithm, one column of prescales per luminosity."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.path.experiment_columns import HEADER as EXPERIMENT
from l1forge.emulator.path.experiment_columns import experiment_settings
from l1forge.emulator.path.prescale import PrescaleSettings, factor

OPTIONS = ("finor", "veto", "bx_mask")
"""Columns that are not prescales."""


def load_settings(
    path: str | Path, algorithms: Mapping[str, int], column: str | None = None
) -> PrescaleSettings:
    """Settings from a CSV of prescale columns.

    The header is ``algorithm``, then any of ``finor`` and ``veto`` (0 or 1) and ``bx_mask`` (crossings where
    the algorithm is shut, as ``0-68 3443-3563``), then one column of prescales for each luminosity.
    ``algorithms``: name to index. ``column``: header of the column to use; None takes the first. Algorithms
    that are not listed are off. The experiment's own CSV (``Index,Name,<column>...``) is taken as well.

    Raises
    ------
    InputError
        Naming line and column of the first entry that cannot be used.
    """
    path = Path(path)
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", file=path, remedy="CSV text expected") from error
    header = [word.strip() for word in rows[0]] if rows else []
    if header[:2] == EXPERIMENT:
        return experiment_settings(path, rows, algorithms, column)
    choices = [name for name in header[1:] if name not in OPTIONS]
    if header[:1] != ["algorithm"] or not choices:
        raise InputError(
            "header must be algorithm, then prescale columns",
            file=path,
            field="line 1",
            value=",".join(header),
        )
    chosen = column or choices[0]
    if chosen not in choices:
        raise InputError(
            "unknown prescale column", file=path, value=chosen, remedy=f"it has {', '.join(choices)}"
        )
    settings = PrescaleSettings.default(())
    seen: set[str] = set()
    for line, row in enumerate(rows[1:], 2):
        if not any(word.strip() for word in row):
            continue
        if len(row) != len(header):
            raise InputError(
                f"{len(header)} columns expected", file=path, field=f"line {line}", value=len(row)
            )
        entry = dict(zip(header, (word.strip() for word in row), strict=True))
        name = entry["algorithm"]
        if name not in algorithms or name in seen:
            problem = "listed twice" if name in seen else "the menu has no such algorithm"
            raise InputError(problem, file=path, field=f"line {line} column 1", value=name)
        seen.add(name)
        _set(settings, algorithms[name], entry, chosen, path, line)
    return settings


def _set(
    settings: PrescaleSettings, index: int, entry: dict[str, str], chosen: str, path: Path, line: int
) -> None:
    place = f"line {line} column {list(entry).index(chosen) + 1}"
    try:
        settings.factors[index] = factor(entry[chosen])
    except ValueError as error:
        raise InputError(
            f"prescale {error}",
            file=path,
            field=f"{place}, {entry['algorithm']}",
            value=entry[chosen],
            remedy="0 (off) or at least 1, two decimals",
        ) from error
    for key, target, normal in (("finor", settings.finor, "1"), ("veto", settings.veto, "0")):
        value = entry.get(key, normal)
        if value not in ("0", "1"):
            raise InputError("0 or 1 expected", file=path, field=f"line {line} {key}", value=value)
        target[index] = value == "1"
    for span in entry.get("bx_mask", "").split():
        start, _, stop = span.partition("-")
        stop = stop or start
        if not (start.isdigit() and stop.isdigit()) or not int(start) <= int(stop) < ORBIT:
            raise InputError(
                f"crossings below {ORBIT} expected", file=path, field=f"line {line} bx_mask", value=span
            )
        settings.closed[index, int(start) : int(stop) + 1] = True
