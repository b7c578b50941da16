"""Sends scenarios through the Verilog of a path with a driver, and judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.path.path import ScoreStage
from l1forge.firmware.path.generate import PathProject
from l1forge.testbench.path.coverage import PathCoverage
from l1forge.testbench.path.emulator import PathEmulator
from l1forge.testbench.path.harness import Observed
from l1forge.testbench.path.register_model import Access
from l1forge.testbench.path.scenario import Scenario
from l1forge.testbench.path.scoreboard import PathOutcome, Scoreboard


class PathDriver(Protocol):
    """What drives a simulated path: ``PathHarness`` or ``PathCocotb``."""

    def run(
        self,
        rows: NDArray[np.int64],
        valid: NDArray[np.bool_],
        reset: NDArray[np.bool_],
        accesses: Sequence[Access] = (),
    ) -> Observed:
        """Drive rows, one each clock, and the accesses."""

    def close(self) -> None:
        """End the simulation."""


def cosimulate(
    project: PathProject,
    stages: Sequence[ScoreStage],
    scenarios: Iterable[Scenario],
    driver: PathDriver,
    *,
    margin: int = 0,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> PathOutcome:
    """Stream ``scenarios``, one after the other, and compare everything with the emulator.

    Parameters
    ----------
    stages
        What computes the scores of the models inside.
    margin
        Crossings at both ends of each scenario that belong to its neighbours.
    seed
        Of the bits on idle inputs.
    progress
        Called with the crossings done since the last call.
    """
    scoreboard = Scoreboard(project, PathEmulator(project, stages, PathCoverage(project)))
    with closing(driver):
        for number, scenario in enumerate(scenarios):
            inner = slice(margin, scenario.n - margin)
            rows = scenario.rows(project, seed + number)[inner]
            observed = driver.run(rows, scenario.valid[inner], scenario.reset[inner], scenario.accesses)
            scoreboard.judge(scenario, observed, margin)
            if progress is not None:
                progress(len(rows))
    return scoreboard.outcome
