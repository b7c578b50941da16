"""Which crossings can fire a menu at all: leading momenta, sums and scores against the lowest thresholds.

Every algorithm is bounded from above by a disjunction of clauses; a clause is a set of lower limits on
quantities of the crossing, such as "leading muon at least 36 counts and second muon at least 1". An object
that passes a leg lies above the leg's threshold, and so does the leading one. Cuts that are left out (eta,
isolation, correlations) only make the bound looser: a crossing that fails all clauses has no algorithm bit,
the others are evaluated. In a zero-bias stream that is one crossing in forty for the default menu.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.events.objects import COLUMNS
from emulator.jit import kernel
from emulator.menu.compiled import Expression
from emulator.menu.plan import (
    ALIKE,
    EXTERNAL,
    KIND,
    LEG0,
    LEGS,
    LOWER,
    LOWEST,
    ORM_LEG,
    ROW,
    WIDE,
    Integers,
    Plan,
    slots_of,
)
from emulator.menu.quantities import OBJECTS
from emulator.menu.rows import copy, load

FIRST, SECOND, SCORE, BIT = range(4)
"""Quantities: largest and second largest of a column's slots; largest of a wide input; external bit."""
Quantity = tuple[int, str]
Clause = Mapping[Quantity, int]
MOST_CLAUSES = 200
STEP = 1024
"""Crossings looked at together."""

_LEADING = {f"{kind.collection}.{kind.transverse}" for kind in OBJECTS.values()}


@dataclass(frozen=True)
class Screen:
    """Clauses as tables. ``columns`` (first row, slots) of FIRST and SECOND, ``flags`` of the others.

    A quantity is numbered first of column 0, 1 .., second of column 0, 1 .., flag 0, 1 ... ``tests``
    (quantity, least value); ``clauses`` (first test, tests).
    """

    columns: Integers
    flags: tuple[tuple[Quantity, int], ...]
    tests: Integers
    clauses: Integers


def make_screen(plan: Plan) -> Screen | None:
    """None if some crossing without objects could fire, or neighbouring crossings matter."""
    if plan.halo:
        return None
    bounds = dict(zip(plan.menu.conditions, (_condition(plan, row) for row in plan.conditions), strict=True))
    clauses: list[Clause] = []
    for algorithm in plan.menu.algorithms:
        clauses = reduced([*clauses, *bound(algorithm.expression, bounds)])
    return None if {} in clauses else _tables(plan, clauses)


def bound(expression: Expression, conditions: Mapping[str, Clause | None]) -> list[Clause]:
    """Clauses one of which holds wherever ``expression`` does; a condition without clause is never true."""
    if isinstance(expression, str):
        clause = conditions[expression]
        return [] if clause is None else [clause]
    if expression[0] == "not":
        return [{}]
    operands = [bound(operand, conditions) for operand in expression[1:]]
    if expression[0] != "and":
        return reduced([clause for operand in operands for clause in operand])
    result: list[Clause] = [{}]
    for operand in operands:
        if len(result) * len(operand) > MOST_CLAUSES:
            continue  # looser, still a bound
        result = reduced([_both(a, b) for a, b in product(result, operand)])
    return result


def reduced(clauses: Iterable[Clause]) -> list[Clause]:
    """Without clauses that imply another one."""
    kept: list[Clause] = []
    for clause in clauses:
        if any(_implies(clause, other) for other in kept):
            continue
        kept = [other for other in kept if not _implies(other, clause)]
        kept.append(clause)
    return kept if len(kept) <= MOST_CLAUSES else [{}]


def _implies(clause: Clause, other: Clause) -> bool:
    return all(clause.get(quantity, LOWEST) >= low for quantity, low in other.items())


def _both(a: Clause, b: Clause) -> Clause:
    return {quantity: max(a.get(quantity, LOWEST), b.get(quantity, LOWEST)) for quantity in {**a, **b}}


def _condition(plan: Plan, row: Sequence[int]) -> Clause | None:
    """Limits that hold wherever a condition does; None if it never does."""
    if row[KIND] == EXTERNAL:
        return {(BIT, str(row[ROW])): 1}
    if row[KIND] == WIDE:
        name = list(plan.wide)[row[ROW]]
        return {} if row[LOWER] == LOWEST else {(SCORE, name): row[LOWER]}
    legs = [_requirement(plan, row[LEG0 + leg]) for leg in range(row[LEGS])]
    reference: Mapping[str, int] | None = _requirement(plan, row[ORM_LEG]) if row[ORM_LEG] >= 0 else {}
    if reference is None:
        return None
    found: dict[str, list[int]] = {}
    for leg in legs:
        if leg is None:
            return None
        for column, low in leg.items():
            found.setdefault(column, []).append(low)
    clause: Clause = {(FIRST, column): max(lows) for column, lows in found.items()}
    if row[ALIKE]:  # every leg has an object of its own
        second = {(SECOND, c): sorted(lows)[-2] for c, lows in found.items() if len(lows) > 1}
        clause = _both(clause, {key: low for key, low in second.items() if slots_of(key[1]) > 1})
    return _both(clause, {(FIRST, column): low for column, low in reference.items()})


