"""The part of the circuit that the anomaly scores share: codes of quantities, pairs of codes as indices."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.node import Constant, Node
from l1forge.models.anomaly.pairs import Pair, PairTables, quantities_of
from l1forge.models.anomaly.quantities import Bit, Gate, Quantity, sources
from l1forge.models.anomaly.tails import LEVELS

CODE_BITS = 4
PAIR_BITS = 2 * CODE_BITS
INPUT = "x"


def unsigned(bits: int) -> FixedType:
    """An unsigned integer of ``bits`` bits."""
    return FixedType(bits, bits, False)


def signed(bits: int) -> FixedType:
    """A signed integer of ``bits`` bits, sign included."""
    return FixedType(bits, bits, True)


def bits_for(largest: int) -> int:
    """Bits of an unsigned integer up to ``largest``, at least one."""
    return max(1, int(largest).bit_length())


class Circuit:
    """Collects nodes; every method appends one, or finds it, and returns its name."""

    def __init__(self, quantities: Sequence[Quantity]) -> None:
        self.nodes: list[Node] = []
        self._sources = sources(quantities)
        widest = max(COLUMNS[source.partition("[")[0]][1].width for source in self._sources)
        self._node(INPUT, "input", (), len(self._sources), unsigned(widest), source=self._sources)

    def _node(
        self,
        name: str,
        op: str,
        inputs: tuple[str, ...],
        size: int,
        kind: FixedType,
        constants: dict[str, Constant] | None = None,
        **attributes: Any,
    ) -> str:
        if not any(node.name == name for node in self.nodes):
            self.nodes.append(Node(name, op, inputs, (size,), kind, attributes, constants or {}))
        return name

    def size(self, name: str) -> int:
        """Elements of a node."""
        return next(node.size for node in self.nodes if node.name == name)

    def _type(self, name: str) -> FixedType:
        return next(node.type for node in self.nodes if node.name == name)

    def take(self, name: str, source: str, index: Sequence[int]) -> str:
        """Elements ``index`` of ``source``."""
        return self._node(name, "take", (source,), len(index), self._type(source), index=list(index))

    def table(self, name: str, source: str, data: NDArray[np.int64], kind: FixedType, offset: int = 0) -> str:
        """``data[x + offset]`` of every element of ``source``; larger values read the last entry."""
        constant = {"table": Constant(kind, np.asarray(data, np.int64))}
        return self._node(
            name, "table", (source,), self.size(source), kind, constant, offset=offset, multiplier=1, shift=0
        )

    def join(self, name: str, parts: Sequence[str], kind: FixedType) -> str:
        """All ``parts`` as one vector of type ``kind``."""
        size = builtins.sum(map(self.size, parts))
        return self._node(name, "concatenate", tuple(parts), size, kind, axis=0)

    def sum(self, name: str, source: str, kind: FixedType, accum: FixedType | None = None) -> str:
        """The sum of all elements, cast to ``kind``; ``accum`` (default: ``kind``) must hold it."""
        return self._node(name, "sum", (source,), 1, kind, accum=str(accum or kind))

    def type_of(self, name: str) -> FixedType:
        """The type of a node."""
        return self._type(name)

    def dense(
        self, name: str, source: str, weight: Constant, bias: Constant, kind: FixedType, accum: FixedType
    ) -> str:
        """``source`` times ``weight`` (inputs, outputs), plus ``bias``; ``accum`` must hold it."""
        constants = {"weight": weight, "bias": bias}
        return self._node(name, "dense", (source,), weight.data.shape[1], kind, constants, accum=str(accum))

    def relu(self, name: str, source: str, kind: FixedType) -> str:
        """What is above zero, cast to ``kind``."""
        return self._node(name, "relu", (source,), self.size(source), kind)

    def subtract(self, name: str, left: str, right: str, kind: FixedType) -> str:
        """``left`` - ``right``, element by element."""
        return self._node(name, "subtract", (left, right), self.size(left), kind)

    def square(self, name: str, source: str, kind: FixedType) -> str:
        """The square of every element."""
        return self._node(name, "square", (source,), self.size(source), kind)

    def add(self, name: str, left: str, right: str, kind: FixedType) -> str:
        """``left`` + ``right``, element by element."""
        return self._node(name, "add", (left, right), self.size(left), kind)

    def scaled(self, name: str, source: str, factor: float) -> str:
        """``source`` (unsigned) times ``factor`` >= 0 in six significant bits, exact."""
        one = self._type(source)
        exponent = int(np.floor(np.log2(factor))) if factor else 0
        scale = FixedType(6, exponent + 1, False)
        number = min(round(factor / scale.lsb), scale.maximum)
        kind = FixedType(one.width + scale.width, one.integer + scale.integer, False)
        zero = Constant(unsigned(1), np.zeros(1, np.int64))
        constants = {"scale": Constant(scale, np.array([number])), "bias": zero}
        return self._node(name, "scale_bias", (source,), self.size(source), kind, constants)

    def column(self, source: str) -> str:
        """One input column, such as ``mu.pt[0]``, in the width of its field."""
        name, _, slot = source.partition("[")
        label = f"{name.replace('.', '_')}_{slot[:-1]}"
        taken = self.take(f"{label}.raw", INPUT, [self._sources.index(source)])
        kind = unsigned(COLUMNS[name][1].width)
        return taken if self._type(taken) == kind else self._node(label, "cast", (taken,), 1, kind)

    def _bit(self, bit: Bit) -> str:
        column = self.column(bit.source)
        return self.table(f"{column}.good", column, np.array(bit.table), unsigned(1))

    def _gate(self, gate: Gate, name: str) -> str:
        """AND of ORs of bits."""
        groups = [
            self._reduce("maximum", [self._bit(bit) for bit in group], f"{name}.any{i}")
            for i, group in enumerate(gate)
        ]
        return self._reduce("multiply", groups, f"{name}.open")

    def _reduce(self, op: str, parts: list[str], name: str) -> str:
        """``op`` over ``parts``, two at a time; all have the same type."""
        level = 0
        while len(parts) > 1:
            pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
            label = name if len(pairs) == 1 else f"{name}.{level}_"
            parts = [
                self._node(label if len(pairs) == 1 else f"{label}{i}", op, tuple(pair), 1,
                           self._type(pair[0])) if len(pair) == 2 else pair[0]
                for i, pair in enumerate(pairs)
            ]  # fmt: skip
            level += 1
        return parts[0]

    def code(self, quantity: Quantity, table: NDArray[np.int64]) -> str:
        """The 4-bit code of a quantity.

        Codes do not fall with the value and code 0 is that of value 0, so that the code of the largest term
        is the largest code of all terms: tables come first, gates and maxima work on 4 bits.
        """
        coded = []
        for i, term in enumerate(quantity.terms):
            label = f"{quantity.name}.code{i}"
            column = self.column(term.source)
            size = min(len(table), 1 << self._type(column).width)
            value = self.table(label, column, table[:size], unsigned(CODE_BITS))
            if term.gate:
                gate = self._gate(term.gate, f"{quantity.name}.gate{i}")
                value = self._node(f"{label}.gated", "multiply", (value, gate), 1, unsigned(CODE_BITS))
            coded.append(value)
        return self._reduce("maximum", coded, quantity.name)

    def indices(self, tables: PairTables) -> dict[Pair, str]:
        """By pair, the node of its index 16·a + b: an 8-bit number with code a above code b."""
        quantities = quantities_of(tables.pairs)
        codes = [self.code(q, tables.tails[q.name].code) for q in quantities]
        place = {q.name: i for i, q in enumerate(quantities)}
        all_ = self.join("codes", codes, unsigned(CODE_BITS))
        high = self.take("pairs.a", all_, [place[a] for a, _ in tables.pairs])
        low = self.take("pairs.b", all_, [place[b] for _, b in tables.pairs])
        size = len(tables.pairs)
        kind = unsigned(PAIR_BITS)
        sixteen = Constant(unsigned(CODE_BITS + 1), np.array([LEVELS] * size))
        zero = Constant(unsigned(1), np.zeros(size, np.int64))
        upper = self._node("pairs.high", "scale_bias", (high,), size, kind, {"scale": sixteen, "bias": zero})
        joined = self._node("pairs.index", "add", (upper, low), size, kind)
        return {
            pair: self.take(f"{pair[0]}_{pair[1]}.index", joined, [i]) for i, pair in enumerate(tables.pairs)
        }


def widths(tables: Iterable[NDArray[np.int64]]) -> int:
    """Bits of the sum of the largest entries of unsigned ``tables``."""
    return bits_for(sum(int(table.max()) for table in tables))
