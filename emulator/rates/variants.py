"""A menu at other thresholds: all of them moved by one factor, or one seed's leading cut loosened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import (
    ALGORITHMS,
    Algorithm,
    Combination,
    CompiledMenu,
    Condition,
    Correlation,
    Expression,
    QuantityCut,
    Requirement,
    Triple,
    condition_names,
)
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES
from l1forge.emulator.rates.leading_cut import leading_cut


@dataclass(frozen=True)
class Variant:
    """``expression`` of a seed with its ``conditions``; ``group``: variants of one group are ORed."""

    group: int
    expression: Expression
    conditions: dict[str, Condition]


def scaled(menu: CompiledMenu, seeds: Sequence[Algorithm], factor: float, group: int) -> list[Variant]:
    """All thresholds of ``seeds`` on energies times ``factor``; counts, windows and scores stay."""
    found = []
    for seed in seeds:
        names = list(condition_names(seed.expression))
        moved = {f"{name}*{group}": scaled_condition(menu.conditions[name], factor) for name in names}
        found.append(Variant(group, _renamed(seed.expression, {n: f"{n}*{group}" for n in names}), moved))
    return found


def scaled_condition(cut: Condition, factor: float) -> Condition:
    """The condition with its energy thresholds times ``factor``, in hardware codes, as far as these go."""
    if isinstance(cut, Combination | Correlation | Triple):
        legs = tuple(_leg(leg, factor) for leg in cut.legs)
        return cut.model_copy(update={"legs": legs})
    if isinstance(cut, QuantityCut) and not cut.equal and not QUANTITIES[cut.quantity].is_count:
        highest = QUANTITIES[cut.quantity].maximum + 1
        return cut.model_copy(update={"threshold": min(round(cut.threshold * factor), highest)})
    return cut


def _leg(leg: Requirement, factor: float) -> Requirement:
    if leg.equal or leg.threshold == 0:
        return leg
    offset = 1 if OBJECTS[leg.type].is_muon else 0  # muon code p starts at (p - 1) / 2 GeV
    code = round((leg.threshold - offset) * factor) + offset
    return leg.model_copy(update={"threshold": min(max(code, 0), OBJECTS[leg.type].field.maximum + 1)})


def loosened(
    menu: CompiledMenu, seed: Algorithm, lowest: float, most: int, first_group: int
) -> tuple[list[Variant], list[int]]:
    """One seed with its leading threshold at up to ``most`` codes down to ``lowest`` times it, and the codes.

    Each is a group of its own. None if the seed has no threshold that can be lowered.
    """
    try:
        cut = leading_cut(menu, seed.name)
    except InputError:
        return [], []
    bottom = max(cut.lowest, int(cut.code * lowest))
    steps = min(most, cut.code - bottom)
    if steps <= 0:
        return [], []
    codes = [cut.code - (cut.code - bottom) * (k + 1) // steps for k in range(steps)]
    variants = []
    for k, code in enumerate(codes):
        group = first_group + k
        names = list(condition_names(seed.expression))
        moved = {f"{name}*{group}": menu.conditions[name] for name in names}
        moved[f"{cut.condition}*{group}"] = _with_leading(menu.conditions[cut.condition], code)
        expression = _renamed(seed.expression, {n: f"{n}*{group}" for n in names})
        variants.append(Variant(group, expression, moved))
    return variants, codes


def _with_leading(cut: Condition, code: int) -> Condition:
    if isinstance(cut, Combination | Correlation | Triple):
        first = cut.legs[0].model_copy(update={"threshold": code})
        return cut.model_copy(update={"legs": (first, *cut.legs[1:])})
    return cut.model_copy(update={"threshold": code})


def _renamed(expression: Expression, names: dict[str, str]) -> Expression:
    if isinstance(expression, str):
        return names[expression]
    return [expression[0], *(_renamed(operand, names) for operand in expression[1:])]


def menus(menu: CompiledMenu, variants: Sequence[Variant]) -> Iterator[tuple[CompiledMenu, list[int]]]:
    """Menus of up to 512 variants each, and the group of every algorithm."""
    for start in range(0, len(variants), ALGORITHMS):
        part = variants[start : start + ALGORITHMS]
        conditions = {name: condition for v in part for name, condition in v.conditions.items()}
        algorithms = tuple(
            Algorithm(index=i, name=f"variant {start + i}", expression=v.expression)
            for i, v in enumerate(part)
        )
        yield (
            menu.model_copy(update={"algorithms": algorithms, "conditions": conditions}),
            [v.group for v in part],
        )
