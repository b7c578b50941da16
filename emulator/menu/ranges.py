"""What a compiled menu may ask of a field: windows within its range, tables within its codes, cuts it has.

Menus come as files of others, too; a window beyond the field would otherwise be cut off by the width of the
words that the kernels compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from l1forge.emulator.events.objects import COLLECTIONS, Field
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES

if TYPE_CHECKING:
    from l1forge.emulator.menu.compiled import Limit, QuantityCut, Requirement, Window

WITHOUT_ETA = ("dphi", "mass_transverse", "pt2")
"""Measures that energy sums have, too."""


def check_requirement(requirement: Requirement) -> None:
    """ValueError if a cut is of a field that the object lacks, or beyond it."""
    kind, name = OBJECTS[requirement.type], requirement.type
    fields = {field.name: field for field in COLLECTIONS[kind.collection].fields}
    _check_threshold(requirement.threshold, name, kind.field.maximum)
    if requirement.slots and not 0 <= requirement.slots[0] <= requirement.slots[1] < kind.slots:
        raise ValueError(f"slots {requirement.slots} are not within the {kind.slots} of {name}")
    for cut in ("eta", "phi", "index", "upt", "iso", "qual", "ip", "charge", "displaced"):
        value = getattr(requirement, cut)
        if value in ((), None):
            continue
        if cut not in fields:
            raise ValueError(f"{name} has no {cut}")
        if isinstance(value, tuple):
            _check_windows(value, fields[cut], name)
        elif isinstance(value, int) and cut != "displaced":
            codes = fields[cut].maximum + 1
            if not 0 <= value < 1 << codes:
                raise ValueError(f"table {value} of {name}.{cut} is not in 0 .. {(1 << codes) - 1}")


def check_value(value: QuantityCut) -> None:
    """ValueError if a threshold or phi window of a sum or count is beyond its field."""
    quantity = QUANTITIES[value.quantity]
    _check_threshold(value.threshold, value.quantity, quantity.maximum)
    if value.phi and not quantity.has_phi:
        raise ValueError(f"{value.quantity} has no phi")
    if value.phi:
        _check_windows(value.phi, COLLECTIONS[quantity.source.split(".")[0]]["phi"], value.quantity)


def check_limits(limits: Sequence[Limit], types: Sequence[str]) -> None:
    """ValueError if objects of these types do not have what a limit measures."""
    for limit in limits:
        if (limit.measure == "mass3") != (len(types) == 3):
            raise ValueError("mass3, and only it, is a measure of three objects")
        if limit.measure not in WITHOUT_ETA and not all(OBJECTS[name].has_eta for name in types):
            raise ValueError(f"{limit.measure} needs eta, which sums do not have")
        if limit.measure == "mass_upt" and not all(OBJECTS[name].is_muon for name in types):
            raise ValueError("only muons have an unconstrained pt")
        if limit.measure == "mass_over_dr" and limit.upper is not None:
            raise ValueError("mass_over_dr has no upper limit")


def check_charge(charge: str | None, legs: Sequence[Requirement]) -> None:
    """ValueError if others than muons are to have a charge."""
    if charge and not all(OBJECTS[leg.type].is_muon for leg in legs):
        raise ValueError("only muons have a charge")


def _check_threshold(threshold: int, name: str, maximum: int) -> None:
    """One above the largest code is a threshold that nothing reaches."""
    if not 0 <= threshold <= maximum + 1:
        raise ValueError(
            f"threshold {threshold} of {name} is not in 0 .. {maximum} ({maximum + 1}: never true)"
        )


def _check_windows(windows: Sequence[Window], field: Field, name: str) -> None:
    for window in windows:
        if not all(field.minimum <= end <= field.maximum for end in window):
            where = f"{field.minimum} .. {field.maximum}"
            raise ValueError(f"window {list(window)} of {name}.{field.name} is not within {where}")
