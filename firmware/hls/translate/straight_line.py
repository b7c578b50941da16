"""Generated straight-line logic as nodes: linear parts become one dense node, the rest a node each.

Every statement computes exactly and casts to its declared type. Where the values provably fit (as they do in
what da4ml writes) the cast changes nothing and the statement stays an affine form over the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, holding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Logic
from l1forge.firmware.hls.project.statements import Statement, Tree, split_body
from l1forge.firmware.hls.project.weights import constant, snap
from l1forge.firmware.hls.translate.affine import Affine
from l1forge.firmware.hls.translate.builder import Builder


class _NotLinear(Exception):
    """The logic needs nodes of its own for each row."""


def apply_logic(builder: Builder, logic: Logic, x: Node, kind: FixedType, name: str | None = None) -> Node:
    """The logic on every row of ``x``, (rows, n_in); the result, (rows, n_out), in type ``kind``."""
    try:
        statements, tables = split_body(logic.body, f"layer {builder.layer}")
    except InputError as error:
        raise builder.refuse(error.problem, error.value, error.remedy) from error
    rows, n_in = x.shape
    if n_in != logic.n_in:
        raise builder.refuse(f"logic of {logic.n_in} inputs reads {n_in}", logic.name)
    try:
        return _Interpreter(builder, statements, tables, x, rows == 1).run(logic.n_out, kind, name)
    except _NotLinear:
        parts = []
        for row in range(rows):
            single = builder.take(x, range(row * n_in, (row + 1) * n_in), (1, n_in))
            parts.append(_Interpreter(builder, statements, tables, single, True).run(logic.n_out, kind, None))
        return builder.add("concatenate", parts, (rows, logic.n_out), kind, name, axis=0)


class _Interpreter:
    """Runs the statements once over symbols; ``own`` allows nodes of its own (only for a single row)."""

    def __init__(
        self,
        builder: Builder,
        statements: list[Statement],
        tables: dict[str, tuple[str, list[str]]],
        x: Node,
        own: bool,
    ) -> None:
        self.builder, self.statements, self.tables, self.x, self.own = builder, statements, tables, x, own
        self.types: list[FixedType] = []
        self.atoms: list[int | Node] = []
        """An input element, read in the atom's type, or a node of shape (1, 1)."""
        self.read: dict[tuple[int, FixedType], int] = {}
        self.values: dict[str, tuple[Affine, FixedType]] = {}

    def run(self, n_out: int, kind: FixedType, name: str | None) -> Node:
        results: dict[int, Affine] = {}
        for statement in self.statements:
            if statement.kind:
                target = self._type(statement.kind)
                self.values[statement.name] = self._assign(statement.tree, target), target
            else:
                results[int(statement.name)] = self._value(statement.tree)
        if sorted(results) != list(range(n_out)):
            raise self.builder.refuse("logic does not write all its outputs", f"{len(results)} of {n_out}")
        return self._nodes([results[i] for i in range(n_out)], kind, name)

    def _type(self, text: str) -> FixedType:
        return self.builder.source.type(text).fixed

    def _assign(self, tree: Tree, target: FixedType) -> Affine:
        if tree[0] == "index" and tree[1] == "model_inp":
            number = self._element(tree)
            key = (number, self.x.type if Affine.atom(0).fits(target, [self.x.type]) else target)
            if key not in self.read:
                self.read[key] = self._atom(number, key[1])
            return Affine.atom(self.read[key])
        return self._cast(self._value(tree), target)

    def _element(self, tree: Tree) -> int:
        if tree[2][0] != "number":
            raise self.builder.refuse("input of generated logic is not understood", str(tree))
        return int(tree[2][1])

    def _atom(self, what: int | Node, kind: FixedType) -> int:
        if isinstance(what, Node) and not self.own:
            raise _NotLinear
        self.atoms.append(what)
        self.types.append(FixedType(kind.width, kind.integer, kind.signed))
        return len(self.atoms) - 1

    def _own(self, node: Node) -> Affine:
        return Affine.atom(self._atom(node, node.type))

    def _node(self, value: Affine) -> Node:
        """A node of shape (1, 1) that holds ``value`` exactly."""
        if not self.own:
            raise _NotLinear
        return self._nodes([value], None, None)

    def _cast(self, value: Affine, target: FixedType) -> Affine:
        if value.fits(target, self.types):
            return value
        return self._own(self.builder.cast(self._node(value), target))

    def _value(self, tree: Tree) -> Affine:
        builder = self.builder
        match tree:
            case ("number", text):
                return Affine.number(Fraction(float(text)))
            case ("name", name):
                if name not in self.values:
                    raise builder.refuse("generated logic reads an unknown name", name)
                return self.values[name][0]
            case ("index", "model_inp", _):
                return self._assign(tree, self.x.type)
            case ("index", table, ("range", ("name", name))) if table in self.tables:
                return self._look_up(table, name)
            case ("negative", inner):
                return self._value(inner).times(Fraction(-1))
            case ("shift", places, inner):
                return self._value(inner).times(Fraction(2) ** places)
            case ("cast", text, ("number", digits)):
                kind = self._type(text)
                return Affine.number(Fraction(snap(float(digits), kind)) * Fraction(2) ** -kind.fraction)
            case ("cast", text, inner):
                return self._cast(self._value(inner), self._type(text))
            case ("+" | "-" as sign, left, right):
                return self._value(left).plus(self._value(right), 1 if sign == "+" else -1)
            case ("product", left, right):
                a, b = self._value(left), self._value(right)
                if not a.terms or not b.terms:
                    return b.times(a.constant) if not a.terms else a.times(b.constant)
                return self._own(builder.pair("multiply", self._node(a), self._node(b)))
            case ("choose", condition, first, second):
                return self._choose(condition, first, second)
        raise builder.refuse(
            "operation of generated logic is not supported", tree[0], "use Strategy: Latency for this layer"
        )

    def _choose(self, condition: Tree, first: Tree, second: Tree) -> Affine:
        """``first`` where the condition holds: second + bit·(first − second), exact."""
        bit = self._bit(condition)
        one, other = self._value(first), self._value(second)
        if not self._bit_is_node(bit):
            return one if bit.constant else other
        step = one.plus(other, -1)
        if not step.terms:
            return other.plus(bit.times(step.constant))
        product = self.builder.pair("multiply", self._node(bit), self._node(step))
        return other.plus(self._own(product))

    @staticmethod
    def _bit_is_node(bit: Affine) -> bool:
        return bool(bit.terms)

    def _bit(self, tree: Tree) -> Affine:
        """A condition as 0 or 1: a comparison with zero, or the top bit of a variable."""
        zero = Affine({})
        match tree:
            case (">" | "<" | ">=" | "<=" as sign, left, right):
                a, b = self._value(left), self._value(right)
                if sign in (">", "<="):
                    less = self._not_below(b, a)  # b >= a
                    return Affine.number(Fraction(1)).plus(less, -1) if sign == ">" else less
                less = self._not_below(a, b)
                return less if sign == ">=" else Affine.number(Fraction(1)).plus(less, -1)
            case ("index", name, ("number", digits)) if name in self.values:
                value, kind = self.values[name]
                if int(digits) == kind.width - 1:
                    if kind.signed:
                        return Affine.number(Fraction(1)).plus(self._not_below(value, zero), -1)
                    half = Fraction(2) ** (kind.integer - 1)
                    return self._not_below(value, Affine.number(half))
        raise self.builder.refuse(
            "condition of generated logic is not supported", str(tree), "use Strategy: Latency for this layer"
        )

    def _not_below(self, a: Affine, b: Affine) -> Affine:
        low, high = a.plus(b, -1).ends(self.types)
        if low >= 0 or high < 0:
            return Affine.number(Fraction(int(low >= 0)))
        return self._own(self.builder.pair("greater_equal", self._node(a), self._node(b)))

    def _look_up(self, table: str, name: str) -> Affine:
        """``table[name.range()]``: the raw bits of a variable, read as unsigned."""
        value, kind = self.values[name]
        text, entries = self.tables[table]
        if len(entries) != 1 << kind.width:
            raise self.builder.refuse(f"table of {len(entries)} entries for {kind}", table)
        data = constant([float(word) for word in entries], self._type(text))
        half = 1 << (kind.width - 1) if kind.signed else 0
        rolled = Constant(data.type, np.roll(data.data, half))
        index = self.builder.cast(self._node(value), FixedType(kind.width, kind.integer, kind.signed))
        return self._own(
            self.builder.add("table", [index], index.shape, data.type, None, {"table": rolled}, offset=half)
        )

    def _nodes(self, values: Sequence[Affine], kind: FixedType | None, name: str | None) -> Node:
        """One node of shape (rows, len(values)): the values, cast to ``kind`` (exact without)."""
        used = sorted({atom for value in values for atom in value.terms})
        fraction = max(value.fraction(self.types) for value in values)
        # the sum of absolute values holds every partial sum, in any order
        bound = max(
            abs(v.constant) + sum(abs(c) * self._largest(a) for a, c in v.terms.items()) for v in values
        )
        reach = int(bound * Fraction(2) ** fraction)
        accum = holding(min(-reach, -1), max(reach, 1), fraction)
        if kind is None:
            ends = [end * Fraction(2) ** fraction for v in values for end in v.ends(self.types)]
            kind = holding(int(min(ends)), int(max(ends)), fraction)
        x = self._inputs(used)
        weight_fraction = max(
            (c.denominator.bit_length() - 1 for v in values for c in v.terms.values()), default=0
        )
        weights = np.zeros((max(len(used), 1), len(values)), dtype=object)
        for column, value in enumerate(values):
            for atom, coefficient in value.terms.items():
                weights[used.index(atom), column] = int(coefficient * Fraction(2) ** weight_fraction)
        biases = np.array([int(v.constant * Fraction(2) ** fraction) for v in values], dtype=object)
        return self.builder.add(
            "dense",
            [x],
            (x.shape[0], len(values)),
            kind,
            name,
            {"weight": _exact(weights, weight_fraction), "bias": _exact(biases, fraction)},
            accum=str(accum),
        )

    def _largest(self, atom: int) -> Fraction:
        kind = self.types[atom]
        return Fraction(max(-kind.minimum, kind.maximum)) * Fraction(2) ** -kind.fraction

    def _inputs(self, used: Sequence[int]) -> Node:
        """The atoms as one node of shape (rows, len(used)), exact."""
        rows, n_in = self.x.shape
        elements = [(atom, self.atoms[atom]) for atom in used] or [(-1, 0)]
        if all(isinstance(what, int) for _, what in elements):
            places = np.array([what for _, what in elements])
            index = np.arange(rows)[:, None] * n_in + places
            x = self.builder.take(self.x, index.ravel().tolist(), (rows, len(elements)))
            return self._read_as(x, [self._reading(atom) for atom, _ in elements])
        nodes = [
            what
            if isinstance(what, Node)
            else self._read_as(self.builder.take(self.x, [what], (1, 1)), [self._reading(atom)])
            for atom, what in elements
        ]
        types = [self.types[atom] for atom, _ in elements]
        low = min(Fraction(t.minimum) * Fraction(2) ** -t.fraction for t in types)
        high = max(Fraction(t.maximum) * Fraction(2) ** -t.fraction for t in types)
        fraction = max(t.fraction for t in types)
        kind = holding(int(low * Fraction(2) ** fraction), int(high * Fraction(2) ** fraction), fraction)
        return self.builder.add("concatenate", nodes, (1, len(nodes)), kind, axis=1)

    def _reading(self, atom: int) -> FixedType:
        """The type, with its modes, in which an input atom is read."""
        return next((kind for (_, kind), number in self.read.items() if number == atom), self.x.type)

    def _read_as(self, x: Node, kinds: list[FixedType]) -> Node:
        """``x`` with column j cast to ``kinds[j]``."""
        if all(kind == x.type for kind in kinds):
            return x
        fraction = max(kind.fraction for kind in kinds)
        low = min(kind.minimum << (fraction - kind.fraction) for kind in kinds)
        high = max(kind.maximum << (fraction - kind.fraction) for kind in kinds)
        together = holding(low, high, fraction)
        return self.builder.add(
            "cast", [x], x.shape, together, types=[str(kind) for kind in kinds] * x.shape[0]
        )


def _exact(values: object, fraction: int) -> Constant:
    """Integers with ``fraction`` fractional bits in the narrowest type."""
    data = np.asarray(values, dtype=object)
    kind = holding(min(0, *data.ravel()), max(1, *data.ravel()), fraction)
    return Constant(kind, data if kind.width > 62 else data.astype(np.int64))
