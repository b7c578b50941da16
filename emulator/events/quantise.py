"""Physical units to hardware integers, with the scales of the object table; what saturates is counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_PHI_BINS, COLUMNS, MUON_PHI_BINS

Codes = NDArray[np.int16]
Values = NDArray[np.floating]

TRUE_VALUES = "true values"
"""Offline quantities: the code of the bin that holds the value."""
HARDWARE_VALUES = "hardware values"
"""Codes that were multiplied by their LSB and stored as float: the nearest code, undoing float rounding."""
OFF_GRID = 0.25
"""LSB: a value further than this from an integer was not a stored code; reduced precision stays below."""


def codes(column: str, values: Values, origin: str, notes: Counter[str]) -> Codes:
    """Hardware codes of ``values`` (GeV, rad or pseudorapidity), same shape.

    pt, et: bin ``[n, n + 1) LSB``; muon pt is stored as ``n + 1``. phi: the same bins after reduction to
    ``[0, 2 pi)``. eta: calorimeter bin ``[n, n + 1) LSB``; muon bin centred on ``n LSB``. Codes beyond
    the field take its nearest value (et, pt: the overflow code) and are counted in ``notes``; so are
    hardware values that do not lie on the hardware's grid.
    """
    field = COLUMNS[column][1]
    scaled = np.asarray(values, np.float64) / field.lsb
    collection, name = column.split(".")
    centred = origin == HARDWARE_VALUES or column == "mu.eta"
    result = np.floor(scaled + 0.5 if centred else scaled)
    if origin == HARDWARE_VALUES and (off := int(np.count_nonzero(np.abs(scaled - result) > OFF_GRID))):
        notes[f"{column} not on the hardware's grid, rounded"] += off
    if name in ("phi", "phi_station"):
        return (result % (MUON_PHI_BINS if collection == "mu" else CALO_PHI_BINS)).astype(np.int16)
    if column in ("mu.pt", "mu.upt"):
        result += 1
    for limit, beyond in ((field.maximum, result > field.maximum), (field.minimum, result < field.minimum)):
        if saturated := int(np.count_nonzero(beyond)):
            notes[f"{column} saturated at {limit}"] += saturated
    return np.clip(result, field.minimum, field.maximum).astype(np.int16)
