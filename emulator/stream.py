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

from emulator.errors import InputError
from emulator.events.blocks import choose_columns, rechunk
from emulator.events.objects import COLUMNS, EXTRA_COLUMNS, Events, layout_of
from emulator.events.source import EventSource
from emulator.filling import LHC, ORBIT, ORBITS_PER_LUMINOSITY_SECTION, FillingScheme
from emulator.injection import Injection, Noise, random_of_orbit
from emulator.jit import compiled

POOL = 1 << 20
"""Crossings of a source in memory at a time."""

EMPTY, COLLISION, SIGNAL = 0, 1, 2
"""Origins of a crossing."""


@dataclass(frozen=True)
class Block:
    """Crossings ``first .. first + n - 1`` of a stream, with ``halo`` more on either side in ``events``.

    ``origin`` (n,) uint8: EMPTY, COLLISION or SIGNAL.
    """

    events: Events
    first: int
    halo: int
    origin: NDArray[np.uint8]

    @property
    def n(self) -> int:
        return int(self.origin.size)

    @property
    def crossing(self) -> NDArray[np.int64]:
        """Number of each crossing since the start of the stream."""
        return self.first + np.arange(self.n)

    @property
    def bx(self) -> NDArray[np.int16]:
        return (self.crossing % ORBIT).astype(np.int16)

    @property
    def orbit(self) -> NDArray[np.int64]:
        return self.crossing // ORBIT

    @property
    def luminosity_section(self) -> NDArray[np.int64]:
        return self.orbit // ORBITS_PER_LUMINOSITY_SECTION


Recipe = Callable[[], Block]
"""Makes a block; recipes of one stream may run in any order and in several threads."""


@compiled
def _place(pool: NDArray[Any], runs: NDArray[np.int64], event: int, out: NDArray[np.int16]) -> None:
    """Events ``event, event + 1 ...`` (modulo the pool's size) into the crossings ``runs`` of ``out``.

    ``runs`` (k, 2): first crossing and end of each train; trains are copied as a whole, all else is zeroed.
    """
    size = pool.shape[1]
    for slot in range(out.shape[0]):
        source, target, k, done = pool[slot], out[slot], event % size, 0
        for r in range(runs.shape[0]):
            i, stop = runs[r, 0], runs[r, 1]
            target[done:i] = 0
            done = stop
            while i < stop:
                length = min(stop - i, size - k)
                target[i : i + length] = source[k : k + length]
                i += length
                k += length
                if k == size:
                    k = 0
        target[done:] = 0


