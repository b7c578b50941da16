"""The 40 MHz stream: orbits of bunch crossings filled from event files, in blocks of constant memory.

A stream is a sequence of numbered crossings t = 0, 1, 2 ...: orbit ``t // 3564``, BX ``t % 3564``,
luminosity section ``orbit // 2^18``. What a crossing holds depends on the seed and on t alone, never on block
size or threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import rechunk
from l1forge.emulator.events.objects import Events, layout_of
from l1forge.emulator.lhc import ORBIT, ORBITS_PER_LUMINOSITY_SECTION

EMPTY, COLLISION, SIGNAL = 0, 1, 2
"""Origins of a crossing."""


@dataclass(frozen=True)
class Part:
    """Events of the crossings at positions ``places`` (k,) of a block; rows of the columns may be strided."""

    events: Events
    places: NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Crossings ``first .. first + n - 1`` of a stream.

    ``origin`` (n,) uint8: EMPTY, COLLISION or SIGNAL. ``events`` holds all of them and ``halo`` more on
    either side; or, in a sparse block, it has none and ``parts`` hold the crossings that are not empty, a
    later part taking the place of an earlier one.
    """

    events: Events
    first: int
    halo: int
    origin: NDArray[np.uint8]
    parts: tuple[Part, ...] | None = None

    @property
    def n(self) -> int:
        """Number of crossings, without the halo."""
        return int(self.origin.size)

    @property
    def crossing(self) -> NDArray[np.int64]:
        """Number of each crossing since the start of the stream."""
        return self.first + np.arange(self.n)

    @property
    def bx(self) -> NDArray[np.int16]:
        """Bunch-crossing number of each crossing, (n,) int16, 0 .. 3563."""
        return orbit_slice(np.arange(ORBIT, dtype=np.int16), self.first, self.n)

    @property
    def orbit(self) -> NDArray[np.int64]:
        """Orbit of each crossing since the start of the stream, (n,) int64."""
        return self.crossing // ORBIT

    @property
    def luminosity_section(self) -> NDArray[np.int64]:
        """Luminosity section of each crossing, (n,) int64, from 0."""
        return self.orbit // ORBITS_PER_LUMINOSITY_SECTION


def orbit_slice(pattern: NDArray[Any], first: int, n: int) -> NDArray[Any]:
    """``pattern`` (3564,), repeated orbit after orbit, for the crossings ``first .. first + n - 1``."""
    phase = first % ORBIT
    return np.tile(pattern, -(-(phase + n) // ORBIT))[phase : phase + n]


Recipe = Callable[[], Block]
"""Makes a block; recipes of one stream may run in any order and in several threads."""


class ReplayStream:
    """Crossings exactly as a file or pipe has them, one after the other (test vectors, board captures).

    ``repeat``: the source starts again at its end, and its last crossings precede its first, as a test vector
    is one turn of an endless orbit. Otherwise there is nothing before the first and after the last crossing.

    Attributes
    ----------
    missing : crossings by which the last orbit fell short, known at the end
    turn : crossings of the source, None until it was read to its end
    """

    def __init__(self, blocks: Callable[[], Iterable[Events]], repeat: bool = False) -> None:
        self._blocks, self._repeat = blocks, repeat
        self.missing = 0
        self.turn: int | None = None

    @property
    def repeats(self) -> bool:
        """Does the source start again at its end?"""
        return self._repeat

    def source_rows(self, crossings: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the source that these crossings hold; ``turn`` must be known if it repeats."""
        if not self._repeat:
            return crossings
        if self.turn is None:
            raise ValueError("the number of crossings of the source is not known yet")
        return crossings % self.turn

    def recipes(self, orbits: int | None, per_block: int = 16, halo: int = 2) -> Iterator[Recipe]:
        """As ``FilledStream.recipes``; ends with the source unless it repeats."""
        held = self._last(halo) if self._repeat and halo else None
        after = halo if self._repeat else 0  # crossings of the next turn that the last block looks at
        first = 0
        for events in self._limited(None if orbits is None else orbits * ORBIT + after, per_block * ORBIT):
            if held is None:
                held = _empty_like(events, halo)
            held = Events.concatenate([held, events])
            ready = held.n - 2 * halo
            if ready > 0:
                yield partial(_replay, held, first, ready, halo)
                first += ready
                held = held.select(slice(held.n - 2 * halo, held.n))
        if held is None:
            raise InputError("the stream holds no crossings")
        held = Events.concatenate([held, _empty_like(held, halo - after)])
        ready = held.n - 2 * halo
        if ready > 0:
            yield partial(_replay, held, first, ready, halo)
            first += ready
        self.missing = -first % ORBIT

    def _last(self, count: int) -> Events:
        last, rows = Events({}, 0), 0
        for events in self._blocks():
            rows += events.n
            joined = Events.concatenate([last, events]) if last.n else events
            last = joined.select(slice(max(joined.n - count, 0), joined.n))
        self.turn = rows
        if last.n < count:
            raise InputError("the stream holds too few crossings", value=last.n)
        return last

    def _limited(self, left: int | None, size: int) -> Iterator[Events]:
        while left is None or left > 0:
            rows = 0
            for events in self._blocks():
                rows += events.n
                if left is not None:
                    events = events.select(slice(0, min(left, events.n)))
                    left -= events.n
                yield from rechunk([events], size)
                if left == 0:
                    return
            self.turn = rows
            if not self._repeat:
                return


def _replay(events: Events, first: int, n: int, halo: int) -> Block:
    return Block(events, first, halo, np.full(n, COLLISION, np.uint8))


def _empty_like(events: Events, n: int) -> Events:
    return Events({name: np.zeros((layout_of(name)[0], n), layout_of(name)[1]) for name in events}, n)
