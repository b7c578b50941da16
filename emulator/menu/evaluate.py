"""Evaluate a compiled menu on blocks of crossings."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emulator.events.objects import Events
from emulator.menu import kernels
from emulator.menu.compiled import ALGORITHMS, CompiledMenu
from emulator.menu.inputs import wide_input
from emulator.menu.plan import make_plan
from emulator.menu.plan_tables import PlanTables, plan_tables
from emulator.menu.tables import flat_tables

Words = NDArray[np.uint64]
Scores = Mapping[str, NDArray[np.generic]]
Neighbours = Literal["none", "orbit", "halo"]
"""What lies beyond the ends of a block: nothing; its other end; or the block brings its own margins."""

WORDS = ALGORITHMS // 64


class MenuEvaluator:
    """Algorithm bits of a menu; build once, call on any number of blocks from any thread.

    Parameters
    ----------
    menu : compiled menu
    threads : threads among which a block is divided
    """

    def __init__(self, menu: CompiledMenu, threads: int = 1) -> None:
        self.menu, self.threads = menu, threads
        self.plan = make_plan(menu)
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

        Raises
        ------
        InputError
            If a score that the menu needs is missing or has another number of crossings.
        """
        wide = [wide_input(name, events, scores or {}) for name in self.plan.wide]
        fields = [events.column(name) for name in self.plan.columns]
        external = np.ascontiguousarray(events.column("ext"))
        inputs = (_addresses(fields), _addresses([external]), _addresses(wide))
        wide_rows = tuple(len(rows) for rows in wide)
        tables = self._plan_tables(wide_rows)
        margin = self.halo if neighbours == "halo" else 0
        start, stop = margin, max(margin, events.n - margin)
        out = np.zeros((WORDS, stop - start), np.uint64)
        wrap = neighbours == "orbit"

        def evaluate(first: int, last: int) -> None:
            part = np.zeros((WORDS, last - first), np.uint64)
            work = kernels.workspace(self.plan.rows, tables, sum(wide_rows), self.halo)
            kernels.run(
                inputs, events.n, first, last, self.halo, wrap, tables.arrays(), self._flat, work, part
            )
            out[:, first - start : last - start] = part

        bounds = np.linspace(start, stop, self.threads + 1).astype(int).tolist()
        if self.threads == 1 or stop - start < self.threads * kernels.BLOCK:
            evaluate(start, stop)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(evaluate, bounds[:-1], bounds[1:]))
        return out

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


def _addresses(arrays: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Address of every row of C-contiguous (rows, n) arrays."""
    rows = [a.ctypes.data + row * a.strides[0] for a in arrays for row in range(a.shape[0])]
    return np.array(rows, np.int64)
