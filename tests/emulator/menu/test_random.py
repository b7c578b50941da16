"""Kernels against the slow reference on random menus and random crossings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l1forge.emulator.events.objects import COLUMNS, EXTRA_COLUMNS, Events
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.checks.numpy_peer import NumpyMenu
from l1forge.emulator.menu.checks.reference import Reference
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES, SIGNALS

CALO = ("eg", "tau", "jet")
SUMS = ("etm", "htm", "etmhf", "htmhf", "netetmhf")


def _window(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


def _ordered(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return _window(low, high).map(lambda pair: (min(pair), max(pair)))


@st.composite
def requirements(draw: Any, kind: str, bx: int | None = None) -> compiled.Requirement:
    """Loose enough that random objects pass now and then."""
    values: dict[str, Any] = {"type": kind, "threshold": draw(st.integers(0, 12))}
    values["bx"] = draw(st.sampled_from((0, 0, 0, -2, 1))) if bx is None else bx
    values["equal"] = draw(st.sampled_from((False,) * 7 + (True,)))
    if kind in SUMS:
        return compiled.Requirement(**values)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "eta": st.lists(_window(-60, 60), min_size=1, max_size=3).map(tuple),
        "phi": st.lists(_window(0, 143), min_size=1, max_size=2).map(tuple),
        "slots": _ordered(0, OBJECTS[kind].slots - 1),
    }
    if kind == "mu":
        optional |= {
            "qual": st.integers(1, 2**16 - 1),
            "index": st.lists(_ordered(0, 107), min_size=1, max_size=2).map(tuple),
            "upt": _ordered(0, 255).map(lambda w: (w,)),
            "ip": st.integers(1, 15),
            "charge": st.sampled_from(("positive", "negative")),
        }
    optional |= {"iso": st.integers(1, 15)} if kind != "jet" else {"displaced": st.integers(0, 1)}
    for name in draw(st.lists(st.sampled_from(sorted(optional)), max_size=2, unique=True)):
        values[name] = draw(optional[name])
    return compiled.Requirement(**values)


@st.composite
def limits(draw: Any, kinds: tuple[str, str]) -> compiled.Limit:
    measures = ["dphi", "mass_transverse", "pt2"]
    if not set(kinds) & set(SUMS):
        measures += ["deta", "dr2", "mass", "mass_over_dr"]
    measures += ["mass_upt"] if kinds == ("mu", "mu") else []
    measure = draw(st.sampled_from(measures))
    top = {"deta": 5000, "dphi": 3200, "dr2": 20_000_000, "mass_over_dr": 10**13, "pt2": 10**10}.get(
        measure, 10**9
    )
    low, high = draw(_ordered(0, top))
    if measure in ("mass_over_dr", "pt2"):
        return compiled.Limit(measure=measure, lower=low)
    return compiled.Limit(measure=measure, lower=draw(st.sampled_from((None, low))), upper=high)


@st.composite
def conditions(draw: Any) -> compiled.Condition:
    kind = draw(
        st.sampled_from(("combination", "clear", "pair", "pair", "orm", "triple", "value", "bit", "score"))
    )
    if kind == "combination":
        name = draw(st.sampled_from(("mu", *CALO)))
        bx = draw(st.sampled_from((0, 0, -1, 2)))
        legs = draw(st.lists(requirements(name, bx), min_size=1, max_size=4))
        charge = draw(st.sampled_from((None, "ls", "os"))) if name == "mu" and len(legs) > 1 else None
        return compiled.Combination(legs=tuple(legs), charge=charge)
    if kind == "clear":
        name, other = draw(st.permutations(("mu", *CALO)))[:2]
        legs = draw(st.lists(requirements(name, 0), min_size=1, max_size=4))
        overlap = compiled.Overlap(
            limits=tuple(draw(st.lists(limits((name, other)), min_size=1, max_size=2))),
            object=draw(requirements(other)),
        )
        charge = draw(st.sampled_from((None, "ls", "os"))) if name == "mu" and len(legs) > 1 else None
        return compiled.Combination(legs=tuple(legs), charge=charge, overlap=overlap)
    if kind == "triple":
        name = draw(st.sampled_from(("mu", "jet")))
        legs = tuple(draw(requirements(name, 0)) for _ in range(3))
        low, high = draw(_ordered(0, 10**9))
        charge = draw(st.sampled_from((None, "ls", "os"))) if name == "mu" else None
        cut = compiled.Limit(measure="mass3", lower=low, upper=high)
        return compiled.Triple(legs=legs, limits=(cut,), charge=charge)
    if kind in ("pair", "orm"):
        pair = draw(
            st.tuples(
                st.sampled_from(("mu", *CALO)), st.sampled_from(("mu", *CALO, "etm", "htmhf", "netetmhf"))
            )
        )
        legs = (draw(requirements(pair[0])), draw(requirements(pair[1])))
        charge = draw(st.sampled_from((None, "ls", "os"))) if pair == ("mu", "mu") else None
        cuts = tuple(draw(st.lists(limits(pair), min_size=1, max_size=2)))
        overlap = None
        if kind == "orm" and not set(pair) & set(SUMS):
            third = draw(st.sampled_from([None, *({"mu", *CALO} - set(pair))]))
            reference = None if third is None else draw(requirements(third))
            other = pair if third is None else ("eg", "jet")
            chosen = draw(st.lists(limits(other), min_size=1, max_size=2))
            overlap = compiled.Overlap(limits=tuple(chosen), object=reference)
        return compiled.Correlation(legs=legs, limits=cuts, charge=charge, overlap=overlap)
    bx = draw(st.integers(-2, 2))
    if kind == "value":
        name = draw(st.sampled_from(sorted(QUANTITIES)))
        phi = (draw(_window(0, 143)),) if QUANTITIES[name].has_phi and draw(st.booleans()) else ()
        return compiled.QuantityCut(quantity=name, bx=bx, threshold=draw(st.integers(0, 15)), phi=phi)
    if kind == "bit":
        if draw(st.booleans()):
            return compiled.External(index=draw(st.integers(0, 255)), bx=bx)
        return compiled.SignalBit(signal=draw(st.sampled_from(sorted(SIGNALS))), bx=bx)
    low, high = draw(_ordered(-5, 5))
    return compiled.Score(score=draw(st.sampled_from(("vae", "mu.pt"))), bx=bx, lower=low, upper=high)


def _expressions(names: list[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.sampled_from(names),
        lambda inner: st.one_of(
            inner.map(lambda e: ["not", e]),
            st.tuples(st.sampled_from(("and", "or", "xor")), st.lists(inner, min_size=2, max_size=3)).map(
                lambda pair: [pair[0], *pair[1]]
            ),
        ),
        max_leaves=4,
    )


@st.composite
def menus(draw: Any) -> CompiledMenu:
    table = {f"c{i}": c for i, c in enumerate(draw(st.lists(conditions(), min_size=3, max_size=8)))}
    seeds = [*table, *draw(st.lists(_expressions(list(table)), max_size=3))]
    algorithms = [compiled.Algorithm(index=i * 37, name=f"L1_{i}", expression=e) for i, e in enumerate(seeds)]
    judge = draw(st.sampled_from(("emulator", "firmware")))
    rule = draw(st.sampled_from(("any_free", "none_overlaps")))
    return CompiledMenu(
        name="random", judge=judge, overlap=rule, conditions=table, algorithms=tuple(algorithms)
    )


def random_events(rng: np.random.Generator, n: int, wild: bool) -> Events:
    """Half of the slots empty. ``wild``: every bit of every word at random; else mostly small values."""
    columns: dict[str, Any] = {}
    present = {name: rng.random((12, n)) < 0.5 for name in ("mu", *CALO)}
    for name, (slots, field) in COLUMNS.items():
        values = rng.integers(field.minimum, field.maximum + 1, (slots, n))
        if not wild and field.name in ("et", "pt", "em", "towercount"):
            values %= 16
        if not wild and field.name in ("eta", "phi"):
            values = values % 60 - (30 if field.signed else 0)
        collection = name.split(".")[0]
        if collection in present:
            values = values * present[collection][:slots]
        columns[name] = values.astype(np.int16)
    for name in ("ext", "link"):
        size, dtype = EXTRA_COLUMNS[name]
        columns[name] = rng.integers(0, np.iinfo(dtype).max, (size, n), dtype=dtype, endpoint=True)
    return Events(columns, n)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(menu=menus(), seed=st.integers(0, 2**32 - 1), wild=st.booleans(), wrap=st.booleans())
def test_kernels_equal_the_reference(menu: CompiledMenu, seed: int, wild: bool, wrap: bool) -> None:
    rng = np.random.default_rng(seed)
    events = random_events(rng, 10, wild)
    scores = {"vae": rng.integers(-6, 7, 10), "mu.pt": rng.integers(-6, 7, (8, 10))}
    words = MenuEvaluator(menu)(events, scores, "orbit" if wrap else "none")
    ours = np.array([algorithm_bit(words, a.index) for a in menu.algorithms])
    np.testing.assert_array_equal(ours, Reference(menu)(events, scores, wrap))
    np.testing.assert_array_equal(ours, NumpyMenu(menu)(events, scores, wrap))


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_halo_and_threads_change_nothing(threads: int) -> None:
    """2000 crossings at once, in threads, and in pieces with their margins."""
    rng = np.random.default_rng(5)
    events = random_events(rng, 2000, False)
    legs = (
        compiled.Requirement(type="mu", threshold=8, bx=-1),
        compiled.Requirement(type="jet", threshold=8),
    )
    near = compiled.Limit(measure="dr2", upper=500_000)
    menu = CompiledMenu(
        name="pieces",
        conditions={
            "pair": compiled.Correlation(legs=legs, limits=(near,)),
            "ext": compiled.External(index=9, bx=2),
        },
        algorithms=(compiled.Algorithm(index=500, name="L1_Pair", expression=["xor", "pair", "ext"]),),
    )
    evaluate = MenuEvaluator(menu, threads)
    assert evaluate.halo == 2
    whole = evaluate(events)
    assert 100 < algorithm_bit(whole, 500).sum() < 1900
    inner = [
        evaluate(events.select(slice(a - 2, b + 2)), neighbours="halo") for a, b in ((2, 777), (777, 1998))
    ]
    np.testing.assert_array_equal(np.concatenate(inner, axis=1), whole[:, 2:1998])