def _runs(colliding: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First crossing and end of every run of True, shape (k, 2)."""
    edges = np.flatnonzero(np.diff(colliding.astype(np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2)


class FilledStream:
    """Colliding crossings filled from a zero-bias sample, in its order and from its start again at its end.

    Parameters
    ----------
    source : zero-bias events; larger files than ``POOL`` crossings are read piece by piece
    columns : columns to carry
    scheme : which crossings collide
    seed : of the random choices (signal, noise)
    signal : events to put in place of a zero-bias event at a given cross-section
    noise : objects in the crossings that do not collide
    """

    def __init__(
        self,
        source: EventSource,
        columns: Iterable[str] | None = None,
        scheme: FillingScheme = LHC,
        seed: int = 0,
        signal: Injection | None = None,
        noise: Noise | None = None,
        pool: int = POOL,
    ) -> None:
        if source.n == 0:
            raise InputError("holds no events", file=source.path)
        self.source, self.scheme, self.seed = source, scheme, seed
        self.columns = choose_columns(
            columns, [c for c in source.columns if c not in EXTRA_COLUMNS], source.path
        )
        self.signal, self.noise = signal, noise
        self._pool = pool

    def recipes(self, orbits: int | None, per_block: int = 16, halo: int = 2) -> Iterator[Recipe]:
        """Recipes for blocks of ``per_block`` orbits, ``orbits`` in all (None: endless)."""
        pieces = self._pieces(per_block)
        pool, offset = next(pieces), 0
        whole = self.source.n is not None and self.source.n <= pool.n
        orbit = 0
        while orbits is None or orbit < orbits:
            count = per_block if orbits is None else min(per_block, orbits - orbit)
            last = (orbit + count + 1) * self.scheme.count
            if not whole and last - offset > pool.n:
                tail = max(orbit * self.scheme.count - self.scheme.count - offset, 0)
                pool = Events.concatenate([pool.select(slice(tail, pool.n)), next(pieces)])
                offset += tail
                continue
            yield partial(self._make, pool, offset, orbit * ORBIT, count * ORBIT, halo)
            orbit += count

    def _pieces(self, per_block: int) -> Iterator[Events]:
        size = max(self._pool, (per_block + 2) * self.scheme.count)
        while True:
            empty = True
            for piece in rechunk(self.source.blocks(self.columns), size):
                empty = False
                yield piece
            if empty:
                raise InputError("holds no events", file=self.source.path)

    def _collisions_before(self, crossing: int) -> int:
        return crossing // ORBIT * self.scheme.count + int(self.scheme.before[crossing % ORBIT])

    def _make(self, pool: Events, offset: int, first: int, count: int, halo: int) -> Block:
        start, stop = first - halo, first + count + halo
        missing = max(-start, 0)  # before the first crossing of the stream there is nothing
        start += missing
        n = stop - start
        columns: dict[str, NDArray[np.generic]] = {}
        colliding = self.scheme.colliding[(start + np.arange(n)) % ORBIT]
        event, runs = self._collisions_before(start) - offset, _runs(colliding) + missing
        for name in self.columns:
            out = np.empty((COLUMNS[name][0], missing + n), np.int16)
            _place(pool[name], runs, event, out)
            columns[name] = out
        origin = np.full(missing + n, EMPTY, np.uint8)
        origin[missing:][colliding] = COLLISION
        for orbit in range(start // ORBIT, -(-stop // ORBIT)) if self.signal or self.noise else ():
            rng = random_of_orbit(self.seed, orbit)
            low, high = max(orbit * ORBIT, start), min((orbit + 1) * ORBIT, stop)
            inside = slice(low - orbit * ORBIT, high - orbit * ORBIT)
            place = slice(low - start + missing, high - start + missing)
            if self.signal:
                chosen = self.signal.fill(columns, self.scheme, rng, inside, place)
                origin[place][chosen] = SIGNAL
            if self.noise:
                self.noise.fill(columns, self.scheme, rng, inside, place)
        columns["bx"] = ((start - missing + np.arange(missing + n)) % ORBIT).astype(np.int16)[None]
        return Block(Events(columns, missing + n), first, halo, origin[halo : halo + count])


class ReplayStream:
    """Crossings exactly as a file or pipe has them, one after the other (test vectors, board captures).

    Before the first crossing there is nothing. ``repeat`` starts the source again at its end.

    Attributes
    ----------
    missing : crossings by which the last orbit fell short, known at the end
    """

    def __init__(self, blocks: Callable[[], Iterable[Events]], repeat: bool = False) -> None:
        self._blocks, self._repeat = blocks, repeat
        self.missing = 0

    def recipes(self, orbits: int | None, per_block: int = 16, halo: int = 2) -> Iterator[Recipe]:
        """As ``FilledStream.recipes``; ends with the source unless it repeats."""
        held: Events | None = None
        first = 0
        for events in self._limited(orbits, per_block * ORBIT):
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
        held = Events.concatenate([held, _empty_like(held, halo)])
        ready = held.n - 2 * halo
        if ready > 0:
            yield partial(_replay, held, first, ready, halo)
            first += ready
        self.missing = -first % ORBIT

    def _limited(self, orbits: int | None, size: int) -> Iterator[Events]:
        left = None if orbits is None else orbits * ORBIT
        while left is None or left > 0:
            for events in self._blocks():
                if left is not None:
                    events = events.select(slice(0, min(left, events.n)))
                    left -= events.n
                yield from rechunk([events], size)
                if left == 0:
                    return
            if not self._repeat:
                return


def _replay(events: Events, first: int, n: int, halo: int) -> Block:
    return Block(events, first, halo, np.full(n, COLLISION, np.uint8))


def _empty_like(events: Events, n: int) -> Events:
    return Events({name: np.zeros((layout_of(name)[0], n), layout_of(name)[1]) for name in events}, n)
