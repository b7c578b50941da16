"""From layer crossings to integer stubs: efficiency, resolution, secondaries, noise, punch-through."""

from __future__ import annotations

import math

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.muons.detectors import Numbers
from l1forge.simulation.muons.layers import (
    BENDING,
    ETA_LSB,
    LAYERS,
    N_LAYERS,
    NO_STUB,
    PHI_PER_RADIAN,
    PHIB_MAX,
    PHIB_PER_RADIAN,
    SECTOR_HALF_WIDTH,
    SLOTS,
)
from l1forge.simulation.muons.track import propagate

BARREL = np.array([layer.barrel for layer in LAYERS])
IS_DT = np.concatenate([BENDING[1:], [False]])  # a DT layer is one that a bending layer follows
IS_RPC = np.array([layer.name.startswith("R") for layer in LAYERS])
FIRST_STATION = np.array([layer.name in ("MB1", "RB1in", "RB1out", "ME1/3", "RE1/3") for layer in LAYERS])
GOOD_DT, POOR_DT, CSC, RPC = 6, 2, 5, 1
"""Quality codes written to stubs: a DT stub of both superlayers, of one, a CSC and an RPC stub."""
RPC_ETA_ROLL = 8  # an RPC roll spans about eight bins of eta


@compiled
def _place(
    layer: int, phi: float, angle: float, eta: float, good: bool,
    value: np.ndarray, eta_code: np.ndarray, quality: np.ndarray,
) -> None:  # fmt: skip
    """Put a stub (radians, sector frame) in the first free slot; one out of range or too many is lost."""
    code = math.floor(phi * PHI_PER_RADIAN)
    if abs(code) > SECTOR_HALF_WIDTH:
        return
    for slot in range(SLOTS):
        if value[layer, slot] != NO_STUB:
            continue
        eta_bin = math.floor(eta / ETA_LSB + 0.5)
        if IS_RPC[layer]:
            eta_bin = eta_bin // RPC_ETA_ROLL * RPC_ETA_ROLL + RPC_ETA_ROLL // 2
        value[layer, slot], eta_code[layer, slot] = code, eta_bin
        quality[layer, slot] = RPC if IS_RPC[layer] else CSC
        if IS_DT[layer]:
            quality[layer, slot] = GOOD_DT if good else POOR_DT
            if good:
                bend = math.floor(angle * PHIB_PER_RADIAN)
                value[layer + 1, slot] = min(max(bend, -PHIB_MAX), PHIB_MAX)
                eta_code[layer + 1, slot], quality[layer + 1, slot] = eta_bin, GOOD_DT
        return


@compiled
def simulate_chunk(
    rng: np.random.Generator,
    pt: np.ndarray,
    eta: np.ndarray,
    charge: np.ndarray,
    position: np.ndarray,
    noise: float,
    secondaries: bool,
    punch_through: float,
    detector: Numbers,
    phi_vertex: np.ndarray,
    value: np.ndarray,
    eta_code: np.ndarray,
    quality: np.ndarray,
) -> None:
    """Simulate ``n`` muons; ``position`` (n, 3) in cm in the frame where the muon starts along x.

    Fills ``phi_vertex`` (n) and the stub arrays (n, 18, SLOTS), which must hold NO_STUB, 0 and 0. The sector
    is turned so that the first crossing falls evenly into the 60 degrees of its core.
    """
    crossed = np.zeros(N_LAYERS, np.bool_)
    phi, angle, eta_hit = np.zeros(N_LAYERS), np.zeros(N_LAYERS), np.zeros(N_LAYERS)
    for i in range(len(pt)):
        x, y, z = position[i, 0], position[i, 1], position[i, 2]
        propagate(
            rng, pt[i], eta[i], charge[i], x, y, z, crossed, phi, angle, eta_hit,
            detector.field, detector.scattering,
        )  # fmt: skip
        core = rng.random() * math.pi / 3 - math.pi / 6
        first = -1
        for layer in range(N_LAYERS):
            if crossed[layer]:
                first = layer
                break
        turn = core - (phi[first] if first >= 0 else 0.0)
        phi_vertex[i] = turn
        side = 1.0 if eta[i] > 0 else -1.0
        shower = rng.random() < punch_through
        shower_phi = core + 0.06 * rng.standard_normal()
        for layer in range(N_LAYERS):
            if BENDING[layer]:
                continue
            stubs = (value[i], eta_code[i], quality[i])
            if crossed[layer] and rng.random() < detector.efficiency[layer]:
                good = not IS_DT[layer] or rng.random() < detector.efficiency[layer + 1]
                smear = detector.resolution[layer] * (1.0 if good else 3.0)
                at = (phi[layer] + turn + math.pi) % (2 * math.pi) - math.pi
                at += rng.standard_normal() * smear + detector.shift[layer]
                if detector.tails > 0.0 and rng.random() < detector.tails:
                    at += rng.standard_normal() * detector.tail_width
                bend = 0.0
                if IS_DT[layer]:
                    bend = (
                        angle[layer] * detector.angle_gain
                        + rng.standard_normal() * detector.resolution[layer + 1]
                    )
                    bend += detector.shift[layer + 1]
                # DT stubs measure z with their theta view, coarsely; cathode strips have wire groups
                at_eta = eta_hit[layer] + rng.standard_normal() * (0.02 if BARREL[layer] else 0.01)
                _place(layer, at, bend, at_eta, good, *stubs)
                if secondaries and rng.random() < 0.03 + 0.0004 * pt[i]:  # delta rays, radiation
                    _place(layer, at + 0.03 * rng.standard_normal(), 0.0, at_eta, False, *stubs)
            if shower and FIRST_STATION[layer] and rng.random() < 0.7:
                bend = 0.2 * rng.standard_normal()
                _place(layer, shower_phi + 0.02 * rng.standard_normal(), bend, eta[i], True, *stubs)
            if rng.random() < noise * (0.5 if BARREL[layer] else 1.0):
                at = (rng.random() - 0.5) * 1.2
                good = rng.random() < 0.5
                _place(
                    layer, at, 2.0 * (rng.random() - 0.5), side * (0.83 + 0.41 * rng.random()), good, *stubs
                )
