"""The rules of single objects: every cut as windows on hardware fields, one bit per slot.

This is the only place where the judges (software emulator, firmware) differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import Judge, Requirement, Window
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES, SIGNALS

POSITIVE, NEGATIVE = 2, 3
"""Muon charge codes; 0 and 1 are not valid."""


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


def value_windows(value: compiled.QuantityCut, judge: Judge) -> tuple[Window, ...]:
    """Codes of a sum or count that pass; the firmware never fires a tower count of threshold 0."""
    maximum = QUANTITIES[value.quantity].maximum
    if value.threshold > maximum:
        return ()
    if value.quantity == "towercount" and value.threshold == 0 and judge == "firmware":
        return ()
    return ((value.threshold, value.threshold if value.equal else maximum),)


def requirement_atoms(requirement: Requirement, judge: Judge) -> tuple[Atom, ...]:
    """Every cut of a requirement as windows on fields."""
    kind = OBJECTS[requirement.type]
    collection = COLLECTIONS[kind.collection]
    fields = {f.name: f for f in collection.fields}
    reachable = requirement.threshold <= kind.field.maximum
    passing = (threshold_window(requirement, judge),) if reachable else ()
    atoms = [Atom(f"{kind.collection}.{kind.transverse}", passing)]
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


def signal_atom(name: str) -> tuple[Atom, int]:
    """The atom of a signal bit and its slot mask."""
    signal = SIGNALS[name]
    collection, field_name = signal.column.split(".")
    codes = COLLECTIONS[collection][field_name].maximum + 1
    lut = sum(1 << code for code in range(codes) if code >> signal.bit & 1)
    return Atom(signal.column, lut_windows(lut, codes)), 1 << signal.slot


def charge_atom(code: int) -> Atom:
    """Muons of one charge code."""
    return Atom("mu.charge", ((code, code),))
