"""The trigger control alone: a path whose algorithm bits come in as external signals, without models."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import EXTERNALS, Algorithm, CompiledMenu, Condition, External
from l1forge.emulator.path.description import PathDescription

CONTROL = "trigger_control"


def control_path(menu: CompiledMenu, file: Path) -> tuple[PathDescription, CompiledMenu]:
    """A path with the algorithms of ``menu``, the first of which is external signal 0, and so on.

    Masks, prescales, FinOR, veto, trigger rules, registers and counters are those of the path of ``menu``.

    Raises
    ------
    InputError
        If the menu has more algorithms than there are external signals.
    """
    if len(menu.algorithms) > EXTERNALS:
        raise InputError(
            "more algorithms than external signals",
            file=file,
            value=len(menu.algorithms),
            remedy=f"trigger control alone takes up to {EXTERNALS}",
        )
    conditions: dict[str, Condition] = {
        f"bit_{i}": External(index=i, name=a.name) for i, a in enumerate(menu.algorithms)
    }
    algorithms = tuple(
        Algorithm(index=a.index, name=a.name, expression=name)
        for name, a in zip(conditions, menu.algorithms, strict=True)
    )
    bits = CompiledMenu(name=CONTROL, judge=menu.judge, conditions=conditions, algorithms=algorithms)
    return PathDescription(CONTROL, file), bits
