"""Rates that survive a busy machine: several repeats, medians, CPU time beside wall time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Nanoseconds per event: medians over the repeats, and the fastest repeat, wall and CPU (all threads)."""

    wall: float
    best: float
    cpu: float
    repeats: int

    @property
    def rate(self) -> float:
        """Events per second at the median."""
        return 1e9 / self.wall


def measure(call: Callable[[], object], events: int, *, seconds: float = 1.0, least: int = 5) -> Timing:
    """Repeat ``call`` (one warm-up first) for about ``seconds``, at least ``least`` times.

    Parameters
    ----------
    events
        Events that one call processes.
    """
    call()
    walls: list[float] = []
    cpus: list[float] = []
    stop = time.perf_counter() + seconds
    while len(walls) < least or time.perf_counter() < stop:
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    scale = 1e9 / events
    return Timing(
        statistics.median(walls) * scale, min(walls) * scale, statistics.median(cpus) * scale, len(walls)
    )
