"""Magnetic field and material of a simplified CMS, as functions of cylindrical r and |z| (cm).

Solenoid 3.8 T, flux return through three barrel yoke rings and the end-cap discs. Iron and the muon
layers have the positions of the real detector; fields are uniform inside each piece.
"""

from __future__ import annotations

from l1forge.emulator.jit import inlined

COIL_RADIUS, COIL_LENGTH, CRYOSTAT_RADIUS = 295.0, 630.0, 380.0
BARREL_END = 661.0
MUON_EXIT_RADIUS, MUON_EXIT_Z = 640.0, 985.0


@inlined
def field(r: float, z: float) -> tuple[float, float, bool]:
    """Bz and Br in tesla, and whether the point lies in yoke iron."""
    az = abs(z)
    if az < BARREL_END:
        if r < COIL_RADIUS:
            if az < COIL_LENGTH:  # the field sags towards the ends of the coil
                return 3.8 * (1.0 - 0.15 * max(0.0, (az - 450.0) / 180.0)), 0.0, False
            return 0.0, 0.0, False
        if r < CRYOSTAT_RADIUS and az < COIL_LENGTH:
            return 0.0, 0.0, False
        if 455.0 < r < 485.0:
            return -1.9, 0.0, True
        if 535.0 < r < 598.0:
            return -1.7, 0.0, True
        if 640.0 < r < 700.0:
            return -1.5, 0.0, True
        return -0.15, 0.0, False
    side = 1.0 if z > 0 else -1.0
    if 730.0 < az < 790.0 or 845.0 < az < 905.0 or 955.0 < az < 970.0:
        return 0.0, 1.5 * min(1.0, r / 400.0) * side, True
    if az < 730.0:
        return 0.4 if r < 400.0 else -0.2, 0.35 * side, False
    return 0.0, 0.0, False


@inlined
def material(r: float, az: float, iron: bool) -> tuple[float, float]:
    """Radiation lengths per cm, and the energy loss of a 1-GeV muon in GeV per cm."""
    if iron:
        return 1 / 1.757, 0.0155
    if r < 129.0 and az < 317.0:  # tracker, about one radiation length
        return 1 / 129.0, 0.00008
    if r < 177.0 and az < 317.0:  # electromagnetic calorimeter, 25 radiation lengths
        return 25 / 48.0, 0.0025
    if 177.0 < r < COIL_RADIUS and az < 570.0:  # brass hadron calorimeter
        return 65 / 118.0, 0.0105
    if 317.0 <= az < 390.0 and r < 177.0:
        return 25 / 73.0, 0.0035
    if 390.0 <= az < 560.0 and r < COIL_RADIUS:
        return 80 / 170.0, 0.0105
    if COIL_RADIUS <= r < CRYOSTAT_RADIUS and az < 650.0:
        return 6 / 85.0, 0.0020
    if 560.0 <= az < BARREL_END and r < COIL_RADIUS:
        return 20 / 101.0, 0.004
    return 0.0005, 1e-6
