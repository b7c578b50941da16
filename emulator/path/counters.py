"""What a run of the trigger path counted: rates, accepts, dead time and speed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.lhc import CROSSING_FREQUENCY, ORBIT
from l1forge.emulator.menu.excluded import Excluded
from l1forge.emulator.path.prescale import UNIT
from l1forge.emulator.path.trigger_control import Accounts


@dataclass(frozen=True)
class AlgorithmRate:
    """Rates in Hz of the simulated time; ``error`` is that of ``before`` (sqrt n of different events)."""

    index: int
    name: str
    prescale: float
    before: float
    error: float
    after: float
    accepted: float


@dataclass(frozen=True)
class PathReport:
    """Counts are per algorithm index, shape (512,), where they are arrays.

    ``wall``: seconds of running; ``seconds``: CPU time by stage. ``before``: accepts behind the
    bunch-crossing mask. ``after``: behind the prescale. ``accepted``: in
    crossings that trigger control let through. ``repeats``: how often each event of the source was used, at
    least 1; errors are those of the events, not of their repetitions. ``excluded``: algorithms that were not
    evaluated and are not in the FinOR.
    """

    menu: str
    names: dict[int, str]
    factors: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    accepted: NDArray[np.int64]
    crossings: int
    colliding: int
    finor: int
    accounts: Accounts
    seconds: dict[str, float]
    wall: float
    threads: int
    repeats: float = 1.0
    excluded: tuple[Excluded, ...] = ()

    @property
    def simulated(self) -> float:
        """Seconds of beam that the stream lasted."""
        return self.crossings / CROSSING_FREQUENCY

    @property
    def speed(self) -> float:
        """Crossings per second of wall time."""
        return self.crossings / self.wall if self.wall else 0.0

    @property
    def accept_rate(self) -> float:
        """Level-1 accepts, Hz."""
        return self.rate(self.accounts.accepts)

    def rate(self, count: float) -> float:
        """Hz of something counted ``count`` times."""
        return count / self.simulated if self.crossings else 0.0

    def algorithms(self) -> list[AlgorithmRate]:
        """One row per algorithm, by index."""
        return [
            AlgorithmRate(
                index,
                name,
                int(self.factors[index]) / UNIT,
                self.rate(int(self.before[index])),
                self.rate(math.sqrt(self.before[index] * self.repeats)),
                self.rate(int(self.after[index])),
                self.rate(int(self.accepted[index])),
            )
            for index, name in sorted(self.names.items())
        ]

    def as_json(self) -> dict[str, Any]:
        """The report as plain numbers: counts, and rates in Hz."""
        return {
            "menu": self.menu,
            "crossings": self.crossings,
            "orbits": self.crossings / ORBIT,
            "colliding": self.colliding,
            "simulated_s": self.simulated,
            "algorithms": [
                {
                    **vars(row),
                    "count_before": int(self.before[row.index]),
                    "count_after": int(self.after[row.index]),
                    "count_accepted": int(self.accepted[row.index]),
                }
                for row in self.algorithms()
            ],
            "excluded": [vars(seed) for seed in self.excluded],
            "finor": self.finor,
            "finor_rate": self.rate(self.finor),
            "accepts": self.accounts.accepts,
            "accept_rate": self.accept_rate,
            "accept_fraction": self.accounts.accepts / self.accounts.requests
            if self.accounts.requests
            else 0.0,
            "lost": self.accounts.lost,
            "dead_time": self.accounts.dead_time,
            "dead_crossings": self.accounts.dead,
            "wall_s": self.wall,
            "stage_s": self.seconds,
            "threads": self.threads,
            "repeats": self.repeats,
            "crossings_per_s": self.speed,
            "ratio_to_lhc": self.speed / CROSSING_FREQUENCY,
        }
