"""An event file in use, whatever its format: the stream of its crossings, and what the file says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import BLOCK_SIZE, first_crossings, rechunk, skip_crossings
from l1forge.emulator.events.objects import Events

Reader = Callable[[Iterable[str] | None, int], Iterator[Events]]
RowReader = Callable[[Iterable[str] | None, int, int, int | None], Iterator[Events]]
"""As ``Reader``, but from one row on and up to another, without decoding what lies before."""


@dataclass(frozen=True)
class EventSource:
    """An event file that can be streamed any number of times.

    ``n`` is the number of crossings, None where only reading tells. ``notes`` fills while blocks are read:
    everything that did not fit, saturated or was left out, with its count.
    """

    path: Path
    format: str
    description: str
    columns: tuple[str, ...]
    n: int | None
    read: Reader
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of itself: seed, process, pile-up ... of this project's parquet."""
    notes: Counter[str] = field(default_factory=Counter)
    block_size: int = BLOCK_SIZE
    """Crossings in a block if nothing else is asked for."""
    optional: tuple[str, ...] = ()
    """Columns that are read only if asked for by name: the bits that no field holds."""
    row_columns: int | None = None
    """Of test vectors: columns of a row, 60 or 48."""
    first: int = 0
    """Row of the file that is the first crossing here."""
    read_rows: RowReader | None = None
    """Where the format can start anywhere: reads rows of the file, ``first`` is not added."""

    def blocks(self, columns: Iterable[str] | None = None, block_size: int | None = None) -> Iterator[Events]:
        """Stream blocks of ``block_size`` crossings with ``columns`` (None: all); the last may be shorter.

        ``block_size`` None: that of the source.

        Raises
        ------
        InputError
            A column the file does not have, a block size below 1, or content that can not be used.
        """
        if block_size is not None and block_size < 1:
            raise InputError("must be at least 1", field="block size", value=block_size)
        return self.read(columns, block_size or self.block_size)

    def after(self, rows: int) -> EventSource:
        """The same file without its first ``rows`` crossings."""
        return self.part(rows, None)

    def part(self, start: int, stop: int | None) -> EventSource:
        """Crossings ``start`` .. ``stop - 1`` (None: to the end) of this source."""
        begin = self.first + start
        end = None if stop is None else self.first + stop
        read_rows = self.read_rows

        def read(columns: Iterable[str] | None, block: int) -> Iterator[Events]:
            if read_rows is not None:
                return read_rows(columns, block, begin, end)
            blocks = rechunk(skip_crossings(self.read(columns, block), start), block)
            return first_crossings(blocks, None if stop is None else stop - start)

        n = None if self.n is None else max(min(self.n, self.n if stop is None else stop) - start, 0)
        return replace(self, n=n, read=read, first=begin)

    def has(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Those of ``columns`` that this source holds: ask for them, the others are zero in its events."""
        return tuple(name for name in columns if name in self.columns)
