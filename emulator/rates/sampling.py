"""From events to counted patterns: which crossings of the orbit a sample stands for, and how often they come.

Files with BX numbers hold every crossing of whole orbits. All others hold colliding crossings, one event
each: row i of a file takes the colliding crossing i (modulo their number) of the filling scheme, so that
external signals and masks know where they are; the crossings without collisions are empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.lumi_mask import LumiMask
from l1forge.emulator.events.objects import COLUMNS, WEIGHT, Events, layout_of
from l1forge.emulator.lhc import ORBIT, ORBIT_FREQUENCY, FillingScheme
from l1forge.emulator.menu.compiled import (
    Combination,
    CompiledMenu,
    Condition,
    Correlation,
    External,
    Triple,
)
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, Neighbours
from l1forge.emulator.rates.fired import Fired
from l1forge.emulator.rates.lumis import LumiCounts
from l1forge.emulator.rates.patterns import WORDS, Patterns

ROWS = 1 << 16
"""About so many crossings are worked on at a time; whole orbits."""

COLLIDING, EMPTY, RECORDED = "colliding", "empty", "recorded"


class Stage(Protocol):
    """Computes scores of crossings from event columns."""

    @property
    def columns(self) -> Sequence[str]:
        """Columns that it reads."""

    def __call__(self, events: Events) -> dict[str, NDArray[Any]]: ...


@dataclass(frozen=True)
class Sample:
    """Counted crossings of one kind.

    ``rate``: how many such crossings come per second, Hz. ``exact``: every one was counted, no sample.
    """

    kind: str
    patterns: Patterns
    rate: float
    exact: bool = False


@dataclass(frozen=True)
class Counted:
    """Patterns of a sample's own crossings, and of the empty ones between them; which of the own fired.

    ``lumis``: the own crossings by luminosity section. ``masked``: crossings that a lumi mask left out.
    """

    own: Patterns
    gaps: Patterns
    fired: Fired = field(default_factory=lambda: Fired.merged(()))
    lumis: LumiCounts = field(default_factory=LumiCounts)
    masked: int = 0

    @staticmethod
    def merged(parts: Iterable[Counted]) -> Counted:
        """The sum of ``parts`` of one file: the same for any order and grouping of them."""
        found = list(parts)
        return Counted(
            Patterns.merged(p.own for p in found),
            Patterns.merged(p.gaps for p in found),
            Fired.merged(p.fired for p in found),
            LumiCounts.merged(p.lumis for p in found),
            sum(p.masked for p in found),
        )


class Sampler:
    """Evaluates a menu on sources and counts the patterns.

    Parameters
    ----------
    menu : what to evaluate
    stages : models that give its scores
    scheme : where a source's rows collide
    signals : column ``ext`` of one orbit, (4, 3564), for sources without one
    closed : (8, 3564) uint64, bits that the bunch-crossing mask shuts; None: none
    """

    def __init__(
        self,
        menu: CompiledMenu,
        stages: Sequence[Stage],
        scheme: FillingScheme,
        signals: NDArray[np.uint64],
        closed: NDArray[np.uint64] | None = None,
    ) -> None:
        self.menu, self.stages, self.scheme = menu, tuple(stages), scheme
        self.signals, self.closed = signals, closed
        self.keeps_fired = False
        """Also keep which crossings fired."""
        self.lumi_mask: LumiMask | None = None
        """Selects crossings, after neighbours have seen them."""
        self.evaluator = MenuEvaluator(menu)
        self._places = np.flatnonzero(scheme.colliding)
        self._has_signals = any(isinstance(c, External) for c in menu.conditions.values())
        self._needs_bx = closed is not None or self._has_signals
        self._gaps = np.flatnonzero(~scheme.colliding)
        # without objects of neighbours nothing but the filling scheme decides in an empty crossing
        self._sampled_gaps = any(objects_of_neighbours(c) for c in menu.conditions.values())
        names = [*self.evaluator.plan.columns, *(c for stage in self.stages for c in stage.columns)]
        if any(name.startswith("link:") for name in self.evaluator.plan.wide):
            names.append("link")
        self.columns = tuple(dict.fromkeys(names))

    def count(
        self, sources: Sequence[EventSource], threads: int = 1, seen: Callable[[int], None] = lambda n: None
    ) -> tuple[Sample, ...]:
        """Count all crossings of ``sources``; ``seen`` is told of every block's rows.

        Raises
        ------
        InputError
            If there is no crossing, or only some of the sources have BX numbers.
        """
        recorded = self.check(sources)
        parts = [self.part(source, threads, seen) for source in sources]
        if not any(part.own.crossings for part in parts):
            raise InputError("holds no crossing", file=sources[0].path, remedy="give a file with events")
        return self.samples(parts, recorded)

    def check(self, sources: Sequence[EventSource]) -> bool:
        """Are they recorded orbits?

        Raises
        ------
        InputError
            If only some of the sources have BX numbers.
        """
        recorded = ["bx" in source.columns for source in sources]
        if any(recorded) and not all(recorded):
            raise InputError(
                "has BX numbers, and other inputs have none",
                file=sources[recorded.index(True)].path,
                remedy="study recorded orbits and samples of collisions apart",
            )
        self._check_weights(sources, any(recorded))
        return all(recorded)

    def part(
        self, source: EventSource, threads: int = 1, seen: Callable[[int], None] = lambda n: None
    ) -> Counted:
        """Count a source, or a part of one that begins with the first crossing of an orbit."""
        parts = []
        for rows, counted in self._worked([source], threads):
            parts.append(counted)
            seen(rows)
        return Counted.merged(parts)

    def samples(self, parts: Iterable[Counted], recorded: bool) -> tuple[Sample, ...]:
        """What ``parts`` of the sources together stand for."""
        found = list(parts)
        own, gaps = (Patterns.merged(getattr(part, kind) for part in found) for kind in ("own", "gaps"))
        if recorded:
            return (Sample(RECORDED, own, ORBIT * ORBIT_FREQUENCY),)
        colliding = Sample(COLLIDING, own, self.scheme.collision_rate)
        rate = self._gaps.size * ORBIT_FREQUENCY
        if self._sampled_gaps:
            return colliding, Sample(EMPTY, gaps, rate)
        return colliding, Sample(EMPTY, self._empty_orbit(), rate, exact=True)

    def _check_weights(self, sources: Sequence[EventSource], recorded: bool) -> None:
        weighted = [WEIGHT in source.optional for source in sources]
        if not any(weighted):
            return
        source = sources[weighted.index(True)]
        if not all(weighted):
            raise InputError(
                "holds weighted events, and other inputs have no weights",
                file=source.path,
                remedy="study weighted and plain samples apart",
            )
        if recorded or self._sampled_gaps:
            raise InputError(
                "weighted events have no neighbouring crossings",
                file=source.path,
                remedy="leave out the column bx" if recorded else "leave out seeds that look at other BXs",
            )

    def _worked(self, sources: Sequence[EventSource], threads: int) -> Iterator[tuple[int, Counted]]:
        """Rows and patterns block by block, in order; ``threads + 1`` blocks in memory."""
        waiting: deque[tuple[int, Future[Counted]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for source in sources:
                    row = source.first
                    for events, recorded in self.blocks([source]):
                        waiting.append((events.n, pool.submit(self._counted, events, recorded, row)))
                        row += events.n
                        if len(waiting) > threads:
                            rows, future = waiting.popleft()
                            yield rows, future.result()
                while waiting:
                    rows, future = waiting.popleft()
                    yield rows, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def blocks(self, sources: Sequence[EventSource]) -> Iterator[tuple[Events, bool]]:
        """Blocks of whole orbits of every source, and whether they are recorded orbits.

        Each source begins with the first crossing of an orbit.
        """
        for source in sources:
            recorded = "bx" in source.columns
            length = ORBIT if recorded else self._places.size
            orbits = 1 if recorded and self.evaluator.halo else max(1, ROWS // length)
            wanted = [*source.has(self.columns), *(source.has(("bx", "ext")) if recorded else ())]
            if {"run", "lumi"} <= {*source.columns, *source.optional}:
                wanted += ["run", "lumi"]
            wanted += [WEIGHT] * (WEIGHT in source.optional)
            for events in source.blocks(tuple(dict.fromkeys(wanted)), length * orbits):
                yield events, recorded

    def fired(self, events: Events, recorded: bool) -> tuple[NDArray[np.int64], NDArray[np.uint64], Patterns]:
        """Crossings of a block with any bit, their algorithm words (8, k), patterns of empty ones between."""
        if recorded:
            bx = events["bx"][0].astype(np.int64)
            if "ext" not in events:
                events = Events.of_rows({**events, "ext": self.signals[:, bx]}, events.n)
            whole = self.evaluator.halo and events.n == ORBIT
            return *self._evaluated(events, bx, "orbit" if whole else "none"), _NOTHING
        size = self._places.size
        if not self.evaluator.halo:
            bx = self._places[np.arange(events.n) % size] if self._needs_bx else None
            return *self._evaluated(self._with_signals(events, bx), bx, "none"), _NOTHING
        own: list[NDArray[np.uint64]] = [np.zeros((WORDS, 0), np.uint64)]
        where: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        gaps = []
        every = np.arange(ORBIT)
        number = np.full(ORBIT, -1, np.int64)
        for first in range(0, events.n, size):
            part = events.select(slice(first, min(first + size, events.n)))
            at = self._places[: part.n]
            columns = {}
            for name in (name for name in part if name != WEIGHT):
                columns[name] = np.zeros((part[name].shape[0], ORBIT), part[name].dtype)
                columns[name][:, at] = part[name]
            places, words = self._evaluated(self._with_signals(Events(columns, ORBIT), every), every, "orbit")
            number[:] = -1
            number[at] = np.arange(first, first + part.n)
            collide = number[places] >= 0
            where.append(number[places[collide]])
            own.append(words[:, collide])
            if not self._sampled_gaps:
                continue
            # a last orbit that is not full tells nothing of the crossings behind its last event
            known = ORBIT if part.n == size else int(at[-1])
            between = ~self.scheme.colliding[places] & (places < known)
            gaps.append(Patterns.of(words[:, between], int((~self.scheme.colliding[:known]).sum())))
        return np.concatenate(where), np.concatenate(own, axis=1), Patterns.merged(gaps)

    def words(self, events: Events, recorded: bool) -> tuple[NDArray[np.uint64], Patterns]:
        """Algorithm words (8, n) of a block's crossings, and the patterns of the empty ones between them."""
        places, fired, gaps = self.fired(events, recorded)
        return _spread(fired, places, events.n), gaps

    def _counted(self, events: Events, recorded: bool, row: int) -> Counted:
        places, words, gaps = self.fired(events, recorded)
        n, lumis, good = events.n, LumiCounts(), np.ones(events.n, bool)
        if "lumi" in events:
            run, lumi = events["run"][0], events["lumi"][0]
            if self.lumi_mask is not None:
                good = self.lumi_mask(run, lumi)
            places, words = places[good[places]], words[:, good[places]]
            lumis = LumiCounts.of(words, places, run, lumi, good)
            n = int(good.sum())
        weights = events[WEIGHT][0] if WEIGHT in events else None
        fired = _NONE_FIRED
        if self.keeps_fired:
            fired = Fired(row + places, words, np.zeros(0) if weights is None else weights[places])
        if weights is None:
            patterns = Patterns.of(words, n)
        else:  # of a weighted sample crossings without a bit are counted by their weights, too
            patterns = Patterns.of(_spread(words, places, events.n)[:, good], weights=weights[good])
        return Counted(patterns, gaps, fired, lumis, events.n - n)

    def _empty_orbit(self) -> Patterns:
        """Every crossing without collision of one orbit; no object lies near that a seed looks at."""
        n = ORBIT
        names = [name for name in self.columns if name in COLUMNS]
        layouts = {name: layout_of(name) for name in names}
        events = Events({name: np.zeros((slots, n), dtype) for name, (slots, dtype) in layouts.items()}, n)
        every = np.arange(ORBIT)
        places, words = self._evaluated(self._with_signals(events, every), every, "orbit")
        return Patterns.of(words[:, ~self.scheme.colliding[places]], self._gaps.size)

    def _with_signals(self, events: Events, bx: NDArray[np.int64] | None) -> Events:
        if bx is None or not self._has_signals:
            return events
        return Events.of_rows({**events, "ext": np.ascontiguousarray(self.signals[:, bx])}, events.n)

    def _evaluated(
        self, events: Events, bx: NDArray[np.int64] | None, neighbours: Neighbours
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Crossings with any bit that the mask leaves, in order, and their words (8, k)."""
        absent = [c for stage in self.stages for c in stage.columns if c not in events]
        if absent:
            events = Events.of_rows({**events, **{c: events.column(c) for c in absent}}, events.n)
        scores: dict[str, NDArray[Any]] = {}
        for stage in self.stages:
            scores |= stage(events)
        if self.evaluator.screen is not None:
            places, words = self.evaluator.sparse(events, scores)
        else:
            every = self.evaluator(events, scores, neighbours)
            places = np.flatnonzero(np.bitwise_or.reduce(every, axis=0))
            words = every[:, places]
        if self.closed is not None and bx is not None:
            words = words & ~self.closed[:, bx[places]]
        left = np.bitwise_or.reduce(words, axis=0) != 0
        return places[left].astype(np.int64), np.ascontiguousarray(words[:, left])


def _spread(words: NDArray[np.uint64], places: NDArray[np.int64], n: int) -> NDArray[np.uint64]:
    """``words`` (8, k) at their ``places`` among n crossings, (8, n)."""
    out = np.zeros((WORDS, n), np.uint64)
    out[:, places] = words
    return out


_NONE_FIRED = Fired.merged(())
_NOTHING = Patterns(np.zeros((WORDS, 0), np.uint64), np.zeros(0, np.int64), 0)


def objects_of_neighbours(condition: Condition) -> bool:
    """Does a condition look at anything but external signals in another crossing?"""
    if isinstance(condition, External):
        return False
    if isinstance(condition, Combination | Correlation | Triple):
        overlap = None if isinstance(condition, Triple) else condition.overlap
        other = overlap.object if overlap else None
        return any(leg.bx for leg in condition.legs) or bool(other and other.bx)
    return condition.bx != 0


def group_places(names: Sequence[str], groups: Mapping[str, Iterable[str]]) -> dict[str, tuple[int, ...]]:
    """Places in ``names`` of each group's members; patterns as of a shell (``L1_SingleMu*``).

    Raises
    ------
    InputError
        If a pattern matches no name.
    """
    found = {}
    for group, wanted in groups.items():
        members: set[int] = set()
        for pattern in wanted:
            matched = {place for place, name in enumerate(names) if fnmatchcase(name, pattern)}
            if not matched:
                raise InputError(
                    "no evaluated seed has such a name",
                    field="--group",
                    value=f"{group}={pattern}",
                    remedy="patterns are as in a shell, such as 'muons=L1_SingleMu*'",
                )
            members |= matched
        found[group] = tuple(sorted(members))
    return found
