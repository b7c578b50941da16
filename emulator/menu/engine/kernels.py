"""Block kernels: a plan evaluated over blocks of crossings that stay in the second-level cache.

Masks hold one bit per slot (at most 16) and are computed for all crossings of a block at once, 16 bits a
lane; only crossings in which every leg of a correlation found an object are looked at one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.jit import kernel
from l1forge.emulator.menu.compiled import EXTERNALS
from l1forge.emulator.menu.engine.arrays import Fields, Flags, Masks, Words
from l1forge.emulator.menu.engine.plan import (
    ALIKE,
    AND,
    ANY,
    BX0,
    BX1,
    DISTINCT,
    EXTERNAL,
    KIND,
    LEG0,
    LEG1,
    LEG2,
    LEGS,
    LOWER,
    NOT,
    OR,
    ORM_BX,
    ORM_LEG,
    PAIR,
    ROW,
    UPPER,
    WIDE,
    Integers,
)
from l1forge.emulator.menu.engine.plan_tables import PlanTables
from l1forge.emulator.menu.engine.rows import gather, pick, pick_needed
from l1forge.emulator.menu.engine.single_crossing import MOST_SLOTS, search
from l1forge.emulator.menu.engine.vector_lanes import LANES, slots_within

EXTERNAL_WORDS = EXTERNALS // 64

BLOCK = 256
"""Crossings evaluated together."""


@kernel
def atom_masks(atoms: Integers, windows: Integers, block: Fields, width: int, masks: Masks) -> None:
    """masks[atom, e]: bit s is set if the field of slot s lies in one of the atom's windows."""
    for atom in range(atoms.shape[0]):
        row, slots, first, count = atoms[atom, 0], atoms[atom, 1], atoms[atom, 2], atoms[atom, 3]
        mask = masks[atom]
        mask[:] = 0
        for window in range(first, first + count):
            low, span = windows[window, 0], windows[window, 1] - windows[window, 0]
            for at in range(0, width, LANES):
                slots_within(block[row : row + slots], at, low, span, mask)


@kernel
def requirement_masks(
    requirements: Integers, members: Integers, atom_mask: Masks, width: int, masks: Masks
) -> None:
    """masks[requirement, e]: slots in which all atoms hold."""
    for requirement in range(requirements.shape[0]):
        first, count = requirements[requirement, 0], requirements[requirement, 1]
        slots = np.uint16(requirements[requirement, 2])
        mask, source = masks[requirement], atom_mask[members[first]]
        for e in range(width):
            mask[e] = np.uint16(source[e] & slots)
        for member in range(first + 1, first + count):
            source = atom_mask[members[member]]
            for e in range(width):
                mask[e] = np.uint16(mask[e] & source[e])


@kernel
def _several(union: np.uint16) -> bool:
    """At least two bits set."""
    return bool(np.uint16(union & np.uint16(union - np.uint16(1))) != np.uint16(0))


@kernel
def distinct_two(a: Masks, b: Masks, width: int, out: Flags) -> None:
    """Whether two different objects can be chosen, one from each mask of slots."""
    for e in range(width):
        out[e] = (a[e] != np.uint16(0)) & (b[e] != np.uint16(0)) & _several(np.uint16(a[e] | b[e]))


@kernel
def distinct_three(a: Masks, b: Masks, c: Masks, width: int, out: Flags) -> None:
    """Whether three different objects can be chosen, one from each mask of slots."""
    for e in range(width):
        ab, ac, bc = np.uint16(a[e] | b[e]), np.uint16(a[e] | c[e]), np.uint16(b[e] | c[e])
        everything = np.uint16(ab | c[e])
        without_lowest = np.uint16(everything & np.uint16(everything - np.uint16(1)))
        nonzero = (a[e] != np.uint16(0)) & (b[e] != np.uint16(0)) & (c[e] != np.uint16(0))
        # Hall's theorem: three can be chosen if any k of the masks together have at least k slots
        out[e] = nonzero & _several(ab) & _several(ac) & _several(bc) & _several(without_lowest)


