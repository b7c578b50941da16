"""Each primitive step as C++ loops over constant tables. Only numbers and fixed words enter the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import Overflow, Rounding
from l1forge.emulator.kernel.intervals import Cast, magnitude
from l1forge.emulator.kernel.program import (
    AnyStep,
    ArgMax,
    Binary,
    Dot,
    Evaluated,
    Lookup,
    Map,
    OrderedDot,
    Trees,
    Value,
)

ROUNDINGS = {mode: number for number, mode in enumerate(Rounding)}
OVERFLOWS: dict[Overflow | None, int] = {None: 0, Overflow.WRAP: 1, Overflow.SAT: 2, Overflow.SAT_ZERO: 3}
DENSE = 0.25
"""Share of non-zero weights above which a full matrix is faster than a list of terms."""


def word(low: int, high: int) -> str:
    """The narrowest C integer type that holds ``low .. high``."""
    for bits in (8, 16, 32):
        if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1):
            return f"std::int{bits}_t"
    return "std::int64_t"


def storage(value: Value) -> str:
    """The element type of a value's array."""
    return "std::int32_t" if not value.rows or magnitude(value.interval) <= 32 else "std::int64_t"


class StepWriter:
    """Writes one function body; ``tables`` collects the constants."""

    def __init__(self) -> None:
        self.tables: list[str] = []
        self.lines: list[str] = []

    def table(self, entries: Iterable[Any]) -> str:
        """A constant array (never empty); returns its name."""
        numbers = [int(v) for v in entries] or [0]
        name = f"table{len(self.tables)}"
        kind = word(min(numbers), max(numbers))
        text = ", ".join(str(v) for v in numbers)
        self.tables.append(f"inline constexpr {kind} {name}[{len(numbers)}] = {{{text}}};")
        return name

    def write(self, step: AnyStep) -> None:
        """Append the code of ``step``.

        Raises
        ------
        InputError
            If the step has no integer code (a node that only the reference evaluates).
        """
        if isinstance(step, Evaluated):
            raise InputError("cannot be written as C++", field=f"node {step.node}", value=step.reason)
        _WRITERS[type(step)](self, step)

    def _line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def _argmax(self, step: ArgMax) -> None:
        x, y = _name(step.source), _name(step.out)
        self._line(f"{y}[0] = 0;")
        self._line(f"for (int i = 1; i < {step.source.rows}; ++i) if ({x}[i] > {x}[{y}[0]]) {y}[0] = i;")

    def _map(self, step: Map) -> None:
        groups: dict[Cast, list[int]] = {}
        for r, cast in enumerate(step.casts):
            groups.setdefault(cast, []).append(r)
        for cast, rows in groups.items():
            source, out = self.table(step.source_row[rows]), self.table(step.out_row[rows])
            multiplier, offset = self.table(step.multiplier[rows]), self.table(step.offset[rows])
            self._line(f"for (int i = 0; i < {len(rows)}; ++i) {{")
            value = f"std::int64_t({_name(step.source)}[{source}[i]]) * {multiplier}[i] + {offset}[i]"
            self._line(f"  std::int64_t t = {value};")
            if step.relu:
                self._line("  if (t < 0) t = 0;")
            result = f"static_cast<{storage(step.out)}>({_cast(cast, 't')})"
            self._line(f"  {_name(step.out)}[{out}[i]] = {result};")
            self._line("}")

    def _dot(self, step: Dot) -> None:
        rows, columns = step.out.rows, step.source.rows
        wide = magnitude(step.partial) > 32 or storage(step.source) == "std::int64_t"
        kind = "std::int64_t" if wide else "std::int32_t"
        x, y, start = _name(step.source), _name(step.out), self.table(step.start)
        if not len(step.weight):
            self._line(f"for (int j = 0; j < {rows}; ++j) {y}[j] = {start}[j];")
            return
        if len(step.weight) >= DENSE * rows * columns:
            matrix = np.zeros((rows, columns), dtype=object)
            for j, i, w in zip(step.target, step.row, step.weight, strict=True):
                matrix[j, i] += w
            weights = self.table(matrix.reshape(-1))
            self._line(f"for (int j = 0; j < {rows}; ++j) {{")
            self._line(f"  {kind} sum = {start}[j];")
            product = f"{kind}({x}[i]) * {weights}[j * {columns} + i]"
            self._line(f"  for (int i = 0; i < {columns}; ++i) sum += {product};")
        else:
            terms, weights, ends = self._terms(step)
            self._line(f"for (int j = 0; j < {rows}; ++j) {{")
            self._line(f"  {kind} sum = {start}[j];")
            loop = f"for (int k = {ends}[j]; k < {ends}[j + 1]; ++k)"
            self._line(f"  {loop} sum += {kind}({x}[{terms}[k]]) * {weights}[k];")
        self._line(f"  {y}[j] = static_cast<{storage(step.out)}>(sum);")
        self._line("}")

    def _terms(self, step: Dot) -> tuple[str, str, str]:
        count = np.zeros(step.out.rows, np.int64)
        np.add.at(count, step.target, 1)
        ends = self.table([0, *np.cumsum(count)])
        return self.table(step.row), self.table(step.weight), ends

    def _ordered(self, step: OrderedDot) -> None:
        assert step.product is not None
        assert step.accumulate is not None
        terms, weights, ends = self._terms(step)
        start = self.table(step.start)
        self._line(f"for (int j = 0; j < {step.out.rows}; ++j) {{")
        self._line(f"  std::int64_t sum = {start}[j];")
        self._line(f"  for (int k = {ends}[j]; k < {ends}[j + 1]; ++k) {{")
        self._line(
            f"    const std::int64_t p = std::int64_t({_name(step.source)}[{terms}[k]]) * {weights}[k];"
        )
        self._line(f"    sum += {_cast(step.product, 'p')};")
        self._line(f"    sum = {_cast(step.accumulate, 'sum')};")
        self._line("  }")
        self._line(f"  {_name(step.out)}[j] = static_cast<{storage(step.out)}>(sum);")
        self._line("}")

    def _lookup(self, step: Lookup) -> None:
        table = self.table(step.table)
        index = Cast(step.shift, step.rounding, None, 0, 0, 0, True)
        scaled = _cast(index, f"std::int64_t({_name(step.source)}[i]) * {step.multiplier}")
        self._line(f"for (int i = 0; i < {step.out.rows}; ++i) {{")
        self._line(f"  const std::int64_t k = {scaled} + {step.offset};")
        last = len(step.table) - 1
        self._line(f"  {_name(step.out)}[i] = {table}[k < 0 ? 0 : k > {last} ? {last} : k];")
        self._line("}")

    def _binary(self, step: Binary) -> None:
        operations = {
            "add": "a + b",
            "subtract": "a - b",
            "multiply": "a * b",
            "maximum": "a > b ? a : b",
            "minimum": "a < b ? a : b",
            "greater_equal": "a >= b ? 1 : 0",
        }
        first, second = self.table(step.a_row), self.table(step.b_row)
        self._line(f"for (int i = 0; i < {step.out.rows}; ++i) {{")
        for name, value, rows, shift in (
            ("a", step.a, first, step.a_shift),
            ("b", step.b, second, step.b_shift),
        ):
            scaled = f"std::int64_t({_name(value)}[{rows}[i]]) * (std::int64_t(1) << {shift})"
            self._line(f"  const std::int64_t {name} = {scaled};")
        result = f"static_cast<{storage(step.out)}>({operations[step.operator]})"
        self._line(f"  {_name(step.out)}[i] = {result};")
        self._line("}")

    def _trees(self, step: Trees) -> None:
        start, score = self.table(step.start), self.table(tree.score for tree in step.trees)
        roots = self.table(np.cumsum([0] + [len(tree.feature) for tree in step.trees])[:-1])
        columns = [
            self.table(np.concatenate([getattr(tree, name) for tree in step.trees]))
            for name in ("feature", "below", "left", "right", "value")
        ]
        feature, below, left, right, value = columns
        x, y = _name(step.source), _name(step.out)
        self._line(f"std::int64_t {y}_sum[{step.out.rows}];")
        self._line(f"for (int c = 0; c < {step.out.rows}; ++c) {y}_sum[c] = {start}[c];")
        self._line(f"for (int t = 0; t < {len(step.trees)}; ++t) {{")
        self._line("  int at = 0;")
        node = f"{roots}[t] + at"
        self._line(f"  while ({feature}[{node}] >= 0)")
        choice = f"{x}[{feature}[{node}]] < {below}[{node}] ? {left}[{node}] : {right}[{node}]"
        self._line(f"    at = {choice};")
        self._line(f"  {y}_sum[{score}[t]] += {value}[{node}];")
        self._line("}")
        finished = f"static_cast<{storage(step.out)}>({y}_sum[c])"
        self._line(f"for (int c = 0; c < {step.out.rows}; ++c) {y}[c] = {finished};")


_WRITERS: dict[type, Callable[[StepWriter, Any], None]] = {
    Map: StepWriter._map,
    Dot: StepWriter._dot,
    OrderedDot: StepWriter._ordered,
    Lookup: StepWriter._lookup,
    Binary: StepWriter._binary,
    ArgMax: StepWriter._argmax,
    Trees: StepWriter._trees,
}


def _name(value: Value) -> str:
    return f"v{value.number}"


def _cast(cast: Cast, value: str) -> str:
    rounding, mode = ROUNDINGS[cast.rounding], OVERFLOWS[cast.overflow]
    text = f"detail::round<{rounding}, {cast.shift}>({value})"
    if mode:
        width = cast.width if mode == 1 else 1
        text = f"detail::overflow<{mode}, {_literal(cast.low)}, {_literal(cast.high)}, {width}>({text})"
    return f"{text} * (std::int64_t(1) << {cast.post})" if cast.post else text


def _literal(value: int) -> str:
    return f"INT64_C({value})"
