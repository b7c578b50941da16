"""From a file name, or standard input, to a stream."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import cast

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.ugt_vectors import (
    EARLY,
    FULL,
    column_names,
    first_row,
    parse_stream,
    sniff_columns,
)
from l1forge.emulator.events.objects import SAMPLE_COLUMNS, SPARE, Events
from l1forge.emulator.events.source import EventSource, open_events
from l1forge.emulator.lhc import LHC, ORBIT, FillingScheme
from l1forge.emulator.stream.blocks import ReplayStream
from l1forge.emulator.stream.filled import FilledStream, filling_columns
from l1forge.emulator.stream.injection import Injection, Noise

STANDARD_INPUT = Path("-")
Stream = FilledStream | ReplayStream


def open_source(path: Path) -> EventSource:
    """The event file, or standard input for ``-``.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    return _standard_input() if path == STANDARD_INPUT else open_events(path)


def carried_columns(source: EventSource) -> tuple[str, ...]:
    """Columns that a stream of ``source`` carries: one that fills orbits has objects and link words."""
    if "bx" in source.columns:
        return source.columns
    return filling_columns(source)


def open_stream(
    source: Path | EventSource,
    columns: Iterable[str] | None,
    scheme: FillingScheme = LHC,
    seed: int = 0,
    signal: Injection | None = None,
    noise: Noise | None = None,
    repeat: bool = True,
    keep: bool = False,
) -> tuple[Stream, EventSource]:
    """The stream that a file gives, and the source behind it; ``columns`` that it lacks are left out.

    Files with BX numbers (test vectors, pattern files) and standard input (``-``, test-vector rows) are
    replayed as they are, files again and again if ``repeat``. All others fill the colliding crossings
    of ``scheme``. ``keep``: carry everything that the file has, also bits that no field holds.

    Raises
    ------
    InputError
        If the file cannot be used, or its BX numbers are not consecutive from 0.
    """
    if isinstance(source, Path):
        source = open_source(source)
    opened, path = source, source.path
    if keep:
        words = (name for name in source.optional if name not in SAMPLE_COLUMNS)
        wanted: tuple[str, ...] = (*source.columns, *words)
    else:
        wanted = source.columns if columns is None else source.has(columns)
    if "bx" not in source.columns:
        return FilledStream(source, wanted, scheme, seed, signal, noise), source
    if signal is not None:
        raise InputError(
            "signal can be injected into filled streams only", file=path, remedy="leave --signal out"
        )
    names = tuple(dict.fromkeys(["bx", *wanted]))
    return ReplayStream(lambda: _checked(opened, names), repeat and path != STANDARD_INPUT), source


def _standard_input() -> EventSource:
    notes: Counter[str] = Counter()
    stream = cast(BufferedIOBase, sys.stdin.buffer)
    layout = _layout_of(stream)
    columns = column_names(layout)
    return EventSource(
        STANDARD_INPUT,
        "test vectors",
        "test-vector rows from standard input",
        columns,
        None,
        lambda wanted, block: parse_stream(
            stream,
            "standard input",
            wanted,
            block,
            notes,
            keep_whole_rows=True,
        ),
        notes=notes,
        optional=(SPARE,),
        row_columns=layout,
    )


def _layout_of(stream: BufferedIOBase) -> int:
    """Columns of the rows that begin to arrive; 60 where the first row cannot be seen before it is read."""
    if not isinstance(stream, BufferedReader):
        return FULL
    start, newline, _ = stream.peek(1 << 16).rpartition(b"\n")
    return EARLY if newline and sniff_columns(first_row(start)[1]) == EARLY else FULL


def _checked(source: EventSource, names: tuple[str, ...]) -> Iterator[Events]:
    expected = 0
    for events in source.blocks(names):
        right = (expected + np.arange(events.n)) % ORBIT
        wrong = np.flatnonzero(events["bx"][0] != right)
        if wrong.size:
            row = int(wrong[0])
            raise InputError(
                f"BX number {int(right[row])} expected",
                file=source.path,
                field=f"crossing {expected + row}",
                value=int(events["bx"][0, row]),
                remedy="a stream needs every crossing of every orbit",
            )
        expected += events.n
        yield events