def _requirement(plan: Plan, index: int) -> dict[str, int] | None:
    """Column -> least value of an object that passes; None if none does."""
    atoms = list(plan.atoms)
    members = [atoms[member] for member in list(plan.requirements)[index][0]]
    if not all(atom.windows for atom in members):
        return None
    chosen = [atom for atom in members if atom.column in _LEADING or slots_of(atom.column) == 1]
    limits: dict[str, int] = {}
    for atom in chosen or members:
        low = min(window[0] for window in atom.windows)
        if low > COLUMNS[atom.column][1].minimum:
            limits[atom.column] = max(low, limits.get(atom.column, low))
    return limits


def _tables(plan: Plan, clauses: list[Clause]) -> Screen:
    quantities = sorted({quantity for clause in clauses for quantity in clause})
    columns = list(dict.fromkeys(name for kind, name in quantities if kind in (FIRST, SECOND)))
    flags = sorted({(q, low) for clause in clauses for q, low in clause.items() if q[0] in (SCORE, BIT)})
    tests: list[tuple[int, int]] = []
    starts: list[tuple[int, int]] = []
    for clause in clauses:
        starts.append((len(tests), len(clause)))
        for quantity, low in clause.items():
            kind, name = quantity
            if kind in (SCORE, BIT):
                tests.append((2 * len(columns) + flags.index((quantity, low)), 1))
            else:
                tests.append((columns.index(name) + (len(columns) if kind == SECOND else 0), low))
    return Screen(
        np.array([(plan.row(name), slots_of(name)) for name in columns], np.int64).reshape(-1, 2),
        tuple(flags),
        np.array(tests, np.int64).reshape(-1, 2),
        np.array(starts, np.int64).reshape(-1, 2),
    )


def screen_buffers(screen: Screen) -> tuple[NDArray[np.int16], ...]:
    """Work space of one thread for ``find``: a row per quantity, one for a clause, one for the result."""
    quantities = 2 * len(screen.columns) + len(screen.flags)
    return np.zeros((quantities, STEP), np.int16), np.zeros(STEP, np.int16), np.zeros(STEP, np.int16)


@kernel
def _leading(addresses: Any, slots: int, at: int, width: int, first: Any, second: Any) -> None:
    """Largest and second largest of the slots, for ``width`` crossings from ``at``."""
    copy(addresses[0], at, width, first)
    second[:width] = -32768
    for slot in range(1, slots - 1, 2):
        _merge_two(addresses[slot], addresses[slot + 1], at, width, first, second)
    if slots % 2 == 0:
        _merge(addresses[slots - 1], at, width, first, second)


@kernel
def _merge(address: int, at: int, width: int, first: Any, second: Any) -> None:
    for e in range(width):
        value = load(address, at + e, first)
        second[e] = max(second[e], min(first[e], value))
        first[e] = max(first[e], value)


@kernel
def _merge_two(a: int, b: int, at: int, width: int, first: Any, second: Any) -> None:
    """Two slots a pass: with more, LLVM would need too many checks for overlap and give up its vectors."""
    for e in range(width):
        one, two = load(a, at + e, first), load(b, at + e, first)
        high, low = max(one, two), min(one, two)
        second[e] = max(max(second[e], low), min(first[e], high))
        first[e] = max(first[e], high)


@kernel
def _add_clause(values: Any, tests: Any, width: int, holds: Any, found: Any) -> None:
    """``found`` is set to -1 where all tests hold."""
    for number in range(tests.shape[0]):
        quantity, least = values[tests[number, 0]], np.int16(tests[number, 1])
        if number == 0:
            for e in range(width):
                holds[e] = np.int16(-1) if quantity[e] >= least else np.int16(0)
        else:
            for e in range(width):
                holds[e] &= np.int16(-1) if quantity[e] >= least else np.int16(0)
    for e in range(width):
        found[e] |= holds[e]


@kernel
def find(
    addresses: Any,
    flag_addresses: Any,
    start: int,
    stop: int,
    columns: Any,
    tests: Any,
    clauses: Any,
    buffers: Any,
    places: Any,
) -> int:
    """Crossings of ``start .. stop - 1`` that fulfil a clause, in order, into ``places``; how many.

    ``flag_addresses``: int16 rows, 1 where a score or an external bit reaches its limit.
    """
    values, holds, found = buffers
    size, count = columns.shape[0], 0
    for begin in range(start, stop, STEP):
        width = min(STEP, stop - begin)
        for column in range(size):
            row, slots = columns[column, 0], columns[column, 1]
            _leading(addresses[row : row + slots], slots, begin, width, values[column], values[size + column])
        for flag in range(flag_addresses.shape[0]):
            copy(flag_addresses[flag], begin, width, values[2 * size + flag])
        found[:width] = 0
        for clause in range(clauses.shape[0]):
            first, last = clauses[clause, 0], clauses[clause, 0] + clauses[clause, 1]
            _add_clause(values, tests[first:last], width, holds, found)
        for e in range(width):
            places[count] = begin + e
            count -= int(found[e])
    return count
