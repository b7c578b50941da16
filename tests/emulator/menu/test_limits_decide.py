"""Every limit of every kind of condition decides alone: one step inside it is accepted, one beyond is not.

Each row is a crossing whose measure is the integer written out. A limit set to it accepts, one step tighter
rejects, and without the limit the crossing is accepted: the limit, and nothing else, is what decides. Said by
kernels, reference and NumPy peer.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.checks.numpy_peer import NumpyMenu
from l1forge.emulator.menu.checks.reference import Reference
from l1forge.emulator.menu.compiled import CompiledMenu, Limit, Overlap, Requirement
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES
from tests.emulator.menu.crossings import block

POSITIVE, NEGATIVE = 2, 3


def decide(condition: Any, crossing: dict[str, Any], scores: dict[str, Any] | None = None) -> bool:
    """The one decision, which all three must agree on."""
    menu = CompiledMenu(
        name="one",
        conditions={"c": condition},
        algorithms=(compiled.Algorithm(index=3, name="L1_One", expression="c"),),
    )
    events, given = block([crossing]), scores or {}
    said = {
        bool(algorithm_bit(MenuEvaluator(menu)(events, given), 3)[0]),
        bool(Reference(menu)(events, given)[0, 0]),
        bool(NumpyMenu(menu)(events, given)[0, 0]),
    }
    assert len(said) == 1
    return said.pop()


def _leg(kind: str, **cuts: Any) -> Requirement:
    return Requirement(type=kind, threshold=1, **cuts)


def _mu(pt: int, eta: int, phi: int, upt: int = 0) -> tuple[int, ...]:
    return (pt, eta, phi, 12, POSITIVE, upt)


PAIRS = {
    "deta": ("jet", "jet", {"jet": [(60, 0, 0), (60, 23, 0)]}, 1001),
    "dphi": ("jet", "jet", {"jet": [(60, 0, 0), (60, 0, 11)]}, 480),
    "dr2": ("eg", "jet", {"eg": [(60, 0, 0)], "jet": [(60, 10, 3)]}, 435**2 + 131**2),
    "mass": ("jet", "jet", {"jet": [(60, 0, 0), (60, 0, 72)]}, 303 * 303 * 2000),
    "mass_upt": ("mu", "mu", {"mu": [_mu(1, 0, 0, 20), _mu(1, 0, 288, 21)]}, 195 * 205 * 20000),
    "mass_transverse": ("eg", "etm", {"eg": [(60, 9, 0)], "etm.et": 60, "etm.phi": 72}, 303 * 303 * 2000),
    # 10.3 and 15.3 GeV along the centre of bin 0, whose cosine and sine are 1000 and 22 thousandths
    "pt2": (
        "eg",
        "eg",
        {"eg": [(20, 0, 0), (30, 0, 0)]},
        (103**2 + 153**2) * 10**6 + 2 * 103 * 153 * (1000**2 + 22**2),
    ),
    # mass 303^2 (1000 - 976) and 1/dR^2 = 1e5 / (5 * 2 pi / 144)^2 of jets five phi bins apart
    "mass_over_dr": ("jet", "jet", {"jet": [(60, 0, 0), (60, 0, 5)]}, 303 * 303 * 24 * 2100996),
}
SIDES = ("lower", "upper")
LOWER_ONLY = ("mass_over_dr",)
STEP = {"lower": 1, "upper": -1}


def test_every_measure_has_its_row() -> None:
    assert {*PAIRS, "mass3"} == set(get_args(compiled.Measure))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("measure", PAIRS)
def test_limits_of_pairs(measure: Any, side: str) -> None:
    if measure in LOWER_ONLY and side == "upper":
        with pytest.raises(ValueError, match="has no upper limit"):
            compiled.Correlation(legs=(_leg("jet"), _leg("jet")), limits=(Limit(measure=measure, upper=9),))
        return
    a, b, crossing, value = PAIRS[measure]

    def accepts(**bounds: int) -> bool:
        limits = (Limit(measure=measure, **bounds),)
        return decide(compiled.Correlation(legs=(_leg(a), _leg(b)), limits=limits), crossing)

    assert accepts()
    assert accepts(**{side: value})
    assert not accepts(**{side: value + STEP[side]})
    assert accepts(lower=value, **({} if measure in LOWER_ONLY else {"upper": value}))


TRIPLES = {
    # three pairs at 96 of 576 phi bins or twice that: cos 0.5, 0.5, -0.5 in units of 1e-4
    "mu": ({"mu": [_mu(11, 0, 0), _mu(11, 0, 96), _mu(11, 0, 192)]}, 53 * 53 * (5000 + 5000 + 15000)),
    "jet": ({"jet": [(60, 0, 0), (60, 0, 24), (60, 0, 48)]}, 303 * 303 * (500 + 500 + 1500)),
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", TRIPLES)
def test_limits_of_three_body_masses(kind: str, side: str) -> None:
    crossing, value = TRIPLES[kind]

    def accepts(*bounds: dict[str, int]) -> bool:
        limits = tuple(Limit(measure="mass3", **bound) for bound in bounds)
        return decide(compiled.Triple(legs=(_leg(kind),) * 3, limits=limits), crossing)

    assert accepts({})
    assert accepts({side: value})
    assert not accepts({side: value + STEP[side]})
    assert not accepts({side: value}, {side: value + STEP[side]})
    assert not accepts({side: value + STEP[side]}, {side: value})


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("measure", ["deta", "dphi", "dr2", "mass"])
@pytest.mark.parametrize("kind", ["comb_orm", "corr_orm", "pair"])
def test_limits_of_overlaps(kind: str, measure: Any, side: str) -> None:
    """Within the limits the objects overlap, and the condition is false."""
    _, _, places, value = PAIRS[measure]
    first, second = [*places.get("eg", []), *places["jet"]][:2]
    crossing = {"tau": [first], "jet": [second], "eg": [first]}

    def clear(**bounds: int) -> bool:
        limits = (Limit(measure=measure, **bounds),)
        if kind == "pair":
            legs, overlap = (_leg("tau"), _leg("jet")), Overlap(limits=limits)
            return decide(compiled.Correlation(legs=legs, limits=(), overlap=overlap), crossing)
        overlap = Overlap(limits=limits, object=_leg("jet"))
        if kind == "comb_orm":
            return decide(compiled.Combination(legs=(_leg("tau"),), overlap=overlap), crossing)
        return decide(
            compiled.Correlation(legs=(_leg("tau"), _leg("eg")), limits=(), overlap=overlap), crossing
        )

    assert not clear(**{side: value})
    assert clear(**{side: value + STEP[side]})


WINDOWS = [
    ("mu", "eta", -20, 31),
    ("mu", "phi", 100, 200),
    ("mu", "index", 18, 35),
    ("mu", "upt", 10, 90),
    *(
        (other, cut, low, high)
        for other in ("jet", "eg", "tau")
        for cut, low, high in (("eta", -9, 8), ("phi", 5, 20))
    ),
    ("etm", "phi", 5, 20),
    ("htmhf", "phi", 5, 20),
]


@pytest.mark.parametrize(("kind", "cut", "low", "high"), WINDOWS)
def test_both_ends_of_windows(kind: str, cut: str, low: int, high: int) -> None:
    collection = OBJECTS[kind].collection
    leading = f"{collection}.{OBJECTS[kind].transverse}"
    for code, inside in ((low - 1, False), (low, True), (high, True), (high + 1, False)):
        crossing = {leading: 9, f"{collection}.{cut}": code}
        condition = compiled.Combination(legs=(_leg(kind, **{cut: ((low, high),)}),))
        assert decide(condition, crossing) == inside
        assert decide(compiled.Combination(legs=(_leg(kind),)), crossing)


@pytest.mark.parametrize("kind", OBJECTS)
def test_thresholds_and_slices(kind: str) -> None:
    collection = OBJECTS[kind].collection
    leading = f"{collection}.{OBJECTS[kind].transverse}"
    top = OBJECTS[kind].field.maximum
    for threshold in (1, 20, top):
        for code in {threshold - 1, threshold, min(threshold + 1, top)}:
            legs = (Requirement(type=kind, threshold=threshold),)
            assert decide(compiled.Combination(legs=legs), {leading: code}) == (code >= threshold)
    never = compiled.Combination(legs=(Requirement(type=kind, threshold=top + 1),))
    assert not decide(never, {leading: top})
    for slot in range(min(OBJECTS[kind].slots, 6)):
        crossing = {leading: [0] * slot + [9]}
        legs = (_leg(kind, slots=(min(1, OBJECTS[kind].slots - 1), min(3, OBJECTS[kind].slots - 1))),)
        assert decide(compiled.Combination(legs=legs), crossing) == (
            OBJECTS[kind].slots == 1 or 1 <= slot <= 3
        )


@pytest.mark.parametrize("name", QUANTITIES)
def test_thresholds_of_values(name: str) -> None:
    quantity = QUANTITIES[name]

    def crossing(code: int) -> dict[str, Any]:
        if name == "cicada":
            return {"link": [(code >> shift & 15) << 28 for shift in (12, 8, 4, 0)]}
        if quantity.source.startswith("link:"):
            return {"link": [0, code] if name == "zdcm" else [0, 0, code]}
        return {quantity.source: code}

    for threshold in (1, 5, quantity.maximum):
        condition = compiled.QuantityCut(quantity=name, threshold=threshold)
        assert decide(condition, crossing(threshold))
        assert not decide(condition, crossing(threshold - 1))
    assert not decide(
        compiled.QuantityCut(quantity=name, threshold=quantity.maximum + 1), crossing(quantity.maximum)
    )


@pytest.mark.parametrize(
    ("bounds", "passing"), [({"lower": 5}, "011"), ({"upper": 5}, "110"), ({"lower": 5, "upper": 5}, "010")]
)
def test_limits_of_scores(bounds: dict[str, int], passing: str) -> None:
    condition = compiled.Score(score="vae", **bounds)
    decisions = [decide(condition, {}, {"vae": np.array([value])}) for value in (4, 5, 6)]
    assert "".join(str(int(decision)) for decision in decisions) == passing
