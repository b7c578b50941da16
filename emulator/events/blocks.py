"""Blocks of crossings: re-cutting a stream into equal blocks and checking that values fit the hardware."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS, WEIGHT, Events

BLOCK_SIZE = 65536
"""Default number of crossings in a block and in a parquet row group."""


def rechunk(blocks: Iterable[Events], size: int) -> Iterator[Events]:
    """The same crossings in the same order, in blocks of exactly ``size`` but for the last one.

    Memory: one output block and one input block. Only blocks put together from several are copied.
    """
    waiting: list[Events] = []
    held = 0
    for block in blocks:
        start = 0
        while held + block.n - start >= size:
            stop = start + size - held
            piece = block if (start, stop) == (0, block.n) else block.rows(start, stop)
            yield Events.concatenate([*waiting, piece]) if waiting else piece
            waiting, held, start = [], 0, stop
        if start < block.n:
            waiting.append(block if start == 0 else block.rows(start, block.n))
            held += block.n - start
    if waiting:
        yield Events.concatenate(waiting)


def check_ranges(events: Events, file: str | Path) -> None:
    """Demand that every object field fits its bits in the hardware word, and weights that can be added.

    Raises
    ------
    InputError
        Naming the first column that does not, and the value.
    """
    if not events.n:
        return
    if WEIGHT in events:
        weights = events[WEIGHT][0]
        bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
        if bad.size:
            remedy = "weights are finite and not negative"
            value = float(weights[bad[0]])
            raise InputError("not a weight", file=file, field=WEIGHT, value=value, remedy=remedy)
    for name in events:
        if name not in COLUMNS:
            continue
        field = COLUMNS[name][1]
        lowest, highest = int(events[name].min()), int(events[name].max())
        if lowest < field.minimum or highest > field.maximum:
            raise InputError(
                f"value outside {field.minimum} .. {field.maximum} ({field.width} bits)",
                file=file,
                field=name,
                value=lowest if lowest < field.minimum else highest,
                remedy="object fields are hardware integers, see docs/formats.md",
            )


def choose_columns(
    wanted: Iterable[str] | None, available: Collection[str], file: str | Path
) -> tuple[str, ...]:
    """``wanted`` (None: all) as a tuple, in the order of ``available``.

    Raises
    ------
    InputError
        If a wanted column is not in the file.
    """
    if wanted is None:
        return tuple(available)
    wanted = set(wanted)
    for name in sorted(wanted - set(available)):
        raise InputError("the file has no such column", file=file, field=name, remedy=_present(available))
    return tuple(name for name in available if name in wanted)


def _present(available: Collection[str]) -> str:
    return "it has " + (", ".join(available) if available else "no known columns")


def first_crossings(blocks: Iterable[Events], limit: int | None) -> Iterator[Events]:
    """The first ``limit`` crossings (None: all)."""
    left = limit
    for block in blocks:
        if left is not None and block.n >= left:
            yield block if block.n == left else block.select(slice(0, left))
            return
        yield block
        if left is not None:
            left -= block.n


def skip_crossings(blocks: Iterable[Events], count: int) -> Iterator[Events]:
    """All but the first ``count`` crossings."""
    left = count
    for block in blocks:
        if left < block.n:
            yield block.rows(left, block.n) if left else block
        left = max(left - block.n, 0)
