"""Block kernels: a plan evaluated over blocks of crossings that stay in the second-level cache.

Masks hold one bit per slot (at most 16) and are computed for all crossings of a block at once, 16 bits a
lane; only crossings in which every leg of a correlation found an object are looked at one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from emulator.jit import compiled
from emulator.menu.plan import (
    AND,
    ANY,
    BX0,
    DISTINCT,
    EXTERNAL,
    KIND,
    LEG0,
    LEGS,
    LOWER,
    NOT,
    OR,
    ROW,
    UPPER,
    WIDE,
)
from emulator.menu.searches import search

BLOCK = 256
"""Crossings evaluated together."""


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(_context: Any, address: Any) -> Any:
    """An integer address as a pointer: any number of columns without a kernel per number of columns."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), generate


@compiled
def gather(addresses: Any, n: int, start: int, width: int, halo: int, wrap: bool, out: Any) -> None:
    """Copy rows of crossings ``start - halo .. start + width + halo``; outside the data: wrap, or zeros."""
    for row in range(addresses.shape[0]):
        source = carray(_pointer(addresses[row]), n, out.dtype)
        target = out[row]
        first, last = start - halo, start + width + halo
        inner_first, inner_last = max(first, 0), min(last, n)
        for position in range(inner_first, inner_last):
            target[position - first] = source[position]
        for position in range(first, inner_first):
            target[position - first] = source[(position + n) % n] if wrap else 0
        for position in range(inner_last, last):
            target[position - first] = source[position % n] if wrap else 0


@compiled
def atom_masks(atoms: Any, windows: Any, block: Any, width: int, masks: Any) -> None:
    """masks[atom, e]: bit s is set if the field of slot s lies in one of the atom's windows."""
    for atom in range(atoms.shape[0]):
        row, slots, first, count = atoms[atom, 0], atoms[atom, 1], atoms[atom, 2], atoms[atom, 3]
        mask = masks[atom]
        mask[:width] = 0
        for slot in range(slots):
            values = block[row + slot]
            bit = np.uint16(1 << slot)
            for window in range(first, first + count):
                low = np.int16(windows[window, 0])
                span = np.uint16(windows[window, 1] - windows[window, 0])
                for e in range(width):
                    inside = np.uint16(values[e] - low) <= span
                    mask[e] |= bit if inside else np.uint16(0)


@compiled
def requirement_masks(requirements: Any, members: Any, atom_mask: Any, width: int, masks: Any) -> None:
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


@compiled
def _several(union: Any) -> bool:
    """At least two bits set."""
    return np.uint16(union & np.uint16(union - np.uint16(1))) != np.uint16(0)


@compiled
def distinct_two(a: Any, b: Any, width: int, out: Any) -> None:
    for e in range(width):
        out[e] = (a[e] != np.uint16(0)) & (b[e] != np.uint16(0)) & _several(np.uint16(a[e] | b[e]))


@compiled
def distinct_three(a: Any, b: Any, c: Any, width: int, out: Any) -> None:
    for e in range(width):
        ab, ac, bc = np.uint16(a[e] | b[e]), np.uint16(a[e] | c[e]), np.uint16(b[e] | c[e])
        everything = np.uint16(ab | c[e])
        without_lowest = np.uint16(everything & np.uint16(everything - np.uint16(1)))
        nonzero = (a[e] != np.uint16(0)) & (b[e] != np.uint16(0)) & (c[e] != np.uint16(0))
        out[e] = nonzero & _several(ab) & _several(ac) & _several(bc) & _several(without_lowest)


@compiled
def one_condition(
    condition: Any,
    block: Any,
    masks: Any,
    external: Any,
    wide: Any,
    wide_rows: Any,
    halo: int,
    width: int,
    data: Any,
    out: Any,
) -> None:
    """out[e] = 1 where the condition holds."""
    kind, at = condition[KIND], halo + condition[BX0]
    if kind == ANY:
        mask = masks[condition[LEG0]][at:]
        for e in range(width):
            out[e] = mask[e] != np.uint16(0)
    elif kind == DISTINCT and condition[LEGS] == 2:
        distinct_two(masks[condition[LEG0]][at:], masks[condition[LEG0 + 1]][at:], width, out)
    elif kind == DISTINCT and condition[LEGS] == 3:
        distinct_three(
            masks[condition[LEG0]][at:],
            masks[condition[LEG0 + 1]][at:],
            masks[condition[LEG0 + 2]][at:],
            width,
            out,
        )
    elif kind == EXTERNAL:
        word, bit = external[condition[ROW] >> 6][at:], np.uint64(condition[ROW] & 63)
        for e in range(width):
            out[e] = (word[e] >> bit) & np.uint64(1)
    elif kind == WIDE:
        out[:width] = 0
        first = wide_rows[condition[ROW], 0]
        for row in range(first, first + wide_rows[condition[ROW], 1]):
            values = wide[row][at:]
            for e in range(width):
                out[e] |= condition[LOWER] <= values[e] <= condition[UPPER]
    else:
        search(condition, masks, block, halo, width, data, out)


@compiled
def gate(operator: int, a: Any, b: Any, width: int, out: Any) -> None:
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


@compiled
def pack(value: Any, index: int, width: int, words: Any) -> None:
    """Set bit ``index`` of the 512 where ``value`` is 1."""
    word, bit = words[index >> 6], np.uint64(index & 63)
    for e in range(width):
        word[e] |= np.uint64(value[e]) << bit


@compiled
def run(
    inputs: Any, n: int, start: int, stop: int, halo: int, wrap: bool, arrays: Any, tables: Any, out: Any
) -> None:
    """Evaluate crossings ``start .. stop``; ``out`` is (8, stop - start) uint64, all zero.

    ``inputs`` are addresses of rows of ``n`` crossings: int16 fields, uint64 externals, int64 wide values.
    """
    addresses, external_addresses, wide_addresses = inputs
    atoms, windows, requirements, members, objects, conditions, limits, gates, outputs, wide_rows = arrays
    full = BLOCK + 2 * halo
    block = np.zeros((max(1, addresses.shape[0]), full), np.int16)
    external = np.zeros((max(1, external_addresses.shape[0]), full), np.uint64)
    wide = np.zeros((max(1, wide_addresses.shape[0]), full), np.int64)
    atom_mask = np.zeros((max(1, atoms.shape[0]), full), np.uint16)
    masks = np.zeros((max(1, requirements.shape[0]), full), np.uint16)
    values = np.zeros((conditions.shape[0] + gates.shape[0], BLOCK), np.uint8)
    data = objects, limits, tables
    for begin in range(start, stop, BLOCK):
        width = min(BLOCK, stop - begin)
        gather(addresses, n, begin, width, halo, wrap, block)
        gather(external_addresses, n, begin, width, halo, wrap, external)
        gather(wide_addresses, n, begin, width, halo, wrap, wide)
        atom_masks(atoms, windows, block, width + 2 * halo, atom_mask)
        requirement_masks(requirements, members, atom_mask, width + 2 * halo, masks)
        for index in range(conditions.shape[0]):
            one_condition(
                conditions[index], block, masks, external, wide, wide_rows, halo, width, data, values[index]
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
