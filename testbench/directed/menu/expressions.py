"""Seeds as expressions of conditions: their values, and which values of the conditions give a wanted one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import ALGORITHMS, Algorithm, CompiledMenu, Condition, Expression
from l1forge.emulator.menu.engine.atoms import value_windows
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES
from l1forge.testbench.directed.menu.objects import Drawer

Bools = NDArray[np.bool_]
EXHAUSTIVE = 12
"""Conditions of a seed whose assignments are all looked at; of larger ones some are drawn."""
DRAWN = 4096


class ConditionValues:
    """Every condition of a menu as an algorithm of its own, by the emulator."""

    def __init__(self, menu: CompiledMenu) -> None:
        self.names = tuple(menu.conditions)
        self.parts: list[tuple[tuple[str, ...], MenuEvaluator]] = []
        for start in range(0, len(self.names), ALGORITHMS):
            part = self.names[start : start + ALGORITHMS]
            algorithms = tuple(Algorithm(index=i, name=name, expression=name) for i, name in enumerate(part))
            chosen = {name: menu.conditions[name] for name in part}
            self.parts.append(
                (
                    part,
                    MenuEvaluator(menu.model_copy(update={"conditions": chosen, "algorithms": algorithms})),
                )
            )

    def __call__(self, events: Events, scores: Mapping[str, NDArray[np.int64]]) -> dict[str, Bools]:
        """Condition name -> its value in every crossing, (n,)."""
        found: dict[str, Bools] = {}
        for part, evaluate in self.parts:
            words = evaluate(events, scores, "none")
            found |= {name: algorithm_bit(words, i).astype(bool) for i, name in enumerate(part)}
        return found


def value(expression: Expression, known: Mapping[str, Bools]) -> Bools:
    """An expression's value for arrays of its conditions' values."""
    if isinstance(expression, str):
        return known[expression]
    values = [value(operand, known) for operand in expression[1:]]
    if expression[0] == "not":
        return ~values[0]
    gates = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}
    return np.asarray(reduce(gates[expression[0]], values))


def assignments(
    expression: Expression, names: tuple[str, ...], constants: Mapping[str, bool], rng: np.random.Generator
) -> dict[str, Bools]:
    """Values of the conditions, those that never change at their constant: all combinations, or a draw."""
    free = [name for name in names if name not in constants]
    if len(free) <= EXHAUSTIVE:
        table = np.array(list(product((False, True), repeat=len(free))), bool).reshape(-1, len(free))
    else:
        table = rng.random((DRAWN, len(free))) < rng.random((DRAWN, 1))
    table = table[np.argsort(table.sum(axis=1), kind="stable")]  # few true conditions first
    known = {name: table[:, column] for column, name in enumerate(free)}
    return {name: known.get(name, np.full(len(table), constants.get(name, False))) for name in names}


def constant(condition: Condition, menu: CompiledMenu, drawer: Drawer) -> bool | None:
    """The value of a condition that has only one, whatever the crossing; else None."""
    match condition:
        case compiled.QuantityCut():
            windows = value_windows(condition, menu.judge)
            full = (0, QUANTITIES[condition.quantity].maximum)
            return False if not windows else True if full in windows and not condition.phi else None
        case compiled.Combination() | compiled.Correlation() | compiled.Triple():
            if any(drawer.never(leg) for leg in condition.legs):
                return False
            alike = len({(leg.type, leg.bx) for leg in condition.legs}) == 1
            if alike and len(condition.legs) > OBJECTS[condition.legs[0].type].slots:
                return False
            if condition.charge == "os" and len(condition.legs) == 1:
                return False
            reference = condition.overlap.object if condition.kind != "triple" and condition.overlap else None
            if reference is not None and drawer.never(reference):
                return False
            plain = isinstance(condition, compiled.Combination) and not (
                condition.charge or condition.overlap
            )
            return True if plain and all(drawer.always(leg) for leg in condition.legs) else None
        case compiled.Score():
            empty = condition.lower is not None and condition.upper is not None
            return False if empty and condition.lower > condition.upper else None  # type: ignore[operator]
    return None


def some(found: Bools, most: int) -> Iterator[int]:
    """The first places of True."""
    return islice((int(i) for i in np.flatnonzero(found)), most)
