"""A compiled menu as flat integer tables for the kernels, with everything shared that can be.

* atoms: "field of every slot lies in one of these windows" -> one bit per slot;
* requirements: the AND of some atoms -> the slots that hold a good object;
* sheets: one measure (dR^2, mass, ..) of all pairs of two types; matrices: its pairs within limits;
* conditions: distinct objects, correlations, sums, externals; gates that combine them.

Each is listed once however many seeds use it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import CompiledMenu, Expression, Limit, Requirement
from l1forge.emulator.menu.engine.atoms import (
    NEGATIVE,
    POSITIVE,
    Atom,
    charge_atom,
    phi_windows,
    requirement_atoms,
    signal_atom,
    value_windows,
)
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES

Integers = NDArray[np.int64]
Key = TypeVar("Key", bound=Hashable)

ANY, DISTINCT, CHARGED, CLEAR, PAIR, TRIPLE, EXTERNAL, WIDE = range(8)
"""Kinds of condition. DISTINCT: 2..4 legs; CHARGED: with charge correlation; CLEAR: comb_orm."""
NOT, AND, OR, XOR = range(4)
MEASURES = ("deta", "dphi", "dr2", "mass", "mass_upt", "mass_transverse", "mass_over_dr", "mass3", "pt2")
MASS, MASS3 = MEASURES.index("mass"), MEASURES.index("mass3")
CHARGES = (None, "ls", "os")

LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
NONE = -1

CONDITION = (
    *("KIND", "LEGS", "LEG0", "LEG1", "LEG2", "LEG3", "BX0", "BX1", "CHARGE", "POSITIVES", "NEGATIVES"),
    *("MATRIX", "MATRICES", "SHEET", "LOWER", "UPPER", "ROW"),
    *("ORM_LEG", "ORM_BX", "ORM_A", "ORM_B", "ORM_COUNT", "NEEDS", "NEEDED", "ALIKE", "VETO"),
)
(KIND, LEGS, LEG0, LEG1, LEG2, LEG3, BX0, BX1, CHARGE, POSITIVES, NEGATIVES) = range(11)
(
    MATRIX,
    MATRICES,
    SHEET,
    LOWER,
    UPPER,
    ROW,
    ORM_LEG,
    ORM_BX,
    ORM_A,
    ORM_B,
    ORM_COUNT,
    NEEDS,
    NEEDED,
    ALIKE,
    VETO,
) = range(11, 26)
"""Columns of the condition table. MATRIX, ORM_A, ORM_B are positions in the list of chosen matrices, of
which the condition needs NEEDED from NEEDS on; ALIKE: all legs are of one type and crossing; VETO: no object
of reference may overlap with a leg, where otherwise one that is clear is enough."""

(S_MEASURE, S_MUONS, S_ALIKE, S_A, S_B) = (0, 1, 2, 3, 10)
"""Columns of the sheet table; a sheet holds one measure, such as dR, of all pairs of objects.
S_A and S_B start seven columns on either object:"""
(O_MUON, O_BX, O_UNION, O_PT, O_ETA, O_PHI, O_UPT) = range(7)
SHEET_WIDTH = 17


@dataclass(frozen=True)
class Sheet:
    """One measure of all pairs (a, b) of objects of two types and crossings."""

    measure: int
    a: tuple[str, int]
    b: tuple[str, int]


@dataclass
class MenuPlan:
    """Tables under construction; dictionaries number their keys."""

    menu: CompiledMenu
    columns: dict[str, int] = field(default_factory=dict)
    """Column -> its first row."""
    rows: int = 0
    atoms: dict[Atom, int] = field(default_factory=dict)
    requirements: dict[tuple[tuple[int, ...], int], int] = field(default_factory=dict)
    unions: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """(type, bx) -> requirements whose objects take part in a pair."""
    sheets: dict[Sheet, int] = field(default_factory=dict)
    matrices: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """(sheet, lower, upper)"""
    chosen: list[int] = field(default_factory=list)
    conditions: list[list[int]] = field(default_factory=list)
    gates: dict[tuple[int, int, int], int] = field(default_factory=dict)
    wide: dict[str, int] = field(default_factory=dict)
    """Scores and link quantities, which do not fit 16 bits."""
    outputs: list[tuple[int, int]] = field(default_factory=list)
    """(algorithm index, value) with value a condition, or len(conditions) + gate."""
    halo: int = 0

    def row(self, column: str) -> int:
        """First row of ``column``, which is read from now on."""
        if column not in self.columns:
            self.columns[column] = self.rows
            self.rows += slots_of(column)
        return self.columns[column]

    def requirement(self, atoms: tuple[Atom, ...], slots: int) -> int:
        """Number of the requirement that all ``atoms`` hold in a slot of the mask ``slots``."""
        for atom in atoms:
            self.row(atom.column)
        members = tuple(sorted({_number(self.atoms, atom) for atom in atoms}))
        return _number(self.requirements, (members, slots))

    def leg(self, requirement: Requirement) -> int:
        """Number of the requirement on one object."""
        first, last = requirement.slots or (0, OBJECTS[requirement.type].slots - 1)
        slots = (1 << (last + 1)) - (1 << first)
        return self.requirement(requirement_atoms(requirement, self.menu.judge), slots)

    def pairing(self, requirement: Requirement) -> tuple[str, int]:
        """The (type, bx) of an object that takes part in a pair."""
        key = requirement.type, requirement.bx
        members = self.unions.setdefault(key, [])
        if self.leg(requirement) not in members:
            members.append(self.leg(requirement))
        for column in pair_columns(requirement.type):
            if column:
                self.row(column)
        return key

    def matrices_of(self, limits: tuple[Limit, ...], a: Requirement, b: Requirement) -> int:
        """Position in ``chosen`` of the matrices of these limits."""
        start = len(self.chosen)
        pair = self.pairing(a), self.pairing(b)
        for item in limits:
            sheet = _number(self.sheets, Sheet(MEASURES.index(item.measure), *pair))
            lower = LOWEST if item.lower is None else item.lower
            upper = HIGHEST if item.upper is None else item.upper
            self.chosen.append(_number(self.matrices, (sheet, lower, upper)))
        return start

    def gate(self, operator: int, first: int, second: int) -> int:
        """Value of ``first (operator) second``; operands in any order are one gate."""
        if operator != NOT and first > second:
            first, second = second, first
        return len(self.conditions) + _number(self.gates, (operator, first, second))


def _number(table: dict[Key, int], key: Key) -> int:
    return table.setdefault(key, len(table))


def slots_of(column: str) -> int:
    """Objects per crossing."""
    return COLLECTIONS[column.split(".")[0]].slots


def pair_columns(name: str) -> list[str | None]:
    """Columns for O_PT .. O_UPT of an object type; None where it has no such field."""
    kind = OBJECTS[name]
    present = {f.name for f in COLLECTIONS[kind.collection].fields}
    wanted = (kind.transverse, "eta", "phi", "upt")
    return [f"{kind.collection}.{name}" if name in present else None for name in wanted]


def make_plan(menu: CompiledMenu) -> MenuPlan:
    """Flatten ``menu``. Conditions keep their order; gates follow them."""
    plan = MenuPlan(menu)
    index: dict[str, int] = {}
    for name, condition in menu.conditions.items():
        index[name] = len(plan.conditions)
        plan.conditions.append(_condition(plan, condition))
    for algorithm in menu.algorithms:
        plan.outputs.append((algorithm.index, _gates(plan, algorithm.expression, index)))
    return plan


def _gates(plan: MenuPlan, expression: Expression, index: dict[str, int]) -> int:
    if isinstance(expression, str):
        return index[expression]
    operands = [_gates(plan, operand, index) for operand in expression[1:]]
    if expression[0] == "not":
        return plan.gate(NOT, operands[0], operands[0])
    operator = {"and": AND, "or": OR, "xor": XOR}[expression[0]]
    value = operands[0]
    for operand in operands[1:]:
        value = plan.gate(operator, value, operand)
    return value


def _condition(plan: MenuPlan, condition: compiled.Condition) -> list[int]:
    row = [NONE] * len(CONDITION)
    row[NEEDS] = len(plan.chosen)
    row[BX0] = row[BX1] = row[ORM_BX] = row[CHARGE] = row[MATRICES] = row[ORM_COUNT] = 0
    row[VETO] = int(plan.menu.overlap == "none_overlaps")
    match condition:
        case compiled.Combination():
            _combination(plan, row, condition)
        case compiled.Correlation():
            _correlation(plan, row, condition)
        case compiled.Triple():
            _triple(plan, row, condition)
        case compiled.QuantityCut():
            _value(plan, row, condition)
        case compiled.SignalBit():
            atom, slots = signal_atom(condition.signal)
            row[KIND], row[LEGS], row[BX0] = ANY, 1, condition.bx
            row[LEG0] = plan.requirement((atom,), slots)
        case compiled.External():
            row[KIND], row[ROW], row[BX0] = EXTERNAL, condition.index, condition.bx
        case compiled.Score():
            _wide(plan, row, condition.score, condition.bx, condition.lower, condition.upper)
    row[NEEDED] = len(plan.chosen) - row[NEEDS]
    plan.halo = max(plan.halo, *(abs(row[bx]) for bx in (BX0, BX1, ORM_BX)))
    return row


def _wide(plan: MenuPlan, row: list[int], name: str, bx: int, lower: int | None, upper: int | None) -> None:
    row[KIND], row[ROW], row[BX0] = WIDE, _number(plan.wide, name), bx
    row[LOWER] = LOWEST if lower is None else lower
    row[UPPER] = HIGHEST if upper is None else upper


def _value(plan: MenuPlan, row: list[int], condition: compiled.QuantityCut) -> None:
    quantity = QUANTITIES[condition.quantity]
    windows = value_windows(condition, plan.menu.judge)
    if quantity.source.startswith("link:"):
        lower, upper = windows[0] if windows else (1, 0)  # (1, 0): no window, never true
        _wide(plan, row, quantity.source, condition.bx, lower, upper)
        return
    atoms = [Atom(quantity.source, windows)]
    if condition.phi:
        collection = quantity.source.split(".")[0]
        maximum = COLLECTIONS[collection]["phi"].maximum
        atoms.append(Atom(f"{collection}.phi", phi_windows(condition.phi, maximum)))
    # a quantity of the crossing has one value: it is a leg with slot 0 only
    row[KIND], row[LEGS], row[BX0] = ANY, 1, condition.bx
    row[LEG0] = plan.requirement(tuple(atoms), 1)


def _legs(
    plan: MenuPlan, row: list[int], kind: int, legs: tuple[Requirement, ...], charge: str | None
) -> None:
    row[KIND], row[LEGS] = kind, len(legs)
    for position, leg in enumerate(legs):
        row[LEG0 + position] = plan.leg(leg)
    row[BX0], row[BX1] = legs[0].bx, legs[min(1, len(legs) - 1)].bx
    row[ALIKE] = int(len({(leg.type, leg.bx) for leg in legs}) == 1)
    row[CHARGE] = CHARGES.index(charge)
    if charge:
        slots = (1 << OBJECTS["mu"].slots) - 1
        row[POSITIVES] = plan.requirement((charge_atom(POSITIVE),), slots)
        row[NEGATIVES] = plan.requirement((charge_atom(NEGATIVE),), slots)


def _combination(plan: MenuPlan, row: list[int], condition: compiled.Combination) -> None:
    legs, overlap = condition.legs, condition.overlap
    kind = ANY if len(legs) == 1 else DISTINCT
    if overlap and overlap.object:
        kind = CLEAR
    elif condition.charge:
        kind = CHARGED
    _legs(plan, row, kind, legs, condition.charge)
    if overlap and overlap.object:
        reference = overlap.object
        for leg in legs:
            plan.pairing(leg)
        row[ORM_LEG], row[ORM_BX] = plan.leg(reference), reference.bx
        row[ORM_A], row[ORM_COUNT] = plan.matrices_of(overlap.limits, reference, legs[0]), len(overlap.limits)


def _correlation(plan: MenuPlan, row: list[int], condition: compiled.Correlation) -> None:
    a, b = condition.legs
    _legs(plan, row, PAIR, condition.legs, condition.charge)
    row[MATRIX], row[MATRICES] = plan.matrices_of(condition.limits, a, b), len(condition.limits)
    overlap = condition.overlap
    if overlap is None:
        return
    row[ORM_COUNT] = len(overlap.limits)
    if overlap.object is None:
        row[ORM_A] = plan.matrices_of(overlap.limits, a, b)
        return
    reference = overlap.object
    row[ORM_LEG], row[ORM_BX] = plan.leg(reference), reference.bx
    row[ORM_A] = plan.matrices_of(overlap.limits, reference, a)
    row[ORM_B] = plan.matrices_of(overlap.limits, reference, b)


def _triple(plan: MenuPlan, row: list[int], condition: compiled.Triple) -> None:
    _legs(plan, row, TRIPLE, condition.legs, condition.charge)
    for leg in condition.legs:
        pairing = plan.pairing(leg)
    row[SHEET] = _number(plan.sheets, Sheet(MASS, pairing, pairing))
    row[LOWER] = max([LOWEST, *(item.lower for item in condition.limits if item.lower is not None)])
    row[UPPER] = min([HIGHEST, *(item.upper for item in condition.limits if item.upper is not None)])
