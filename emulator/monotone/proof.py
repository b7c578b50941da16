"""Branch and bound over boxes of inputs: a proof of monotony, a counterexample, or neither in the time given.

It is enough to look at steps of one: if no step from a value to the next lets an output fall, no larger one
does. For each declared element the first box is all inputs from which that element can take a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.monotone.operations import bounds_of
from l1forge.emulator.monotone.pairs import Array, Pair
from l1forge.emulator.monotone.question import Question

Verdict = Literal["monotone", "not monotone", "not decided"]
SECONDS = 60.0
SAMPLES, CLIMBS = 20_000, 60
"""Random steps that are tried before the search, and rounds of improving the worst of them."""
TRYING = 0.2
"""Share of the time for them, where nothing is found."""
AT_ONCE = 16
"""Boxes that are split together."""
MOST_OPEN = 200_000
WIDEST_TYPE = 48
"""Bits of an input: ranges are 64-bit integers."""


@dataclass(frozen=True)
class Counterexample:
    """A step of one input element that an output answers in the wrong direction; integers in LSBs."""

    element: tuple[str, int]
    inputs: dict[str, list[int]]
    value: int
    output: tuple[str, int]
    before: int
    after: int


@dataclass(frozen=True)
class Proof:
    """The verdict; ``boxes`` were examined. ``remarks`` say which operations could not be bounded."""

    verdict: Verdict
    boxes: int
    seconds: float
    example: Counterexample | None = None
    remarks: tuple[str, ...] = ()


class Steps:
    """A graph under steps of one input element: bounds on boxes, exact values on points.

    Inputs are one row of all elements of all input nodes, in the graph's order.
    """

    def __init__(self, graph: Graph, question: Question) -> None:
        self.graph, self.question = graph, question
        self.nodes = graph.inputs
        self.places: dict[tuple[str, int], int] = {}
        low: list[int] = []
        high: list[int] = []
        for node in self.nodes:
            if node.type.width > WIDEST_TYPE:
                raise InputError(
                    "is too wide for proofs", file=graph.file, field=f"input {node.name}",
                    value=str(node.type),
                    remedy=f"at most {WIDEST_TYPE} bits",
                )  # fmt: skip
            for i in range(node.size):
                self.places[node.name, i] = len(low)
                ends = question.ranges.get((node.name, i), (node.type.minimum, node.type.maximum))
                low.append(ends[0])
                high.append(ends[1])
        self.low, self.high = np.array(low, np.int64), np.array(high, np.int64)
        self.outputs = question.outputs or tuple(graph.outputs)
        self.directions = np.array(list(question.elements.values()))
        self.stepping = np.array([self.places[element] for element in question.elements])
        self.kernel = compile_graph(graph)
        self.remarks: set[str] = set()
        self.boxes = 0

    def split_inputs(self, rows: Array) -> dict[str, Array]:
        """Rows (n, elements) as one array per input node."""
        out, at = {}, 0
        for node in self.nodes:
            out[node.name] = rows[:, at : at + node.size].reshape(len(rows), *node.shape)
            at += node.size
        return out

    def margins(self, which: Array, low: Array, high: Array) -> Array:
        """For boxes (n, elements), each with a step of declared element ``which``: the least rise, (n,).

        The smallest change of any output in the direction asked for; 0 or more proves the box.
        """
        n = len(low)
        self.boxes += n
        step = np.zeros_like(low)
        step[np.arange(n), self.stepping[which]] = 1
        known: dict[str, Pair] = {}
        at = 0
        for node in self.graph.nodes:
            if node.op == "input":
                part = slice(at, at + node.size)
                known[node.name] = Pair(low[:, part], high[:, part], step[:, part], step[:, part])
                at += node.size
            elif node.op == "constant":
                known[node.name] = Pair.constant(node.constants["value"].data, n)
            else:
                sources = [self.graph[name] for name in node.inputs]
                pair, remark = bounds_of(node, sources, [known[name] for name in node.inputs])
                known[node.name] = pair
                if remark and not ((pair.down == 0) & (pair.up == 0)).all():
                    self.remarks.add(remark)
        direction = self.directions[which]
        least = np.full(n, np.iinfo(np.int64).max)
        for name in self.outputs:
            change = np.where(direction[:, None] > 0, known[name].down, -known[name].up)
            least = np.minimum(least, change.min(axis=1))
        return least

    def rises(self, which: Array, rows: Array) -> Array:
        """Exact: the smallest rise (n,) of any output when element ``which`` of each row takes its step."""
        after = rows.copy()
        after[np.arange(len(rows)), self.stepping[which]] += 1
        before, then = (self.values(part) for part in (rows, after))
        direction = self.directions[which][:, None]
        changes = [((then[name] - before[name]) * direction).min(axis=1) for name in self.outputs]
        return np.asarray(np.min(changes, axis=0), np.int64)

    def values(self, rows: Array) -> dict[str, Array]:
        """Outputs (n, elements) of rows: by the kernel, or literally where an output is not the graph's."""
        found: dict[str, Any] = self.kernel.run_rows(self.split_inputs(rows))
        missing = [name for name in self.outputs if name not in found]
        if missing:
            found = evaluate(self.graph, self.split_inputs(rows), keep=True)
        return {name: found[name].reshape(len(rows), -1).astype(np.int64) for name in self.outputs}

    def example(self, which: int, row: Array) -> Counterexample:
        """The step at ``row`` as an example, checked with the literal evaluation."""
        after = row.copy()
        after[self.stepping[which]] += 1
        pair = evaluate(self.graph, self.split_inputs(np.stack([row, after])), keep=True)
        element = list(self.question.elements)[which]
        for name in self.outputs:
            values = pair[name].reshape(2, -1)
            change = (values[1] - values[0]) * int(self.directions[which])
            if (change < 0).any():
                k = int(change.argmin())
                inputs = {n: part[0].ravel().tolist() for n, part in self.split_inputs(row[None]).items()}
                value = int(row[self.stepping[which]])
                return Counterexample(element, inputs, value, (name, k), int(values[0, k]), int(values[1, k]))
        raise AssertionError("the kernel and the literal evaluation differ on this step")


