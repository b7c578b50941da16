"""Seeds that a run cannot evaluate: taken out of the menu, neither fired nor quiet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import (
    Algorithm,
    CompiledMenu,
    Condition,
    External,
    QuantityCut,
    Score,
    condition_names,
)
from l1forge.emulator.menu.quantities import QUANTITIES

INPUTS = {"ext": "external signals", "link": "link words"}
"""Columns that are no objects, in words."""


@dataclass(frozen=True)
class Excluded:
    """One algorithm that is not evaluated and not in the FinOR."""

    index: int
    name: str
    reason: str


def absent_inputs(menu: CompiledMenu, columns: Collection[str]) -> dict[int, str]:
    """Why algorithms cannot be evaluated on events that have only ``columns``, by algorithm index.

    External signals and link words are no objects: a source without them says nothing about them, and a NOT
    of one that is absent would fire in every crossing.
    """
    reasons = {}
    for algorithm in menu.algorithms:
        needed = {_input(menu.conditions[name]) for name in condition_names(algorithm.expression)}
        absent = [text for column, text in INPUTS.items() if column in needed and column not in columns]
        if absent:
            reasons[algorithm.index] = f"the events have no {' and no '.join(absent)}"
    return reasons


def _input(condition: Condition) -> str | None:
    """The column other than those of objects that a condition looks at."""
    if isinstance(condition, External):
        return "ext"
    if isinstance(condition, QuantityCut) and QUANTITIES[condition.quantity].source.startswith("link:"):
        return "link"
    return None


def of_models(menu: CompiledMenu, models: Iterable[str]) -> dict[int, str]:
    """Why algorithms are left out that need one of ``models``, by algorithm index.

    Raises
    ------
    InputError
        If no seed of the menu uses such a model.
    """
    reasons: dict[int, str] = {}
    used = sorted({score.partition(".")[0] for score in menu.scores})
    for model in models:
        if model not in used:
            raise InputError(
                "the menu does not use this model",
                field="--without-model",
                value=model,
                remedy=f"it uses {', '.join(used) or 'none'}",
            )
        for algorithm in menu.algorithms:
            if any(score.partition(".")[0] == model for score in menu.needs(algorithm)):
                reasons.setdefault(algorithm.index, f"without model {model}")
    return reasons


def external_names(menu: CompiledMenu, indices: Collection[int]) -> tuple[str, ...]:
    """Names (or bits, where the menu has none) of the external signals of these algorithms, each once."""
    names = {
        condition.name or f"bit {condition.index}"
        for algorithm in menu.algorithms
        if algorithm.index in indices
        for condition in map(menu.conditions.__getitem__, condition_names(algorithm.expression))
        if isinstance(condition, External)
    }
    return tuple(sorted(names))


def without(menu: CompiledMenu, reasons: Mapping[int, str]) -> tuple[CompiledMenu, tuple[Excluded, ...]]:
    """``menu`` without these algorithms (index: reason) and what only they needed; and what was left out.

    Raises
    ------
    InputError
        If nothing is left.
    """
    if not reasons:
        return menu, ()
    kept = tuple(algorithm for algorithm in menu.algorithms if algorithm.index not in reasons)
    if not kept:
        raise InputError(
            "no seed of the menu can be evaluated",
            field="menu",
            value=menu.name,
            remedy=next(iter(reasons.values())),
        )
    left_out = tuple(
        Excluded(algorithm.index, algorithm.name, reasons[algorithm.index])
        for algorithm in menu.algorithms
        if algorithm.index in reasons
    )
    used = {name for algorithm in kept for name in condition_names(algorithm.expression)}
    conditions = {name: condition for name, condition in menu.conditions.items() if name in used}
    return menu.model_copy(update={"algorithms": kept, "conditions": conditions}), left_out


def uses_externals(menu: CompiledMenu, algorithm: Algorithm) -> bool:
    """Does the seed look at an external signal?"""
    return any(isinstance(menu.conditions[name], External) for name in condition_names(algorithm.expression))


def uses_scores(menu: CompiledMenu, algorithm: Algorithm, scores: Collection[str]) -> bool:
    """Does the seed look at one of ``scores``?"""
    conditions = (menu.conditions[name] for name in condition_names(algorithm.expression))
    return any(isinstance(condition, Score) and condition.score in scores for condition in conditions)
