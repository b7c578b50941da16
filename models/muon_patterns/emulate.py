"""Integer-exact emulation of the golden-pattern algorithm, 80 patterns in the SIMD lanes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.models.muon_patterns.patterns import HALF, N_PATTERNS, REACH, SLOPE_BITS, Patterns
from l1forge.simulation.muons.candidates import NEEDS_ANGLE, NO_REFERENCE, REFERENCES, reference_of
from l1forge.simulation.muons.layers import BENDING, MIN_LAYERS, N_LAYERS, NO_STUB

NO_PATTERN = -1
COUNT_SHIFT = 11
"""A sum is at most 18 * 63 < 2^11: (layers << 11) + sum orders by layers, then by sum."""


class PatternResult(NamedTuple):
    """Per candidate, shape (n,): best ``pattern`` int16 (NO_PATTERN if none has 3 layers or there is no
    reference stub), its number of ``layers`` int16 and its ``score``, the sum of pdf values, int16."""

    pattern: np.ndarray
    layers: np.ndarray
    score: np.ndarray


@compiled
def _find(
    stubs: np.ndarray, quality: np.ndarray, offset: np.ndarray, slope: np.ndarray, shift: np.ndarray,
    value: np.ndarray, layers_first: bool, out: np.ndarray,
) -> None:  # fmt: skip
    key = np.empty(N_PATTERNS, np.int32)
    count = np.empty(N_PATTERNS, np.int32)
    for i in range(len(stubs)):
        out[i, 0], out[i, 1], out[i, 2] = NO_PATTERN, 0, 0
        number, origin_slot = reference_of(stubs[i], quality[i])
        if number == NO_REFERENCE:
            continue
        origin = REFERENCES[number]
        phi = np.int32(stubs[i, origin, origin_slot])
        angle = np.int32(stubs[i, origin + 1, origin_slot]) if NEEDS_ANGLE[origin] else np.int32(0)
        key[:] = 0
        count[:] = 0
        for layer in range(N_LAYERS):
            zero = np.int32(0) if BENDING[layer] else phi
            first, second = np.int32(stubs[i, layer, 0]), np.int32(stubs[i, layer, 1])
            if first == NO_STUB:
                first = second
            if first == NO_STUB:
                continue
            if second == NO_STUB:
                second = first
            first -= zero
            second -= zero
            base, slopes = offset[number, layer], slope[number, layer]
            shifts, table = shift[number, layer], value[number, layer]
            for g in range(N_PATTERNS):
                mean = ((slopes[g] * angle) >> SLOPE_BITS) + base[g]
                distance, other = first - mean, second - mean
                if abs(other) < abs(distance):
                    distance = other
                size = min(abs(distance) >> shifts[g], np.int32(REACH))
                address = (size if distance >= 0 else -size) + HALF
                pdf = np.int32(table[g, address])
                key[g] += pdf
                count[g] += np.int32(pdf > 0)
        best, best_key = -1, -1
        for g in range(N_PATTERNS):
            if count[g] >= MIN_LAYERS:
                rank = ((count[g] << COUNT_SHIFT) if layers_first else 0) + key[g]
                if rank > best_key:
                    best, best_key = g, rank
        if best >= 0:
            out[i, 0], out[i, 1], out[i, 2] = best, count[best], key[best]


def find_patterns(
    value: np.ndarray, quality: np.ndarray, patterns: Patterns, *, layers_first: bool = True
) -> PatternResult:
    """Best pattern of each candidate.

    For each pattern and layer: distance = stub - reference azimuth - (((slope * reference angle) >> 7) +
    offset), in bending layers the stub's angle without a reference azimuth; the stub with the smallest
    magnitude counts, of two equal ones the lower slot. The magnitude is shifted right by ``shift`` and
    clipped to 63; address = signed result + 64; the table gives the pdf value, which counts as a layer if
    above 0.
    Patterns need 3 layers; most layers win, then the largest sum, then the lower pattern number.

    ``value``, ``quality``: stub codes (n, 18, 2) int16. ``layers_first=False`` ranks by the sum alone (the
    study option of docs/muon.md, not the hardware's rule).
    """
    out = np.empty((len(value), 3), np.int16)
    _find(value, quality, patterns.offset, patterns.slope, patterns.shift, patterns.value, layers_first, out)
    return PatternResult(out[:, 0], out[:, 1], out[:, 2])
