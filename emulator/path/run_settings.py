"""Prescale settings from any of the files that hold them: our CSV, the experiment's CSV, its XML tables.

The four XML tables (`UGT_BASE_RS_PRESCALES`, `.._FINOR_MASK`, `.._VETO_MASK`, `.._ALGOBX_MASK`) are told
apart by the names of their parameters. A table that is not given leaves what it would set at the default:
every algorithm in the FinOR, no veto, no crossing shut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.language.xml_tree import Element, read_xml
from l1forge.emulator.path.experiment_columns import (
    algorithm_index,
    chosen_column,
    demand_all,
    prescale_factor,
    prescale_text,
)
from l1forge.emulator.path.prescale import PrescaleSettings
from l1forge.emulator.path.prescale_columns import load_settings

TABLES = {
    "prescales": "PRESCALES",
    "finorMask": "FINOR_MASK",
    "vetoMask": "VETO_MASK",
    "algorithmBxMask": "ALGOBX_MASK",
}
"""Parameter that holds a table -> part of its file's name."""
_SHORT = {name.lower(): name for name in TABLES} | {"algobxmask": "algorithmBxMask"}
ALL = "all"
"""Stands for every algorithm in the masks."""


@dataclass(frozen=True)
class Table:
    """Rows of texts below their column names, and the line of each row's element."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


def load_run_settings(
    paths: Sequence[Path], algorithms: Mapping[str, int], column: str | None = None
) -> PrescaleSettings:
    """Settings from one CSV (ours or the experiment's), or from XML tables, one of each kind at most.

    ``algorithms``: name to index of the menu. ``column``: prescale column, None: the first.

    Raises
    ------
    InputError
        Naming file, line and value of the first entry that cannot be used; if a table is given twice, or a
        CSV together with another file of prescales.
    """
    tables: dict[str, Table] = {}
    settings: PrescaleSettings | None = None
    for path in paths:
        if not _is_xml(path):
            if settings is not None:
                raise InputError("is a second CSV of prescales", file=path, remedy="give one")
            settings = load_settings(path, algorithms, column)
            continue
        for kind, table in read_tables(path).items():
            if kind in tables:
                raise InputError("a second table of this kind", file=path, field=kind, remedy="give one")
            tables[kind] = table
    if settings is None:
        if column and "prescales" not in tables:
            raise InputError("no file has prescale columns", field="--column", value=column)
        settings = PrescaleSettings.default(algorithms.values())
    elif "prescales" in tables:
        raise InputError(
            "prescales are given twice", file=tables["prescales"].path, remedy="CSV or XML, not both"
        )
    if "prescales" in tables:
        _set_prescales(settings, tables["prescales"], algorithms, column)
    for kind, flags in (("finorMask", settings.finor), ("vetoMask", settings.veto)):
        if kind in tables:
            _set_flags(flags, tables[kind], algorithms)
    if "algorithmBxMask" in tables:
        _set_closed(settings, tables["algorithmBxMask"], algorithms)
    return settings


def _is_xml(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path, remedy="check the name") from error


def read_tables(path: str | Path) -> dict[str, Table]:
    """The tables of a run-settings XML file by the name of their parameter.

    Raises
    ------
    InputError
        If the file is no such XML, or a row has not as many entries as there are columns.
    """
    path = Path(path)
    root = read_xml(path)
    if root.tag != "run-settings":
        raise InputError("root element <run-settings> expected", file=path, value=root.tag)
    found: dict[str, Table] = {}
    for context in root.all("context"):
        for parameter in context.all("param"):
            kind = _SHORT.get(parameter.attributes.get("id", "").lower())
            if kind is None:
                continue
            if kind in found:
                raise parameter.error("a second table of this kind", value=kind)
            found[kind] = _table(path, parameter)
    if not found:
        raise InputError("holds none of the tables", file=path, remedy=f"known: {', '.join(TABLES)}")
    return found


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


def _table(path: Path, parameter: Element) -> Table:
    columns = _split(parameter.text_of("columns"))
    rows = parameter.find("rows").all("row")
    texts = tuple(_split(row.text) for row in rows)
    for row, words in zip(rows, texts, strict=True):
        if len(words) != len(columns):
            raise row.error(f"{len(columns)} entries expected", value=row.text)
    return Table(path, columns, texts, tuple(row.line for row in rows))


def _set_prescales(
    settings: PrescaleSettings, table: Table, algorithms: Mapping[str, int], column: str | None
) -> None:
    at = table.columns.index(chosen_column(table.path, table.columns[1:], column), 1)
    known, seen = set(algorithms.values()), set[int]()
    settings.factors[:] = 0
    for words, line in zip(table.rows, table.lines, strict=True):
        field = f"line {line}"
        index = algorithm_index(words[0], table.path, field)
        value = prescale_factor(words[at], table.path, f"{field}, {table.columns[at]}")
        if index in seen:
            raise InputError("listed twice", file=table.path, field=field, value=index)
        if index not in known and value:
            raise InputError("the menu has no such algorithm", file=table.path, field=field, value=index)
        seen.add(index)
        settings.factors[index] = value
    demand_all(table.path, algorithms, seen)


def _indices(text: str, table: Table, field: str, algorithms: Mapping[str, int]) -> list[int]:
    """Indices of the menu that the first column of a mask names: one, or all."""
    if text.lower() == ALL:
        return sorted(algorithms.values())
    return [algorithm_index(text, table.path, field)]


def _mask(text: str, table: Table, field: str) -> bool:
    if text not in ("0", "1"):
        raise InputError("0 or 1 expected", file=table.path, field=field, value=text)
    return text == "1"


def _set_flags(flags: NDArray[np.bool_], table: Table, algorithms: Mapping[str, int]) -> None:
    """A mask of algorithms: 1 takes part; what is not listed does not. A row after ``all`` counts more."""
    _demand_columns(table, 2)
    flags[:] = False
    known, seen = set(algorithms.values()), set[int]()
    for words, line in zip(table.rows, table.lines, strict=True):
        field, chosen = f"line {line}", _mask(words[1], table, f"line {line}")
        for index in _indices(words[0], table, field, algorithms):
            if words[0].lower() != ALL:
                if index in seen:
                    raise InputError("listed twice", file=table.path, field=field, value=index)
                seen.add(index)
            flags[index] = chosen and index in known


def _set_closed(settings: PrescaleSettings, table: Table, algorithms: Mapping[str, int]) -> None:
    """Crossings by algorithm: 1 open, 0 shut; a later row counts more than an earlier one."""
    _demand_columns(table, 3)
    for words, line in zip(table.rows, table.lines, strict=True):
        field, opened = f"line {line}", _mask(words[2], table, f"line {line}")
        start, _, stop = words[1].partition("-")
        start, stop = start.strip(), (stop or start).strip()
        if not (start.isdigit() and stop.isdigit()) or not int(start) <= int(stop) < ORBIT:
            raise InputError(
                f"crossings below {ORBIT} expected", file=table.path, field=field, value=words[1]
            )
        for index in _indices(words[0], table, field, algorithms):
            settings.closed[index, int(start) : int(stop) + 1] = not opened


def _demand_columns(table: Table, n: int) -> None:
    if len(table.columns) != n:
        raise InputError(f"{n} columns expected", file=table.path, value=",".join(table.columns))


def write_tables(
    folder: str | Path, menu: str, algorithms: Mapping[str, int], columns: Mapping[str, PrescaleSettings]
) -> tuple[str, ...]:
    """Write the four XML tables of a menu into ``folder``, all or none; returns their file names.

    ``columns``: prescale column to settings. Masks have no columns: those of all settings must agree.

    Raises
    ------
    InputError
        If the settings have different masks.
    """
    first = next(iter(columns.values()))
    for name, other in columns.items():
        for what in ("finor", "veto", "closed"):
            if not np.array_equal(getattr(first, what), getattr(other, what)):
                raise InputError("has other masks than the first column", field=what, value=name)
    indices = sorted(algorithms.values())
    decimals = any(int(s.factors[i]) % 100 for s in columns.values() for i in indices)
    texts = {
        "prescales": _document(
            "prescales",
            ("algo/prescale-index", *columns),
            ("uint", *["float" if decimals else "uint"] * len(columns)),
            [(str(i), *(prescale_text(s.factors[i]) for s in columns.values())) for i in indices],
        ),
        "finorMask": _document(
            "finorMask",
            ("algo", "mask"),
            ("uint", "uint"),
            [(f"{i}", f"{first.finor[i]:d}") for i in indices],
        ),
        "vetoMask": _document(
            "vetoMask", ("algo", "mask"), ("uint", "uint"), [(f"{i}", f"{first.veto[i]:d}") for i in indices]
        ),
        "algorithmBxMask": _document(
            "algorithmBxMask", ("algo", "range", "mask"), ("uint", "string", "uint"), _bx_rows(first, indices)
        ),
    }
    names = {kind: f"UGT_BASE_RS_{part}_{menu}.xml" for kind, part in TABLES.items()}
    with atomic_files(folder) as work:
        for kind, text in texts.items():
            write_text(work / names[kind], text)
    return tuple(names.values())


def _bx_rows(settings: PrescaleSettings, indices: Sequence[int]) -> list[tuple[str, ...]]:
    """Runs of open and shut crossings of each algorithm."""
    rows: list[tuple[str, ...]] = []
    for index in indices:
        shut = settings.closed[index]
        edges = [0, *(np.flatnonzero(shut[1:] != shut[:-1]) + 1).tolist(), ORBIT]
        for start, stop in pairwise(edges):
            rows.append((str(index), f"{start}-{stop - 1}", f"{not shut[start]:d}"))
    return rows


def _document(kind: str, columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    body = "\n".join(f"        <row>{escape(','.join(row))}</row>" for row in rows)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<run-settings id="uGT">\n  <context id="uGtProcessor">\n'
        f'    <param id="{kind}" type="table">\n      <columns>{escape(",".join(columns))}</columns>\n'
        f"      <types>{','.join(types)}</types>\n      <rows>\n{body}\n      </rows>\n"
        "    </param>\n  </context>\n</run-settings>\n"
    )
