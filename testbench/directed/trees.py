"""Tree ensembles: rows for every leaf and both sides of every comparison, by intersecting the cuts of a path.

The features must each depend on one input element. Every value of that element is tried (up to 2^16 of them),
so that a leaf or a side that no value reaches is proven unreachable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.graph.trees import LEAF
from l1forge.testbench.directed.goals import CUTS, LEAVES, Goal
from l1forge.testbench.directed.support import supports

FULL = 1 << 16  # values of an input element that are all tried
COARSE = 1 << 12  # values tried of wider elements, beside the neighbours of every cut
BASES = 8  # rows tried per comparison: one whose two sides end in different leaf values is taken

Block = NDArray[np.int64]
Features = Callable[[Block], Block]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the feature value next to the cut."""

    tree: int
    node: int
    left: bool


class Ensemble:
    """One tree node of the graph: its goals, which of them features reach, and rows that reach them.

    ``goals`` are, per tree, its leaves and then both sides of every comparison, in order of ``numbers``.
    """

    def __init__(self, graph: Graph, node: Node) -> None:
        self.node, self.source = node, graph[node.inputs[0]]
        self.feature, self.left, self.right = (node.constants[n].data for n in ("feature", "left", "right"))
        self.value = node.constants["value"].data
        self.below = self._last_left()
        self.goals: list[Goal] = []
        trees, size = self.feature.shape
        self.leaf_goal = np.full((trees, size), -1, np.int64)
        self.side_goal = np.full((trees, size, 2), -1, np.int64)
        for tree in range(trees):
            for place in self._used(tree):
                if self.feature[tree, place] == LEAF:
                    self.leaf_goal[tree, place] = self._goal(LEAVES, tree, place, "leaf")
                else:
                    for side, name in enumerate(("left of node", "right of node")):
                        self.side_goal[tree, place, side] = self._goal(CUTS, tree, place, name)
        # the feature values that count as next to the cut; narrowed where the features skip values
        self.pins = np.stack([self.below, self.below + 1], axis=-1)

    def _goal(self, kind: str, tree: int, place: int, what: str) -> int:
        self.goals.append(Goal(kind, self.node.name, tree, -1, int(place), int(place), what))
        return len(self.goals) - 1

    def _used(self, tree: int) -> list[int]:
        found, waiting = [], [0]
        while waiting:
            place = waiting.pop()
            if place in found:
                continue
            found.append(place)
            if self.feature[tree, place] != LEAF:
                waiting += [int(self.right[tree, place]), int(self.left[tree, place])]
        return sorted(found)

    def _last_left(self) -> NDArray[np.int64]:
        """The largest feature integer that goes left, per comparison."""
        threshold = self.node.constants["threshold"]
        fine = max(threshold.type.fraction, self.source.type.fraction)
        cut = threshold.data.astype(object) << (fine - threshold.type.fraction)
        step = 1 << (fine - self.source.type.fraction)
        last = (cut - 1) // step if self.node.attributes["split"] == "<" else cut // step
        return np.clip(last, -(1 << 61), 1 << 61).astype(np.int64)

    def reached(self, features: Block, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """For every goal a row that reaches it, or -1; trees without a wanted goal are skipped."""
        rows = np.full(len(self.goals), -1, np.int64)
        numbers = np.arange(len(features))
        for tree in range(len(self.feature)):
            own = np.concatenate([self.leaf_goal[tree], self.side_goal[tree].ravel()])
            if not wanted[own[own >= 0]].any():
                continue
            place = np.zeros(len(features), np.int64)
            moving = numbers
            while len(moving):
                here = place[moving]
                leaf = self.feature[tree, here] == LEAF
                rows[self.leaf_goal[tree, here[leaf]]] = moving[leaf]
                moving, here = moving[~leaf], here[~leaf]
                value = features[moving, self.feature[tree, here]]
                for side in (0, 1):
                    at = value == self.pins[tree, here, side]
                    rows[self.side_goal[tree, here[at], side]] = moving[at]
                go_left = value <= self.below[tree, here]
                place[moving] = np.where(go_left, self.left[tree, here], self.right[tree, here])
        return rows

    def steps(self, tree: int) -> Iterator[tuple[int, list[tuple[int, bool]]]]:
        """Every used node of a tree with the comparisons before it: (node, went left)."""
        waiting: list[tuple[int, list[tuple[int, bool]]]] = [(0, [])]
        while waiting:
            place, path = waiting.pop()
            yield place, path
            if self.feature[tree, place] != LEAF:
                waiting.append((int(self.right[tree, place]), [*path, (place, False)]))
                waiting.append((int(self.left[tree, place]), [*path, (place, True)]))


class PathRows:
    """Finds rows for the goals of one ensemble whose features each depend on one input element."""

    def __init__(
        self, graph: Graph, ensemble: Ensemble, limits: tuple[Block, Block], features: Features
    ) -> None:
        self.ensemble, self.features = ensemble, features
        self.low, self.high = limits
        support = supports(graph)[ensemble.source.name]
        self.elementwise = bool((support.sum(axis=1) <= 1).all())
        self.element = support.argmax(axis=1)
        self.complete = bool((self.high - self.low < FULL).all())
        self.never: set[int] = set()  # goals that one path to them excludes
        self.possible: set[int] = set()  # goals that one path to them allows
        if self.elementwise:
            self._tabulate()

    def _tabulate(self) -> None:
        """``values[e]`` of every input element, and what every feature is at them."""
        self.values = [
            np.arange(a, b + 1) if b - a < FULL else np.unique(np.linspace(a, b, COARSE).astype(np.int64))
            for a, b in zip(self.low.tolist(), self.high.tolist(), strict=True)
        ]
        if not self.complete:
            self._refine()
        length = max(len(v) for v in self.values)
        block = np.stack([np.concatenate([v, np.full(length - len(v), v[-1])]) for v in self.values], axis=1)
        table = self.features(block)
        self.at = [table[: len(self.values[e]), j] for j, e in enumerate(self.element)]
        ensemble = self.ensemble
        for tree, place in zip(*np.nonzero(ensemble.side_goal[:, :, 0] >= 0), strict=True):
            seen = self.at[ensemble.feature[tree, place]]
            under, over = seen[seen <= ensemble.below[tree, place]], seen[seen > ensemble.below[tree, place]]
            if len(under):
                ensemble.pins[tree, place, 0] = under.max()
            if len(over):
                ensemble.pins[tree, place, 1] = over.min()

    def _refine(self) -> None:
        """Add the two values around every cut of elements that are too wide to be tried whole."""
        ensemble = self.ensemble
        inner = ensemble.side_goal[:, :, 0] >= 0
        cuts = np.unique(np.stack([ensemble.feature[inner], ensemble.below[inner]], axis=1), axis=0)
        length = max(len(v) for v in self.values)
        block = np.stack([np.concatenate([v, np.full(length - len(v), v[-1])]) for v in self.values], axis=1)
        table = self.features(block)
        pairs = []
        for feature, below in cuts.tolist():
            values = self.values[self.element[feature]]
            left = table[: len(values), feature] <= below
            pairs += [
                (feature, below, values[k], values[k + 1]) for k in np.flatnonzero(left[1:] != left[:-1])
            ]
        if not pairs:
            return
        feature, below, a, b = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
        element, numbers = self.element[feature], np.arange(len(pairs))
        rows = np.tile(np.clip(0, self.low, self.high), (len(pairs), 1))

        def left_at(values: Block) -> NDArray[np.bool_]:
            rows[numbers, element] = values
            return np.asarray(self.features(rows)[numbers, feature] <= below)

        start = left_at(a)
        while (b - a > 1).any():
            middle = a + (b - a) // 2
            same = left_at(middle) == start
            a, b = np.where(same, middle, a), np.where(same, b, middle)
        for e in range(len(self.values)):
            own = element == e
            self.values[e] = np.unique(np.concatenate([self.values[e], a[own], b[own]]))

    def rows(self, generator: np.random.Generator) -> Block:
        """One row per leaf, two per comparison."""
        ensemble, made = self.ensemble, []
        for tree in range(len(ensemble.feature)):
            for place, path in ensemble.steps(tree):
                allowed = self._allowed(tree, path)
                if ensemble.feature[tree, place] == LEAF:
                    if allowed is None:
                        self.never.add(int(ensemble.leaf_goal[tree, place]))
                    else:
                        self.possible.add(int(ensemble.leaf_goal[tree, place]))
                        made.append(self._draw(allowed, 1, generator))
                else:
                    made += self._sides(tree, place, allowed, generator)
        return np.concatenate(made) if made else np.zeros((0, len(self.low)), np.int64)

    @property
    def unreachable(self) -> list[int]:
        """Goals that no path allows, if every value of every input was tried."""
        return sorted(self.never - self.possible) if self.complete else []

    def _allowed(self, tree: int, path: list[tuple[int, bool]]) -> dict[int, NDArray[np.bool_]] | None:
        """Which values of each input element follow the path; None if there are none."""
        ensemble = self.ensemble
        allowed: dict[int, NDArray[np.bool_]] = {}
        for place, went_left in path:
            feature = int(ensemble.feature[tree, place])
            follows = (self.at[feature] <= ensemble.below[tree, place]) == went_left
            element = int(self.element[feature])
            allowed[element] = allowed.get(element, np.True_) & follows
            if not allowed[element].any():
                return None
        return allowed

    def _draw(self, allowed: dict[int, NDArray[np.bool_]], n: int, generator: np.random.Generator) -> Block:
        rows = generator.integers(self.low, self.high, (n, len(self.low)), endpoint=True)
        for element, mask in allowed.items():
            rows[:, element] = generator.choice(self.values[element][mask], n)
        return rows

    def _sides(
        self,
        tree: int,
        place: int,
        allowed: dict[int, NDArray[np.bool_]] | None,
        generator: np.random.Generator,
    ) -> list[Block]:
        """A row on each side of one comparison, alike but for the compared input."""
        ensemble = self.ensemble
        feature = int(ensemble.feature[tree, place])
        element = int(self.element[feature])
        masks = []
        for side in (0, 1):
            mask = self.at[feature] == ensemble.pins[tree, place, side]
            if allowed is not None:
                mask = mask & allowed.get(element, np.True_)
            masks.append(mask if allowed is not None else np.zeros_like(mask))
            goals = self.possible if masks[side].any() else self.never
            goals.add(int(ensemble.side_goal[tree, place, side]))
        if allowed is None or not (masks[0].any() or masks[1].any()):
            return []
        bases = self._draw(allowed, BASES, generator)
        both = []
        for mask in masks:
            if mask.any():
                rows = bases.copy()
                rows[:, element] = generator.choice(self.values[element][mask], BASES)
                both.append(rows)
        if len(both) == 1:
            return [both[0][:1]]
        ends = [self._leaf_value(tree, self.features(rows)) for rows in both]
        best = int(np.argmax(ends[0] != ends[1]))
        return [rows[best : best + 1] for rows in both]

    def _leaf_value(self, tree: int, features: Block) -> Block:
        ensemble = self.ensemble
        place = np.zeros(len(features), np.int64)
        numbers = np.arange(len(features))
        while (moving := ensemble.feature[tree, place] != LEAF).any():
            value = features[numbers, np.where(moving, ensemble.feature[tree, place], 0)]
            following = np.where(
                value <= ensemble.below[tree, place], ensemble.left[tree, place], ensemble.right[tree, place]
            )
            place = np.where(moving, following, place)
        found: Block = ensemble.value[tree, place]
        return found
