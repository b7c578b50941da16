"""Thresholds on model outputs: physical values to raw integers, exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from l1forge.emulator.events.cicada import SCORE_TYPE
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.menu.language.grammar import Place, ScoreNode


@dataclass(frozen=True)
class ScoreType:
    """How a model's output is to be read.

    ``physical``: integer literals are physical values, too. ``graph``: the model's graph file, if the menu
    binds one.
    """

    type: FixedType
    physical: bool = False
    graph: str | None = None


NETWORK_TYPES: Mapping[str, FixedType] = {
    name: FixedType.parse("ufixed<18,14>") for name in ("AXO", "ADT", "TOPO")
} | {"CICADA": FixedType.parse(SCORE_TYPE)}
"""What the raw thresholds of the menu's network objects count: 18 bits, 1/16 each (docs/menu.md).

CICADA's score is that of the link words, unless the menu binds a model to it.
"""


def network_type(
    network: str, model: str, declared: ScoreType | None, place: Place, column: int
) -> FixedType:
    """The type that an object such as AXO implies for the score of its ``model``.

    Raises
    ------
    InputError
        If the menu declares the score with another width, sign or binary point.
    """
    implied = NETWORK_TYPES[network]
    if declared is not None:
        found = declared.type
        if (found.signed, found.width, found.integer) != (implied.signed, implied.width, implied.integer):
            raise place.error(
                f"the thresholds of {network} objects are raw integers of {implied}",
                column,
                value=f"{model}: {found}",
                remedy=f"give the network {model} this type, or cut on another model with SCORE(..)",
            )
    return implied


def score_limits(node: ScoreNode, declared: ScoreType | None, place: Place) -> tuple[int | None, int | None]:
    """Inclusive (lower, upper) raw integers for ``score >= value`` and its relatives.

    A literal without decimal point is the raw integer itself, unless the output is declared physical;
    one with a decimal point is physical and needs the output's declared type. ``>= 22.3`` with a step of
    0.5 becomes raw >= 45.

    Raises
    ------
    InputError
        If a physical value is given for an output of unknown type, or the type cannot hold the value.
    """
    raw = node.value.lstrip("+-").isdigit() and not (declared and declared.physical)
    if not raw and declared is None:
        raise place.error(
            f"the type of {node.score} is not known, so its threshold must be a raw integer",
            node.column,
            value=node.value,
            remedy="declare it under scores",
        )
    value = Fraction(node.value)
    if not raw and declared is not None:
        value *= Fraction(2) ** declared.type.fraction
    if declared is not None and not declared.type.minimum <= value <= declared.type.maximum:
        raise place.error(f"{declared.type} cannot hold this threshold", node.column, value=node.value)
    match node.comparison:
        case ">=":
            return math.ceil(value), None
        case ">":
            return math.floor(value) + 1, None
        case "<=":
            return None, math.floor(value)
        case "<":
            return None, math.ceil(value) - 1
    if value.denominator != 1:
        raise place.error("no raw value equals this", node.column, value=node.value)
    return int(value), int(value)
