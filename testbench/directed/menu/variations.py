"""Variations of a scene: its objects in other slots, at the ends of windows, and at the ends of limits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import numpy as np

from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import CompiledMenu, Limit, Requirement
from l1forge.emulator.menu.engine.atoms import Atom, requirement_atoms
from l1forge.emulator.menu.quantities import OBJECTS
from l1forge.testbench.directed.menu.objects import codes_of
from l1forge.testbench.directed.menu.pairs import Thing, all_within, measure
from l1forge.testbench.directed.menu.scene import Scene, SceneMaker

MOST = 144
"""Placements of one scene's objects at most: those of two objects in any two of 12 slots."""
GEOMETRIES = 3
"""Pairs of objects at the ends of a limit for any two slots."""
Key = tuple[str, int]
"""A collection and a crossing."""


class Variations:
    """Variations of scenes in which a condition decides its seed."""

    def __init__(self, menu: CompiledMenu, maker: SceneMaker, rng: np.random.Generator) -> None:
        self.menu, self.maker, self.rng = menu, maker, rng
        self.done: set[object] = set()

    def of(self, deciding: Sequence[tuple[str, Scene]]) -> list[Scene]:
        """All variations of ``deciding``: pairs of a condition and a scene in which it is true."""
        made: list[Scene] = []
        for name, scene in deciding:
            if name not in self.done:
                self.done.add(name)
                made += self.slots(scene)
            made += self.windows(name, scene)
            made += self.limits(name, scene)
        return made

    def slots(self, scene: Scene) -> list[Scene]:
        """The same objects in other slots of their collections."""
        held: dict[Key, list[int]] = {}
        for node, element, bx in scene:
            key = node.partition(".")[0], bx
            if key[0] in COLLECTIONS and COLLECTIONS[key[0]].slots > 1 and element not in held.get(key, []):
                held.setdefault(key, []).append(element)
        options: dict[Key, list[tuple[int, ...]]] = {}
        for key, elements in held.items():
            count = COLLECTIONS[key[0]].slots
            if len(elements) == 1:
                options[key] = [(slot,) for slot in range(count)]
            elif len(elements) == 2:
                pairs = list(combinations(range(count), 2))
                options[key] = [p if self.rng.random() < 0.5 else p[::-1] for p in pairs]
            else:
                orders = [tuple(self.rng.permutation(count)[: len(elements)]) for _ in range(4 * count)]
                options[key] = [tuple(map(int, order)) for order in orders]
        if not options:
            return []
        every = list(product(*options.values())) if _size(options) <= MOST else self._some(options)
        return [self._moved(scene, held, dict(zip(options, choice, strict=True))) for choice in every]

    def _some(self, options: dict[Key, list[tuple[int, ...]]]) -> list[tuple[tuple[int, ...], ...]]:
        """Every option of every collection at least once."""
        count = max(map(len, options.values()))
        orders = [
            [places[i % len(places)] for i in self.rng.permutation(count)] for places in options.values()
        ]
        return list(zip(*orders, strict=True))

    @staticmethod
    def _moved(scene: Scene, held: dict[Key, list[int]], to: dict[Key, tuple[int, ...]]) -> Scene:
        moved: Scene = {}
        for (node, element, bx), code in scene.items():
            key = node.partition(".")[0], bx
            slot = to[key][held[key].index(element)] if key in to else element
            moved[node, slot, bx] = code
        return moved

    def windows(self, name: str, scene: Scene) -> list[Scene]:
        """Each accepted window's ends and the codes beside them, in every slot."""
        made: list[Scene] = []
        for leg in _legs(self.menu.conditions[name]):
            kind = OBJECTS[leg.type]
            for atom in requirement_atoms(leg, self.menu.judge):
                key = atom, leg.slots, leg.bx
                place = self._holder(scene, leg)
                if key in self.done or place is None:
                    continue
                self.done.add(key)
                codes = set(codes_of(*atom.column.split(".")).tolist())
                for code in sorted({e for w in atom.windows for e in (w[0] - 1, *w, w[1] + 1)} & codes):
                    for slot in range(kind.slots):
                        moved = self._swapped(scene, (kind.collection, leg.bx), place, slot)
                        moved[atom.column, slot, leg.bx] = code
                        made.append(moved)
        return made

    def _holder(self, scene: Scene, leg: Requirement) -> int | None:
        """A slot whose object satisfies the leg."""
        atoms: tuple[Atom, ...] = requirement_atoms(leg, self.menu.judge)
        for slot in range(OBJECTS[leg.type].slots):
            codes = [(scene.get((atom.column, slot, leg.bx), 0), atom.windows) for atom in atoms]
            if all(any(low <= code <= high for low, high in windows) for code, windows in codes):
                return slot
        return None

    @staticmethod
    def _swapped(scene: Scene, key: Key, first: int, second: int) -> Scene:
        """Two slots of a collection exchanged."""
        change = {first: second, second: first}
        return {
            (node, change.get(slot, slot) if (node.partition(".")[0], bx) == key else slot, bx): code
            for (node, slot, bx), code in scene.items()
        }

    def limits(self, name: str, scene: Scene) -> list[Scene]:
        """For any two slots, objects whose measure is the last below a limit's end, or the first above."""
        condition = self.menu.conditions[name]
        made: list[Scene] = []
        for a, b, limit, others in _measured(condition):
            key = name if isinstance(condition, compiled.Combination) else "", a, b, limit
            places = self._pair(scene, a, b)
            if key in self.done or places is None or limit.measure in ("mass_over_dr", "mass3"):
                continue
            self.done.add(key)
            alike = (a.type, a.bx) == (b.type, b.bx)
            slots = product(range(OBJECTS[a.type].slots), range(OBJECTS[b.type].slots))
            for i, j in slots:
                if not (alike and i == j):
                    moved, first, second = self._placed(scene, (a, b), places, (i, j))
                    for _ in range(GEOMETRIES):
                        made += self._near(moved, (a, b), (first, second), limit, others)
        return made

    def _placed(
        self,
        scene: Scene,
        legs: tuple[Requirement, Requirement],
        places: tuple[int, int],
        to: tuple[int, int],
    ) -> tuple[Scene, int, int]:
        """The scene with two objects in the slots ``to``."""
        keys = [(OBJECTS[leg.type].collection, leg.bx) for leg in legs]
        moved = self._swapped(scene, keys[0], places[0], to[0])
        second = places[1]
        if keys[0] == keys[1] and second == to[0]:
            second = places[0]
        return self._swapped(moved, keys[1], second, to[1]), to[0], to[1]

    def _kept(self, scene: Scene, leg: Requirement, slot: int) -> dict[str, int]:
        """What stays of an object of a scene: its charge; for one of two tries all but its angles."""
        held = _held(scene, leg, slot)
        if OBJECTS[leg.type].slots == 1 or self.rng.random() < 0.5:
            return held
        return {name: code for name, code in held.items() if name == "charge"}

    def _near(
        self,
        scene: Scene,
        legs: tuple[Requirement, Requirement],
        slots: tuple[int, int],
        limit: Limit,
        others: Sequence[Limit],
    ) -> list[Scene]:
        """Another first object, and second ones around it with measures at the ends of ``limit``."""
        a, b = legs
        drawer = self.maker.drawer
        first = drawer.thing(a, self._kept(scene, a, slots[0]))
        second = drawer.thing(b, self._kept(scene, b, slots[1]))
        if first is None or second is None:
            return []
        fields: dict[str, Any] = dict(second.fields)
        allowed = drawer.allowed(b)
        for name in ("eta", "phi"):
            if name in allowed:
                fields[name] = drawer.tried(first, b.type, name, allowed[name])
        etas = np.asarray(fields.get("eta", np.zeros(1, np.int64)))
        shape = len(etas), len(fields["phi"])
        if "eta" in fields:
            fields["eta"] = etas[:, None]
        phis = fields["phi"]
        many = Thing(b.type, {**fields, "phi": phis[None]})
        good = np.broadcast_to(all_within(others, first, many), shape)
        values = np.broadcast_to(measure(limit.measure, first, many), shape)
        if not good.any():
            return []
        flat = np.unique(values[good])
        made = []
        for end in (limit.lower, limit.upper):
            if end is None:
                continue
            at = int(np.searchsorted(flat, end))
            for wanted in flat[max(at - 1, 0) : at + 2]:
                places = np.argwhere(good & (values == wanted))
                row, column = places[self.rng.integers(len(places))]
                moved = dict(scene)
                chosen = {**second.fields, "eta": int(etas[row]), "phi": int(phis[column])}
                for requirement, slot, held in ((a, slots[0], first.fields), (b, slots[1], chosen)):
                    collection = OBJECTS[requirement.type].collection
                    for name in drawer.allowed(requirement):
                        moved[f"{collection}.{name}", slot, requirement.bx] = int(held[name])
                made.append(moved)
        return made

    def _pair(self, scene: Scene, a: Requirement, b: Requirement) -> tuple[int, int] | None:
        first = self._holder(scene, a)
        if first is None:
            return None
        if (a.type, a.bx) != (b.type, b.bx):
            second = self._holder(scene, b)
            return None if second is None else (first, second)
        key = OBJECTS[a.type].collection, a.bx
        rest = {
            p: c
            for p, c in scene.items()
            if not (p[0].partition(".")[0] == key[0] and p[1:] == (first, a.bx))
        }
        second = self._holder(rest, b)
        return None if second is None or second == first else (first, second)


