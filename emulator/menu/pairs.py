"""Scalar kernels for pairs and triples of objects: the measures of tables.py, and charge rules.

``block`` holds one row per field and slot, events along the last axis. Every decision is between
integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.jit import compiled
from emulator.menu.plan import MEASURES
from emulator.menu.tables import CALO_TO_MUON, Geometry, calo_geometry, muon_geometry, pt_tables

DETA, DPHI, DR2, MASS, MASS_UPT, MASS_TRANSVERSE, MASS_OVER_DR, MASS3, PT2 = range(len(MEASURES))
IS_MUON, TRANSVERSE, ETA, PHI, CHARGE_ROW, UPT = range(1, 7)
LIKE_SIGN, OPPOSITE_SIGN = 1, 2
HALF_BIN = CALO_TO_MUON // 2


def _geometry(tables: Geometry) -> tuple[Any, ...]:
    return (
        tables.half,
        tables.unit,
        tables.deta,
        tables.dphi,
        tables.cosh,
        tables.cos,
        tables.cos_phi,
        tables.sin_phi,
        tables.inverse,
    )


def kernel_tables() -> tuple[Any, ...]:
    """(calorimeter geometry, muon geometry, pt tables) as plain tuples."""
    pt = pt_tables()
    return _geometry(calo_geometry()), _geometry(muon_geometry()), (pt.calo, pt.muon, pt.upt)


@compiled
def folded(first: int, second: int, half: int) -> int:
    """|delta phi| in bins, at most ``half``; codes beyond a full turn count on."""
    difference = abs(first - second) % (2 * half)
    return difference if difference < half else 2 * half - difference


@compiled
def measure(
    code: int,
    block: Any,
    a: Any,
    slot_a: int,
    at_a: int,
    b: Any,
    slot_b: int,
    at_b: int,
    tables: Any,
) -> int:
    """One measure of the pair; mass_over_dr is not one number and is handled by ``within``."""
    muons = a[IS_MUON] == 1 or b[IS_MUON] == 1
    half, unit, deta_table, dphi_table, cosh, cos, cos_phi, sin_phi, _ = tables[1] if muons else tables[0]
    phi_a, phi_b = int(block[a[PHI] + slot_a, at_a]), int(block[b[PHI] + slot_b, at_b])
    if muons and a[IS_MUON] == 0:
        phi_a = CALO_TO_MUON * phi_a + HALF_BIN
    if muons and b[IS_MUON] == 0:
        phi_b = CALO_TO_MUON * phi_b + HALF_BIN
    dphi = folded(phi_a, phi_b, half)
    if code == DPHI:
        return dphi_table[dphi]
    if code == PT2 or code == MASS_TRANSVERSE:
        pt_a, pt_b = transverse(block, a, slot_a, at_a, tables), transverse(block, b, slot_b, at_b, tables)
        if code == MASS_TRANSVERSE:
            return pt_a * pt_b * (unit - cos[dphi])
        phi_a, phi_b = phi_a % (2 * half), phi_b % (2 * half)
        angle = cos_phi[phi_a] * cos_phi[phi_b] + sin_phi[phi_a] * sin_phi[phi_b]
        return (pt_a * pt_a + pt_b * pt_b) * unit * unit + 2 * pt_a * pt_b * angle
    eta_a, eta_b = int(block[a[ETA] + slot_a, at_a]), int(block[b[ETA] + slot_b, at_b])
    if muons and a[IS_MUON] == 0:
        eta_a = CALO_TO_MUON * eta_a + HALF_BIN
    if muons and b[IS_MUON] == 0:
        eta_b = CALO_TO_MUON * eta_b + HALF_BIN
    deta = abs(eta_a - eta_b)
    if code == DETA:
        return deta_table[deta]
    if code == DR2:
        return deta_table[deta] * deta_table[deta] + dphi_table[dphi] * dphi_table[dphi]
    if code == MASS_UPT:
        upt = tables[2][2]
        pt_a, pt_b = upt[block[a[UPT] + slot_a, at_a]], upt[block[b[UPT] + slot_b, at_b]]
    else:
        pt_a, pt_b = transverse(block, a, slot_a, at_a, tables), transverse(block, b, slot_b, at_b, tables)
    return pt_a * pt_b * (cosh[deta] - cos[dphi])


@compiled
def transverse(block: Any, kind: Any, slot: int, at: int, tables: Any) -> int:
    """Transverse momentum or energy in units of 0.1 GeV."""
    code = block[kind[TRANSVERSE] + slot, at]
    return tables[2][1][code] if kind[IS_MUON] == 1 else tables[2][0][code]


@compiled
def triple_mass(block: Any, a: Any, i: int, j: int, k: int, at: int, tables: Any) -> int:
    """Sum of mass^2/2 over the three pairs of a triple."""
    first = measure(MASS, block, a, i, at, a, j, at, tables)
    second = measure(MASS, block, a, i, at, a, k, at, tables)
    return first + second + measure(MASS, block, a, j, at, a, k, at, tables)


@compiled
def inverse_dr2(
    block: Any, a: Any, slot_a: int, at_a: int, b: Any, slot_b: int, at_b: int, tables: Any
) -> int:
    """1/dR^2 from its table; the muon table is addressed with halved indices. 0: infinite."""
    muons = a[IS_MUON] == 1 or b[IS_MUON] == 1
    half, inverse = (tables[1][0], tables[1][8]) if muons else (tables[0][0], tables[0][8])
    eta_a, eta_b = int(block[a[ETA] + slot_a, at_a]), int(block[b[ETA] + slot_b, at_b])
    phi_a, phi_b = int(block[a[PHI] + slot_a, at_a]), int(block[b[PHI] + slot_b, at_b])
    if muons:
        if a[IS_MUON] == 0:
            eta_a, phi_a = CALO_TO_MUON * eta_a + HALF_BIN, CALO_TO_MUON * phi_a + HALF_BIN
        if b[IS_MUON] == 0:
            eta_b, phi_b = CALO_TO_MUON * eta_b + HALF_BIN, CALO_TO_MUON * phi_b + HALF_BIN
        eta_a, eta_b, phi_a, phi_b, half = eta_a >> 1, eta_b >> 1, phi_a >> 1, phi_b >> 1, half >> 1
    return inverse[abs(eta_a - eta_b), folded(phi_a, phi_b, half)]


@compiled
def within(
    limit: Any, block: Any, a: Any, slot_a: int, at_a: int, b: Any, slot_b: int, at_b: int, tables: Any
) -> bool:
    """Does the pair satisfy one limit, both ends inclusive?"""
    code, lower, upper = limit[0], limit[1], limit[2]
    if code == MASS_OVER_DR:
        inverse = inverse_dr2(block, a, slot_a, at_a, b, slot_b, at_b, tables)
        if inverse == 0 or lower <= 0:
            return True
        # mass * inverse needs more than 64 bits: compare the mass with the quotient, rounded up
        return measure(MASS, block, a, slot_a, at_a, b, slot_b, at_b, tables) >= -(-lower // inverse)
    value = measure(code, block, a, slot_a, at_a, b, slot_b, at_b, tables)
    return lower <= value <= upper


@compiled
def overlaps(
    limits: Any,
    first: int,
    count: int,
    block: Any,
    a: Any,
    slot_a: int,
    at_a: int,
    b: Any,
    slot_b: int,
    at_b: int,
    tables: Any,
) -> bool:
    """Overlap: any of the limits holds."""
    for index in range(first, first + count):
        if within(limits[index], block, a, slot_a, at_a, b, slot_b, at_b, tables):
            return True
    return False


@compiled
def charge_masks(block: Any, kind: Any, at: int) -> tuple[int, int]:
    """Slots with a valid positive, and a valid negative charge."""
    positive = negative = 0
    for slot in range(kind[0]):
        code = block[kind[CHARGE_ROW] + slot, at]
        if code == 2:
            positive |= 1 << slot
        elif code == 3:
            negative |= 1 << slot
    return positive, negative


@compiled
def bits(mask: int) -> int:
    """Number of set bits."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@compiled
def distinct(masks: Any, legs: int) -> bool:
    """Can every leg be given an object of its own? Hall: any k legs together offer at least k objects."""
    for chosen in range(1, 1 << legs):
        union = 0
        for leg in range(legs):
            if chosen >> leg & 1:
                union |= masks[leg]
        if bits(union) < bits(chosen):
            return False
    return True


@compiled
def charged(masks: Any, legs: int, rule: int, positive: int, negative: int) -> bool:
    """Distinct objects with like signs (all valid and equal) or opposite signs (all valid, not all equal)."""
    signed = np.empty(4, np.int64)
    last = (1 << legs) - 1
    for signs in range(last + 1):
        alike = signs in (0, last)
        if alike != (rule == LIKE_SIGN):
            continue
        for leg in range(legs):
            signed[leg] = masks[leg] & (positive if signs >> leg & 1 else negative)
        if distinct(signed, legs):
            return True
    return False


@compiled
def pair_charge(rule: int, first: int, second: int) -> bool:
    """Charge rule on the codes of two muons; 2 and 3 are valid."""
    if rule == 0:
        return True
    if first < 2 or second < 2:
        return False
    return (first == second) == (rule == LIKE_SIGN)
