"""The names of the trigger-menu grammar and where each one lives in the object words.

Everything a seed can ask of a crossing is listed here: object types (several per crossing), quantities
(one number per crossing) and signals (one bit per crossing). Bit positions and widths are those of
emulator/events/objects.py; nothing is repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from l1forge.emulator.events.objects import COLLECTIONS, Field

BX_RANGE = range(-2, 3)
"""Crossings, relative to the current one, that the global trigger can look at."""


@dataclass(frozen=True)
class ObjectType:
    """Objects that can be combined and correlated: ``transverse`` is the field a threshold cuts on."""

    collection: str
    transverse: str
    is_muon: bool = False
    has_eta: bool = True

    @property
    def slots(self) -> int:
        """Objects in a crossing at most."""
        return COLLECTIONS[self.collection].slots

    @property
    def field(self) -> Field:
        """The field that a threshold cuts on."""
        return COLLECTIONS[self.collection][self.transverse]


OBJECTS: Mapping[str, ObjectType] = {
    "mu": ObjectType("mu", "pt", is_muon=True),
    "eg": ObjectType("eg", "et"),
    "tau": ObjectType("tau", "et"),
    "jet": ObjectType("jet", "et"),
    "etm": ObjectType("etm", "et", has_eta=False),
    "htm": ObjectType("htm", "et", has_eta=False),
    "etmhf": ObjectType("etmhf", "et", has_eta=False),
    "htmhf": ObjectType("htmhf", "et", has_eta=False),
    "netetmhf": ObjectType("htm", "et", has_eta=False),  # takes the place of HTM (grammar 0.14)
}


@dataclass(frozen=True)
class Quantity:
    """One number per crossing: column ``source``, and a threshold in its units (or a plain count)."""

    source: str
    maximum: int
    is_count: bool = False
    has_phi: bool = False


def _field(column: str, *, is_count: bool = False, has_phi: bool = False) -> Quantity:
    collection, field = column.split(".")
    return Quantity(column, COLLECTIONS[collection][field].maximum, is_count, has_phi)


QUANTITIES: Mapping[str, Quantity] = {
    "ett": _field("ett.et"),
    "ettem": _field("ett.em"),
    "htt": _field("htt.et"),
    "etm": _field("etm.et", has_phi=True),
    "htm": _field("htm.et", has_phi=True),
    "etmhf": _field("etmhf.et", has_phi=True),
    "htmhf": _field("htmhf.et", has_phi=True),
    "netetmhf": _field("htm.et", has_phi=True),
    "towercount": _field("htt.towercount", is_count=True),
    "mbt0hfp": _field("ett.mbt0hfp", is_count=True),
    "mbt0hfm": _field("htt.mbt0hfm", is_count=True),
    "mbt1hfp": _field("etm.mbt1hfp", is_count=True),
    "mbt1hfm": _field("htm.mbt1hfm", is_count=True),
    "asymet": _field("etm.asymet", is_count=True),
    "asymht": _field("htm.asymht", is_count=True),
    "asymethf": _field("etmhf.asymethf", is_count=True),
    "asymhthf": _field("htmhf.asymhthf", is_count=True),
    "zdcm": Quantity("link:zdcm", 1023, is_count=True),
    "zdcp": Quantity("link:zdcp", 1023, is_count=True),
    "cicada": Quantity("link:cicada", 0xFFFF),
}
"""``link:`` quantities come from the link-11 words of the test vectors, see ``inputs.link_quantity``."""


@dataclass(frozen=True)
class Signal:
    """One bit of a field: ``(column >> bit) & 1`` of object ``slot``."""

    column: str
    slot: int = 0
    bit: int = 0


SIGNALS: Mapping[str, Signal] = {
    "mus0": Signal("mu.shower", 0),
    "mus1": Signal("mu.shower", 2),
    "mus2": Signal("mu.shower", 3),
    "musoot0": Signal("mu.shower", 4),
    "musoot1": Signal("mu.shower", 6),
    **{f"cent{i}": Signal("etmhf.cent03", 0, i) for i in range(4)},
    **{f"cent{i}": Signal("htmhf.cent47", 0, i - 4) for i in range(4, 8)},
}
