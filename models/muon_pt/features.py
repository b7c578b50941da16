"""The 45 hardware integers that the networks read: all on the grid of fixed<10,4>."""

from __future__ import annotations

from typing import Any

import numpy as np

from l1forge.emulator.jit import compiled, inlined
from l1forge.simulation.muons.candidates import NO_REFERENCE, REFERENCES, reference_of
from l1forge.simulation.muons.layers import BENDING, MIN_LAYERS, N_LAYERS, NAMES, NO_STUB, REFERENCE_LAYERS

WIDTH, INTEGER = 10, 4
FRACTION = WIDTH - INTEGER
ONE = 1 << FRACTION
LIMIT = (1 << (WIDTH - 1)) - 1
ETA_CENTRE, ETA_GAIN = 94, 4
"""|eta| 0.83..1.24 is codes 76..114: centred and stretched to a range of about one unit."""

FEATURES = (
    *(f"value[{name}]" for name in NAMES),
    *(f"hit[{name}]" for name in NAMES),
    *(f"reference[{NAMES[layer]}]" for layer in REFERENCE_LAYERS),
    "eta",
)
N_FEATURES = len(FEATURES)
HITS, REFERENCE, ETA = N_LAYERS, 2 * N_LAYERS, 2 * N_LAYERS + len(REFERENCE_LAYERS)


@inlined
def _clip(value: Any) -> Any:  # an int or a NumPy integer: Numba takes both
    return min(max(value, -LIMIT), LIMIT)


@compiled
def muon_features(value: np.ndarray, eta: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Network inputs of candidates: features (n, 45) int16 and layer counts (n,) int8.

    ``value``, ``eta``, ``quality``: stub codes (n, 18, SLOTS) int16. Per layer: the azimuth of the stub
    nearest the reference stub minus the reference azimuth (of two equally near ones the lower slot), or that
    stub's bending angle, clipped to +-511; and a flag, 64 = hit. The no-hit code becomes value 0, flag 0.
    Then the one-hot number of the reference layer (64) and the reference stub's eta. Count 0, features 0: no
    candidate, for lack of a reference stub or of MIN_LAYERS layers.
    """
    n = len(value)
    out = np.zeros((n, N_FEATURES), np.int16)
    layers = np.zeros(n, np.int8)
    for i in range(n):
        number, slot = reference_of(value[i], quality[i])
        if number == NO_REFERENCE:
            continue
        origin = REFERENCES[number]
        phi = np.int64(value[i, origin, slot])
        count = 0
        nearest = 0
        for layer in range(N_LAYERS):
            if not BENDING[layer]:
                nearest, distance = -1, 1 << 20
                for s in range(value.shape[2]):
                    if value[i, layer, s] != NO_STUB and abs(value[i, layer, s] - phi) < distance:
                        nearest, distance = s, abs(value[i, layer, s] - phi)
                if layer == origin:
                    nearest = slot
                if nearest < 0:
                    continue
                out[i, layer] = _clip(value[i, layer, nearest] - phi)
            else:
                if nearest < 0 or value[i, layer, nearest] == NO_STUB:
                    continue
                out[i, layer] = _clip(np.int64(value[i, layer, nearest]))
            out[i, HITS + layer] = ONE
            count += 1
        if count < MIN_LAYERS:
            out[i] = 0
            continue
        layers[i] = count
        out[i, REFERENCE + number] = ONE
        out[i, ETA] = _clip((abs(np.int64(eta[i, origin, slot])) - ETA_CENTRE) * ETA_GAIN)
    return out, layers
