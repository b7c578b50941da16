"""Evaluate a compiled menu on blocks of crossings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.menu.compiled import ALGORITHMS, CompiledMenu
from l1forge.emulator.menu.correlation_tables import flat_tables
from l1forge.emulator.menu.engine import kernels
from l1forge.emulator.menu.engine.inputs import wide_input
from l1forge.emulator.menu.engine.plan import EXTERNAL, KIND, make_plan
from l1forge.emulator.menu.engine.plan_tables import PlanTables, plan_tables
from l1forge.emulator.menu.engine.screen import SCORE, Quantity, Screen, make_screen
from l1forge.emulator.menu.engine.screening import find, screen_buffers
from l1forge.emulator.menu.engine.vector_lanes import LANES
from l1forge.emulator.menu.excluded import uses_externals

Words = NDArray[np.uint64]
Scores = Mapping[str, NDArray[np.generic]]
Neighbours = Literal["none", "orbit", "halo"]
"""What lies beyond the ends of a block: nothing; its other end; or the block brings its own margins."""

WORDS = ALGORITHMS // 64
Result = TypeVar("Result")


class _Rows:
    """Arrays (rows, n) whose rows are contiguous, and the address of every row, found once."""

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        self.arrays = tuple(arrays)
        places = ((a.__array_interface__["data"][0], a.strides[0], len(a)) for a in arrays)
        self.addresses = np.array([start + i * step for start, step, n in places for i in range(n)], np.int64)


@dataclass(frozen=True)
class _Inputs:
    """Rows of ``n`` crossings: int16 fields, uint64 external bits if the menu has any, int64 wide values."""

    fields: _Rows
    external: _Rows
    wide: _Rows
    n: int


class MenuEvaluator:
    """Algorithm bits of a menu; build once, call on any number of blocks from any thread.

    Parameters
    ----------
    menu : compiled menu
    threads : threads among which a block is divided

    Attributes
    ----------
    screen : what a crossing must have to be looked at; None if all are
    """

    def __init__(self, menu: CompiledMenu, threads: int = 1) -> None:
        self.menu, self.threads = menu, threads
        self.plan = make_plan(menu)
        self.screen = make_screen(self.plan)
        self._external = any(row[KIND] == EXTERNAL for row in self.plan.conditions)
        self._without_externals = np.full((WORDS, 1), ~np.uint64(0))
        for algorithm in menu.algorithms:
            if uses_externals(menu, algorithm):
                self._without_externals[algorithm.index >> 6] &= ~np.uint64(1 << (algorithm.index & 63))
        self._flat = flat_tables()
        self._cached: dict[tuple[int, ...], PlanTables] = {}

    @property
    def halo(self) -> int:
        """Crossings needed before and after a block with ``neighbours="halo"``: at most 2."""
        return self.plan.halo

    def __call__(
        self, events: Events, scores: Scores | None = None, neighbours: Neighbours = "none"
    ) -> Words:
        """Algorithm bits: shape (8, n) uint64, bit i of the 512 is algorithm index i.

        Parameters
        ----------
        events : crossings, consecutive ones if the menu looks at neighbouring crossings
        scores : raw integer outputs by model name (``vae``: shape (n,)) or model and output
            (``muon_pt.pt``: shape (slots, n)); all that ``menu.scores`` names
        neighbours : "none": crossings beyond the ends are empty; "orbit": the block is one whole orbit
            and wraps; "halo": the first and last ``halo`` crossings are context, n shrinks by both

        Seeds on external signals never fire on events without the column ``ext``.

        Raises
        ------
        InputError
            If a score that the menu needs is missing or has another number of crossings.
        """
        if self.screen is not None:
            places, fired = self.sparse(events, scores)
            out = np.zeros((WORDS, events.n), np.uint64)
            out[:, places] = fired
            return out
        wrap = neighbours == "orbit"
        margin = self.halo if neighbours == "halo" else 0
        start, stop = margin, max(margin, events.n - margin)
        inputs = self._inputs(events, [wide_input(name, events, scores or {}) for name in self.plan.wide])
        none = np.empty(0, np.int64)
        return self._known(self._run(inputs, start, stop, wrap, none, none), events)

    def sparse(self, events: Events, scores: Scores | None = None) -> tuple[NDArray[np.int64], Words]:
        """The crossings that may fire, in order, and their algorithm bits: (k,) and (8, k).

        All others have no bit. Only for menus with a ``screen``: they look at single crossings, and one
        without objects fires nothing. Arguments and errors as for a call.
        """
        if self.screen is None:
            raise ValueError("every crossing of this menu may fire")
        wide = {name: wide_input(name, events, scores or {}) for name in self.plan.wide}
        inputs = self._inputs(events, [])
        flags = [_flag(*test, events, wide) for test in self.screen.flags]
        places, needed = self._find(self.screen, inputs, flags)
        if not places.size:
            return places, np.zeros((WORDS, 0), np.uint64)
        chosen = [np.ascontiguousarray(values[:, places], np.int64) for values in wide.values()]
        words = self._run(replace(inputs, wide=_Rows(chosen)), 0, places.size, False, places, needed)
        return places, self._known(words, events)

    def _known(self, words: Words, events: Events) -> Words:
        """No bit of seeds on external signals if the events have none: NOT of them would always fire."""
        if self._external and "ext" not in events:
            words &= self._without_externals
        return words

    def _find(
        self, screen: Screen, inputs: _Inputs, flags: list[NDArray[np.bool_]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Crossings that may fire and, as bits, the columns that each needs."""
        rows, flag_rows = inputs.fields.addresses, _Rows(flags).addresses

        def find_in(first: int, last: int) -> NDArray[np.int64]:
            found = np.empty((2, last - first), np.int64)
            tables = screen.columns, screen.tests, screen.needs
            work = screen_buffers(screen)
            count = find(rows, flag_rows, first, last, *tables, *work, found[0], found[1])
            return found[:, :count]

        places, needed = np.concatenate(self._among_threads(find_in, 0, inputs.n), axis=1)
        return places, needed

    def _inputs(self, events: Events, wide: list[NDArray[Any]]) -> _Inputs:
        return _Inputs(
            _Rows([events.column(name) for name in self.plan.columns]),
            _Rows([np.ascontiguousarray(events.column("ext"))] if self._external else []),
            _Rows([np.ascontiguousarray(values, np.int64) for values in wide]),
            events.n,
        )

    def _run(
        self,
        inputs: _Inputs,
        start: int,
        stop: int,
        wrap: bool,
        places: NDArray[np.int64],
        needed: NDArray[np.int64],
    ) -> Words:
        wide_rows = tuple(len(rows) for rows in inputs.wide.arrays)
        tables = self._plan_tables(wide_rows)
        addresses = tuple(rows.addresses for rows in (inputs.fields, inputs.external, inputs.wide))

        def evaluate(first: int, last: int) -> Words:
            part = np.zeros((WORDS, last - first), np.uint64)
            work = kernels.workspace(self.plan.rows, tables, sum(wide_rows), self.halo)
            kernels.run(
                addresses,
                inputs.n,
                first,
                last,
                self.halo,
                wrap,
                places,
                needed,
                tables.arrays(),
                self._flat,
                work,
                part,
            )
            return part

        parts = self._among_threads(evaluate, start, stop)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _among_threads(self, work: Callable[[int, int], Result], start: int, stop: int) -> list[Result]:
        """Results for the pieces of ``start .. stop``, in order."""
        if self.threads == 1 or stop - start < self.threads * kernels.BLOCK:
            return [work(start, stop)]
        bounds = np.linspace(start, stop, self.threads + 1).astype(int).tolist()
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(work, bounds[:-1], bounds[1:]))

    def _plan_tables(self, wide_rows: tuple[int, ...]) -> PlanTables:
        if wide_rows not in self._cached:
            self._cached[wide_rows] = plan_tables(self.plan, wide_rows)
        return self._cached[wide_rows]


def algorithm_bit(words: Words, index: int) -> NDArray[np.bool_]:
    """One algorithm's decisions, shape (n,), from (8, n) words."""
    bits: NDArray[np.bool_] = (words[index >> 6] >> np.uint64(index & 63) & np.uint64(1)).astype(bool)
    return bits


def finor(words: Words) -> NDArray[np.bool_]:
    """OR of all algorithm bits, before any prescale, mask or veto; shape (n,)."""
    fired: NDArray[np.bool_] = np.bitwise_or.reduce(words, axis=0) != 0
    return fired


def _flag(
    quantity: Quantity, low: int, events: Events, wide: Mapping[str, NDArray[Any]]
) -> NDArray[np.bool_]:
    """Where a score or an external bit reaches ``low``: (1, n + LANES), the last ones False."""
    kind, name = quantity
    flags = np.zeros((1, events.n + LANES), bool)
    own = flags[0, : events.n]
    if kind == SCORE:
        for values in wide[name]:
            own |= values >= low
    else:
        word: NDArray[np.uint64] = events.column("ext")[int(name) >> 6].astype(np.uint64, copy=False)
        own[:] = word >> np.uint64(int(name) & 63) & np.uint64(1)
    return flags
