"""Scalar searches: conditions that need a look at single objects of one crossing.

``condition`` is a row of the plan's table; ``data`` is (object table, limit table, look-up tables).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.jit import compiled
from emulator.menu.pairs import (
    CHARGE_ROW,
    LIKE_SIGN,
    charge_masks,
    charged,
    distinct,
    overlaps,
    pair_charge,
    triple_mass,
    within,
)
from emulator.menu.plan import (
    BX0,
    BX1,
    CHARGE,
    CHARGED,
    CLEAR,
    DISTINCT,
    KIND,
    LEG0,
    LEGS,
    LIMIT,
    LIMITS,
    OBJECT0,
    OBJECT1,
    ORM_BX,
    ORM_LEG,
    ORM_LIMIT,
    ORM_LIMITS,
    ORM_OBJECT,
    PAIR,
    TRIPLE,
)


@compiled
def _clear(condition: Any, leg_masks: Any, masks: Any, block: Any, centre: int, data: Any) -> bool:
    """comb_orm: distinct legs, and a reference object that overlaps with none of them."""
    objects, limits, tables = data
    a, c = objects[condition[OBJECT0]], objects[condition[ORM_OBJECT]]
    at, at_c = centre + condition[BX0], centre + condition[ORM_BX]
    candidates = leg_masks[0] | leg_masks[1] | leg_masks[2] | leg_masks[3]
    left = np.zeros(4, np.int64)
    for third in range(c[0]):
        if not masks[condition[ORM_LEG], at_c] >> third & 1:
            continue
        clear = 0
        for slot in range(a[0]):
            if candidates >> slot & 1 and not overlaps(
                limits,
                condition[ORM_LIMIT],
                condition[ORM_LIMITS],
                block,
                a,
                slot,
                at,
                c,
                third,
                at_c,
                tables,
            ):
                clear |= 1 << slot
        for leg in range(condition[LEGS]):
            left[leg] = leg_masks[leg] & clear
        if distinct(left, condition[LEGS]):
            return True
    return False


@compiled
def _no_overlap(
    condition: Any, i: int, at_a: int, j: int, at_b: int, masks: Any, block: Any, centre: int, data: Any
) -> bool:
    """Of the pair itself, or of some third object with both of them."""
    objects, limits, tables = data
    a, b = objects[condition[OBJECT0]], objects[condition[OBJECT1]]
    first, count = condition[ORM_LIMIT], condition[ORM_LIMITS]
    if condition[ORM_LEG] < 0:
        return not overlaps(limits, first, count, block, a, i, at_a, b, j, at_b, tables)
    c, at_c = objects[condition[ORM_OBJECT]], centre + condition[ORM_BX]
    for k in range(c[0]):
        if not masks[condition[ORM_LEG], at_c] >> k & 1:
            continue
        if overlaps(limits, first, count, block, a, i, at_a, c, k, at_c, tables):
            continue
        if not overlaps(limits, first, count, block, b, j, at_b, c, k, at_c, tables):
            return True
    return False


@compiled
def _pair(condition: Any, leg_masks: Any, masks: Any, block: Any, centre: int, data: Any) -> bool:
    """All limits, the charge rule and the absence of overlap on one and the same pair."""
    objects, limits, tables = data
    a, b = objects[condition[OBJECT0]], objects[condition[OBJECT1]]
    at_a, at_b = centre + condition[BX0], centre + condition[BX1]
    same = condition[OBJECT0] == condition[OBJECT1] and condition[BX0] == condition[BX1]
    # one mask of each leg, slots in both legs: the order of the two objects does not matter then
    symmetric = same and leg_masks[0] == leg_masks[1]
    first, last = condition[LIMIT], condition[LIMIT] + condition[LIMITS]
    for i in range(a[0]):
        if not leg_masks[0] >> i & 1:
            continue
        for j in range(i + 1 if symmetric else 0, b[0]):
            if not leg_masks[1] >> j & 1 or (same and i == j):
                continue
            if condition[CHARGE] and not pair_charge(
                condition[CHARGE], block[a[CHARGE_ROW] + i, at_a], block[b[CHARGE_ROW] + j, at_b]
            ):
                continue
            good = True
            for index in range(first, last):
                if not within(limits[index], block, a, i, at_a, b, j, at_b, tables):
                    good = False
                    break
            if good and condition[ORM_LIMITS]:
                good = _no_overlap(condition, i, at_a, j, at_b, masks, block, centre, data)
            if good:
                return True
    return False


@compiled
def _triple_charge(rule: int, block: Any, a: Any, i: int, j: int, k: int, at: int) -> bool:
    first, second, third = (
        block[a[CHARGE_ROW] + i, at],
        block[a[CHARGE_ROW] + j, at],
        block[a[CHARGE_ROW] + k, at],
    )
    if first < 2 or second < 2 or third < 2:
        return False
    return (first == second and second == third) == (rule == LIKE_SIGN)


@compiled
def _triple_within(
    condition: Any, block: Any, a: Any, i: int, j: int, k: int, at: int, limits: Any, tables: Any
) -> bool:
    total = triple_mass(block, a, i, j, k, at, tables)
    for index in range(condition[LIMIT], condition[LIMIT] + condition[LIMITS]):
        if not limits[index, 1] <= total <= limits[index, 2]:
            return False
    return True


@compiled
def _triple(condition: Any, leg_masks: Any, block: Any, at: int, data: Any) -> bool:
    """Three distinct objects; the measure is the sum over the three pairs."""
    objects, limits, tables = data
    a = objects[condition[OBJECT0]]
    for i in range(a[0]):
        if not leg_masks[0] >> i & 1:
            continue
        for j in range(a[0]):
            if i == j or not leg_masks[1] >> j & 1:
                continue
            for k in range(a[0]):
                if k in (i, j) or not leg_masks[2] >> k & 1:
                    continue
                if condition[CHARGE] and not _triple_charge(condition[CHARGE], block, a, i, j, k, at):
                    continue
                if _triple_within(condition, block, a, i, j, k, at, limits, tables):
                    return True
    return False


@compiled
def search(condition: Any, masks: Any, block: Any, halo: int, width: int, data: Any, out: Any) -> None:
    """Conditions that need a look at single objects, for crossings in which every leg has a candidate."""
    legs, kind = condition[LEGS], condition[KIND]
    leg_masks = np.zeros(4, np.int64)
    second_bx = BX1 if kind == PAIR else BX0
    for e in range(width):
        out[e] = 0
        at = e + halo + condition[BX0]
        leg_masks[0] = masks[condition[LEG0], at]
        if leg_masks[0] == 0:
            continue
        missing = False
        for leg in range(1, legs):
            leg_masks[leg] = masks[condition[LEG0 + leg], e + halo + condition[second_bx]]
            missing |= leg_masks[leg] == 0
        if missing:
            continue
        if kind == DISTINCT:
            out[e] = distinct(leg_masks, legs)
        elif kind == CHARGED:
            positive, negative = charge_masks(block, data[0][condition[OBJECT0]], at)
            out[e] = charged(leg_masks, legs, condition[CHARGE], positive, negative)
        elif kind == CLEAR:
            out[e] = _clear(condition, leg_masks, masks, block, e + halo, data)
        elif kind == PAIR:
            out[e] = _pair(condition, leg_masks, masks, block, e + halo, data)
        elif kind == TRIPLE:
            out[e] = _triple(condition, leg_masks, block, at, data)