def prove(
    graph: Graph,
    question: Question,
    *,
    seconds: float = SECONDS,
    seed: int = 1,
    points: Array | None = None,
    progress: Callable[[int, int], object] = lambda _boxes, _open: None,
) -> Proof:
    """Prove that the graph answers ``question`` with yes, find a step that shows no, or give up.

    Parameters
    ----------
    seconds
        Time for the search.
    seed
        Of the random steps that are tried first.
    points
        Inputs (n, elements) to try as well, for example events; only those inside the ranges are used.
    progress
        Called with the number of boxes examined and of those still open.

    Raises
    ------
    InputError
        If the question declares no input, or an input is too wide.
    """
    if not question.elements:
        raise InputError("no input is declared", file=graph.file, field="--input")
    begin = time.monotonic()
    steps = Steps(graph, question)
    low, high = _first_boxes(steps)
    which = np.flatnonzero((low <= high).all(axis=1))

    def proof(verdict: Verdict, example: Counterexample | None = None) -> Proof:
        remarks = tuple(sorted(steps.remarks)) if verdict == "not decided" else ()
        return Proof(verdict, steps.boxes, time.monotonic() - begin, example, remarks)

    low, high = low[which], high[which]
    margin = steps.margins(which, low, high) if len(which) else np.zeros(0, np.int64)
    keep = margin < 0
    which, low, high, margin = which[keep], low[keep], high[keep], margin[keep]
    if not len(which):
        return proof("monotone")
    found = _try_points(
        steps, which, low, high, np.random.default_rng(seed), points, begin + TRYING * seconds
    )
    if found is not None:
        return proof("not monotone", steps.example(*found))
    while len(which):
        if time.monotonic() - begin > seconds or len(which) > MOST_OPEN:
            return proof("not decided")
        order = np.argsort(margin, kind="stable")
        now, later = order[:AT_ONCE], order[AT_ONCE:]
        new = _branch(steps, which[now], low[now], high[now])
        if isinstance(new, tuple) and isinstance(new[0], int):
            return proof("not monotone", steps.example(new[0], new[1]))
        which, low, high, margin = (
            np.concatenate([old[later], part])
            for old, part in zip((which, low, high, margin), new, strict=True)
        )
        progress(steps.boxes, len(which))
    return proof("monotone")


