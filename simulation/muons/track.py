"""Carry one muon through field and material and record where it crosses the muon layers."""

from __future__ import annotations

import math

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.muons.detector import (
    COIL_RADIUS,
    CRYOSTAT_RADIUS,
    MUON_EXIT_RADIUS,
    MUON_EXIT_Z,
    field,
    material,
)
from l1forge.simulation.muons.layers import LAYERS

CURVATURE = 0.00299792458
"""GeV / (T cm): radius of curvature in cm is p_T / (CURVATURE * B)."""
FINE_STEP, COARSE_STEP = 4.0, 12.0  # cm; coarse inside the coil, where material and field vary slowly
STOPPING_MOMENTUM = 0.4  # GeV
MAX_STEPS = 400


def _surfaces(barrel: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Layer number, position, low and high edge of all detector surfaces, ordered outward."""
    chosen = [
        (layer.position, number, layer.low, layer.high)
        for number, layer in enumerate(LAYERS)
        if layer.barrel == barrel and not layer.bending
    ]
    position, number, low, high = (np.array(column, float) for column in zip(*sorted(chosen), strict=True))
    return number.astype(np.int64), position, low, high


CYLINDER, RADIUS, Z_LOW, Z_HIGH = _surfaces(True)
DISC, DISC_Z, R_LOW, R_HIGH = _surfaces(False)


@compiled
def propagate(
    rng: np.random.Generator,
    pt: float,
    eta: float,
    charge: int,
    x: float,
    y: float,
    z: float,
    crossed: np.ndarray,
    phi: np.ndarray,
    angle: np.ndarray,
    eta_hit: np.ndarray,
    field_scale: float,
    scattering: float,
) -> None:
    """Midpoint steps from (x, y, z), initial direction along x; fills the four arrays of 18 layers.

    ``crossed`` bool, ``phi`` azimuth in radians, ``angle`` direction minus azimuth in radians (cylinders),
    ``eta_hit`` pseudorapidity of the crossing seen from the origin. Multiple scattering follows Highland's
    formula (Particle Data Group), in two independent planes; energy loss is its mean. ``field_scale`` and
    ``scattering`` multiply the field and the width of scattering.
    """
    crossed[:] = False
    px, py, pz = pt, 0.0, pt * math.sinh(eta)
    r = math.sqrt(x * x + y * y)
    barrel = disc = 0
    for _ in range(MAX_STEPS):
        p = math.sqrt(px * px + py * py + pz * pz)
        if p < STOPPING_MOMENTUM:
            return
        step = COARSE_STEP if r < COIL_RADIUS - 15.0 and abs(z) < 545.0 else FINE_STEP
        bz, br, iron = field(r, z)
        bx = by = 0.0
        if br != 0.0:
            bx, by = br * x / r, br * y / r
        ux, uy, uz = px / p, py / p, pz / p
        k = CURVATURE * field_scale * charge * step / p
        dx = ux + 0.5 * k * (uy * bz - uz * by)
        dy = uy + 0.5 * k * (uz * bx - ux * bz)
        dz = uz + 0.5 * k * (ux * by - uy * bx)
        xn, yn, zn = x + step * dx, y + step * dy, z + step * dz
        vx = ux + k * (dy * bz - dz * by)
        vy = uy + k * (dz * bx - dx * bz)
        vz = uz + k * (dx * by - dy * bx)
        x0_per_cm, loss = material(r, abs(z), iron)
        thickness = x0_per_cm * step
        if thickness > 4e-3:
            theta = 0.0136 / p * math.sqrt(thickness) * (1 + 0.038 * math.log(thickness)) * scattering
            kick1, kick2 = rng.standard_normal() * theta, rng.standard_normal() * theta
            vt = math.sqrt(vx * vx + vy * vy) + 1e-9
            vx, vy, vz = (
                vx - (kick1 * vy + kick2 * vz * vx) / vt,
                vy + (kick1 * vx - kick2 * vz * vy) / vt,
                vz + kick2 * vt,
            )
            p -= loss * step * (0.85 + 0.1 * math.log(max(p, 1.0)))
            if p < STOPPING_MOMENTUM:
                return
        norm = p / math.sqrt(vx * vx + vy * vy + vz * vz)
        px, py, pz = vx * norm, vy * norm, vz * norm
        rn = math.sqrt(xn * xn + yn * yn)
        if rn > CRYOSTAT_RADIUS:
            while barrel < len(RADIUS) and rn >= RADIUS[barrel]:
                f = (RADIUS[barrel] - r) / (rn - r)
                zc = z + f * (zn - z)
                if f >= 0.0 and Z_LOW[barrel] < abs(zc) < Z_HIGH[barrel]:
                    layer = CYLINDER[barrel]
                    at = math.atan2(y + f * (yn - y), x + f * (xn - x))
                    turn = math.atan2(py, px) - at
                    crossed[layer], phi[layer] = True, at
                    angle[layer] = (turn + math.pi) % (2 * math.pi) - math.pi
                    eta_hit[layer] = math.asinh(zc / RADIUS[barrel])
                barrel += 1
        while disc < len(DISC_Z) and abs(zn) >= DISC_Z[disc]:
            f = (DISC_Z[disc] - abs(z)) / (abs(zn) - abs(z))
            rc = r + f * (rn - r)
            if f >= 0.0 and R_LOW[disc] < rc < R_HIGH[disc]:
                layer = DISC[disc]
                crossed[layer] = True
                phi[layer] = math.atan2(y + f * (yn - y), x + f * (xn - x))
                eta_hit[layer] = math.asinh((z + f * (zn - z)) / rc)
            disc += 1
        x, y, z, r = xn, yn, zn, rn
        if r > MUON_EXIT_RADIUS or abs(z) > MUON_EXIT_Z:
            return
