"""The plan as the arrays that the kernels take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l1forge.emulator.menu.engine.dependent_conditions import guards
from l1forge.emulator.menu.engine.plan import (
    CHARGED,
    CLEAR,
    CONDITION,
    DISTINCT,
    KIND,
    LEGS,
    NONE,
    PAIR,
    SHEET_WIDTH,
    TRIPLE,
    Integers,
    MenuPlan,
    pair_columns,
    slots_of,
)
from l1forge.emulator.menu.quantities import OBJECTS


@dataclass(frozen=True)
class PlanTables:
    """All int64; a list of lists is a flat array and (start, count) into it."""

    atoms: Integers
    """(first row, slots, first window, windows) per atom."""
    windows: Integers
    requirements: Integers
    """(first member, members, slot mask) per requirement."""
    members: Integers
    unions: Integers
    """(first requirement, requirements) per union."""
    union_members: Integers
    sheets: Integers
    """Columns S_MEASURE .. per sheet."""
    matrices: Integers
    """(sheet, lower, upper) per matrix."""
    chosen: Integers
    conditions: Integers
    gates: Integers
    """(operator, value, value) per gate."""
    outputs: Integers
    """(algorithm index, value) per algorithm."""
    wide: Integers
    """(first row, rows) per wide input."""
    searched: Integers
    """Conditions that masks alone do not decide."""
    guarded: Integers
    """(condition, first use, uses) of the searched ones that have guards."""
    uses: Integers
    """(first guard, guards) per use."""
    guards: Integers
    columns: Integers
    """(first row, rows) per column."""

    def arrays(self) -> tuple[Integers, ...]:
        """As the kernels take them, uncopied."""
        return tuple(vars(self).values())


def _matrix(rows: Sequence[tuple[int, ...]], width: int) -> Integers:
    return np.array(rows, np.int64).reshape(len(rows), width)


def _flat(lists: list[list[int]]) -> tuple[list[tuple[int, int]], Integers]:
    starts: list[tuple[int, int]] = []
    flat: list[int] = []
    for items in lists:
        starts.append((len(flat), len(items)))
        flat += items
    return starts, np.array(flat, np.int64)


def _pair_object(plan: MenuPlan, key: tuple[str, int]) -> tuple[int, ...]:
    name, bx = key
    rows = [NONE if column is None else plan.row(column) for column in pair_columns(name)]
    return (int(OBJECTS[name].is_muon), bx, list(plan.unions).index(key), *rows)


def needs_search(row: list[int]) -> bool:
    """Must single crossings be looked at for this condition?"""
    if row[KIND] == DISTINCT:
        return row[LEGS] > 3
    return row[KIND] in (CHARGED, CLEAR, PAIR, TRIPLE)


def plan_tables(plan: MenuPlan, wide_rows: tuple[int, ...]) -> PlanTables:
    """Arrays of ``plan``; ``wide_rows[i]`` is the number of rows (objects) of wide input i."""
    atoms: list[tuple[int, ...]] = []
    windows: list[tuple[int, ...]] = []
    for atom in plan.atoms:
        atoms.append((plan.row(atom.column), slots_of(atom.column), len(windows), len(atom.windows)))
        windows += atom.windows
    starts, members = _flat([list(indices) for indices, _ in plan.requirements])
    requirements = [(*start, slots) for start, (_, slots) in zip(starts, plan.requirements, strict=True)]
    unions, union_members = _flat(list(plan.unions.values()))
    sheets: list[tuple[int, ...]] = []
    for sheet in plan.sheets:
        muons = OBJECTS[sheet.a[0]].is_muon or OBJECTS[sheet.b[0]].is_muon
        head = (sheet.measure, int(muons), int(sheet.a == sheet.b))
        sheets.append((*head, *_pair_object(plan, sheet.a), *_pair_object(plan, sheet.b)))
    searched = [i for i, row in enumerate(plan.conditions) if needs_search(row)]
    names = list(plan.menu.conditions)
    guarded: list[tuple[int, ...]] = []
    of_uses: list[list[int]] = []
    for name, found in guards(plan.menu.algorithms).items():
        if (condition := names.index(name)) in searched:
            guarded.append((condition, len(of_uses), len(found)))
            of_uses += [sorted(names.index(guard) for guard in use) for use in found]
    uses, guard_list = _flat(of_uses)
    first_rows = [sum(wide_rows[:i]) for i in range(len(wide_rows))]
    return PlanTables(
        _matrix(atoms, 4),
        _matrix(windows, 2),
        _matrix(requirements, 3),
        members,
        _matrix(list(unions), 2),
        union_members,
        _matrix(sheets, SHEET_WIDTH),
        _matrix(list(plan.matrices), 3),
        np.array(plan.chosen, np.int64),
        _matrix([tuple(row) for row in plan.conditions], len(CONDITION)),
        _matrix(list(plan.gates), 3),
        _matrix(plan.outputs, 2),
        _matrix(list(zip(first_rows, wide_rows, strict=True)), 2),
        np.array(searched, np.int64),
        _matrix(guarded, 3),
        _matrix(list(uses), 2),
        guard_list,
        _matrix([(first, slots_of(name)) for name, first in plan.columns.items()], 2),
    )