def _first_boxes(steps: Steps) -> tuple[Array, Array]:
    """One box per declared element: all inputs from which it can take a step."""
    count = len(steps.stepping)
    low, high = (np.repeat(end[None], count, axis=0) for end in (steps.low, steps.high))
    high[np.arange(count), steps.stepping] -= 1
    return low, high


def _branch(steps: Steps, which: Array, low: Array, high: Array) -> Any:
    """Split each box where that helps most: the parts not proven, or (element, row) of an example."""
    elements = low.shape[1]
    wide = high > low
    box, element = np.nonzero(wide)
    solved = ~wide.any(axis=1)
    if solved.any():  # single points: bounds there are exact, or an operation has none
        rises = steps.rises(which[solved], low[solved])
        if (rises < 0).any():
            first = int(rises.argmin())
            return int(which[solved][first]), low[solved][first]
    if not len(box):
        empty = np.zeros((0, elements), np.int64)
        return np.zeros(0, np.int64), empty, empty, np.zeros(0, np.int64)
    middle = (low[box, element] + high[box, element]) >> 1
    lows, highs = (np.concatenate([end[box], end[box]]) for end in (low, high))
    rows = np.arange(len(box))
    highs[rows, element] = middle
    lows[len(box) + rows, element] = middle + 1
    margin = steps.margins(np.concatenate([which[box]] * 2), lows, highs).reshape(2, -1)
    gain = np.minimum(margin, 0).sum(axis=0) + 1e-3 * (np.minimum(margin, 0) == 0).sum(axis=0)
    width = np.log2((high[box, element] - low[box, element] + 1).astype(float))
    # where several splits help alike, the declared input: on one value of it every step has one size
    gain = gain + 1e-6 * width + 1e-4 * (element == steps.stepping[which[box]])
    chosen = [int(np.flatnonzero(box == b)[gain[box == b].argmax()]) for b in np.unique(box)]
    both = np.concatenate([np.array(chosen), len(box) + np.array(chosen)])
    left = margin.reshape(-1)[both]
    both, left = both[left < 0], left[left < 0]
    owner = which[box[both % len(box)]]
    if len(both):
        rises = steps.rises(owner, (lows[both] + highs[both]) >> 1)
        if (rises < 0).any():
            first = int(rises.argmin())
            return int(owner[first]), ((lows[both] + highs[both]) >> 1)[first]
    return owner, lows[both], highs[both], left


def _try_points(
    steps: Steps,
    which: Array,
    low: Array,
    high: Array,
    rng: np.random.Generator,
    points: Array | None,
    until: float,
) -> tuple[int, Array] | None:
    """Random steps, then neighbours of the best of them: (element, row) of an example, or None."""
    chosen = rng.integers(0, len(which), SAMPLES)
    rows = rng.integers(low[chosen], high[chosen] + 1)
    if points is not None and len(points):
        more = np.asarray(points, np.int64)
        picked = rng.integers(0, len(which), len(more))
        inside = ((more >= low[picked]) & (more <= high[picked])).all(axis=1)
        chosen, rows = np.concatenate([chosen, picked[inside]]), np.concatenate([rows, more[inside]])
    rises = steps.rises(which[chosen], rows)
    for _ in range(CLIMBS):
        first = int(rises.argmin())
        if rises[first] < 0:
            return int(which[chosen[first]]), rows[first]
        if time.monotonic() > until:
            return None
        best = np.argsort(rises, kind="stable")[:200]
        copies = np.repeat(best, 10)
        chosen, rows = chosen[copies], rows[copies].copy()
        moved = rng.integers(0, rows.shape[1], len(rows))
        at = np.arange(len(rows))
        jump = rng.integers(low[chosen, moved], high[chosen, moved] + 1)
        near = np.clip(
            rows[at, moved] + rng.integers(-3, 4, len(rows)), low[chosen, moved], high[chosen, moved]
        )
        rows[at, moved] = np.where(rng.random(len(rows)) < 0.5, jump, near)
        rises = steps.rises(which[chosen], rows)
    return None
