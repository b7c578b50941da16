"""Kernels for pairs of objects: sheets of one measure, and matrices of the pairs within limits.

All integers; every measure is symmetric in its two objects.
"""

from __future__ import annotations

from l1forge.emulator.events.objects import CALO_PHI_BINS, MUON_PHI_BINS
from l1forge.emulator.jit import kernel
from l1forge.emulator.menu.correlation_tables import (
    CALO_DIGITS,
    CALO_TO_MUON,
    FLAT_COS,
    FLAT_COS_PHI,
    FLAT_COSH,
    FLAT_DETA,
    FLAT_DPHI,
    FLAT_INVERSE,
    FLAT_SIN_PHI,
    GEOMETRY_WORDS,
    MUON_DIGITS,
)
from l1forge.emulator.menu.engine.arrays import Fields, Masks
from l1forge.emulator.menu.engine.plan import (
    HIGHEST,
    MEASURES,
    NONE,
    O_BX,
    O_ETA,
    O_MUON,
    O_PHI,
    O_PT,
    O_UNION,
    O_UPT,
    S_A,
    S_ALIKE,
    S_B,
    S_MEASURE,
    S_MUONS,
    Integers,
)

DETA, DPHI, DR2, MASS, MASS_UPT, MASS_TRANSVERSE, MASS_OVER_DR, MASS3, PT2 = range(len(MEASURES))
CALO_HALF, MUON_HALF = CALO_PHI_BINS // 2, MUON_PHI_BINS // 2
CALO_UNIT, MUON_UNIT = 10**CALO_DIGITS, 10**MUON_DIGITS
HALF_BIN = CALO_TO_MUON // 2
CALO_PT_TABLE, MUON_PT_TABLE, MUON_UPT_TABLE = (2 * GEOMETRY_WORDS + i for i in range(3))
INFINITE = HIGHEST
SATURATED = HIGHEST - 1


@kernel
def folded(first: int, second: int, half: int) -> int:
    """|delta phi| in bins, at most ``half``; codes beyond a full turn count on."""
    difference = abs(first - second)
    if difference >= 2 * half:
        difference %= 2 * half
    return difference if difference < half else 2 * half - difference


@kernel
def inverse_dr2(muons: int, eta_a: int, phi_a: int, eta_b: int, phi_b: int, flat: Integers) -> int:
    """1/dR^2; the muon table is addressed with halved indices. 0: infinite."""
    half = CALO_HALF
    if muons:
        half = MUON_HALF >> 1
        eta_a, eta_b, phi_a, phi_b = eta_a >> 1, eta_b >> 1, phi_a >> 1, phi_b >> 1
    row = abs(eta_a - eta_b) * (half + 1)
    return int(flat[flat[muons * GEOMETRY_WORDS + FLAT_INVERSE] + row + folded(phi_a, phi_b, half)])


@kernel
def saturated_product(mass: int, inverse: int) -> int:
    """mass * inverse, which needs more than 63 bits, cut off above every limit that a menu can have."""
    if inverse == 0:
        return INFINITE
    return mass * inverse if mass <= SATURATED // inverse else SATURATED


@kernel
def two_body_pt2(muons: int, pt_a: int, phi_a: int, pt_b: int, phi_b: int, flat: Integers) -> int:
    """pt^2 of the sum of two transverse vectors."""
    turn, unit = (2 * MUON_HALF, MUON_UNIT) if muons else (2 * CALO_HALF, CALO_UNIT)
    cosine = flat[muons * GEOMETRY_WORDS + FLAT_COS_PHI]
    sine = flat[muons * GEOMETRY_WORDS + FLAT_SIN_PHI]
    phi_a, phi_b = phi_a % turn, phi_b % turn
    angle = flat[cosine + phi_a] * flat[cosine + phi_b] + flat[sine + phi_a] * flat[sine + phi_b]
    return int((pt_a * pt_a + pt_b * pt_b) * unit * unit + 2 * pt_a * pt_b * angle)


@kernel
def measure(
    code: int,
    muons: int,
    pt_a: int,
    eta_a: int,
    phi_a: int,
    pt_b: int,
    eta_b: int,
    phi_b: int,
    flat: Integers,
) -> int:
    """One measure of a pair on common bins (``muons``: muon bins)."""
    half, unit = (MUON_HALF, MUON_UNIT) if muons else (CALO_HALF, CALO_UNIT)
    base = muons * GEOMETRY_WORDS
    dphi = folded(phi_a, phi_b, half)
    if code == DPHI:
        return int(flat[flat[base + FLAT_DPHI] + dphi])
    if code == MASS_TRANSVERSE:
        return int(pt_a * pt_b * (unit - flat[flat[base + FLAT_COS] + dphi]))
    if code == PT2:
        return two_body_pt2(muons, pt_a, phi_a, pt_b, phi_b, flat)
    deta = abs(eta_a - eta_b)
    if code == DETA:
        return int(flat[flat[base + FLAT_DETA] + deta])
    if code == DR2:
        in_eta, in_phi = flat[flat[base + FLAT_DETA] + deta], flat[flat[base + FLAT_DPHI] + dphi]
        return int(in_eta * in_eta + in_phi * in_phi)
    mass = pt_a * pt_b * (flat[flat[base + FLAT_COSH] + deta] - flat[flat[base + FLAT_COS] + dphi])
    if code == MASS_OVER_DR:
        return saturated_product(mass, inverse_dr2(muons, eta_a, phi_a, eta_b, phi_b, flat))
    return int(mass)


