"""Decisions about single crossings, for conditions that masks alone cannot decide.

``condition`` is a row number of the plan's table, ``centre`` the crossing's position in the block.
Matrices are made when the first condition asks for one, once per crossing.
"""

from __future__ import annotations

from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.jit import kernel
from l1forge.emulator.menu.engine.arrays import Fields, Flags, Masks
from l1forge.emulator.menu.engine.pairs import fill_matrix, fill_sheet
from l1forge.emulator.menu.engine.plan import (
    BX0,
    BX1,
    CHARGE,
    CHARGES,
    CLEAR,
    KIND,
    LEG0,
    LEG1,
    LEG2,
    LEGS,
    LOWER,
    MATRICES,
    MATRIX,
    NEEDED,
    NEEDS,
    NEGATIVES,
    NONE,
    ORM_A,
    ORM_B,
    ORM_BX,
    ORM_COUNT,
    ORM_LEG,
    PAIR,
    POSITIVES,
    SHEET,
    TRIPLE,
    UPPER,
    VETO,
    Integers,
)

MOST_SLOTS = max(collection.slots for collection in COLLECTIONS.values())
LIKE_SIGN = CHARGES.index("ls")


@kernel
def bits(mask: int) -> int:
    """Number of set bits."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@kernel
def distinct(a: int, b: int, c: int, d: int, legs: int) -> bool:
    """Can every leg be given an object of its own? Hall: any k legs together offer at least k objects."""
    for chosen in range(1, 1 << legs):
        union = a if chosen & 1 else 0
        union |= b if chosen & 2 else 0
        union |= c if chosen & 4 else 0
        union |= d if chosen & 8 else 0
        if bits(union) < bits(chosen):
            return False
    return True


@kernel
def charged(a: int, b: int, c: int, d: int, legs: int, rule: int, positive: int, negative: int) -> bool:
    """Distinct objects with like signs (all valid and equal) or opposite signs (all valid, not all equal)."""
    # every assignment of signs to the legs is tried: legs share objects, so signs cannot be chosen leg by leg
    last = (1 << legs) - 1
    for signs in range(last + 1):
        alike = signs in (0, last)
        if alike != (rule == LIKE_SIGN):
            continue
        if distinct(
            a & (positive if signs & 1 else negative),
            b & (positive if signs & 2 else negative),
            c & (positive if signs & 4 else negative),
            d & (positive if signs & 8 else negative),
            legs,
        ):
            return True
    return False


@kernel
def leg_mask(conditions: Integers, condition: int, leg: int, masks: Masks, at: int) -> int:
    """Slots of a leg, 0 if the condition has no such leg."""
    if leg >= conditions[condition, LEGS]:
        return 0
    return int(masks[conditions[condition, LEG0 + leg], at])


@kernel
def search_legs(conditions: Integers, condition: int, masks: Masks, centre: int) -> bool:
    """Distinct legs, with or without a charge correlation."""
    at = centre + conditions[condition, BX0]
    a, b = leg_mask(conditions, condition, 0, masks, at), leg_mask(conditions, condition, 1, masks, at)
    c, d = leg_mask(conditions, condition, 2, masks, at), leg_mask(conditions, condition, 3, masks, at)
    return assigned(conditions, condition, a, b, c, d, masks, at)


@kernel
def assigned(
    conditions: Integers, condition: int, a: int, b: int, c: int, d: int, masks: Masks, at: int
) -> bool:
    """Can every leg be given an object of its own, with charges by the condition's rule if it has one?"""
    legs, rule = conditions[condition, LEGS], conditions[condition, CHARGE]
    if not rule:
        return distinct(a, b, c, d, legs)
    positive = int(masks[conditions[condition, POSITIVES], at])
    negative = int(masks[conditions[condition, NEGATIVES], at])
    return charged(a, b, c, d, legs, rule, positive, negative)


@kernel
def any_row(chosen: Integers, first: int, count: int, slot: int, good: Integers) -> int:
    """OR of one row of several matrices."""
    row = 0
    for index in range(first, first + count):
        row |= good[chosen[index], slot]
    return row


