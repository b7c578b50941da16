"""The leading cut of a seed: its first threshold, read from left to right, and the seed at other thresholds.

One menu holds the seed at up to 512 thresholds, so that one pass over the events gives the whole curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.menu.compiled import (
    ALGORITHMS,
    Algorithm,
    Combination,
    CompiledMenu,
    Condition,
    Correlation,
    Expression,
    QuantityCut,
    Score,
    Triple,
    condition_names,
)
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES


@dataclass(frozen=True)
class LeadingCut:
    """Where a seed's first threshold stands.

    ``what``: object, sum or score; ``code``: the threshold as the menu has it; ``lowest`` and ``highest``:
    the codes that it can take, nothing reaches the highest.
    """

    algorithm: Algorithm
    condition: str
    what: str
    code: int
    lowest: int
    highest: int

    def physical(self, code: int) -> float | None:
        """The threshold in GeV; None for scores and counts."""
        if self.what in OBJECTS:
            kind = OBJECTS[self.what]
            return (max(code - 1, 0) if kind.is_muon else code) * kind.field.lsb
        if self.what in QUANTITIES and not QUANTITIES[self.what].is_count:
            return code * 0.5 if not QUANTITIES[self.what].source.startswith("link:") else None
        return None


def leading_cut(menu: CompiledMenu, seed: str) -> LeadingCut:
    """The leading cut of the seed of that name.

    Raises
    ------
    InputError
        If there is no such seed, it has no threshold, or its rate does not fall with the threshold.
    """
    named = {algorithm.name: algorithm for algorithm in menu.algorithms}
    if seed not in named:
        near = get_close_matches(seed, named)
        remedy = f"did you mean {near[0]}?" if near else "its name in the menu is needed"
        raise InputError("no evaluated seed has this name", field="--target", value=seed, remedy=remedy)
    algorithm = named[seed]
    for name in condition_names(algorithm.expression):
        cut = menu.conditions[name]
        found = _range(cut, menu)
        if found is None:
            continue
        if not _falls(algorithm.expression, name):
            raise InputError(
                "the rate does not fall with its leading cut",
                field="--target",
                value=seed,
                remedy="it stands behind NOT or XOR",
            )
        return LeadingCut(algorithm, name, *found)
    raise InputError(
        "has no threshold to move", field="--target", value=seed, remedy="choose a seed with a cut"
    )


def _range(cut: Condition, menu: CompiledMenu) -> tuple[str, int, int, int] | None:
    """(what, threshold, lowest, highest) of a condition; None if it has no threshold from below."""
    if isinstance(cut, Combination | Correlation | Triple):
        leg = cut.legs[0]
        return None if leg.equal else (leg.type, leg.threshold, 0, OBJECTS[leg.type].field.maximum + 1)
    if isinstance(cut, QuantityCut):
        highest = QUANTITIES[cut.quantity].maximum + 1
        return None if cut.equal else (cut.quantity, cut.threshold, 0, highest)
    if isinstance(cut, Score) and cut.lower is not None:
        if cut.score not in menu.score_types:
            raise InputError(
                "the menu does not declare the type of this score",
                field="scores",
                value=cut.score,
                remedy="its range must be known to look for a threshold",
            )
        type_ = FixedType.parse(menu.score_types[cut.score])
        return cut.score, cut.lower, type_.minimum, type_.maximum + 1
    return None


def _falls(expression: Expression, name: str) -> bool:
    """Can only fewer crossings pass if the condition ``name`` passes fewer?"""
    if isinstance(expression, str):
        return True
    if expression[0] in ("not", "xor") and name in condition_names(expression):
        return False
    return all(_falls(operand, name) for operand in expression[1:])


def at_thresholds(menu: CompiledMenu, cut: LeadingCut, codes: Sequence[int]) -> CompiledMenu:
    """A menu whose algorithm i is the seed with its leading threshold at ``codes[i]``; at most 512."""
    if len(codes) > ALGORITHMS:
        raise ValueError(f"{len(codes)} thresholds do not fit a menu")
    conditions = {name: menu.conditions[name] for name in condition_names(cut.algorithm.expression)}
    algorithms = []
    for index, code in enumerate(codes):
        name = f"{cut.condition}@{code}"
        conditions[name] = _moved(menu.conditions[cut.condition], code)
        expression = _renamed(cut.algorithm.expression, cut.condition, name)
        algorithms.append(Algorithm(index=index, name=f"{cut.algorithm.name}@{code}", expression=expression))
    used = {name for algorithm in algorithms for name in condition_names(algorithm.expression)}
    kept = {name: condition for name, condition in conditions.items() if name in used}
    return menu.model_copy(update={"algorithms": tuple(algorithms), "conditions": kept})


def _moved(cut: Condition, code: int) -> Condition:
    if isinstance(cut, Combination | Correlation | Triple):
        first = cut.legs[0].model_copy(update={"threshold": code})
        return cut.model_copy(update={"legs": (first, *cut.legs[1:])})
    return cut.model_copy(update={"lower" if isinstance(cut, Score) else "threshold": code})


def _renamed(expression: Expression, old: str, new: str) -> Expression:
    if isinstance(expression, str):
        return new if expression == old else expression
    return [expression[0], *(_renamed(operand, old, new) for operand in expression[1:])]


def next_codes(lowest: int, highest: int) -> list[int]:
    """Up to 512 thresholds from ``lowest`` to ``highest``, both included, evenly spaced."""
    n = highest - lowest + 1
    if n <= ALGORITHMS:
        return list(range(lowest, highest + 1))
    return [lowest + (highest - lowest) * i // (ALGORITHMS - 1) for i in range(ALGORITHMS)]
