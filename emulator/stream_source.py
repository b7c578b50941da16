"""From a file name, or standard input, to a stream."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import numpy as np

from emulator.errors import InputError
from emulator.events.objects import Events
from emulator.events.source import EventSource, open_events
from emulator.events.test_vectors import FULL, column_names, parse_stream
from emulator.filled_stream import FilledStream
from emulator.filling import LHC, ORBIT, FillingScheme
from emulator.injection import Injection, Noise
from emulator.stream import ReplayStream

STANDARD_INPUT = Path("-")
Stream = FilledStream | ReplayStream


def open_stream(
    path: Path,
    columns: Iterable[str] | None,
    scheme: FillingScheme = LHC,
    seed: int = 0,
    signal: Injection | None = None,
    noise: Noise | None = None,
    repeat: bool = True,
    keep: bool = False,
) -> tuple[Stream, EventSource]:
    """The stream that ``path`` gives, and the source behind it; ``columns`` that it lacks are left out.

    Files with BX numbers (test vectors, pattern files) and standard input (``-``, test-vector rows) are
    replayed as they are, files again and again if ``repeat``. All others fill the colliding crossings
    of ``scheme``. ``keep``: carry everything that the file has, also bits that no field holds.

    Raises
    ------
    InputError
        If the file cannot be used, or its BX numbers are not consecutive from 0.
    """
    source = _standard_input() if path == STANDARD_INPUT else open_events(path)
    if keep:
        wanted: tuple[str, ...] = (*source.columns, *source.optional)
    else:
        wanted = source.columns if columns is None else source.has(columns)
    if "bx" not in source.columns:
        return FilledStream(source, wanted, scheme, seed, signal, noise), source
    if signal is not None:
        raise InputError("signal can be injected into filled streams only", file=path, remedy="drop --signal")
    names = tuple(dict.fromkeys(["bx", *wanted]))
    return ReplayStream(lambda: _checked(source, names), repeat and path != STANDARD_INPUT), source


def _standard_input() -> EventSource:
    notes: Counter[str] = Counter()
    columns = column_names(FULL)
    return EventSource(
        STANDARD_INPUT,
        "test vectors",
        "test-vector rows from standard input",
        columns,
        None,
        lambda wanted, block: parse_stream(
            cast(BufferedIOBase, sys.stdin.buffer),
            "standard input",
            wanted,
            block,
            notes,
            keep_whole_rows=True,
        ),
        notes=notes,
    )


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
