"""Calorimeter regions: trigger towers summed four by four, the image of a crossing that networks read.

Geometry of the experiment's calorimeter trigger: 18 regions in phi by 14 in eta cover the towers |ieta| 1-28
(|eta| < 3); one region is 4 x 4 towers. The forward calorimeter is left out.
"""

from __future__ import annotations

from l1forge.emulator.jit import compiled
from l1forge.simulation.geometry import N_HALF, N_HBHE, N_PHI, PAD

SIDE = 4
"""Towers along each side of a region."""
N_REGION_PHI, N_REGION_ETA = N_PHI // SIDE, 2 * N_HBHE // SIDE
N_REGIONS = N_REGION_PHI * N_REGION_ETA
FIRST_ROW = PAD + N_HALF - N_HBHE
"""Row of the padded tower grid where the first region begins."""
REGION_BITS = 10
REGION_MAX = (1 << REGION_BITS) - 1
"""A region's energy saturates here (511.5 GeV)."""


@compiled
def region_sums(total, thresholds, out):
    """Sum towers of at least ``thresholds[ring]`` counts into ``out``, uint16 (252,), region 14 phi + eta.

    ``total`` is the padded tower grid (electromagnetic plus hadronic, 0.5 GeV a count); the thresholds are
    those of ETT. A region's energy saturates at ``REGION_MAX``.
    """
    out[:] = 0
    for row in range(2 * N_HBHE):
        ring = row - N_HBHE if row >= N_HBHE else N_HBHE - 1 - row
        for iphi in range(N_PHI):
            et = total[FIRST_ROW + row, PAD + iphi]
            if et >= thresholds[ring]:
                region = (iphi // SIDE) * N_REGION_ETA + row // SIDE
                out[region] = min(out[region] + et, REGION_MAX)
