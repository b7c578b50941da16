"""Conditions that are not looked at where what they are combined with fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from l1forge.emulator.menu.compiled import Algorithm, CompiledMenu, Limit, Requirement
from l1forge.emulator.menu.compiled import Correlation as Pair
from l1forge.emulator.menu.compiled import QuantityCut as Sum
from l1forge.emulator.menu.engine.dependent_conditions import guards
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from tests.emulator.menu.test_random import random_events


def algorithms(*expressions: Any) -> list[Algorithm]:
    return [Algorithm(index=i, name=f"L1_{i}", expression=e) for i, e in enumerate(expressions)]


def found(*expressions: Any) -> dict[str, list[set[str]]]:
    return {name: [set(use) for use in uses] for name, uses in guards(algorithms(*expressions)).items()}


def test_operands_of_an_and_guard_each_other() -> None:
    assert found(["and", "a", "b"]) == {"a": [{"b"}], "b": [{"a"}]}
    assert found(["and", "a", "b", "c"])["a"] == [{"b", "c"}]


def test_every_use_must_have_a_guard() -> None:
    assert found(["and", "a", "b"], "a") == {"b": [{"a"}]}
    assert found(["and", "a", "b"], ["and", "a", "c"])["a"] == [{"b"}, {"c"}]
    assert found(["or", "a", "b"], ["not", "c"], ["xor", "d", "e"]) == {}


def test_an_and_guards_what_is_nested_in_it() -> None:
    assert found(["and", "a", ["or", "b", ["not", "c"]]]) == {"b": [{"a"}], "c": [{"a"}]}
    assert found(["and", "a", ["and", "b", "c"]])["b"] == [{"a", "c"}]
    assert found(["or", "d", ["and", "a", ["xor", "b", "c"]]])["c"] == [{"a"}]


def test_a_condition_does_not_guard_itself() -> None:
    assert found(["and", "a", "a"]) == {}
    assert found(["and", "a", ["or", "a", "b"]]) == {"b": [{"a"}]}


def test_guarded_pairs_decide_as_unguarded_ones() -> None:
    """One pair, guarded by sums in all of its uses, in one crossing and among neighbours."""
    events = random_events(np.random.default_rng(8), 3000, False)
    for bx in (0, 1):
        legs = (Requirement(type="jet", threshold=9, bx=bx), Requirement(type="jet", threshold=3, bx=bx))
        conditions = {
            "pair": Pair(legs=legs, limits=(Limit(measure="deta", upper=900),)),
            "htt": Sum(quantity="htt", threshold=11, bx=bx),
            "ett": Sum(quantity="ett", threshold=12, bx=0),
        }
        seeds = algorithms(
            ["and", "pair", "htt"], ["and", ["not", "pair"], "ett", "htt"], ["and", "htt", "ett"]
        )
        menu = CompiledMenu(name="guards", conditions=conditions, algorithms=tuple(seeds))
        guarded, plain = MenuEvaluator(menu), MenuEvaluator(menu)
        tables = plain._plan_tables(())
        assert tables.guarded.tolist() == [[0, 0, 2]]
        plain._cached[()] = replace(tables, guarded=tables.guarded[:0])
        words = guarded(events)
        np.testing.assert_array_equal(words, plain(events))
        assert set(np.unique(words[0])) == {0, 1, 5, 6}
        wrong = replace(tables, guards=tables.guards * 0 + 2)  # the wrong guards: bits must change
        plain._cached[()] = wrong
        assert (words != plain(events)).any()
