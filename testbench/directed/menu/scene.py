"""A scene: what a crossing and its neighbours hold, as values of the menu's input ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import CompiledMenu, Condition, Requirement
from l1forge.emulator.menu.engine.atoms import Atom, phi_windows, signal_atom, value_windows
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES
from l1forge.firmware.rtl.project import Port
from l1forge.testbench.directed.menu.objects import Drawer, codes_of
from l1forge.testbench.stimuli import Block

Place = tuple[str, int, int]
"""Node of a port, element, and crossing relative to the one that is decided."""
Scene = dict[Place, int]
Windows = Sequence[tuple[int, int]]


class _Full(Exception):
    """The objects of a try do not fit; another try may."""


def rows_of_scenes(scenes: Sequence[Scene], ports: Sequence[Port], halo: int) -> Block:
    """``2 halo + 1`` consecutive crossings for each scene, (scenes * crossings, ports)."""
    columns = {(port.node, port.element): number for number, port in enumerate(ports)}
    span = 2 * halo + 1
    rows = np.zeros((len(scenes) * span, len(ports)), np.int64)
    for number, scene in enumerate(scenes):
        for (node, element, bx), code in scene.items():
            column = columns.get((node, element))
            if column is not None:  # what no port carries decides nothing
                rows[number * span + halo + bx, column] = code
    return rows


class SceneMaker:
    """Scenes in which conditions have wanted values; a scene is a try, the emulator tells if it succeeded."""

    def __init__(self, menu: CompiledMenu, ports: Sequence[Port], rng: np.random.Generator) -> None:
        self.menu, self.rng = menu, rng
        self.drawer = Drawer(menu.judge, rng)
        self.limits = {port.node: (port.fixed.minimum, port.fixed.maximum) for port in ports}
        self.elements = {port.node: sum(p.node == port.node for p in ports) for port in ports}

    def scene(self, wanted: Mapping[str, bool]) -> Scene | None:
        """A crossing in which the named conditions should have these values, or None."""
        conditions = [(self.menu.conditions[name], value) for name, value in wanted.items()]
        scene: Scene = {}
        try:
            self._words(conditions, scene)
            singles = self._singles(conditions, scene)
            taken: dict[tuple[str, int], set[int]] = {}
            for condition, value in sorted(conditions, key=lambda item: -_difficulty(item[0])):
                if value and isinstance(
                    condition, compiled.Combination | compiled.Correlation | compiled.Triple
                ):
                    found = self.drawer.objects(condition, singles)
                    if found is None:
                        return None
                    for requirement, thing in found:
                        self._put(scene, taken, requirement, thing.fields)
        except _Full:
            return None
        return scene

    def _put(
        self,
        scene: Scene,
        taken: dict[tuple[str, int], set[int]],
        requirement: Requirement,
        fields: Mapping[str, int],
    ) -> None:
        kind = OBJECTS[requirement.type]
        key = kind.collection, requirement.bx
        first, last = requirement.slots or (0, kind.slots - 1)
        used = taken.setdefault(key, set())
        free = [slot for slot in range(first, last + 1) if slot not in used]
        if kind.slots == 1:
            free = [0]
        elif not free:
            # the same object may serve another condition
            same = [
                slot
                for slot in range(first, last + 1)
                if all(
                    scene.get((f"{kind.collection}.{n}", slot, requirement.bx)) == v
                    for n, v in fields.items()
                )
            ]
            if not same:
                raise _Full
            return
        slot = int(self.rng.choice(free))
        used.add(slot)
        for name, code in fields.items():
            scene[f"{kind.collection}.{name}", slot, requirement.bx] = int(code)

    def _singles(
        self, conditions: Sequence[tuple[Condition, bool]], scene: Scene
    ) -> dict[tuple[str, int], dict[str, int]]:
        """Values of the columns that a crossing has once: sums and counts, within all windows at once."""
        codes: dict[tuple[str, int], NDArray[np.int64]] = {}

        def cut(column: str, bx: int, windows: Windows, inside: bool) -> None:
            collection, name = column.split(".")
            values = codes.setdefault((column, bx), codes_of(collection, name))
            good = np.zeros(len(values), bool)
            for low, high in windows:
                good |= (values >= low) & (values <= high)
            codes[column, bx] = values[good == inside]

        for condition, value in conditions:
            match condition:
                case compiled.QuantityCut() if not QUANTITIES[condition.quantity].source.startswith("link:"):
                    source = QUANTITIES[condition.quantity].source
                    phi = f"{source.split('.')[0]}.phi"
                    last = COLLECTIONS[source.split(".")[0]]
                    if condition.phi and (value or self.rng.random() < 0.5):
                        cut(phi, condition.bx, phi_windows(condition.phi, last["phi"].maximum), value)
                        if not value:
                            continue  # false by its angle
                    cut(source, condition.bx, value_windows(condition, self.menu.judge), value)
                case compiled.SignalBit():
                    atom, slots = signal_atom(condition.signal)
                    if COLLECTIONS[atom.column.split(".")[0]].slots == 1:
                        cut(atom.column, condition.bx, atom.windows, value)
                    else:
                        place = atom.column, slots.bit_length() - 1, condition.bx
                        scene[place] = int(value)
                case compiled.Combination() | compiled.Correlation() | compiled.Triple() if value:
                    overlap = None if condition.kind == "triple" else condition.overlap
                    extra = [overlap.object] if overlap and overlap.object else []
                    for leg in [*condition.legs, *extra]:
                        kind = OBJECTS[leg.type]
                        if kind.slots == 1:
                            for name, allowed in self.drawer.allowed(leg).items():
                                column = f"{kind.collection}.{name}"
                                values = codes.setdefault((column, leg.bx), codes_of(kind.collection, name))
                                codes[column, leg.bx] = np.intersect1d(values, allowed)
        fixed: dict[tuple[str, int], dict[str, int]] = {}
        for (column, bx), values in codes.items():
            if not len(values):
                raise _Full
            collection, name = column.split(".")
            draw = self.rng.random()
            chosen = (
                0 if draw < 0.5 else len(values) - 1 if draw < 0.7 else int(self.rng.integers(len(values)))
            )
            code = int(values[chosen])
            scene[column, 0, bx] = code
            fixed.setdefault((collection, bx), {})[name] = code
        return fixed

    def _words(self, conditions: Sequence[tuple[Condition, bool]], scene: Scene) -> None:
        """External bits, link quantities and scores."""
        ranges: dict[tuple[str, int], list[tuple[int, int, bool]]] = {}
        for condition, value in conditions:
            match condition:
                case compiled.External():
                    scene[f"ext.{condition.index}", 0, condition.bx] = int(value)
                case compiled.Score():
                    least, most = self.limits.get(condition.score, (0, 0))
                    low = least if condition.lower is None else condition.lower
                    high = most if condition.upper is None else condition.upper
                    ranges.setdefault((condition.score, condition.bx), []).append((low, high, value))
                case compiled.QuantityCut():
                    source = QUANTITIES[condition.quantity].source
                    if source.startswith("link:"):
                        for low, high in value_windows(condition, self.menu.judge) or ((1, 0),):
                            ranges.setdefault((source, condition.bx), []).append((low, high, value))
        for (node, bx), cuts in ranges.items():
            least, most = self.limits.get(node, (0, 0))
            ends = {
                least,
                most,
                0,
                *(e + s for low, high, _ in cuts for e in (low, high) for s in (-1, 0, 1)),
            }
            good = [
                end
                for end in sorted(ends)
                if least <= end <= most and all((low <= end <= high) == value for low, high, value in cuts)
            ]
            if not good:
                raise _Full
            code = int(self.rng.choice(good))
            count = self.elements.get(node, 1)
            outside = {element: code for element in range(count)} if not all(v for *_, v in cuts) else {}
            for element, other in {**outside, int(self.rng.integers(count)): code}.items():
                scene[node, element, bx] = other


def _difficulty(condition: Condition) -> int:
    """What is placed first: conditions with slices and several objects."""
    legs = getattr(condition, "legs", ())
    return 10 * sum(leg.slots is not None for leg in legs) + len(legs)


def atom_places(atoms: Sequence[Atom]) -> dict[str, set[int]]:
    """Column -> the ends of its windows and the codes next to them."""
    found: dict[str, set[int]] = {}
    for atom in atoms:
        for low, high in atom.windows:
            found.setdefault(atom.column, set()).update((low - 1, low, high, high + 1))
    return found
