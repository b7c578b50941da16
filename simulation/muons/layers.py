"""The 18 logic layers of the overlap muon track finder and the integer codes of their stubs.

Layer order, reference layers and bin counts follow the CMS overlap track finder (OMTF); positions,
resolutions and efficiencies are parametrised (docs/muon.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PHI_BINS = 5400
"""Azimuth bins in a full turn."""
PHI_PER_RADIAN = PHI_BINS / (2 * math.pi)
PHIB_PER_RADIAN = 512
"""Units of the local bending angle in memory; files may use others (``phib_units``)."""
ETA_LSB = 0.010875
SLOTS = 2
"""Stubs kept per layer and candidate."""
SECTOR_HALF_WIDTH = 600
"""A processor sees azimuths of -600 .. 600 bins around its centre: 60 degrees and the overlaps."""
PHIB_MAX = 1023
ETA_MAX = 255
NO_STUB = -1024
"""The code of an empty slot: the most negative 11-bit word, which no stub can hold."""
MIN_LAYERS = 3
"""A candidate needs stubs in at least this many logic layers."""


@dataclass(frozen=True)
class Layer:
    """One logic layer: a cylinder at radius or a disc at |z| = ``position`` (cm).

    ``low``..``high`` bound |z| (cylinder) or r (disc); ``resolution`` in radians. A ``bending`` layer has no
    detector of its own: it holds the bending angle of the stub in the layer before it, and its
    ``efficiency`` is the chance that this stub has a good angle.
    """

    name: str
    barrel: bool
    position: float
    low: float
    high: float
    efficiency: float
    resolution: float
    bending: bool = False


def _dt(name: str, radius: float, angle_resolution: float) -> tuple[Layer, Layer]:
    return (
        Layer(name, True, radius, 400, 661, 0.94, 0.0006),
        Layer(f"{name}b", True, radius, 400, 661, 0.92, angle_resolution, bending=True),
    )


def _csc(name: str, z: float, low: float, high: float) -> Layer:
    return Layer(name, False, z, low, high, 0.95, 0.0007)


def _rpc(name: str, radius: float) -> Layer:
    return Layer(name, True, radius, 400, 661, 0.93, 0.0018)


def _rpc_disc(name: str, z: float, low: float) -> Layer:
    return Layer(name, False, z, low, 700, 0.93, 0.0018)


LAYERS: tuple[Layer, ...] = (
    *_dt("MB1", 431.133, 0.0045),
    *_dt("MB2", 512.401, 0.0045),
    *_dt("MB3", 617.946, 0.0060),
    _csc("ME1/3", 695.0, 512, 697),
    _csc("ME2/3", 828.0, 357, 697),
    _csc("ME3/3", 935.0, 357, 697),
    _csc("ME1/2", 680.0, 282, 465),
    _rpc("RB1in", 413.675),
    _rpc("RB1out", 448.675),
    _rpc("RB2in", 494.975),
    _rpc("RB2out", 529.975),
    _rpc("RB3", 602.150),
    _rpc_disc("RE1/3", 720.0, 500),
    _rpc_disc("RE2/3", 790.0, 480),
    _rpc_disc("RE3/3", 975.0, 480),
)
"""Logic layers 0..17."""

N_LAYERS = len(LAYERS)
NAMES = tuple(layer.name for layer in LAYERS)
BENDING = np.array([layer.bending for layer in LAYERS])
REFERENCE_LAYERS = (0, 7, 2, 6, 16, 4, 10, 11)
"""Logic layer of reference 0..7, first choice first."""