def workspace(rows: int, tables: PlanTables, wide_rows: int, halo: int) -> tuple[NDArray[Any], ...]:
    """Buffers of one thread for ``run``."""
    full = -(-(BLOCK + 2 * halo) // LANES) * LANES
    conditions, sheets, matrices = len(tables.conditions), len(tables.sheets), len(tables.matrices)
    return (
        np.zeros((rows, full), np.int16),
        np.zeros((EXTERNAL_WORDS, full), np.uint64),
        np.zeros((wide_rows, full), np.int64),
        np.zeros((len(tables.atoms), full), np.uint16),
        np.zeros((len(tables.requirements), full), np.uint16),
        np.zeros((len(tables.unions), full), np.uint16),
        np.zeros((conditions + len(tables.gates), BLOCK), np.uint8),
        np.zeros((sheets, MOST_SLOTS, MOST_SLOTS), np.int64),
        np.zeros((matrices, MOST_SLOTS), np.int64),
        np.zeros(sheets, np.int64),
        np.zeros(matrices, np.int64),
        np.zeros((2, BLOCK), np.uint8),
        np.zeros(BLOCK, np.int64),
    )


@kernel
def by_masks(condition: Integers) -> bool:
    """Do masks alone decide this condition of objects?"""
    return bool(condition[KIND] == ANY or (condition[KIND] == DISTINCT and condition[LEGS] < 4))


@kernel
def mask_condition(condition: Integers, masks: Masks, halo: int, width: int, out: Flags) -> None:
    """One leg, or two or three distinct objects of one type."""
    at = halo + condition[BX0]
    a = masks[condition[LEG0]][at:]
    if condition[LEGS] == 1:
        for e in range(width):
            out[e] = a[e] != np.uint16(0)
    elif condition[LEGS] == 2:
        distinct_two(a, masks[condition[LEG1]][at:], width, out)
    else:
        distinct_three(a, masks[condition[LEG1]][at:], masks[condition[LEG2]][at:], width, out)


@kernel
def candidates(condition: Integers, masks: Masks, halo: int, width: int, out: Flags) -> None:
    """out[e] = 1 where the masks allow the condition: every leg has an object, of its own if alike."""
    if condition[ALIKE]:
        mask_condition(condition, masks, halo, width, out)
        first = 3
    else:
        mask = masks[condition[LEG0]][halo + condition[BX0] :]
        for e in range(width):
            out[e] = mask[e] != np.uint16(0)
        first = 1
    for leg in range(first, condition[LEGS]):
        bx = condition[BX1] if condition[KIND] == PAIR else condition[BX0]
        mask = masks[condition[LEG0 + leg]][halo + bx :]
        for e in range(width):
            out[e] &= mask[e] != np.uint16(0)
    if condition[ORM_LEG] >= 0:
        mask = masks[condition[ORM_LEG]][halo + condition[ORM_BX] :]
        for e in range(width):
            out[e] &= mask[e] != np.uint16(0)


@kernel
def external_condition(condition: Integers, external: Words, halo: int, width: int, out: Flags) -> None:
    """The external bit itself."""
    word, bit = external[condition[ROW] >> 6][halo + condition[BX0] :], np.uint64(condition[ROW] & 63)
    for e in range(width):
        out[e] = (word[e] >> bit) & np.uint64(1)


@kernel
def wide_condition(
    condition: Integers, wide: Integers, wide_rows: Integers, halo: int, width: int, out: Flags
) -> None:
    """A score (of any object) within its limits."""
    out[:width] = 0
    first, lower, upper = wide_rows[condition[ROW], 0], condition[LOWER], condition[UPPER]
    for row in range(first, first + wide_rows[condition[ROW], 1]):
        values = wide[row][halo + condition[BX0] :]
        for e in range(width):
            out[e] |= lower <= values[e] <= upper


@kernel
def leave_guarded(
    guarded: Integers, uses: Integers, guards: Integers, width: int, flags: Flags, values: Flags
) -> None:
    """No candidates of a condition where every use of it has a guard that fails."""
    needed, use = flags[0], flags[1]
    for index in range(guarded.shape[0]):
        needed[:width] = 0
        for number in range(guarded[index, 1], guarded[index, 1] + guarded[index, 2]):
            use[:width] = 1
            for guard in range(uses[number, 0], uses[number, 0] + uses[number, 1]):
                value = values[guards[guard]]
                for e in range(width):
                    use[e] &= value[e]
            for e in range(width):
                needed[e] |= use[e]
        candidate = values[guarded[index, 0]]
        for e in range(width):
            candidate[e] &= needed[e]


@kernel
def gate(operator: int, a: Flags, b: Flags, width: int, out: Flags) -> None:
    """Boolean gates on bytes that are 0 or 1."""
    if operator == NOT:
        for e in range(width):
            out[e] = a[e] ^ np.uint8(1)
    elif operator == AND:
        for e in range(width):
            out[e] = a[e] & b[e]
    elif operator == OR:
        for e in range(width):
            out[e] = a[e] | b[e]
    else:
        for e in range(width):
            out[e] = a[e] ^ b[e]


@kernel
def pack(value: Flags, index: int, width: int, words: Words) -> None:
    """Set bit ``index`` of the 512 where ``value`` is 1."""
    word, bit = words[index >> 6], np.uint64(index & 63)
    for e in range(width):
        word[e] |= np.uint64(value[e]) << bit


@kernel
def union_masks(unions: Integers, members: Integers, masks: Masks, width: int, out: Masks) -> None:
    """out[union, e]: slots that some requirement of the union accepts."""
    for union in range(unions.shape[0]):
        target = out[union]
        target[:width] = 0
        for index in range(unions[union, 0], unions[union, 0] + unions[union, 1]):
            source = masks[members[index]]
            for e in range(width):
                target[e] = np.uint16(target[e] | source[e])


@kernel
def run(
    inputs: tuple[Integers, ...],
    n: int,
    start: int,
    stop: int,
    halo: int,
    wrap: bool,
    places: Integers,
    needed: Integers,
    tables: tuple[Integers, ...],
    flat: Integers,
    work: tuple[NDArray[Any], ...],
    out: Words,
) -> None:
    """Evaluate crossings ``start .. stop``; ``out`` is (8, stop - start) uint64, all zero.

    ``inputs`` are addresses of rows of ``n`` crossings: int16 fields, uint64 externals, int64 wide values.
    If ``places`` is not empty, crossing i is number ``places[i]`` of the rows of fields and externals (wide
    values come already picked), and column j is read if bit j of ``needed[i]`` is set; no halo then.
    """
    addresses, external_addresses, wide_addresses = inputs
    (atoms, windows, requirements, members, unions, union_members, sheets, matrices, chosen) = tables[:9]
    (conditions, gates, outputs, wide_rows, searched, guarded, uses, guards, columns) = tables[9:]
    block, external, wide, atom_mask, masks, union_mask, values = work[:7]
    pair_values, good, sheet_stamp, matrix_stamp, flags, chosen_places = work[7:]
    for begin in range(start, stop, BLOCK):
        width = min(BLOCK, stop - begin)
        if places.shape[0] > 0:
            here, needs = places[begin : begin + width], needed[begin : begin + width]
            pick_needed(addresses, columns, here, needs, chosen_places, block)
            pick(external_addresses, here, external)
        else:
            gather(addresses, n, begin, width, halo, wrap, block)
            gather(external_addresses, n, begin, width, halo, wrap, external)
        gather(wide_addresses, n, begin, width, halo, wrap, wide)
        atom_masks(atoms, windows, block, width + 2 * halo, atom_mask)
        requirement_masks(requirements, members, atom_mask, width + 2 * halo, masks)
        union_masks(unions, union_members, masks, width + 2 * halo, union_mask)
        for index in range(conditions.shape[0]):
            condition, value = conditions[index], values[index]
            kind = condition[KIND]
            if kind == EXTERNAL:
                external_condition(condition, external, halo, width, value)
            elif kind == WIDE:
                wide_condition(condition, wide, wide_rows, halo, width, value)
            elif by_masks(condition):
                mask_condition(condition, masks, halo, width, value)
            else:
                candidates(condition, masks, halo, width, value)
        leave_guarded(guarded, uses, guards, width, flags, values)
        search(
            searched,
            conditions,
            chosen,
            sheets,
            matrices,
            masks,
            union_mask,
            block,
            halo,
            width,
            flat,
            pair_values,
            good,
            sheet_stamp,
            matrix_stamp,
            values,
        )
        first = conditions.shape[0]
        for index in range(gates.shape[0]):
            gate(
                gates[index, 0],
                values[gates[index, 1]],
                values[gates[index, 2]],
                width,
                values[first + index],
            )
        words = out[:, begin - start : begin - start + width]
        for index in range(outputs.shape[0]):
            pack(values[outputs[index, 1]], outputs[index, 0], width, words)
