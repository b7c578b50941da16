"""Trigger menus: seed expressions compiled to hardware integers, and their evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.lazy import lazily

if TYPE_CHECKING:
    from l1forge.emulator.menu.checks.check import CheckResult, check_menu
    from l1forge.emulator.menu.compiled import Algorithm, CompiledMenu, load_compiled
    from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
    from l1forge.emulator.menu.excluded import Excluded, without
    from l1forge.emulator.menu.language.load import load_menu

__all__ = [
    "Algorithm",
    "CheckResult",
    "CompiledMenu",
    "Excluded",
    "MenuEvaluator",
    "algorithm_bit",
    "check_menu",
    "load_compiled",
    "load_menu",
    "without",
]

__getattr__ = lazily(
    __name__,
    {
        "Algorithm": "compiled",
        "CheckResult": "checks.check",
        "CompiledMenu": "compiled",
        "Excluded": "excluded",
        "MenuEvaluator": "engine.evaluate",
        "algorithm_bit": "engine.evaluate",
        "check_menu": "checks.check",
        "load_compiled": "compiled",
        "load_menu": "language.load",
        "without": "excluded",
    },
)