@kernel
def touched(chosen: Integers, first: int, count: int, thirds: int, good: Integers) -> int:
    """Objects that overlap with any of the reference objects ``thirds``."""
    row = 0
    for third in range(MOST_SLOTS):
        if thirds >> third & 1:
            row |= any_row(chosen, first, count, third, good)
    return row


@kernel
def search_clear(
    conditions: Integers, condition: int, chosen: Integers, masks: Masks, centre: int, good: Integers
) -> bool:
    """comb_orm: distinct legs, and a reference object that overlaps with none of them.

    With VETO no reference object may overlap with a leg; that there is one, ``candidates`` has checked.
    """
    at = centre + conditions[condition, BX0]
    a, b = leg_mask(conditions, condition, 0, masks, at), leg_mask(conditions, condition, 1, masks, at)
    c, d = leg_mask(conditions, condition, 2, masks, at), leg_mask(conditions, condition, 3, masks, at)
    thirds = int(masks[conditions[condition, ORM_LEG], centre + conditions[condition, ORM_BX]])
    first, count = conditions[condition, ORM_A], conditions[condition, ORM_COUNT]
    if conditions[condition, VETO]:
        free = ~touched(chosen, first, count, thirds, good)
        return assigned(conditions, condition, a & free, b & free, c & free, d & free, masks, at)
    for third in range(MOST_SLOTS):
        if thirds >> third & 1:
            clear = ~any_row(chosen, first, count, third, good)
            if assigned(conditions, condition, a & clear, b & clear, c & clear, d & clear, masks, at):
                return True
    return False


@kernel
def search_pair(
    conditions: Integers, condition: int, chosen: Integers, masks: Masks, centre: int, good: Integers
) -> bool:
    """All limits, the charge rule and the absence of overlap on one and the same pair."""
    at = centre + conditions[condition, BX0]
    mask_a = int(masks[conditions[condition, LEG0], at])
    all_b = int(masks[conditions[condition, LEG1], centre + conditions[condition, BX1]])
    first = conditions[condition, MATRIX]
    last = first + conditions[condition, MATRICES]
    orm, orm_count = conditions[condition, ORM_A], conditions[condition, ORM_COUNT]
    third = conditions[condition, ORM_LEG]
    for i in range(MOST_SLOTS):
        if not mask_a >> i & 1:
            continue
        mask_b = all_b
        for index in range(first, last):
            mask_b &= good[chosen[index], i]
        if mask_b and conditions[condition, CHARGE]:
            mask_b &= _partners(conditions, condition, masks, centre, i)
        if mask_b and orm_count and third == NONE:
            mask_b &= ~any_row(chosen, orm, orm_count, i, good)
        if mask_b and (
            third == NONE or _clear_third(conditions, condition, chosen, masks, centre, i, mask_b, good)
        ):
            return True
    return False


@kernel
def _partners(conditions: Integers, condition: int, masks: Masks, centre: int, i: int) -> int:
    """Slots whose charge goes with that of muon ``i``; both must be valid."""
    positives, negatives = conditions[condition, POSITIVES], conditions[condition, NEGATIVES]
    at, other = centre + conditions[condition, BX0], centre + conditions[condition, BX1]
    like = conditions[condition, CHARGE] == LIKE_SIGN
    if masks[positives, at] >> i & 1:
        return int(masks[positives if like else negatives, other])
    if masks[negatives, at] >> i & 1:
        return int(masks[negatives if like else positives, other])
    return 0


