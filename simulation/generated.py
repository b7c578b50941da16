"""Generated quantities of signal collisions: what turn-on curves are drawn against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.simulation.generator import ELECTRON, TAU_HADRONIC
from l1forge.simulation.pool import Pool

Column = NDArray[np.float32]


def generated(pool: Pool, first: int, n: int) -> dict[str, Column]:
    """The columns ``GENERATED_COLUMNS`` of collisions ``first .. first + n - 1``, (1, n) each."""
    columns: dict[str, Column] = {}

    def add(
        name: str, rows: NDArray[np.float32], offset: NDArray[np.int64], wanted: NDArray[np.bool_]
    ) -> None:
        owner = np.repeat(np.arange(pool.n), np.diff(offset))
        inside = wanted & (owner >= first) & (owner < first + n)
        pt, eta = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
        order = np.argsort(rows[inside, 0], kind="stable")  # the leading one is written last
        place = owner[inside][order] - first
        pt[place], eta[place] = rows[inside, 0][order], rows[inside, 1][order]
        columns[f"gen.{name}.pt"], columns[f"gen.{name}.eta"] = pt[None], eta[None]

    # pt, eta of muons: columns 0, 1, and kind 5 (0: prompt); of truth: kind 0, then pt, eta
    add("mu", pool.muon, pool.muon_offset, pool.muon[:, 5] == 0)
    add("e", pool.truth[:, 1:], pool.truth_offset, pool.truth[:, 0] == ELECTRON)
    add("tau", pool.truth[:, 1:], pool.truth_offset, pool.truth[:, 0] == TAU_HADRONIC)
    columns["gen.met.pt"] = pool.met[None, first : first + n].astype(np.float32)
    return columns
