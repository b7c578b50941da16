"""Crossings that cannot fire are left out: no bit may change, and few may be left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.compiled import Algorithm, CompiledMenu, Requirement, Score, condition_names
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from l1forge.emulator.menu.engine.plan import HIGHEST
from l1forge.emulator.menu.engine.screen import FIRST, MOST_CLAUSES, SECOND, Screen, bound, reduced
from l1forge.emulator.menu.engine.vector_lanes import LANES
from l1forge.emulator.menu.language.load import DEFAULT, load_menu
from tests.emulator.menu.test_random import menus, random_events

SAMPLE = Path(__file__).parents[3] / "simulation" / "sample"
MUON, OTHER = (FIRST, "mu.pt"), (SECOND, "mu.pt")


def every_crossing(menu: CompiledMenu) -> MenuEvaluator:
    evaluator = MenuEvaluator(menu)
    evaluator.screen = None
    return evaluator


def scores_for(menu: CompiledMenu, n: int) -> dict[str, np.ndarray]:
    """Up to the lowest limit and some beyond, in different types."""
    rng = np.random.default_rng(3)
    lowest = {
        name: min(c.lower for c in menu.conditions.values() if isinstance(c, Score) and c.score == name)
        for name in menu.scores
    }
    return {
        name: rng.integers(limit - 300, limit + 3, (2, n) if "." in name else n).astype(dtype)
        for (name, limit), dtype in zip(lowest.items(), (np.int32, np.int16, np.int64, np.int16), strict=True)
    }


@pytest.mark.parametrize(("name", "threads", "share"), [("zerobias", 1, 0.08), ("ttbar", 3, 1.0)])
def test_default_menu_on_committed_samples(name: str, threads: int, share: float) -> None:
    menu = load_menu(DEFAULT)
    events = next(iter(open_events(SAMPLE / f"{name}.parquet").blocks()))
    scores = scores_for(menu, events.n)
    expected = every_crossing(menu)(events, scores)
    evaluator = MenuEvaluator(menu, threads)
    np.testing.assert_array_equal(evaluator(events, scores), expected)
    places, words = evaluator.sparse(events, scores)
    assert (np.diff(places) > 0).all()
    assert places.size < share * events.n
    np.testing.assert_array_equal(words, expected[:, places])
    assert np.bitwise_count(words).sum() == np.bitwise_count(expected).sum() > 500


def screened_ttbar() -> tuple[Events, dict[str, np.ndarray], np.ndarray, MenuEvaluator, Screen]:
    """tt̄ events with scores, their bits without a screen, and an evaluator with its screen."""
    menu = load_menu(DEFAULT)
    events = next(iter(open_events(SAMPLE / "ttbar.parquet").blocks()))
    scores = scores_for(menu, events.n)
    expected = every_crossing(menu)(events, scores)
    evaluator = MenuEvaluator(menu)
    screen = evaluator.screen
    assert screen is not None
    return events, scores, expected, evaluator, screen


def test_limits_that_are_too_high_are_noticed() -> None:
    events, scores, expected, evaluator, screen = screened_ttbar()
    for number in np.flatnonzero(screen.tests[:, 0] < 2 * len(screen.columns)):
        tests = screen.tests.copy()
        tests[number, 1] += 200
        evaluator.screen = replace(screen, tests=tests)
        if (evaluator(events, scores) != expected).any():
            return
    pytest.fail("no raised limit changed a bit")


def test_columns_that_are_missing_are_noticed() -> None:
    events, scores, expected, evaluator, screen = screened_ttbar()
    for name in ("mu.pt", "mu.charge", "eg.iso", "tau.phi", "jet.eta", "htt.et"):
        bit = 1 << list(evaluator.plan.columns).index(name)
        evaluator.screen = replace(screen, needs=screen.needs & ~bit)
        assert (evaluator(events, scores) != expected).any(), name


@pytest.mark.parametrize("n", [0, 1, LANES - 1, LANES, LANES + 1, 3 * LANES])
def test_any_number_of_crossings(n: int) -> None:
    menu = load_menu(DEFAULT)
    events = next(iter(open_events(SAMPLE / "ttbar.parquet").blocks())).select(slice(0, n))
    scores = scores_for(menu, n)
    expected = every_crossing(menu)(events, scores)
    np.testing.assert_array_equal(MenuEvaluator(menu)(events, scores), expected)


def one_crossing(data: Any) -> Any:
    """A compiled menu's JSON with every offset taken out."""
    if isinstance(data, dict):
        return {key: 0 if key == "bx" else one_crossing(value) for key, value in data.items()}
    return [one_crossing(item) for item in data] if isinstance(data, list) else data


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(menu=menus(), seed=st.integers(0, 2**32 - 1), wild=st.booleans())
def test_random_algorithms_one_by_one(menu: CompiledMenu, seed: int, wild: bool) -> None:
    """Alone, most algorithms have clauses; together, one that fires on anything would hide the others."""
    rng = np.random.default_rng(seed)
    n = 300
    events = random_events(rng, n, wild)
    few = {name: array * (rng.random(n) < 0.3) for name, array in events.items()}
    events = Events({name: array.astype(events[name].dtype) for name, array in few.items()}, n)
    scores = {"vae": rng.integers(-6, 7, n), "mu.pt": rng.integers(-6, 7, (8, n))}
    menu = CompiledMenu.model_validate(one_crossing(menu.model_dump(mode="json")))
    for algorithm in menu.algorithms:
        names = set(condition_names(algorithm.expression))
        kept = {name: menu.conditions[name] for name in menu.conditions if name in names}
        alone = CompiledMenu(name="one", judge=menu.judge, conditions=kept, algorithms=(algorithm,))
        expected = every_crossing(alone)(events, scores)
        np.testing.assert_array_equal(MenuEvaluator(alone)(events, scores), expected)