@kernel
def _clear_third(
    conditions: Integers,
    condition: int,
    chosen: Integers,
    masks: Masks,
    centre: int,
    i: int,
    mask_b: int,
    good: Integers,
) -> bool:
    """Is there a third object that overlaps neither with ``i`` nor with one of ``mask_b``?

    With VETO: one of ``mask_b`` that, like ``i``, overlaps with no third object.
    """
    thirds = int(masks[conditions[condition, ORM_LEG], centre + conditions[condition, ORM_BX]])
    count = conditions[condition, ORM_COUNT]
    if conditions[condition, VETO]:
        if touched(chosen, conditions[condition, ORM_A], count, thirds, good) & (1 << i):
            return False
        return mask_b & ~touched(chosen, conditions[condition, ORM_B], count, thirds, good) != 0
    for third in range(MOST_SLOTS):
        if not thirds >> third & 1:
            continue
        if any_row(chosen, conditions[condition, ORM_A], count, third, good) >> i & 1:
            continue
        if mask_b & ~any_row(chosen, conditions[condition, ORM_B], count, third, good):
            return True
    return False


@kernel
def search_triple(conditions: Integers, condition: int, masks: Masks, centre: int, values: Integers) -> bool:
    """Three distinct objects with limits on the sum of their pair masses."""
    # the sum is symmetric, but the legs are not: all orders of the three objects must be tried
    at, sheet = centre + conditions[condition, BX0], conditions[condition, SHEET]
    mask_i, mask_j = int(masks[conditions[condition, LEG0], at]), int(masks[conditions[condition, LEG1], at])
    mask_k = int(masks[conditions[condition, LEG2], at])
    rule, positive, negative = conditions[condition, CHARGE], 0, 0
    if rule:
        positive = int(masks[conditions[condition, POSITIVES], at])
        negative = int(masks[conditions[condition, NEGATIVES], at])
    for i in range(MOST_SLOTS):
        for j in range(MOST_SLOTS):
            if i == j or not (mask_i >> i & 1 and mask_j >> j & 1):
                continue
            for k in range(MOST_SLOTS):
                if k in (i, j) or not mask_k >> k & 1:
                    continue
                if rule and not charged(1 << i, 1 << j, 1 << k, 0, 3, rule, positive, negative):
                    continue
                total = values[sheet, i, j] + values[sheet, i, k] + values[sheet, j, k]
                if conditions[condition, LOWER] <= total <= conditions[condition, UPPER]:
                    return True
    return False


@kernel
def search(
    searched: Integers,
    conditions: Integers,
    chosen: Integers,
    sheets: Integers,
    matrices: Integers,
    masks: Masks,
    unions: Masks,
    block: Fields,
    halo: int,
    width: int,
    flat: Integers,
    values: Integers,
    good: Integers,
    sheet_stamp: Integers,
    matrix_stamp: Integers,
    out: Flags,
) -> None:
    """Decide the conditions ``searched`` where out[condition, e] is 1: every leg has a candidate there."""
    # stamps hold the crossing for which a matrix was filled; old ones would pass for those of this block
    sheet_stamp[:] = NONE
    matrix_stamp[:] = NONE
    for e in range(width):
        centre = e + halo
        for index in range(searched.shape[0]):
            condition = searched[index]
            if out[condition, e] == 0:
                continue
            kind = conditions[condition, KIND]
            first = conditions[condition, NEEDS]
            for need in range(first, first + conditions[condition, NEEDED]):
                matrix = chosen[need]
                if matrix_stamp[matrix] == centre:
                    continue
                sheet = matrices[matrix, 0]
                if sheet_stamp[sheet] != centre:
                    fill_sheet(sheets, sheet, block, unions, centre, flat, values)
                    sheet_stamp[sheet] = centre
                fill_matrix(sheets, matrices, matrix, unions, centre, values, good)
                matrix_stamp[matrix] = centre
            if kind == PAIR:
                out[condition, e] = search_pair(conditions, condition, chosen, masks, centre, good)
            elif kind == CLEAR:
                out[condition, e] = search_clear(conditions, condition, chosen, masks, centre, good)
            elif kind == TRIPLE:
                sheet = conditions[condition, SHEET]
                if sheet_stamp[sheet] != centre:
                    fill_sheet(sheets, sheet, block, unions, centre, flat, values)
                    sheet_stamp[sheet] = centre
                out[condition, e] = search_triple(conditions, condition, masks, centre, values)
            else:
                out[condition, e] = search_legs(conditions, condition, masks, centre)
