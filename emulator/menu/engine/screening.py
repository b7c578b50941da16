"""The search for crossings that may fire: clauses of a ``Screen`` on LANES crossings at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.jit import kernel
from l1forge.emulator.menu.engine.arrays import Fields, Words
from l1forge.emulator.menu.engine.plan import Integers
from l1forge.emulator.menu.engine.rows import load
from l1forge.emulator.menu.engine.screen import Screen
from l1forge.emulator.menu.engine.vector_lanes import LANES, at_least, flag_lanes, lowest_bit, two_largest

_ALL = np.uint64((1 << LANES) - 1)


def screen_buffers(screen: Screen) -> tuple[NDArray[np.int16], NDArray[np.uint64]]:
    """Work space of one thread for ``find``: values of every quantity, lanes of every clause."""
    quantities = 2 * len(screen.columns) + len(screen.flags)
    return np.empty((quantities, LANES), np.int16), np.empty(len(screen.needs), np.uint64)


@kernel
def _few(addresses: Integers, at: int, width: int, first: Fields, second: Fields) -> None:
    """``two_largest`` of the last ``width`` crossings, where a whole vector would be read beyond the rows."""
    for e in range(width):
        first[e] = load(addresses[0], at + e, first)
        second[e] = -32768
        for slot in range(1, addresses.shape[0]):
            value = load(addresses[slot], at + e, first)
            second[e] = max(second[e], min(first[e], value))
            first[e] = max(first[e], value)


@kernel
def _found(tests: Integers, values: Fields, held: Words) -> Any:
    """Lanes in which all tests of some clause hold, as bits; ``held``: those of each clause. No branches."""
    holds, found, clause = _ALL, np.uint64(0), 0
    for number in range(tests.shape[0]):
        holds &= at_least(values[tests[number, 0]], tests[number, 1])
        last = np.uint64(tests[number, 2])
        held[clause] = holds
        clause -= tests[number, 2]
        found |= holds & last
        holds |= last
    return found


@kernel
def _needs(held: Words, needs: Integers, lane: int) -> int:
    """Columns of the algorithms that may fire in one lane."""
    needed = 0
    for clause in range(needs.shape[0]):
        needed |= needs[clause] & -np.int64(held[clause] >> np.uint64(lane) & np.uint64(1))
    return needed


@kernel
def find(
    addresses: Integers,
    flags: Integers,
    start: int,
    stop: int,
    columns: Integers,
    tests: Integers,
    needs: Integers,
    values: Fields,
    held: Words,
    places: Integers,
    needed: Integers,
) -> int:
    """Crossings of ``start .. stop - 1`` that fulfil a clause, in order, into ``places``; how many.

    ``needed``: the columns of the algorithms that may fire in each. ``flags``: addresses of rows of bytes,
    not zero where a score or an external bit reaches its limit, LANES longer than the crossings.
    """
    size, count = columns.shape[0], 0
    for at in range(start, stop, LANES):
        width = min(LANES, stop - at)
        for column in range(size):
            rows = addresses[columns[column, 0] : columns[column, 0] + columns[column, 1]]
            if width == LANES:
                two_largest(rows, at, values[column], values[size + column])
            else:
                _few(rows, at, width, values[column], values[size + column])
        for flag in range(flags.shape[0]):
            flag_lanes(flags[flag], at, values[2 * size + flag])
        found = _found(tests, values, held)
        found &= _ALL >> np.uint64(LANES - width)
        while found != 0:
            lane = lowest_bit(found)
            places[count] = at + lane
            needed[count] = _needs(held, needs, lane)
            count += 1
            found &= found - np.uint64(1)
    return count