@kernel
def momentum(
    code: int, muon: int, pt_row: int, upt_row: int, slot: int, at: int, block: Fields, flat: Integers
) -> int:
    """Transverse (for mass_upt: unconstrained) momentum in units of 0.1 GeV."""
    if code == MASS_UPT:
        return int(flat[flat[MUON_UPT_TABLE] + block[upt_row + slot, at]])
    table = flat[MUON_PT_TABLE] if muon else flat[CALO_PT_TABLE]
    return int(flat[table + block[pt_row + slot, at]])


@kernel
def fill_sheet(
    sheets: Integers, sheet: int, block: Fields, unions: Masks, centre: int, flat: Integers, values: Integers
) -> None:
    """values[sheet, i, j] for all objects that take part in a pair; a same-type sheet has no diagonal."""
    code, muons, alike = sheets[sheet, S_MEASURE], sheets[sheet, S_MUONS], sheets[sheet, S_ALIKE]
    muon_a, muon_b = sheets[sheet, S_A + O_MUON], sheets[sheet, S_B + O_MUON]
    pt_a, pt_b = sheets[sheet, S_A + O_PT], sheets[sheet, S_B + O_PT]
    eta_a, eta_b = sheets[sheet, S_A + O_ETA], sheets[sheet, S_B + O_ETA]
    phi_a, phi_b = sheets[sheet, S_A + O_PHI], sheets[sheet, S_B + O_PHI]
    upt_a, upt_b = sheets[sheet, S_A + O_UPT], sheets[sheet, S_B + O_UPT]
    at_a, at_b = centre + sheets[sheet, S_A + O_BX], centre + sheets[sheet, S_B + O_BX]
    scale_a = CALO_TO_MUON if muons and not muon_a else 1
    scale_b = CALO_TO_MUON if muons and not muon_b else 1
    shift_a, shift_b = HALF_BIN if scale_a > 1 else 0, HALF_BIN if scale_b > 1 else 0
    rest_a = int(unions[sheets[sheet, S_A + O_UNION], at_a])
    all_b = int(unions[sheets[sheet, S_B + O_UNION], at_b])
    i = -1
    while rest_a:
        i += 1
        present = rest_a & 1
        rest_a >>= 1
        if not present:
            continue
        p_i = momentum(code, muon_a, pt_a, upt_a, i, at_a, block, flat)
        eta_i = 0 if eta_a == NONE else scale_a * int(block[eta_a + i, at_a]) + shift_a
        phi_i = scale_a * int(block[phi_a + i, at_a]) + shift_a
        j = i if alike else -1  # two objects of one list: each pair once, mirrored below
        rest_b = all_b >> (j + 1)
        while rest_b:
            j += 1
            present = rest_b & 1
            rest_b >>= 1
            if not present:
                continue
            p_j = momentum(code, muon_b, pt_b, upt_b, j, at_b, block, flat)
            eta_j = 0 if eta_b == NONE else scale_b * int(block[eta_b + j, at_b]) + shift_b
            phi_j = scale_b * int(block[phi_b + j, at_b]) + shift_b
            value = measure(code, muons, p_i, eta_i, phi_i, p_j, eta_j, phi_j, flat)
            values[sheet, i, j] = value
            if alike:
                values[sheet, j, i] = value


@kernel
def fill_matrix(
    sheets: Integers,
    matrices: Integers,
    matrix: int,
    unions: Masks,
    centre: int,
    values: Integers,
    good: Integers,
) -> None:
    """good[matrix, i]: bit j is set if the pair (i, j) is within the limits, both ends inclusive."""
    sheet, lower, upper = matrices[matrix, 0], matrices[matrix, 1], matrices[matrix, 2]
    alike = sheets[sheet, S_ALIKE]
    rest_a = int(unions[sheets[sheet, S_A + O_UNION], centre + sheets[sheet, S_A + O_BX]])
    all_b = int(unions[sheets[sheet, S_B + O_UNION], centre + sheets[sheet, S_B + O_BX]])
    i = -1
    while rest_a:
        i += 1
        present = rest_a & 1
        rest_a >>= 1
        if not present:
            continue
        row = 0
        # all slots without a branch; what absent objects left behind is masked out
        for j in range(values.shape[2]):
            inside = lower <= values[sheet, i, j] <= upper
            row |= int(inside) << j
        rest_b = all_b & ~(1 << i) if alike else all_b
        good[matrix, i] = row & rest_b
