"""Streams whose colliding crossings are filled from an event file, with signal and noise on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import choose_columns, rechunk
from l1forge.emulator.events.objects import EXTRA_COLUMNS, Events, layout_of
from l1forge.emulator.events.source import EventSource
from l1forge.emulator.jit import compiled
from l1forge.emulator.lhc import LHC, ORBIT, FillingScheme
from l1forge.emulator.stream.blocks import COLLISION, EMPTY, SIGNAL, Block, Part, Recipe, orbit_slice
from l1forge.emulator.stream.injection import Injection, Noise, OrbitRandom

POOL = 1 << 20
"""Crossings of a source in memory at a time."""


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


@dataclass(frozen=True)
class _Added:
    """Crossings that get signal, and which event; crossings that get noise, and its columns."""

    signal_at: NDArray[np.int64]
    signal: NDArray[np.int64]
    noise_at: NDArray[np.int64]
    noise: dict[str, NDArray[np.int16]]


def _views(pool: Events, event: int, places: NDArray[np.int64]) -> tuple[Part, ...]:
    """The pool's events ``event, event + 1 ...`` (modulo its size), uncopied, for ``places``."""
    parts, done = [], 0
    while done < places.size:
        start = (event + done) % pool.n
        size = min(places.size - done, pool.n - start)
        parts.append(Part(pool.rows(start, start + size), places[done : done + size]))
        done += size
    return tuple(parts)


LINK = "link"
"""Words that belong to a crossing as its objects do; external signals belong to a place in the orbit."""


def filling_columns(source: EventSource) -> tuple[str, ...]:
    """The columns of a source that orbits are filled with: objects and link words."""
    return tuple(name for name in source.columns if name not in EXTRA_COLUMNS or name == LINK)


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
        self.columns = choose_columns(columns, filling_columns(source), source.path)
        self.signal, self.noise = signal, noise
        self._pool = pool

    def recipes(
        self, orbits: int | None, per_block: int = 16, halo: int = 2, sparse: bool = False
    ) -> Iterator[Recipe]:
        """Recipes for blocks of ``per_block`` orbits, ``orbits`` in all (None: endless).

        ``sparse``: blocks hold the crossings that are not empty, uncopied, as ``Block.parts``; without
        halo only.
        """
        if sparse and halo:
            raise ValueError("sparse blocks have no neighbours")
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
            yield partial(self._make, pool, offset, orbit * ORBIT, count * ORBIT, halo, sparse)
            orbit += count

    def source_rows(self, crossings: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the source's file that these crossings hold, -1: none of them (empty, noise).

        Signal that takes a row's place is not looked at.
        """
        if self.source.n is None:
            raise ValueError("the number of crossings of the source is not known")
        bx = crossings % ORBIT
        number = crossings // ORBIT * self.scheme.count + self.scheme.before[bx]
        rows = self.source.first + number % self.source.n
        return np.where((crossings >= 0) & self.scheme.colliding[bx], rows, -1)

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

    def _make(self, pool: Events, offset: int, first: int, count: int, halo: int, sparse: bool) -> Block:
        start, stop = max(first - halo, 0), first + count + halo
        missing = start - (first - halo)  # before the first crossing of the stream there is nothing
        colliding = orbit_slice(self.scheme.colliding, start, stop - start)
        added = self._draw(start, stop)
        event = self._collisions_before(start) - offset
        origin = np.full(missing + stop - start, EMPTY, np.uint8)
        np.multiply(colliding.view(np.uint8), np.uint8(COLLISION), out=origin[missing:])
        origin[missing + added.signal_at] = SIGNAL
        origin = origin[halo : halo + count]
        if sparse:
            parts = (*_views(pool, event, np.flatnonzero(colliding)), *self._added_part(added))
            return Block(Events({}, 0), first, 0, origin, parts)
        columns: dict[str, NDArray[np.generic]] = {}
        for name in self.columns:
            slots, dtype = layout_of(name)
            out = np.empty((slots, missing + stop - start), dtype)
            _place(pool[name], _runs(colliding) + missing, event, out)
            if self.signal and added.signal.size:
                out[:, missing + added.signal_at] = self.signal.events.column(name)[:, added.signal]
            if name in added.noise:
                out[0, missing + added.noise_at] = added.noise[name]
            columns[name] = out
        columns["bx"] = (np.arange(start - missing, stop) % ORBIT).astype(np.int16)[None]
        return Block(Events(columns, missing + stop - start), first, halo, origin)

    def _added_part(self, added: _Added) -> tuple[Part, ...]:
        places = np.concatenate([added.signal_at, added.noise_at])
        if not places.size:
            return ()
        columns: dict[str, NDArray[np.generic]] = {}
        for name in self.columns:
            slots, dtype = layout_of(name)
            out = np.zeros((slots, places.size), dtype)
            if self.signal:
                out[:, : added.signal.size] = self.signal.events.column(name)[:, added.signal]
            if name in added.noise:
                out[0, added.signal.size :] = added.noise[name]
            columns[name] = out
        return (Part(Events(columns, places.size), places),)

    def _draw(self, start: int, stop: int) -> _Added:
        """Signal and noise of crossings ``start .. stop - 1``, positions counted from ``start``."""
        random, orbits = OrbitRandom(self.seed), range(start // ORBIT, -(-stop // ORBIT))
        origin, none = orbits.start * ORBIT - start, np.empty(0, np.int64)
        signal_at, signal, noise_at, noise = none, none, none, dict[str, NDArray[np.int16]]()
        if self.signal:
            signal_at, signal, noise_at, noise = self._draw_both(self.signal, random, orbits)
        elif self.noise:
            noise_at, noise = self.noise.draw_first(self.scheme, random, orbits)
        signal_at, noise_at = signal_at + origin, noise_at + origin
        here = (signal_at >= 0) & (signal_at < stop - start)
        near = (noise_at >= 0) & (noise_at < stop - start)
        kept = {name: values[near] for name, values in noise.items()}
        return _Added(signal_at[here], signal[here], noise_at[near], kept)

    def _draw_both(
        self, signal: Injection, random: OrbitRandom, orbits: range
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], dict[str, NDArray[np.int16]]]:
        """Fields of ``_Added``, counted from the first orbit's start: orbit by orbit, signal first."""
        signals, noises = [], []
        for shift, orbit in enumerate(orbits):
            rng = random.of(orbit)
            at, which = signal.draw(self.scheme, rng)
            signals.append((at + shift * ORBIT, which))
            if self.noise:
                at, values = self.noise.draw(self.scheme, rng)
                noises.append((at + shift * ORBIT, values))
        none = np.empty(0, np.int64)
        names = noises[0][1] if noises else {}
        return (
            np.concatenate([none, *(at for at, _ in signals)]),
            np.concatenate([none, *(which for _, which in signals)]),
            np.concatenate([none, *(at for at, _ in noises)]),
            {name: np.concatenate([values[name] for _, values in noises]) for name in names},
        )
