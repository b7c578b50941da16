"""Thresholds that may change between runs: those of single objects, of sums and of model scores.

A menu's conditions on one object, one sum or one score in the crossing itself have a threshold each, which
the Verilog keeps in a register. All other limits are constants of the design.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.menu.compiled import (
    Combination,
    CompiledMenu,
    Condition,
    QuantityCut,
    Score,
    condition_names,
)
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES

LEAST_CODE = 1
"""Codes below 1 would accept an absent object; the two judges differ there."""


@dataclass(frozen=True)
class Threshold:
    """One threshold: ``condition`` in the menu, the integers it may take, and its value in the menu.

    ``subject`` is what is compared (``mu.pt``, ``htt.et``, ``vae``); ``seeds`` the algorithms that use it.
    """

    condition: str
    subject: str
    least: int
    most: int
    value: int
    seeds: tuple[str, ...]


def thresholds_of(menu: CompiledMenu) -> tuple[Threshold, ...]:
    """Every threshold of ``menu`` that can change without a new design, in the order of its conditions."""
    users: dict[str, dict[str, None]] = {}
    for algorithm in menu.algorithms:
        for name in condition_names(algorithm.expression):
            users.setdefault(name, {})[algorithm.name] = None
    found = []
    for name, condition in menu.conditions.items():
        made = _threshold(menu, name, condition, tuple(users.get(name, ())))
        if made is not None and made.least <= made.value <= made.most and made.seeds:
            found.append(made)
    return tuple(found)


def _threshold(
    menu: CompiledMenu, name: str, condition: Condition, seeds: tuple[str, ...]
) -> Threshold | None:
    match condition:
        case Combination(legs=(leg,), overlap=None, charge=None) if not leg.equal and leg.bx == 0:
            kind = OBJECTS[leg.type]
            subject, most = f"{kind.collection}.{kind.transverse}", kind.field.maximum + 1
            return Threshold(name, subject, LEAST_CODE, most, leg.threshold, seeds)
        case QuantityCut() if not condition.equal and condition.bx == 0:
            quantity = QUANTITIES[condition.quantity]
            if quantity.source.startswith("link:"):
                return None
            return Threshold(
                name, quantity.source, LEAST_CODE, quantity.maximum + 1, condition.threshold, seeds
            )
        case Score(lower=int() as lower, upper=None) if (
            condition.bx == 0 and condition.score in menu.score_types
        ):
            type_ = FixedType.parse(menu.score_types[condition.score])
            return Threshold(name, condition.score, type_.minimum, type_.maximum, lower, seeds)
    return None


def with_thresholds(menu: CompiledMenu, values: Mapping[str, int]) -> CompiledMenu:
    """``menu`` with other thresholds: condition to integer."""
    conditions = dict(menu.conditions)
    for name, value in values.items():
        condition = conditions[name]
        if isinstance(condition, Combination):
            leg = condition.legs[0].model_copy(update={"threshold": value})
            conditions[name] = condition.model_copy(update={"legs": (leg,)})
        elif isinstance(condition, QuantityCut):
            conditions[name] = condition.model_copy(update={"threshold": value})
        else:
            conditions[name] = condition.model_copy(update={"lower": value})
    return menu.model_copy(update={"conditions": conditions})
