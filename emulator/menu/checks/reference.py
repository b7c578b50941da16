"""A second, slow evaluation of compiled menus: plain Python, one crossing at a time, no shared code.

It reads conditions as they are written in docs/menu.md, tries every assignment of objects to legs, and
computes every measure from its formula. The kernels are compared with it on random menus and events.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_ETA_LSB, MUON_ETA_LSB, Events
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import CompiledMenu, Expression, Limit, Requirement

_OfObjects = compiled.Combination | compiled.Correlation | compiled.Triple

SLOTS = {"mu": 8, "eg": 12, "tau": 12, "jet": 12}
SUM_COLUMNS = {
    "ettem": "ett.em",
    "towercount": "htt.towercount",
    "mbt0hfp": "ett.mbt0hfp",
    "mbt0hfm": "htt.mbt0hfm",
    "mbt1hfp": "etm.mbt1hfp",
    "mbt1hfm": "htm.mbt1hfm",
    "asymet": "etm.asymet",
    "asymht": "htm.asymht",
    "asymethf": "etmhf.asymethf",
    "asymhthf": "htmhf.asymhthf",
}
SUM_PLACES = {"netetmhf": "htm"}
SHOWERS = {"mus0": 0, "mus1": 2, "mus2": 3, "musoot0": 4, "musoot1": 6}


def _near(value: float) -> int:
    return math.floor(value + 0.5)


class Crossing:
    """Access to the objects of one crossing and its neighbours."""

    def __init__(
        self, events: Events, scores: Mapping[str, NDArray[np.generic]], at: int, wrap: bool
    ) -> None:
        self.events, self.scores, self.at, self.wrap = events, scores, at, wrap

    def position(self, bx: int) -> int | None:
        """Where the crossing ``bx`` later lies in the block; None: beyond its ends."""
        position = self.at + bx
        if 0 <= position < self.events.n:
            return position
        return position % self.events.n if self.wrap else None

    def value(self, column: str, slot: int, bx: int) -> int:
        """One field of one object; 0 beyond the ends of the block."""
        position = self.position(bx)
        return 0 if position is None else int(self.events.column(column)[slot, position])

    def objects(self, kind: str, bx: int) -> list[dict[str, int]]:
        """All slots of a type with the fields a requirement or a measure looks at."""
        if kind not in SLOTS:
            place = SUM_PLACES.get(kind, kind)
            et, phi = self.value(f"{place}.et", 0, bx), self.value(f"{place}.phi", 0, bx)
            return [{"pt": et, "phi": phi, "slot": 0}]
        names = ["eta", "phi"]
        names += ["pt", "qual", "iso", "ip", "upt", "index", "charge"] if kind == "mu" else ["et"]
        names += ["iso"] if kind in ("eg", "tau") else ["displaced"] if kind == "jet" else []
        rows = []
        for slot in range(SLOTS[kind]):
            row = {name: self.value(f"{kind}.{name}", slot, bx) for name in names}
            row.setdefault("pt", row.get("et", 0))
            rows.append({**row, "slot": slot})
        return rows


def accepts(requirement: Requirement, thing: Mapping[str, int], judge: str) -> bool:
    """Does one object satisfy its requirement?"""
    if requirement.equal:
        if thing["pt"] != requirement.threshold:
            return False
    elif thing["pt"] < requirement.threshold:
        return False
    absent = thing["pt"] == 0 and requirement.type in SLOTS
    if absent and judge == "emulator" and not requirement.equal:
        return False
    if requirement.slots and not requirement.slots[0] <= thing["slot"] <= requirement.slots[1]:
        return False
    if requirement.eta and not any(_in_eta(w, thing["eta"], judge) for w in requirement.eta):
        return False
    if requirement.phi and not any(_in_phi(w, thing["phi"]) for w in requirement.phi):
        return False
    for name in ("index", "upt"):
        windows = getattr(requirement, name)
        if windows and not any(low <= thing[name] <= high for low, high in windows):
            return False
    for name in ("iso", "qual", "ip"):
        table = getattr(requirement, name)
        if table is not None and not table >> thing[name] & 1:
            return False
    if requirement.charge and thing["charge"] != {"positive": 2, "negative": 3}[requirement.charge]:
        return False
    return requirement.displaced is None or thing["displaced"] == requirement.displaced


def _in_eta(window: tuple[int, int], eta: int, judge: str) -> bool:
    low, high = window
    if low > high and judge == "emulator":
        return eta >= low or eta <= high
    return low <= eta <= high


def _in_phi(window: tuple[int, int], phi: int) -> bool:
    low, high = window
    return phi >= low or phi <= high if high < low else low <= phi <= high


def charges_agree(rule: str | None, things: Sequence[Mapping[str, int]]) -> bool:
    """ls: all valid and equal; os: all valid, not all equal."""
    if rule is None:
        return True
    codes = [thing["charge"] for thing in things]
    if not all(code in (2, 3) for code in codes):
        return False
    return (len(set(codes)) == 1) == (rule == "ls")


def measure(name: str, a: Mapping[str, int], b: Mapping[str, int], types: tuple[str, str]) -> int | None:
    """The measure's integer; None stands for infinity (mass_over_dr of coinciding objects)."""
    muons = "mu" in types
    digits, bins = (10**4, 576) if muons else (10**3, 144)
    eta_step, phi_step = (MUON_ETA_LSB if muons else CALO_ETA_LSB), 2 * math.pi / bins
    places = []
    for thing, kind in ((a, types[0]), (b, types[1])):
        eta, phi = thing.get("eta", 0), thing["phi"]
        places.append((4 * eta + 2, 4 * phi + 2) if muons and kind != "mu" else (eta, phi))
    (eta_a, phi_a), (eta_b, phi_b) = places
    deta = abs(eta_a - eta_b)
    dphi = abs(phi_a - phi_b) % bins
    dphi = min(dphi, bins - dphi)
    momenta = []
    for thing, kind in ((a, types[0]), (b, types[1])):
        if name == "mass_upt":
            momenta.append(10 * (thing["upt"] - 1) + 5 if thing["upt"] else 0)
        elif kind == "mu":
            momenta.append(5 * (thing["pt"] - 1) + 3 if thing["pt"] else 0)
        else:
            momenta.append(5 * thing["pt"] + 3)
    pt_a, pt_b = momenta
    cosine = _near(math.cos(dphi * phi_step) * digits)
    if name == "deta":
        return _near((deta * eta_step) * 1000)
    if name == "dphi":
        return _near((dphi * phi_step) * 1000)
    if name == "dr2":
        return _near((deta * eta_step) * 1000) ** 2 + _near((dphi * phi_step) * 1000) ** 2
    if name == "mass_transverse":
        return pt_a * pt_b * (digits - cosine)
    if name == "pt2":
        unit = [
            (
                _near(math.cos((phi % bins + 0.5) * phi_step) * digits),
                _near(math.sin((phi % bins + 0.5) * phi_step) * digits),
            )
            for phi in (phi_a, phi_b)
        ]
        along = unit[0][0] * unit[1][0] + unit[0][1] * unit[1][1]
        return (pt_a**2 + pt_b**2) * digits**2 + 2 * pt_a * pt_b * along
    mass = pt_a * pt_b * (_near(math.cosh(deta * eta_step) * digits) - cosine)
    if name != "mass_over_dr":
        return mass
    if muons:
        deta = abs((eta_a >> 1) - (eta_b >> 1))
        dphi = abs((phi_a >> 1) - (phi_b >> 1)) % 288
        dphi, eta_step, phi_step = min(dphi, 288 - dphi), 2 * eta_step, 2 * phi_step
    if deta == 0 and dphi == 0:
        return None
    return mass * _near(1e5 / ((deta * eta_step) ** 2 + (dphi * phi_step) ** 2))


