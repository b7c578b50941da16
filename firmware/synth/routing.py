"""The routed period from the path without routing: a factor learnt where the silicon is documented (ECP5).

``routed_designs.json`` holds small designs with the longest path that Yosys finds (cells of its Xilinx
library, no routing) and the period after place and route for ECP5. Routing takes its share of every path
there; the ratio of the two is the factor. It is learnt on ECP5 and only assumed elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.json_text import parse_json

TABLE = Path(__file__).with_name("routed_designs.json")
LEVEL = 0.95


@dataclass(frozen=True)
class Routing:
    """Designs with and without routing, ns, and what follows.

    ``cells_only`` is Yosys' path, ``routed`` the median over the placements of ``placements``, ``own_cells``
    what of the routed path is spent in cells; all of shape (designs,). ``kinds`` are the families of designs.
    """

    part: str
    circuits: tuple[str, ...]
    kinds: tuple[str, ...]
    cells_only: NDArray[np.float64]
    routed: NDArray[np.float64]
    own_cells: NDArray[np.float64]
    placements: tuple[tuple[float, ...], ...]

    @property
    def factor(self) -> float:
        """Median of routed period over path without routing."""
        return _factor(self.cells_only, self.routed)

    @property
    def share(self) -> float:
        """Median share of the routed path that is spent between cells."""
        return float(np.median(1 - self.own_cells / self.routed))

    def errors(self) -> NDArray[np.float64]:
        """Relative error of every design, its factor learnt from the designs of other kinds."""
        kinds = np.array(self.kinds)
        found = np.empty(len(kinds))
        for kind in set(self.kinds):
            held = kinds == kind
            factor = _factor(self.cells_only[~held], self.routed[~held])
            found[held] = factor * self.cells_only[held] / self.routed[held] - 1
        return found

    @property
    def median_error(self) -> float:
        """Median of the size of ``errors``."""
        return float(np.median(np.abs(self.errors())))

    @property
    def largest_error(self) -> float:
        """What 95 % of ``errors`` stay below in size."""
        return float(np.quantile(np.abs(self.errors()), LEVEL))

    @property
    def placement_spread(self) -> float:
        """Median over designs of (slowest - fastest) / fastest placement; 0 with one placement each."""
        return float(np.median([max(each) / min(each) - 1 for each in self.placements]))

    def estimate(self, cells_only_ns: float) -> float:
        """Routed period, ns, of a design with this path without routing."""
        return self.factor * cells_only_ns

    def within(self, cells_only_ns: float) -> tuple[float, float]:
        """Between which periods, ns, 95 % of the designs were whose kind the factor was not learnt from."""
        low, high = np.quantile(self.errors(), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        about = self.estimate(cells_only_ns)
        return about / (1 + float(high)), about / (1 + float(low))


def _factor(cells_only: NDArray[np.float64], routed: NDArray[np.float64]) -> float:
    return float(np.median(routed / cells_only))


def routing_of(part: str, designs: Sequence[dict[str, Any]]) -> Routing:
    """From the rows of ``routed_designs.json``."""
    return Routing(
        part,
        tuple(row["circuit"] for row in designs),
        tuple(row["kind"] for row in designs),
        np.array([row["cells_only_ns"] for row in designs], dtype=np.float64),
        np.array([np.median(row["routed_ns"]) for row in designs]),
        np.array([np.median(row["ecp5_cells_ns"]) for row in designs]),
        tuple(tuple(row["routed_ns"]) for row in designs),
    )


@cache
def calibration() -> Routing:
    """From the designs that come with l1forge."""
    document = parse_json(TABLE.read_text(encoding="utf-8"))
    return routing_of(document["part"], document["designs"])
