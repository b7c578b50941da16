"""What is sent through a path: crossings with gaps, resets and orbit marks, and accesses to its registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.formats.object_words import pack as object_words
from l1forge.emulator.events.objects import COLLECTIONS, EXTRA_COLUMNS, Events
from l1forge.firmware.path.generate import PathProject
from l1forge.testbench.path.register_model import Access

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Scenario:
    """``events`` of n crossings in a row; gaps and resets hold no objects.

    ``scores``: of models that are computed elsewhere, (objects, n). ``valid``, ``reset``, ``orbit_start``
    (n,). ``accesses``: in their order, with the clock from which on each may begin.
    """

    events: Events
    scores: Mapping[str, NDArray[np.int64]]
    valid: Flags
    reset: Flags
    orbit_start: Flags
    accesses: Sequence[Access] = field(default_factory=tuple)

    @property
    def n(self) -> int:
        """Crossings, resets included."""
        return self.events.n

    def rows(self, project: PathProject, seed: int = 1) -> NDArray[np.int64]:
        """Input words (n, ports without the bus); gaps and resets carry random bits that must not matter."""
        ports = [port for port in project.rtl.inputs if port.node != "axi"]
        rows = np.zeros((self.n, len(ports)), np.int64)
        words = {name: object_words(self.events, name) for name in COLLECTIONS}
        words |= {name: self.events.column(name).astype(np.uint64) for name in ("ext", "link")}
        silent = ~self.valid | self.reset
        late = {
            score.name: part.latency for part in project.parts if not part.project for score in part.scores
        }
        random = np.random.default_rng(seed)
        for column, port in enumerate(ports):
            if port.node == "orbit_start":
                rows[:, column] = self.orbit_start
                continue
            if port.node in COLLECTIONS or port.node in EXTRA_COLUMNS:
                values, clocks = words[port.node][port.element].view(np.int64), 0
            else:
                values, clocks = self.scores[port.node][port.element], late[port.node]
            noise = random.integers(0, 1 << min(port.width, 62), self.n)
            rows[:, column] = _later(np.where(silent, noise, values), clocks)
        return rows


def _later(values: NDArray[np.int64], clocks: int) -> NDArray[np.int64]:
    """The same numbers ``clocks`` rows later."""
    return values if clocks == 0 else np.concatenate([np.zeros(clocks, np.int64), values[:-clocks]])
