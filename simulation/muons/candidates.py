"""The reference stub of a candidate: the stub that all azimuths are measured from."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled, inlined
from l1forge.simulation.muons.layers import BENDING, NO_STUB, REFERENCE_LAYERS

REFERENCES = np.array(REFERENCE_LAYERS, np.int64)
NEEDS_ANGLE = np.concatenate([BENDING[1:], [False]])
NO_REFERENCE = -1


@inlined
def reference_of(value: np.ndarray, quality: np.ndarray) -> tuple[int, int]:
    """Reference number 0..7 and slot of one candidate's stubs (18, SLOTS); (NO_REFERENCE, 0) if none.

    The first reference layer that holds a stub decides; a DT stub counts only with its bending angle. Of
    several stubs there the one of highest quality wins, of equal ones the one in the lower slot.
    """
    for number in range(len(REFERENCES)):
        layer = REFERENCES[number]
        best, best_quality = -1, -1
        for slot in range(value.shape[1]):
            if value[layer, slot] == NO_STUB:
                continue
            if NEEDS_ANGLE[layer] and value[layer + 1, slot] == NO_STUB:
                continue
            if quality[layer, slot] > best_quality:
                best, best_quality = slot, quality[layer, slot]
        if best >= 0:
            return number, best
    return NO_REFERENCE, 0


@compiled
def reference_numbers(value: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Reference number of each candidate, shape (n,) int8, NO_REFERENCE where there is none."""
    out = np.empty(len(value), np.int8)
    for i in range(len(value)):
        out[i] = reference_of(value[i], quality[i])[0]
    return out
