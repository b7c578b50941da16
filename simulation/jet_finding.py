"""Jets: 9x9 sliding window around a local maximum, chunky-donut pile-up subtraction, calibration table."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.geometry import HARDWARE_ETA, N_ETA, N_HALF, N_PHI, PAD
from l1forge.simulation.towers import interpolated, is_maximum, window_sum

SEED = 8  # 4 GeV
MINIMUM = 30  # 15 GeV calibrated: softer jets are not sent
BARREL, ENDCAP = 16, 26  # first ring of the end cap and of the forward region
RAW_CODES = 4096

SCALE = (1.0, 1.0, 0.93)
"""Factor on the generator-level calibration; the forward one is chosen for the published dijet mass rate."""
_POINTS = (  # raw et (GeV), generator / raw et: medians for isolated jets under 52 collisions
    ((15, 27, 40, 60, 89, 135, 180, 300), (1.38, 1.39, 1.37, 1.26, 1.19, 1.13, 1.13, 1.14)),
    ((27, 35, 49, 71, 103, 148, 196, 288), (1.00, 1.07, 1.10, 1.08, 1.05, 1.03, 1.04, 1.10)),
    ((33, 44, 60, 84, 112, 162), (0.77, 0.86, 0.90, 0.92, 0.95, 0.97)),
)
CALIBRATION = np.stack(
    [
        interpolated(raw, [scale * factor for factor in factors], RAW_CODES)
        for scale, (raw, factors) in zip(SCALE, _POINTS, strict=True)
    ]
)
"""Calibrated code of each raw code, int32 (3, 4096): barrel, end cap, forward."""


@compiled
def donut(grid, row, column):
    """Pile-up under the jet: the three lowest of the four 9x3 strips beside the window."""
    total = 0
    largest = 0
    for side in range(4):
        strip = 0
        for depth in range(5, 8):
            for along in range(-4, 5):
                if side == 0:
                    strip += grid[row + depth, column + along]
                elif side == 1:
                    strip += grid[row - depth, column + along]
                elif side == 2:
                    strip += grid[row + along, column + depth]
                else:
                    strip += grid[row + along, column - depth]
        total += strip
        largest = max(largest, strip)
    return total - largest


@compiled
def find_jets(grid, table, out):
    """Fill ``out`` (int32 rows: calibrated et, eta, phi, ieta, iphi; unsorted); returns the number found."""
    n = 0
    for ieta in range(N_ETA):
        ring = ieta - N_HALF if ieta >= N_HALF else N_HALF - 1 - ieta
        region = 0 if ring < BARREL else (1 if ring < ENDCAP else 2)
        for iphi in range(N_PHI):
            row, column = ieta + PAD, iphi + PAD
            if grid[row, column] < SEED or not is_maximum(grid, row, column, 4, 4):
                continue
            raw = window_sum(grid, row, column, 4, 4) - donut(grid, row, column)
            if raw <= 0 or n == out.shape[0]:
                continue
            et = table[region, min(raw, RAW_CODES - 1)]
            if et < MINIMUM:
                continue
            out[n, 0] = et
            out[n, 1] = HARDWARE_ETA[ieta]
            out[n, 2] = 2 * iphi + 1
            out[n, 3] = ieta
            out[n, 4] = iphi
            n += 1
    return n
