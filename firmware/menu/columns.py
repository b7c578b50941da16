"""The columns that a menu reads as ports of its top, and their delays to the crossing that is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.quantities import QUANTITIES
from l1forge.firmware.menu.verilog import bits_of
from l1forge.firmware.rtl.ports import identifier

EXTERNAL = "ext"


@dataclass(frozen=True)
class MenuColumn:
    """One column of the input: ``slots`` words of integers from ``least`` to ``most``."""

    name: str
    slots: int
    least: int
    most: int

    @property
    def width(self) -> int:
        return bits_of(self.least, self.most)

    @property
    def signed(self) -> bool:
        return self.least < 0

    @property
    def type(self) -> str:
        """The port's type: an integer."""
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.width}>"

    def port(self, slot: int) -> str:
        """The Verilog name of one word."""
        name = identifier(self.name)
        return name if self.slots == 1 else f"{name}_{slot}"


def field_column(name: str) -> MenuColumn:
    """An object field, such as ``mu.pt``."""
    slots, field = COLUMNS[name]
    return MenuColumn(name, slots, field.minimum, field.maximum)


def external_column(index: int) -> MenuColumn:
    """One of the 256 external conditions."""
    return MenuColumn(f"{EXTERNAL}.{index}", 1, 0, 1)


def wide_column(name: str, menu: CompiledMenu, slots: Mapping[str, int]) -> MenuColumn:
    """A link quantity, or a score of the type that the menu declares.

    Raises
    ------
    InputError
        If the menu declares no type for the score: its port would have no width.
    """
    if name in {quantity.source for quantity in QUANTITIES.values()}:
        most = next(q.maximum for q in QUANTITIES.values() if q.source == name)
        return MenuColumn(name, 1, 0, most)
    if name not in menu.score_types:
        raise InputError(
            "the menu does not declare the type of this score, so that its port has no width",
            field="score_types",
            value=name,
            remedy='declare it under "scores" of the menu, for example {type: "ufixed<18,14>"}',
        )
    declared = FixedType.parse(menu.score_types[name])
    return MenuColumn(name, slots.get(name, 1), declared.minimum, declared.maximum)
