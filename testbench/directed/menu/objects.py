"""Objects that satisfy a requirement, and sets of objects that make a condition true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_PHI_BINS, COLLECTIONS, MUON_PHI_BINS
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import Judge, Limit, Requirement
from l1forge.emulator.menu.engine.atoms import NEGATIVE, POSITIVE, requirement_atoms
from l1forge.emulator.menu.quantities import OBJECTS
from l1forge.testbench.directed.menu.pairs import Thing, all_within, any_within, measure

OfObjects = compiled.Combination | compiled.Correlation | compiled.Triple
Set = list[tuple[Requirement, Thing]]
"""One object for each leg, then that of reference."""
FIELDS = ("eta", "phi", "index", "upt", "iso", "qual", "ip", "charge", "displaced")
NEAR, FAR = 24, 40
"""Codes of an angle that are tried: so many around the first object's, so many anywhere."""
TRIES = 24


def codes_of(collection: str, name: str) -> NDArray[np.int64]:
    """Every code of a field; angles stay within a turn."""
    field = COLLECTIONS[collection][name]
    last = field.maximum
    if name == "phi":
        last = (MUON_PHI_BINS if collection == "mu" else CALO_PHI_BINS) - 1
    return np.arange(field.minimum, last + 1)


class Drawer:
    """Draws objects for the requirements of a menu under one judge."""

    def __init__(self, judge: Judge, rng: np.random.Generator) -> None:
        self.judge, self.rng = judge, rng
        self._allowed: dict[Requirement, dict[str, NDArray[np.int64]]] = {}

    def allowed(self, requirement: Requirement) -> Mapping[str, NDArray[np.int64]]:
        """Accepted codes of every field of the object's type; an empty array: no object can satisfy it."""
        if requirement not in self._allowed:
            kind = OBJECTS[requirement.type]
            present = {field.name for field in COLLECTIONS[kind.collection].fields}
            names = [kind.transverse, *(name for name in FIELDS if name in present)]
            codes = {name: codes_of(kind.collection, name) for name in names}
            for atom in requirement_atoms(requirement, self.judge):
                name = atom.column.partition(".")[2]
                inside = np.zeros(len(codes[name]), bool)
                for low, high in atom.windows:
                    inside |= (codes[name] >= low) & (codes[name] <= high)
                codes[name] = codes[name][inside]
            self._allowed[requirement] = codes
        return self._allowed[requirement]

    def never(self, requirement: Requirement) -> bool:
        """Can no object satisfy it?"""
        return any(not len(codes) for codes in self.allowed(requirement).values())

    def always(self, requirement: Requirement) -> bool:
        """Does every object satisfy it, an absent one included?"""
        kind, allowed = OBJECTS[requirement.type], self.allowed(requirement)
        full = all(len(codes) == len(codes_of(kind.collection, name)) for name, codes in allowed.items())
        return full and requirement.slots in (None, (0, kind.slots - 1))

    def thing(self, requirement: Requirement, fixed: Mapping[str, int] | None = None) -> Thing | None:
        """One object, its momentum at an end of the accepted codes or anywhere between; ``fixed`` fields."""
        kind, fields = OBJECTS[requirement.type], {}
        for name, codes in self.allowed(requirement).items():
            if fixed and name in fixed:
                if fixed[name] not in codes:
                    return None
                fields[name] = fixed[name]
                continue
            if not len(codes):
                return None
            if name in (kind.transverse, "upt"):
                present = codes[codes > 0] if codes[-1] > 0 else codes
                draw = self.rng.random()
                place = 0 if draw < 0.35 else len(present) - 1 if draw < 0.5 else None
                if place is None:  # small momenta as often as large ones
                    place = int(len(present) ** self.rng.random()) - 1
                fields[name] = int(present[place])
            else:
                fields[name] = int(self.rng.choice(codes))
        return Thing(requirement.type, fields)

    def beside(
        self,
        first: Sequence[tuple[Requirement, Thing]],
        requirement: Requirement,
        limits: Sequence[Limit],
        clear: Sequence[Limit] = (),
        fixed: Mapping[str, int] | None = None,
    ) -> Thing | None:
        """An object within ``limits`` of all of ``first`` and within none of ``clear`` of any."""
        drawn = self.thing(requirement, fixed)
        if drawn is None:
            return None
        fields = dict(drawn.fields)
        allowed = self.allowed(requirement)
        for name in ("eta", "phi"):
            if name in allowed and not (fixed and name in fixed):
                fields[name] = self.tried(first[0][1], requirement.type, name, allowed[name])
        if "eta" in fields:
            fields["eta"] = np.reshape(fields["eta"], (-1, 1))
        fields["phi"] = np.reshape(fields["phi"], (1, -1))
        many = Thing(requirement.type, fields)
        good = np.asarray(True)
        for _, thing in first:
            good = good & all_within(limits, thing, many) & ~any_within(clear, thing, many)
        shape = (np.size(fields.get("eta", 0)), np.size(fields["phi"]))
        places = np.argwhere(np.broadcast_to(good, shape))
        if not len(places):
            return None
        row, column = places[self.rng.integers(len(places))]
        chosen = {**fields, "phi": int(fields["phi"][0, column])}
        if "eta" in fields:
            chosen["eta"] = int(fields["eta"][row, 0])
        return Thing(requirement.type, chosen)

    def tried(self, first: Thing, kind: str, name: str, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Some of the accepted codes: around the first object's angle, its opposite, and anywhere."""
        muons = (OBJECTS[first.type].is_muon, OBJECTS[kind].is_muon)
        centre = int(first.fields.get(name, 0))
        centre = (
            centre * 4 + 2 if muons == (False, True) else centre // 4 if muons == (True, False) else centre
        )
        near = codes[np.abs(codes - centre) <= NEAR // 2]
        return np.unique(np.concatenate([near, self.rng.choice(codes, min(FAR, len(codes)), replace=False)]))

    # conditions

    def objects(self, condition: OfObjects, fixed: Mapping[tuple[str, int], Mapping[str, int]]) -> Set | None:
        """Objects that make ``condition`` true, or None if this try found none.

        ``fixed``: fields of collections of one object, by (collection, crossing), that others have set.
        """
        for _ in range(TRIES):
            found = self._legs(condition, fixed)
            if found is None:
                continue
            if condition.kind == "triple" or condition.overlap is None or condition.overlap.object is None:
                return found
            overlap, reference = condition.overlap, condition.overlap.object
            third = self.beside(found, reference, (), overlap.limits, _fixed(fixed, reference))
            if third is not None:
                return [*found, (reference, third)]
        return None

    def _legs(self, condition: OfObjects, fixed: Mapping[tuple[str, int], Mapping[str, int]]) -> Set | None:
        if condition.charge == "os" and len(condition.legs) == 1:
            return None
        charges = self._charges(condition.charge, len(condition.legs))
        chosen: Set = []
        for position, leg in enumerate(condition.legs):
            given = {**_fixed(fixed, leg), **({"charge": charges[position]} if charges else {})}
            if position and isinstance(condition, compiled.Correlation):
                itself = condition.overlap
                clear = itself.limits if itself and itself.object is None else ()
                thing = self.beside(chosen, leg, condition.limits, clear, given)
            elif position and isinstance(condition, compiled.Triple):
                thing = self._third(chosen, leg, condition.limits, given, len(condition.legs))
            else:
                thing = self.thing(leg, given)
            if thing is None:
                return None
            chosen.append((leg, thing))
        return chosen

    def _third(
        self, chosen: Set, leg: Requirement, limits: Sequence[Limit], given: Mapping[str, int], legs: int
    ) -> Thing | None:
        """An object that keeps the sum of masses within ``limits``; before the last: below the upper one."""
        before = int(measure("mass", chosen[0][1], chosen[1][1])) if len(chosen) == 2 else 0
        uppers = [limit.upper for limit in limits if limit.upper is not None]
        lowers = [limit.lower for limit in limits if limit.lower is not None]
        for _ in range(TRIES):
            thing = self.beside(chosen, leg, (), (), given)
            if thing is None:
                continue
            total = before + sum(int(measure("mass", other, thing)) for _, other in chosen)
            if len(chosen) < legs - 1:
                if not uppers or total <= min(uppers) // 2:
                    return thing
            elif all(total <= u for u in uppers) and all(total >= low for low in lowers):
                return thing
        return None

    def _charges(self, rule: str | None, legs: int) -> list[int]:
        if rule is None:
            return []
        if rule == "ls":
            return [int(self.rng.choice([POSITIVE, NEGATIVE]))] * legs
        while True:
            drawn = [int(code) for code in self.rng.choice([POSITIVE, NEGATIVE], legs)]
            if len(set(drawn)) > 1:
                return drawn


def _fixed(fixed: Mapping[tuple[str, int], Mapping[str, int]], requirement: Requirement) -> Mapping[str, int]:
    return fixed.get((OBJECTS[requirement.type].collection, requirement.bx), {})
