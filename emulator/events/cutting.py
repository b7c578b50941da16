"""Parts of a stream of crossings: some of the columns, a stretch of it, pieces of equal length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import first_crossings
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import EventSource


def columns_of(source: EventSource, select: str | None) -> tuple[str, ...]:
    """The columns of ``source`` that ``select`` names, in the order of the file; None: all.

    ``select``: names separated by commas, a column (``mu.pt``) or a collection (``mu``) each.

    Raises
    ------
    InputError
        If the file has no such column or collection.
    """
    if select is None:
        return source.columns
    chosen: set[str] = set()
    for text in (part.strip() for part in select.split(",")):
        found = {name for name in source.columns if text in (name, name.partition(".")[0])}
        if not found:
            raise InputError(
                "the file has no such column or collection",
                file=source.path,
                field="--select",
                value=text,
                remedy=f"it has {', '.join(source.columns) or 'no known columns'}",
            )
        chosen |= found
    return source.has(name for name in source.columns if name in chosen)


def crossings(blocks: Iterable[Events], skip: int = 0, limit: int | None = None) -> Iterator[Events]:
    """The stream without its first ``skip`` crossings, and of the rest the first ``limit`` (None: all)."""
    return first_crossings(_after(blocks, skip), limit)


def _after(blocks: Iterable[Events], skip: int) -> Iterator[Events]:
    left = skip
    for block in blocks:
        if left == 0:
            yield block
        elif left < block.n:
            yield block.rows(left, block.n)
            left = 0
        else:
            left -= block.n


def pieces(blocks: Iterable[Events], size: int) -> Iterator[Iterator[Events]]:
    """The stream in pieces of ``size`` crossings, the last may be shorter; use each before the next one.

    A stream of no crossings is one piece. Nothing is held but the block at hand.
    """
    stream = iter(blocks)
    rest: Events | None = next(stream, None)

    def piece() -> Iterator[Events]:
        nonlocal rest
        left = size
        while rest is not None:
            if rest.n > left:
                yield rest.rows(0, left)
                rest = rest.rows(left, rest.n)
                return
            left -= rest.n
            yield rest
            rest = next(stream, None)
            if not left:
                return

    if rest is None:
        yield iter(())
    while rest is not None:
        yield piece()
