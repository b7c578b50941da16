"""Conditions that only matter where others hold: ``a AND b`` needs no look at ``a`` where ``b`` fails."""

from __future__ import annotations

from collections.abc import Iterable

from l1forge.emulator.menu.compiled import Algorithm, Expression

Use = frozenset[str]
"""Conditions without which one occurrence of a condition changes nothing."""


def guards(algorithms: Iterable[Algorithm]) -> dict[str, tuple[Use, ...]]:
    """For each condition that has guards wherever it is used, those of every use.

    Where for every use some guard fails, the condition may be taken as false whatever it is: each AND that
    holds both is false anyway.
    """
    uses: dict[str, set[Use]] = {}
    for algorithm in algorithms:
        _walk(algorithm.expression, frozenset(), uses)
    return {name: tuple(sorted(found, key=sorted)) for name, found in uses.items() if all(found)}


def _walk(expression: Expression, context: Use, uses: dict[str, set[Use]]) -> None:
    if isinstance(expression, str):
        uses.setdefault(expression, set()).add(context - {expression})
        return
    siblings = frozenset(operand for operand in expression[1:] if isinstance(operand, str))
    for operand in expression[1:]:
        inner = context | siblings if expression[0] == "and" else context
        _walk(operand, inner - {operand} if isinstance(operand, str) else inner, uses)
