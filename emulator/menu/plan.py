"""A compiled menu as flat integer arrays for the kernels, with everything shared that can be.

Three layers, each listed once however many seeds use it:
* atoms: "field of every slot lies in one of these windows" -> one bit per slot;
* requirements: the AND of some atoms -> the slots that hold a good object;
* conditions: distinct objects, correlations, sums, externals -> true or false; and gates that combine them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from emulator.events.objects import COLLECTIONS
from emulator.menu import compiled
from emulator.menu.compiled import CompiledMenu, Expression, Judge, Requirement, Window
from emulator.menu.quantities import OBJECTS, QUANTITIES, SIGNALS

Integers = NDArray[np.int64]

ANY, DISTINCT, CHARGED, CLEAR, PAIR, TRIPLE, EXTERNAL, WIDE = range(8)
"""Kinds of condition. DISTINCT: 2..4 legs; CHARGED: with charge correlation; CLEAR: comb_orm."""
NOT, AND, OR, XOR = range(4)
MEASURES = ("deta", "dphi", "dr2", "mass", "mass_upt", "mass_transverse", "mass_over_dr", "mass3", "pt2")
CHARGES = (None, "ls", "os")
POSITIVE, NEGATIVE = 2, 3
"""Muon charge codes; 0 and 1 are not valid."""

LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
NONE = -1

(KIND, LEGS, LEG0, LEG1, LEG2, LEG3, BX0, BX1, OBJECT0, OBJECT1, CHARGE, LIMIT, LIMITS) = range(13)
(ORM_LIMIT, ORM_LIMITS, ORM_LEG, ORM_BX, ORM_OBJECT, ROW, ROWS, LOWER, UPPER) = range(13, 22)
CONDITION_WIDTH = 22
"""Columns of the condition table."""

OBJECT_FIELDS = ("transverse", "eta", "phi", "charge", "upt")


@dataclass(frozen=True)
class Atom:
    """``windows`` (inclusive, ORed) on ``column`` of every slot."""

    column: str
    windows: tuple[Window, ...]


def threshold_window(requirement: Requirement, judge: Judge) -> Window:
    """Codes of the threshold's field that pass.

    The firmware compares the bits, so that a calorimeter threshold of 0 accepts the all-zero word of an
    absent object; the software emulator has no such object to look at.
    """
    kind = OBJECTS[requirement.type]
    if requirement.equal:
        return requirement.threshold, requirement.threshold
    lowest = requirement.threshold
    if judge == "emulator" and kind.has_eta:
        lowest = max(lowest, 1)
    return lowest, kind.field.maximum


def eta_windows(windows: tuple[Window, ...], minimum: int, maximum: int, judge: Judge) -> tuple[Window, ...]:
    """A window that is inside out is never true in firmware; the emulator takes it as the complement."""
    result: list[Window] = []
    for low, high in windows:
        if low <= high:
            result.append((low, high))
        elif judge == "emulator":
            result += [(minimum, high), (low, maximum)]
    return tuple(result)


def phi_windows(windows: tuple[Window, ...], maximum: int) -> tuple[Window, ...]:
    """A window whose upper end is below its lower one wraps through phi = 0."""
    result: list[Window] = []
    for low, high in windows:
        result += [(low, high)] if low <= high else [(0, high), (low, maximum)]
    return tuple(result)


def lut_windows(lut: int, codes: int) -> tuple[Window, ...]:
    """Runs of accepted codes of a look-up table."""
    result: list[Window] = []
    for code in range(codes):
        if lut >> code & 1:
            if result and result[-1][1] == code - 1:
                result[-1] = (result[-1][0], code)
            else:
                result.append((code, code))
    return tuple(result)


def value_window(value: compiled.Value, judge: Judge) -> Window:
    """Codes of a sum or count that pass; the firmware never fires a tower count of threshold 0."""
    maximum = QUANTITIES[value.quantity].maximum
    if value.quantity == "towercount" and value.threshold == 0 and judge == "firmware":
        return 1, 0
    return value.threshold, value.threshold if value.equal else maximum


def requirement_atoms(requirement: Requirement, judge: Judge) -> tuple[Atom, ...]:
    """Every cut of a requirement as windows on fields."""
    kind = OBJECTS[requirement.type]
    collection = COLLECTIONS[kind.collection]
    fields = {f.name: f for f in collection.fields}
    atoms = [Atom(f"{kind.collection}.{kind.transverse}", (threshold_window(requirement, judge),))]
    chosen: dict[str, tuple[Window, ...]] = {}
    if requirement.eta:
        eta = fields["eta"]
        chosen["eta"] = eta_windows(requirement.eta, eta.minimum, eta.maximum, judge)
    if requirement.phi:
        chosen["phi"] = phi_windows(requirement.phi, fields["phi"].maximum)
    for name in ("index", "upt"):
        if getattr(requirement, name):
            chosen[name] = tuple(w for w in getattr(requirement, name) if w[0] <= w[1])
    for name in ("iso", "qual", "ip"):
        lut = getattr(requirement, name)
        if lut is not None:
            chosen[name] = lut_windows(lut, fields[name].maximum + 1)
    if requirement.charge is not None:
        code = POSITIVE if requirement.charge == "positive" else NEGATIVE
        chosen["charge"] = ((code, code),)
    if requirement.displaced is not None:
        chosen["displaced"] = ((requirement.displaced, requirement.displaced),)
    for name, windows in chosen.items():
        field_ = fields[name]
        if windows != ((field_.minimum, field_.maximum),):
            atoms.append(Atom(f"{kind.collection}.{name}", windows))
    return tuple(atoms)


@dataclass
class Plan:
    """Flat arrays; see the kernels for how each is read."""

    menu: CompiledMenu
    columns: list[str] = field(default_factory=list)
    atoms: dict[Atom, int] = field(default_factory=dict)
    requirements: dict[tuple[tuple[int, ...], int], int] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)
    limits: list[tuple[int, int, int]] = field(default_factory=list)
    conditions: list[list[int]] = field(default_factory=list)
    gates: dict[tuple[int, int, int], int] = field(default_factory=dict)
    wide: list[str] = field(default_factory=list)
    """Names of scores and link quantities, which do not fit 16 bits."""
    outputs: list[tuple[int, int]] = field(default_factory=list)
    """(algorithm index, value) with value a condition, or len(conditions) + gate."""
    halo: int = 0

    def column_row(self, column: str) -> int:
        if column not in self.columns:
            self.columns.append(column)
        row = 0
        for name in self.columns[: self.columns.index(column)]:
            row += slots_of(name)
        return row

    @cached_property
    def rows(self) -> int:
        return sum(slots_of(name) for name in self.columns)

    def add_requirement(self, atoms: tuple[Atom, ...], slots: int) -> int:
        indices = []
        for atom in atoms:
            self.column_row(atom.column)
            indices.append(self.atoms.setdefault(atom, len(self.atoms)))
        key = tuple(sorted(set(indices))), slots
        return self.requirements.setdefault(key, len(self.requirements))

    def add_leg(self, requirement: Requirement) -> int:
        first, last = requirement.slots or (0, OBJECTS[requirement.type].slots - 1)
        slots = (1 << (last + 1)) - (1 << first)
        return self.add_requirement(requirement_atoms(requirement, self.menu.judge), slots)

    def add_object(self, name: str) -> int:
        if name not in self.objects:
            self.objects.append(name)
            for column in object_columns(name):
                if column:
                    self.column_row(column)
        return self.objects.index(name)

    def add_limits(self, limits: tuple[compiled.Limit, ...]) -> tuple[int, int]:
        start = len(self.limits)
        for item in limits:
            lower = LOWEST if item.lower is None else item.lower
            upper = HIGHEST if item.upper is None else item.upper
            self.limits.append((MEASURES.index(item.measure), lower, upper))
        return start, len(limits)

    def add_gate(self, operator: int, first: int, second: int) -> int:
        if operator != NOT and first > second:
            first, second = second, first
        key = operator, first, second
        return len(self.conditions) + self.gates.setdefault(key, len(self.gates))


def slots_of(column: str) -> int:
    return COLLECTIONS[column.split(".")[0]].slots


def object_columns(name: str) -> list[str | None]:
    """Columns of an object type in the order of OBJECT_FIELDS; None where it has no such field."""
    kind = OBJECTS[name]
    present = {f.name for f in COLLECTIONS[kind.collection].fields}
    wanted = [kind.transverse, *OBJECT_FIELDS[1:]]
    return [f"{kind.collection}.{name}" if name in present else None for name in wanted]


def make_plan(menu: CompiledMenu) -> Plan:
    """Flatten ``menu``. Conditions keep their order; gates follow them."""
    plan = Plan(menu)
    index: dict[str, int] = {}
    for name, condition in menu.conditions.items():
        index[name] = len(plan.conditions)
        plan.conditions.append(_condition(plan, condition))
    for algorithm in menu.algorithms:
        plan.outputs.append((algorithm.index, _gates(plan, algorithm.expression, index)))
    return plan


def _gates(plan: Plan, expression: Expression, index: dict[str, int]) -> int:
    if isinstance(expression, str):
        return index[expression]
    operands = [_gates(plan, operand, index) for operand in expression[1:]]
    if expression[0] == "not":
        return plan.add_gate(NOT, operands[0], operands[0])
    operator = {"and": AND, "or": OR, "xor": XOR}[expression[0]]
    value = operands[0]
    for operand in operands[1:]:
        value = plan.add_gate(operator, value, operand)
    return value


def _condition(plan: Plan, condition: compiled.Condition) -> list[int]:
    row = [NONE] * CONDITION_WIDTH
    row[BX0] = row[BX1] = row[ORM_BX] = row[LIMIT] = row[LIMITS] = row[ORM_LIMIT] = row[ORM_LIMITS] = 0
    row[CHARGE] = 0
    match condition:
        case compiled.Combination() | compiled.Correlation() | compiled.Triple():
            _objects(plan, row, condition)
        case compiled.Value():
            _value(plan, row, condition)
        case compiled.SignalBit():
            signal = SIGNALS[condition.signal]
            codes = COLLECTIONS[signal.column.split(".")[0]][signal.column.split(".")[1]].maximum + 1
            lut = sum(1 << code for code in range(codes) if code >> signal.bit & 1)
            atom = Atom(signal.column, lut_windows(lut, codes))
            row[KIND], row[LEGS] = ANY, 1
            row[LEG0] = plan.add_requirement((atom,), 1 << signal.slot)
            row[BX0] = condition.bx
        case compiled.External():
            row[KIND], row[ROW], row[BX0] = EXTERNAL, condition.index, condition.bx
        case compiled.Score():
            _wide(plan, row, condition.score, condition.bx, condition.lower, condition.upper)
    plan.halo = max(plan.halo, *(abs(row[bx]) for bx in (BX0, BX1, ORM_BX)))
    return row


def _wide(plan: Plan, row: list[int], name: str, bx: int, lower: int | None, upper: int | None) -> None:
    if name not in plan.wide:
        plan.wide.append(name)
    row[KIND], row[ROW], row[BX0] = WIDE, plan.wide.index(name), bx
    row[LOWER] = LOWEST if lower is None else lower
    row[UPPER] = HIGHEST if upper is None else upper


def _value(plan: Plan, row: list[int], condition: compiled.Value) -> None:
    quantity = QUANTITIES[condition.quantity]
    window = value_window(condition, plan.menu.judge)
    if quantity.source.startswith("link:"):
        _wide(plan, row, quantity.source, condition.bx, *window)
        return
    atoms = [Atom(quantity.source, (window,))]
    if condition.phi:
        collection = quantity.source.split(".")[0]
        maximum = COLLECTIONS[collection]["phi"].maximum
        atoms.append(Atom(f"{collection}.phi", phi_windows(condition.phi, maximum)))
    row[KIND], row[LEGS], row[BX0] = ANY, 1, condition.bx
    row[LEG0] = plan.add_requirement(tuple(atoms), 1)


def _objects(
    plan: Plan, row: list[int], condition: compiled.Combination | compiled.Correlation | compiled.Triple
) -> None:
    legs = condition.legs
    row[LEGS] = len(legs)
    for position, leg in enumerate(legs):
        row[LEG0 + position] = plan.add_leg(leg)
    row[BX0], row[BX1] = legs[0].bx, legs[1].bx if len(legs) > 1 else legs[0].bx
    row[CHARGE] = CHARGES.index(condition.charge)
    overlap = None if isinstance(condition, compiled.Triple) else condition.overlap
    if isinstance(condition, compiled.Combination):
        row[KIND] = DISTINCT if len(legs) > 1 else ANY
        if overlap:
            row[KIND] = CLEAR
        elif condition.charge:
            row[KIND] = CHARGED
    else:
        row[KIND] = PAIR if isinstance(condition, compiled.Correlation) else TRIPLE
        row[LIMIT], row[LIMITS] = plan.add_limits(condition.limits)
    if row[KIND] not in (ANY, DISTINCT):
        row[OBJECT0] = plan.add_object(legs[0].type)
        row[OBJECT1] = plan.add_object(legs[min(1, len(legs) - 1)].type)
    if overlap:
        row[ORM_LIMIT], row[ORM_LIMITS] = plan.add_limits(overlap.limits)
        if overlap.object:
            row[ORM_LEG] = plan.add_leg(overlap.object)
            row[ORM_BX] = overlap.object.bx
            row[ORM_OBJECT] = plan.add_object(overlap.object.type)


@dataclass(frozen=True)
class PlanArrays:
    """The plan in the form that the kernels take."""

    atoms: Integers
    """(first row, slots, first window, windows) per atom."""
    windows: Integers
    requirements: Integers
    """(first member, members, slot mask) per requirement."""
    members: Integers
    objects: Integers
    """(slots, is_muon, row of each of OBJECT_FIELDS) per object type; -1: no such field."""
    conditions: Integers
    limits: Integers
    gates: Integers
    outputs: Integers
    wide: Integers
    """(first row, rows) per wide input."""


def _matrix(rows: list[list[int]] | list[tuple[int, ...]], width: int) -> Integers:
    return np.array(rows, np.int64).reshape(len(rows), width)


def plan_arrays(plan: Plan, wide_rows: list[int]) -> PlanArrays:
    """Arrays of ``plan``; ``wide_rows[i]`` is the number of rows (slots) of wide input i."""
    atoms: list[tuple[int, ...]] = []
    windows: list[tuple[int, ...]] = []
    for atom in plan.atoms:
        atoms.append((plan.column_row(atom.column), slots_of(atom.column), len(windows), len(atom.windows)))
        windows += atom.windows
    requirements: list[tuple[int, ...]] = []
    members: list[int] = []
    for indices, slots in plan.requirements:
        requirements.append((len(members), len(indices), slots))
        members += indices
    objects = []
    for name in plan.objects:
        rows = [NONE if c is None else plan.column_row(c) for c in object_columns(name)]
        objects.append((OBJECTS[name].slots, int(OBJECTS[name].is_muon), *rows))
    starts = np.concatenate([[0], np.cumsum(wide_rows)]).astype(np.int64) if wide_rows else np.zeros(1)
    return PlanArrays(
        _matrix(atoms, 4),
        _matrix(windows, 2),
        _matrix(requirements, 3),
        np.array(members, np.int64),
        _matrix(objects, 2 + len(OBJECT_FIELDS)),
        _matrix(plan.conditions, CONDITION_WIDTH),
        _matrix(plan.limits, 3),
        _matrix(list(plan.gates), 3),
        _matrix(plan.outputs, 2),
        _matrix([(int(start), rows) for start, rows in zip(starts, wide_rows, strict=False)], 2),
    )