def test_only_weakest_clauses_are_kept() -> None:
    single, pair = {MUON: 36}, {MUON: 1, OTHER: 1}
    assert reduced([{MUON: 50}, single, {MUON: 30, OTHER: 14}, pair, {MUON: 36, OTHER: 0}]) == [single, pair]
    assert reduced([single, {}]) == [{}]
    assert reduced({MUON: i, OTHER: 1000 - i} for i in range(MOST_CLAUSES + 1)) == [{}]


def test_bounds_of_expressions() -> None:
    table = {"a": {MUON: 3}, "b": {MUON: 5, OTHER: 1}, "c": {OTHER: 2}, "never": None}
    assert bound("a", table) == [{MUON: 3}]
    assert bound("never", table) == []
    assert bound(["and", "a", "b"], table) == [{MUON: 5, OTHER: 1}]
    assert bound(["or", "a", "b", "c"], table) == [{MUON: 3}, {OTHER: 2}]
    assert bound(["xor", "a", "c"], table) == [{MUON: 3}, {OTHER: 2}]
    assert bound(["and", "a", ["not", "c"]], table) == [{MUON: 3}]
    assert bound(["not", "a"], table) == [{}]
    assert bound(["and", "never", "a"], table) == []


def single(requirement: Requirement, judge: str = "emulator") -> CompiledMenu:
    return CompiledMenu.model_validate(
        {
            "name": "one",
            "judge": judge,
            "conditions": {"c": {"kind": "combination", "legs": [requirement.model_dump()]}},
            "algorithms": [Algorithm(index=0, name="L1_One", expression="c").model_dump()],
        }
    )


def test_menus_in_which_any_crossing_may_fire_have_no_screen() -> None:
    jet = Requirement(type="jet", threshold=20)
    assert MenuEvaluator(single(jet)).screen is not None
    assert MenuEvaluator(single(jet.model_copy(update={"bx": 1}))).screen is None
    nothing = jet.model_copy(update={"threshold": 0})
    assert MenuEvaluator(single(nothing)).screen is not None  # an object that is there has a count at least
    evaluator = MenuEvaluator(single(nothing, "firmware"))
    assert evaluator.screen is None
    with pytest.raises(ValueError, match="every crossing"):
        evaluator.sparse(Events({}, 3))


def test_scores_without_lower_limit_have_no_screen() -> None:
    score = {"kind": "score", "score": "vae", "lower": None, "upper": 5}
    menu = single(Requirement(type="jet", threshold=20)).model_dump(mode="json")
    upper = CompiledMenu.model_validate(menu | {"conditions": {"c": score}})
    assert MenuEvaluator(upper).screen is None
    lower = CompiledMenu.model_validate(
        menu | {"conditions": {"c": score | {"lower": HIGHEST - 1, "upper": None}}}
    )
    values = np.array([HIGHEST - 2, HIGHEST - 1, HIGHEST])
    assert MenuEvaluator(lower)(Events({}, 3), {"vae": values})[0].tolist() == [0, 1, 1]
