"""A program as integers: a row of ``code`` per step, parameters in one array, values in one pool of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import Overflow, Rounding
from l1forge.emulator.kernel.intervals import Cast
from l1forge.emulator.kernel.plan import carrier
from l1forge.emulator.kernel.program import (
    AnyStep,
    ArgMax,
    Binary,
    Dot,
    Lookup,
    Map,
    OrderedDot,
    Program,
    Trees,
    Value,
)

Array = NDArray[Any]

MAP, DOT, ORDERED, LOOKUP, BINARY, ARGMAX, TREES = range(7)
ROUNDINGS = {mode: number for number, mode in enumerate(Rounding)}
OVERFLOWS: dict[Overflow | None, int] = {None: 0, Overflow.WRAP: 1, Overflow.SAT: 2, Overflow.SAT_ZERO: 3}
OPERATORS = {"add": 0, "subtract": 1, "multiply": 2, "maximum": 3, "minimum": 4, "greater_equal": 5}
CARRIERS = {"float32": 0, "float64": 1, "int64": 2}
_CAST_WORDS = 7


class Encoded:
    """``program.steps[first:last]`` as integers for ``run_block``."""

    def __init__(self, program: Program, steps: list[AnyStep]) -> None:
        self._words: list[int] = []
        self.kept = _kept(program, steps)
        self.base, self.rows = _allocate(program, steps, self.kept)
        code = [self._step(step) for step in steps]
        self.code: Array = np.array(code, np.int64).reshape(len(code), 10)
        self.words: Array = np.array(self._words, np.int64)
        self.widest = max([s.source.rows for s in steps if isinstance(s, Dot)] + [1])

    def _put(self, words: Iterable[int]) -> int:
        at = len(self._words)
        self._words.extend(int(w) for w in words)
        return at

    def _at(self, value: Value) -> int:
        return self.base[value.number]

    def _step(self, step: AnyStep) -> list[int]:
        """Ten integers: kind, row of the result, then what the kind reads in ``interpreter``."""
        write = _ENCODERS.get(type(step))
        if write is None:
            raise TypeError(f"{type(step).__name__} is not run by the interpreter")
        code = [int(number) for number in write(self, step)]
        return [code[0], self._at(step.out), *code[1:], *[0] * (9 - len(code))]

    def _map(self, step: Map) -> list[int]:
        words = [
            w
            for r, cast in enumerate(step.casts)
            for w in (
                step.out_row[r],
                step.source_row[r],
                step.multiplier[r],
                step.offset[r],
                *_cast_words(cast),
            )
        ]
        return [MAP, self._at(step.source), len(step.casts), self._put(words), step.relu]

    def _terms(self, step: Dot) -> list[int]:
        """Source, rows of the result, and where ends, rows, weights and start of the sums lie."""
        rows = step.out.rows
        count = np.bincount(step.target, minlength=rows) if len(step.target) else np.zeros(rows)
        ends = self._put(np.concatenate([[0], np.cumsum(count)]))
        terms, start, weights = self._put(step.row), self._put(step.start), self._put(step.weight)
        return [self._at(step.source), rows, ends, terms, weights, start]

    def _dot(self, step: Dot) -> list[int]:
        terms, used = self._terms(step), np.unique(step.row)
        return [DOT, *terms, self._put(used), len(used) * 3 + CARRIERS[carrier(step)]]

    def _ordered(self, step: OrderedDot) -> list[int]:
        assert step.product is not None
        assert step.accumulate is not None
        casts = [*_cast_words(step.product), *_cast_words(step.accumulate)]
        return [ORDERED, *self._terms(step), self._put(casts)]

    def _lookup(self, step: Lookup) -> list[int]:
        table = self._put(step.table)
        index = [step.multiplier, step.shift, ROUNDINGS[step.rounding], step.offset, len(step.table)]
        return [LOOKUP, self._at(step.source), step.out.rows, table, self._put(index)]

    def _binary(self, step: Binary) -> list[int]:
        a, b, rows = self._put(step.a_row), self._put(step.b_row), step.out.rows
        shifts = (step.a_shift, step.b_shift)
        return [BINARY, self._at(step.a), rows, a, b, self._at(step.b), *shifts, OPERATORS[step.operator]]

    def _argmax(self, step: ArgMax) -> list[int]:
        return [ARGMAX, self._at(step.source), step.source.rows]

    def _trees(self, step: Trees) -> list[int]:
        roots = self._put([0] * len(step.trees))
        for t, tree in enumerate(step.trees):
            nodes = np.stack([tree.feature, tree.below, tree.left, tree.right, tree.value], axis=1)
            self._words[roots + t] = self._put(nodes.reshape(-1))
        scores, start = self._put([tree.score for tree in step.trees]), self._put(step.start)
        return [TREES, self._at(step.source), step.out.rows, roots, scores, start, len(step.trees)]


_ENCODERS: dict[type, Callable[[Encoded, Any], list[int]]] = {
    Map: Encoded._map,
    Dot: Encoded._dot,
    OrderedDot: Encoded._ordered,
    Lookup: Encoded._lookup,
    Binary: Encoded._binary,
    ArgMax: Encoded._argmax,
    Trees: Encoded._trees,
}


def _kept(program: Program, steps: list[AnyStep]) -> set[int]:
    """Values that outlive these steps: inputs, outputs and what other steps read."""
    kept = {value.number for value in program.outputs.values()} | {s.value.number for s in program.sources}
    here = set(map(id, steps))
    return kept | {value.number for step in program.steps if id(step) not in here for value in step.inputs}


def _allocate(program: Program, steps: list[AnyStep], kept: set[int]) -> tuple[dict[int, int], int]:
    """First pool row of every value; rows of a value that no later step reads are used again."""
    last: dict[int, int] = {}
    for at, step in enumerate(steps):
        for value in (step.out, *step.inputs):
            last[value.number] = len(steps) if value.number in kept else at
    base: dict[int, int] = {}
    rows = 0
    made = {step.out.number for step in steps}
    given = [source.value for source in program.sources]
    given += [value for step in steps for value in step.inputs if value.number not in made]
    for value in given:  # in place before the first step, so that none may lie where another did
        if value.number not in base:
            base[value.number] = rows
            rows += value.rows
    free: list[tuple[int, int]] = []
    for at, step in enumerate(steps):
        for value in (*step.inputs, step.out):
            if value.number in base:
                continue
            place = next((hole for hole in free if hole[1] >= value.rows), None)
            if place is None:
                base[value.number] = rows
                rows += value.rows
            else:
                free.remove(place)
                base[value.number] = place[0]
                free.append((place[0] + value.rows, place[1] - value.rows))
        for value in {value.number: value for value in (*step.inputs, step.out)}.values():
            if last[value.number] == at:
                free.append((base[value.number], value.rows))
    return base, rows


def _cast_words(cast: Cast) -> list[int]:
    mode = OVERFLOWS[cast.overflow]
    return [cast.shift, ROUNDINGS[cast.rounding], mode, cast.low, cast.high, cast.width, cast.post]
