"""The 57 inputs: which hardware integers, and the power-of-two scaling of the deployed path.

Missing transverse energy, 4 e/gamma, 4 muons and 10 jets, each as (pt, eta, phi). A feature enters the
network as ``(x - offset) / 2**shift``; transverse momenta are offset so that the signed 8-bit range covers
0 .. 256 GeV (jets, MET), 0 .. 128 GeV (e/gamma) and 0 .. 64 GeV (muons: overflows would rule at low rates).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events


@dataclass(frozen=True)
class Scaling:
    """``(x - offset) / 2**shift`` for one field."""

    column: str
    offset: int
    shift: int


ROWS: tuple[tuple[int, tuple[Scaling | None, ...]], ...] = (
    (1, (Scaling("etm.et", 256, 3), None, Scaling("etm.phi", 72, 2))),
    (4, (Scaling("eg.et", 128, 2), Scaling("eg.eta", 0, 2), Scaling("eg.phi", 72, 2))),
    (4, (Scaling("mu.pt", 64, 1), Scaling("mu.eta", 0, 3), Scaling("mu.phi", 288, 4))),
    (10, (Scaling("jet.et", 256, 3), Scaling("jet.eta", 0, 2), Scaling("jet.phi", 72, 2))),
)
"""(objects, fields) in input order; None is a constant zero (MET has no eta)."""

INPUT_TYPE = "fixed<13,13>"
"""Holds every hardware field used: 12 unsigned bits (MET), 9 signed bits (muon eta)."""


def _expand() -> tuple[list[str], list[int], list[int]]:
    sources, offsets, shifts = [], [], []
    for count, fields in ROWS:
        for slot in range(count):
            for scaling in fields:
                sources.append(f"{scaling.column}[{slot}]" if scaling else "0")
                offsets.append(scaling.offset if scaling else 0)
                shifts.append(scaling.shift if scaling else 0)
    return sources, offsets, shifts


SOURCES, OFFSETS, SHIFTS = _expand()
N_FEATURES = len(SOURCES)
COLUMNS = tuple(dict.fromkeys(source.partition("[")[0] for source in SOURCES if source != "0"))


def hardware_features(events: Events) -> NDArray[np.int16]:
    """The inputs as hardware integers, shape (n, 57) int16, in the order of ``SOURCES``."""
    features = np.zeros((events.n, N_FEATURES), np.int16)
    for i, source in enumerate(SOURCES):
        if source != "0":
            column, _, slot = source.partition("[")
            features[:, i] = events.column(column)[int(slot[:-1])]
    return features


def object_mask(features: NDArray[np.int16]) -> NDArray[np.float32]:
    """1 where the feature belongs to an object that is there (pt > 0), shape (n, 57) float32."""
    present = (features[:, ::3] > 0).astype(np.float32)
    return np.repeat(present, 3, axis=1)
