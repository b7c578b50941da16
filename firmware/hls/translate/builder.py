"""Builds a graph from calls: tracks which node holds each C++ array, and picks exact intermediate types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Rounding, holding, widest
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call, Config, CppType, Source
from l1forge.firmware.hls.project.weights import read_exponents, read_weight


@dataclass
class ArrayValue:
    """What a C++ array holds: the node, and the array's declared type."""

    node: Node
    cpp: CppType


class Builder:
    """Collects nodes; ``layer`` is the hls4ml layer being translated, used to name them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.nodes: list[Node] = []
        self.values: dict[str, ArrayValue] = {}
        self.layer = ""
        self.rows = 1
        """Time steps of the loop that is being read: its arrays hold one step, its nodes all of them."""
        self._names: set[str] = set()

    def value(self, array: str) -> ArrayValue:
        """The value of a C++ array (through aliases)."""
        array = array.strip()
        while array in self.source.aliases:
            array = self.source.aliases[array]
        if array not in self.values:
            raise self.refuse("reads an array that nothing wrote", array)
        return self.values[array]

    def declared(self, array: str) -> CppType:
        """The declared element type of a C++ array."""
        if array not in self.source.arrays:
            raise self.refuse("writes to an unknown array", array)
        return self.source.type(self.source.arrays[array][0])

    def refuse(self, problem: str, value: object = None, remedy: str | None = None) -> InputError:
        return self.source.error(problem, f"layer {self.layer}", value, remedy)

    def store(self, array: str, node: Node) -> None:
        """Record that ``node`` is what the array holds from now on."""
        kind = self.declared(array)
        size = self.source.arrays[array][1]
        if size and node.size != size * self.rows:  # a stream holds what is written to it
            raise self.refuse(f"computes {node.size} values for the array {array!r}", f"{size} elements")
        self.values[array] = ArrayValue(node, kind)

    def add(
        self,
        op: str,
        inputs: Sequence[Node],
        shape: tuple[int, ...],
        kind: FixedType,
        name: str | None = None,
        constants: dict[str, Constant] | None = None,
        **attributes: Any,
    ) -> Node:
        """Append a node; without a name it is an intermediate of the present layer."""
        self._check_integers(op, [n.type for n in inputs], kind, constants or {}, attributes.get("accum"))
        name = self._unique(name or f"{self.layer}.{op}")
        node = Node(name, op, tuple(n.name for n in inputs), shape, kind, attributes, constants or {})
        self.nodes.append(node)
        return node

    def _check_integers(
        self, op: str, types: list[FixedType], kind: FixedType, constants: dict[str, Constant], accum: Any
    ) -> None:
        """Refuse what ap_fixed converts wrongly to ap_int.

        It truncates towards zero, but a negative value whose type has no integer bits becomes -1.
        """
        steps = []
        if op == "dense":
            total = FixedType.parse(accum)
            product = types[0].integer + constants["weight"].type.integer
            steps = [(product, total), (constants["bias"].type.integer, total), (total.integer, kind)]
        elif op == "scale_bias":
            product = types[0].integer + constants["scale"].type.integer
            steps = [(max(product, constants["bias"].type.integer) + 1, kind)]
        elif op == "sum":
            total = FixedType.parse(accum)
            steps = [(types[0].integer, total), (total.integer, kind)]
        elif op in ("cast", "concatenate", "maximum", "minimum", "reshape", "take"):
            steps = [(t.integer, kind) for t in types if t.signed and t.fraction > 0]
        elif op in ("add", "subtract", "multiply"):
            first, second = (t.integer for t in types)
            steps = [(first + second if op == "multiply" else max(first, second) + 1, kind)]
        for integer_bits, target in steps:
            if integer_bits <= 0 and target.rounding is Rounding.TRN_ZERO and target.fraction == 0:
                raise self.refuse(
                    "values below one do not convert to ap_int as they should: its headers give -1",
                    str(target),
                    f"write ap_fixed<{target.width},{target.width}> instead of ap_int<{target.width}>",
                )

    def mark(self) -> tuple[int, frozenset[str]]:
        """A place to ``rewind`` to."""
        return len(self.nodes), frozenset(self._names)

    def rewind(self, mark: tuple[int, frozenset[str]]) -> None:
        """Drop the nodes that were added since ``mark``."""
        del self.nodes[mark[0] :]
        self._names = set(mark[1])

    def _unique(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}_{count}"
        self._names.add(candidate)
        return candidate

    def weight(self, name: str, kind: str, config: Config, size: int) -> Constant:
        """A weight array of the project in the type that ``config`` calls ``kind``."""
        if self.source.exponent_width(kind, config) is not None:
            return read_exponents(self.source, name, size)
        return read_weight(self.source, name, self.source.type(kind, config).fixed, size)

    def constant(self, value: Constant) -> Node:
        return self.add("constant", [], value.data.shape, value.type, constants={"value": value})

    def number(self, value: int) -> Node:
        """The constant ``value`` of shape (1,)."""
        return self.constant(Constant(FixedType.integers(min(value, 0), max(value, 0)), np.array([value])))

    def cast(self, node: Node, kind: FixedType, name: str | None = None) -> Node:
        return (
            node if node.type == kind and name is None else self.add("cast", [node], node.shape, kind, name)
        )

    def take(self, node: Node, index: Sequence[int], shape: tuple[int, ...]) -> Node:
        """Elements of ``node`` by flat number; the node itself where that changes nothing."""
        numbers = [int(i) for i in index]
        if shape == node.shape and numbers == list(range(node.size)):
            return node
        return self.add("take", [node], shape, node.type, index=numbers)

    def pair(self, op: str, a: Node, b: Node, kind: FixedType | None = None, name: str | None = None) -> Node:
        """A two-input operation with broadcasting; exact without ``kind``."""
        shape = tuple(np.broadcast_shapes(a.shape, b.shape))
        return self.add(op, [a, b], shape, kind or self._exact(op, a.type, b.type), name)

    @staticmethod
    def _exact(op: str, a: FixedType, b: FixedType) -> FixedType:
        if op == "multiply":
            ends = [x * y for x in (a.minimum, a.maximum) for y in (b.minimum, b.maximum)]
            return holding(min(ends), max(ends), a.fraction + b.fraction)
        if op == "greater_equal":
            return FixedType(1, 1, False)
        both = widest(a, b)
        low_a, high_a, low_b, high_b = (
            end << (both.fraction - kind.fraction) for kind in (a, b) for end in (kind.minimum, kind.maximum)
        )
        if op == "add":
            return holding(low_a + low_b, high_a + high_b, both.fraction)
        if op == "subtract":
            return holding(low_a - high_b, high_a - low_b, both.fraction)
        if op == "maximum":
            return holding(max(low_a, low_b), max(high_a, high_b), both.fraction)
        return holding(min(low_a, low_b), min(high_a, high_b), both.fraction)

    def scaled(
        self,
        node: Node,
        scale: Constant,
        bias: Constant | None = None,
        kind: FixedType | None = None,
        name: str | None = None,
    ) -> Node:
        """``node * scale + bias``; exact without ``kind``."""
        if bias is None:
            bias = Constant(FixedType(1, 1, False), np.zeros(scale.data.shape, np.int64))
        scale, bias = (
            Constant(c.type, np.resize(c.data, node.shape[-1:])) if c.data.size == 1 else c
            for c in (scale, bias)
        )
        if kind is None:
            product = self._exact("multiply", node.type, scale.type)
            kind = self._exact("add", product, bias.type)
        return self.add(
            "scale_bias", [node], node.shape, kind, name, constants={"scale": scale, "bias": bias}
        )

    def reduce(self, op: str, parts: Sequence[Node], kind: FixedType | None = None) -> Node:
        """hls4ml's ``reduce``: a tree whose left half is the largest power of two below the count."""
        if len(parts) == 1:
            return parts[0]
        left = 1 << ((len(parts) - 1).bit_length() - 1)
        return self.pair(op, self.reduce(op, parts[:left], kind), self.reduce(op, parts[left:], kind), kind)


def config_of(builder: Builder, call: Call) -> Config:
    """The call's config struct: its last template argument."""
    return builder.source.config(call.template[-1].split("::")[-1])