def _measured(
    condition: compiled.Condition,
) -> list[tuple[Requirement, Requirement, Limit, tuple[Limit, ...]]]:
    """Two objects, a limit on them, and the other limits that must hold too."""
    found: list[tuple[Requirement, Requirement, Limit, tuple[Limit, ...]]] = []
    if isinstance(condition, compiled.Correlation):
        a, b = condition.legs
        for limit in condition.limits:
            found.append((a, b, limit, tuple(o for o in condition.limits if o != limit)))
    overlap = getattr(condition, "overlap", None)
    if overlap is not None and overlap.object is not None:
        legs = getattr(condition, "legs", ())
        found += [(overlap.object, leg, limit, ()) for leg in dict.fromkeys(legs) for limit in overlap.limits]
    elif overlap is not None and isinstance(condition, compiled.Correlation):
        found += [(*condition.legs, limit, condition.limits) for limit in overlap.limits]
    return found


def _held(scene: Scene, leg: Requirement, slot: int) -> dict[str, int]:
    """The fields of an object of a scene, but for its angles."""
    collection, found = OBJECTS[leg.type].collection, {}
    for (node, element, bx), code in scene.items():
        where, _, name = node.partition(".")
        if (where, element, bx) == (collection, slot, leg.bx) and name not in ("eta", "phi"):
            found[name] = code
    return found


def _legs(condition: compiled.Condition) -> tuple[Requirement, ...]:
    """The requirements on objects, that of reference included."""
    legs = getattr(condition, "legs", ())
    overlap = getattr(condition, "overlap", None)
    return (*legs, overlap.object) if overlap is not None and overlap.object is not None else tuple(legs)


def _size(options: dict[Key, list[tuple[int, ...]]]) -> int:
    return int(np.prod([len(places) for places in options.values()]))