def satisfied(limit: Limit, value: int | None) -> bool:
    """Inclusive limits; infinity is above every lower and every upper one, which mass_over_dr lacks."""
    if value is None:
        return True
    return (limit.lower is None or value >= limit.lower) and (limit.upper is None or value <= limit.upper)


class Reference:
    """Decisions of a compiled menu, crossing by crossing."""

    def __init__(self, menu: CompiledMenu) -> None:
        self.menu = menu

    def __call__(
        self, events: Events, scores: Mapping[str, NDArray[np.generic]] | None = None, wrap: bool = False
    ) -> NDArray[np.bool_]:
        """Shape (algorithms, n), in the order of ``menu.algorithms``."""
        result = np.zeros((len(self.menu.algorithms), events.n), bool)
        for at in range(events.n):
            crossing = Crossing(events, scores or {}, at, wrap)
            known: dict[str, bool] = {}
            for row, algorithm in enumerate(self.menu.algorithms):
                result[row, at] = self._evaluate(algorithm.expression, crossing, known)
        return result

    def _evaluate(self, expression: Expression, crossing: Crossing, known: dict[str, bool]) -> bool:
        if isinstance(expression, str):
            if expression not in known:
                known[expression] = self.condition(self.menu.conditions[expression], crossing)
            return known[expression]
        values = [self._evaluate(operand, crossing, known) for operand in expression[1:]]
        match expression[0]:
            case "not":
                return not values[0]
            case "and":
                return all(values)
            case "or":
                return any(values)
        return sum(values) % 2 == 1

    def condition(self, condition: compiled.Condition, crossing: Crossing) -> bool:
        """One condition of one crossing."""
        match condition:
            case compiled.QuantityCut():
                return self._value(condition, crossing)
            case compiled.SignalBit():
                if condition.signal in SHOWERS:
                    return crossing.value("mu.shower", SHOWERS[condition.signal], condition.bx) == 1
                bit = int(condition.signal[-1])
                column = "etmhf.cent03" if bit < 4 else "htmhf.cent47"
                return bool(crossing.value(column, 0, condition.bx) >> (bit % 4) & 1)
            case compiled.External():
                word = crossing.value("ext", condition.index // 64, condition.bx)
                return bool(word >> (condition.index % 64) & 1)
            case compiled.Score():
                return self._score(condition, crossing)
        return any(self._legs(condition, things, crossing) for things in self._choices(condition, crossing))

    def _score(self, condition: compiled.Score, crossing: Crossing) -> bool:
        position = crossing.position(condition.bx)
        rows = np.atleast_2d(crossing.scores[condition.score])
        values = [0] * len(rows) if position is None else [int(row[position]) for row in rows]
        low, high = condition.lower, condition.upper
        return any((low is None or v >= low) and (high is None or v <= high) for v in values)

    def _value(self, condition: compiled.QuantityCut, crossing: Crossing) -> bool:
        name, bx = condition.quantity, condition.bx
        place = SUM_PLACES.get(name, name)
        if name in ("cicada", "zdcp", "zdcm"):
            words = [crossing.value("link", word, bx) for word in range(6)]
            nibbles = "".join(f"{word >> 28:x}" for word in words[:4])
            value = {"cicada": int(nibbles, 16), "zdcm": words[1] % 1024, "zdcp": words[2] % 1024}[name]
        else:
            value = crossing.value(SUM_COLUMNS.get(name, f"{place}.et"), 0, bx)
        if name == "towercount" and condition.threshold == 0 and self.menu.judge == "firmware":
            return False
        phi = crossing.value(f"{place}.phi", 0, bx) if condition.phi else 0
        inside = not condition.phi or any(_in_phi(window, phi) for window in condition.phi)
        return inside and (value == condition.threshold if condition.equal else value >= condition.threshold)

    def _choices(self, condition: _OfObjects, crossing: Crossing) -> Any:
        """All assignments of objects to the legs; of one type and crossing: distinct objects."""
        legs = condition.legs
        if len({(leg.type, leg.bx) for leg in legs}) == 1:
            things = crossing.objects(legs[0].type, legs[0].bx)
            return permutations(things, len(legs)) if len(legs) > 1 else ((thing,) for thing in things)
        return product(*(crossing.objects(leg.type, leg.bx) for leg in legs))

    def _legs(
        self,
        condition: _OfObjects,
        things: tuple[dict[str, int], ...],
        crossing: Crossing,
    ) -> bool:
        judge, legs = self.menu.judge, condition.legs
        if not all(accepts(leg, thing, judge) for leg, thing in zip(legs, things, strict=True)):
            return False
        if not charges_agree(condition.charge, things):
            return False
        types = tuple(leg.type for leg in legs)
        if isinstance(condition, compiled.Triple):
            pairs = ((0, 1), (0, 2), (1, 2))
            masses = [measure("mass", things[i], things[j], (types[i], types[j])) for i, j in pairs]
            return all(satisfied(limit, sum(m or 0 for m in masses)) for limit in condition.limits)
        if isinstance(condition, compiled.Correlation):
            a, b = things
            for limit in condition.limits:
                if not satisfied(limit, measure(limit.measure, a, b, (types[0], types[1]))):
                    return False
        return condition.overlap is None or self._clear(condition.overlap, things, types, crossing)

    def _clear(
        self,
        overlap: compiled.Overlap,
        things: tuple[dict[str, int], ...],
        types: tuple[str, ...],
        crossing: Crossing,
    ) -> bool:
        def overlapping(a: Mapping[str, int], b: Mapping[str, int], pair: tuple[str, str]) -> bool:
            return any(satisfied(limit, measure(limit.measure, a, b, pair)) for limit in overlap.limits)

        reference = overlap.object
        if reference is None:
            return not overlapping(things[0], things[1], (types[0], types[1]))
        free = [
            not any(
                overlapping(thing, third, (kind, reference.type))
                for thing, kind in zip(things, types, strict=True)
            )
            for third in crossing.objects(reference.type, reference.bx)
            if accepts(reference, third, self.menu.judge)
        ]
        if self.menu.overlap == "none_overlaps":
            return bool(free) and all(free)
        return any(free)
