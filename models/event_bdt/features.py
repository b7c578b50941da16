"""Inputs of the event classifier: columns of the trigger objects, integers as they arrive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.graph.fixed import FixedType

SOURCES = (
    *(f"jet.{field}[{slot}]" for slot in range(4) for field in ("et", "eta", "phi")),
    *(f"tau.{field}[{slot}]" for slot in range(3) for field in ("et", "eta", "phi", "iso")),
    *("eg.et[0]", "eg.iso[0]", "mu.pt[0]", "mu.qual[0]", "etm.et[0]", "htm.et[0]", "htt.et[0]"),
)
"""One event column per input."""

NAMES = tuple(source.replace(".", "_").replace("[", "_").rstrip("]") for source in SOURCES)
EVENT_COLUMNS = tuple(dict.fromkeys(source.partition("[")[0] for source in SOURCES))
RAW = FixedType(13, 13)
"""Holds every field used: 12 unsigned bits (sums), 8 signed bits (eta)."""


def features(events: Events) -> NDArray[np.int64]:
    """Integers of shape (n, len(SOURCES))."""
    rows = []
    for source in SOURCES:
        column, _, slot = source.partition("[")
        rows.append(events.column(column)[int(slot[:-1])].astype(np.int64))
    return np.stack(rows, axis=1)
