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
from emulator.menu.kernels import load
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

    ``tests`` (kind, position in ``columns`` or ``flags``, limit); ``clauses`` (first test, tests).
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
    columns: dict[str, int] = {}
    flags: dict[tuple[Quantity, int], int] = {}
    tests: list[tuple[int, int, int]] = []
    starts: list[tuple[int, int]] = []
    for clause in clauses:
        starts.append((len(tests), len(clause)))
        for quantity, low in clause.items():
            kind, name = quantity
            if kind in (FIRST, SECOND):
                tests.append((kind, columns.setdefault(name, len(columns)), low))
            else:
                tests.append((kind, flags.setdefault((quantity, low), len(flags)), 0))
    return Screen(
        np.array([(plan.row(name), slots_of(name)) for name in columns], np.int64).reshape(-1, 2),
        tuple(flags),
        np.array(tests, np.int64).reshape(-1, 3),
        np.array(starts, np.int64).reshape(-1, 2),
    )


def screen_buffers(screen: Screen) -> tuple[NDArray[Any], ...]:
    """Work space of one thread for ``find``."""
    n = len(screen.columns)
    return (
        np.zeros((n, STEP), np.int16),
        np.zeros((n, STEP), np.int16),
        np.zeros((len(screen.flags), STEP), np.uint8),
        np.zeros(STEP, np.uint8),
        np.zeros(STEP, np.uint8),
    )


@kernel
def _leading(addresses: Any, row: int, slots: int, at: int, width: int, first: Any, second: Any) -> None:
    """Largest and second largest of the slots, for ``width`` crossings from ``at``."""
    for e in range(width):
        first[e] = load(addresses[row], at + e, first)
        second[e] = -32768
    for slot in range(1, slots):
        address = addresses[row + slot]
        for e in range(width):
            value = load(address, at + e, first)
            second[e] = max(second[e], min(first[e], value))
            first[e] = max(first[e], value)


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
    """Crossings of ``start .. stop - 1`` that fulfil a clause, in order, into ``places``; how many."""
    first, second, flags, holds, found = buffers
    count = 0
    for begin in range(start, stop, STEP):
        width = min(STEP, stop - begin)
        for column in range(columns.shape[0]):
            rows = columns[column]
            _leading(addresses, rows[0], rows[1], begin, width, first[column], second[column])
        for flag in range(flags.shape[0]):
            target = flags[flag]
            for e in range(width):
                target[e] = load(flag_addresses[flag], begin + e, target)
        found[:width] = 0
        for clause in range(clauses.shape[0]):
            holds[:width] = 1
            for number in range(clauses[clause, 0], clauses[clause, 0] + clauses[clause, 1]):
                kind, position = tests[number, 0], tests[number, 1]
                if kind in (FIRST, SECOND):
                    values = first[position] if kind == FIRST else second[position]
                    low = np.int16(tests[number, 2])
                    for e in range(width):
                        holds[e] &= np.uint8(values[e] >= low)
                else:
                    values = flags[position]
                    for e in range(width):
                        holds[e] &= values[e]
            for e in range(width):
                found[e] |= holds[e]
        for e in range(width):
            places[count] = begin + e
            count += int(found[e])
    return count
