"""Which crossings can fire a menu at all: leading momenta, sums and scores against the lowest thresholds.

Every algorithm is bounded from above by a disjunction of clauses; a clause is a set of lower limits on
quantities of the crossing, such as "leading muon at least 36 counts and second muon at least 1". An object
that passes a leg lies above the leg's threshold, and so does the leading one. Cuts that are left out (eta,
isolation, correlations) only make the bound looser: a crossing that fails all clauses has no algorithm bit,
the others are evaluated. In a zero-bias stream that is one crossing in forty for the default menu.

Of a crossing only the columns of algorithms that have a clause there are needed. All others may be read as
zeros: the limits of the clauses are above zero, so that the algorithms without a clause still have none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.menu.compiled import Algorithm, Expression, condition_names
from l1forge.emulator.menu.engine.plan import (
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
    MenuPlan,
    make_plan,
    slots_of,
)
from l1forge.emulator.menu.quantities import OBJECTS

FIRST, SECOND, SCORE, BIT = range(4)
"""Quantities: largest and second largest of a column's slots; largest of a wide input; external bit."""
Quantity = tuple[int, str]
Clause = Mapping[Quantity, int]
MOST_CLAUSES = 200

_LEADING = {f"{kind.collection}.{kind.transverse}" for kind in OBJECTS.values()}


@dataclass(frozen=True)
class Screen:
    """Clauses as tables. ``columns`` (first row, slots) of FIRST and SECOND, ``flags`` of the others.

    A quantity is numbered first of column 0, 1 .., second of column 0, 1 .., flag 0, 1 ... ``tests``:
    (quantity, least value, -1 for the last test of a clause else 0). ``weakest``: the same without the
    clauses that imply others. ``needs``, of each clause of ``tests``: bit i is set if the i-th column of the
    plan belongs to an algorithm that may fire where the clause holds.
    """

    columns: Integers
    flags: tuple[tuple[Quantity, int], ...]
    tests: Integers
    needs: Integers


def make_screen(plan: MenuPlan) -> Screen | None:
    """None if some crossing without objects could fire, or neighbouring crossings matter."""
    if plan.halo:
        return None
    bounds = dict(zip(plan.menu.conditions, (_condition(plan, row) for row in plan.conditions), strict=True))
    every, always = (1 << len(plan.columns)) - 1, 0
    clauses: list[tuple[Clause, int]] = []
    for algorithm in plan.menu.algorithms:
        needs = _needs(plan, algorithm)
        for clause in bound(algorithm.expression, bounds):
            always |= _not_above_zero(plan, clause)
            clauses = _with(clauses, clause, needs)
        if len(clauses) > MOST_CLAUSES:
            clauses = [(clause, every) for clause in reduced(clause for clause, _ in clauses)]
    if any(not clause for clause, _ in clauses):
        return None
    return _tables(plan, [(clause, needs | always) for clause, needs in clauses])


def _needs(plan: MenuPlan, algorithm: Algorithm) -> int:
    """Columns that ``algorithm`` reads, as bits."""
    conditions = {name: plan.menu.conditions[name] for name in condition_names(algorithm.expression)}
    alone = make_plan(plan.menu.model_copy(update={"conditions": conditions, "algorithms": (algorithm,)}))
    return _bits(plan, alone.columns)


def _not_above_zero(plan: MenuPlan, clause: Clause) -> int:
    """Columns with a limit of zero or less, as bits: they must not be read as zeros.

    Example: the limit is -2 and the largest value of the column is -5. The value fails, a zero would pass.
    """
    return _bits(plan, [name for (kind, name), low in clause.items() if kind in (FIRST, SECOND) and low <= 0])


def _bits(plan: MenuPlan, names: Collection[str]) -> int:
    return sum(1 << number for number, column in enumerate(plan.columns) if column in names)


def _with(clauses: list[tuple[Clause, int]], clause: Clause, needs: int) -> list[tuple[Clause, int]]:
    """``clauses`` and one more, without those that imply another one that needs as much."""
    if any(_implies(clause, other) and needs | more == more for other, more in clauses):
        return clauses
    return [(c, n) for c, n in clauses if not (_implies(c, clause) and n | needs == needs)] + [
        (clause, needs)
    ]


def bound(expression: Expression, conditions: Mapping[str, Clause | None]) -> list[Clause]:
    """Clauses one of which holds wherever ``expression`` does; a condition without clause is never true."""
    if isinstance(expression, str):
        clause = conditions[expression]
        return [] if clause is None else [clause]
    if expression[0] == "not":
        # clauses bound an expression from above only; its negation would need a bound from below
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


def _condition(plan: MenuPlan, row: Sequence[int]) -> Clause | None:
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


def _requirement(plan: MenuPlan, index: int) -> dict[str, int] | None:
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


def _tables(plan: MenuPlan, clauses: list[tuple[Clause, int]]) -> Screen:
    quantities = sorted({quantity for clause, _ in clauses for quantity in clause})
    columns = list(dict.fromkeys(name for kind, name in quantities if kind in (FIRST, SECOND)))
    flags = sorted({(q, low) for clause, _ in clauses for q, low in clause.items() if q[0] in (SCORE, BIT)})

    def test(quantity: Quantity, low: int) -> tuple[int, int]:
        kind, name = quantity
        if kind in (SCORE, BIT):
            return 2 * len(columns) + flags.index((quantity, low)), 1
        return columns.index(name) + (len(columns) if kind == SECOND else 0), low

    def tests(chosen: Iterable[Clause]) -> Integers:
        rows = [
            (*test(quantity, low), -(number == len(clause)))
            for clause in chosen
            for number, (quantity, low) in enumerate(clause.items(), 1)
        ]
        return np.array(rows, np.int64).reshape(-1, 3)

    return Screen(
        np.array([(plan.row(name), slots_of(name)) for name in columns], np.int64).reshape(-1, 2),
        tuple(flags),
        tests(clause for clause, _ in clauses),
        np.array([needs for _, needs in clauses], np.int64),
    )
