"""One operation of a graph as C++ statements on ap_fixed values, an expression for each element.

ap_fixed's own operators are exact, and its conversions round and saturate as the type of the left side says:
the C++ relies on AMD's arithmetic (UG1399) where emulator and RTL rely on docs/graph.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node

Names = Mapping[str, Sequence[str]]
"""By node, the C++ expression of every element (C order)."""
Emit = Callable[[Node, Names, "Scope"], Iterator[str]]
EMITTERS: dict[str, Emit] = {}


def emits(*operations: str) -> Callable[[Emit], Emit]:
    """Register how ``operations`` are written."""

    def register(function: Emit) -> Emit:
        EMITTERS.update(dict.fromkeys(operations, function))
        return function

    return register


def cpp_type(kind: FixedType) -> str:
    """The ap_fixed type, all modes spelt."""
    modes = f"AP_{kind.rounding.value}, AP_{kind.overflow.value}, {kind.saturation_bits}"
    return f"ap_{'' if kind.signed else 'u'}fixed<{kind.width}, {kind.integer}, {modes}>"


class Scope:
    """Names of tables and C++ names of nodes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tables: list[tuple[str, Constant]] = []
        self.indices: list[tuple[int, ...]] = []
        self.prefix = {node.name: f"n{i}" for i, node in enumerate(graph.nodes)}

    def table(self, constant: Constant) -> str:
        """The name of a table of raw integers."""
        for name, other in self.tables:
            if other.type == constant.type and np.array_equal(other.data, constant.data):
                return name
        self.tables.append((f"table{len(self.tables)}", constant))
        return self.tables[-1][0]

    def numbers(self, values: Sequence[int]) -> str:
        """The name of an array of element numbers."""
        wanted = tuple(values)
        if wanted not in self.indices:
            self.indices.append(wanted)
        return f"index{self.indices.index(wanted)}"


def literal(value: int, kind: FixedType) -> str:
    """A constant of ``kind`` from its integer."""
    return f"raw<{cpp_type(kind)} >({value}LL)"


def places(node: Node, graph: Graph) -> list[list[int]]:
    """For every input, which of its elements each element of the result reads (broadcast)."""
    return [
        np.broadcast_to(np.arange(graph[name].size).reshape(graph[name].shape), node.shape).ravel().tolist()
        for name in node.inputs
    ]


BINARY = {
    "add": "{a} + {b}",
    "subtract": "{a} - {b}",
    "multiply": "{a} * {b}",
    "maximum": "{a} > {b} ? {t}({a}) : {t}({b})",
    "minimum": "{a} < {b} ? {t}({a}) : {t}({b})",
    "greater_equal": "{t}({a} >= {b} ? 1 : 0)",
}


@emits(*BINARY)
def _binary(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    first, second = places(node, scope.graph)
    for i, j in zip(first, second, strict=True):
        a, b = names[node.inputs[0]][i], names[node.inputs[1]][j]
        yield BINARY[node.op].format(a=a, b=b, t=cpp_type(node.type))


@emits("cast", "reshape")
def _copy(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    kinds = [FixedType.parse(text) for text in node.attributes.get("types", ())]
    for i, name in enumerate(names[node.inputs[0]]):
        yield f"{cpp_type(kinds[i])}({name})" if kinds else name


@emits("take")
def _take(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    for index in node.attributes["index"]:
        yield names[node.inputs[0]][index]


@emits("concatenate")
def _concatenate(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    parts = [
        np.array(names[name], object).reshape(scope.graph[name].shape) for name in node.inputs
    ]  # fmt: skip
    yield from np.concatenate(parts, axis=node.attributes["axis"]).ravel().tolist()


@emits("constant")
def _constant(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    value = node.constants["value"]
    for integer in value.data.ravel().tolist():
        yield literal(integer, value.type)


@emits("relu")
def _relu(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    for name in names[node.inputs[0]]:
        yield f"{name} > 0 ? {cpp_type(node.type)}({name}) : {cpp_type(node.type)}(0)"


@emits("square")
def _square(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    for name in names[node.inputs[0]]:
        yield f"{name} * {name}"


@emits("scale_bias")
def _scale_bias(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    scale, bias = (node.constants[key] for key in ("scale", "bias"))
    factors, terms = (
        np.broadcast_to(constant.data, node.shape).ravel().tolist() for constant in (scale, bias)
    )
    for name, factor, term in zip(names[node.inputs[0]], factors, terms, strict=True):
        yield f"{name} * {literal(factor, scale.type)} + {literal(term, bias.type)}"


@emits("table")
def _table(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    if (node.attributes.get("multiplier", 1), node.attributes.get("shift", 0)) != (1, 0):
        raise InputError("HLS C++ of a table with a scaled index is not written", field=f"node {node.name}")
    table = node.constants["table"]
    kind = cpp_type(table.type)
    array, offset = scope.table(table), node.attributes["offset"]
    for name in names[node.inputs[0]]:
        yield f"raw<{kind} >({array}[place({name}, {offset}, {table.data.size - 1})])"


@emits("sum")
def _sum(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    kind = cpp_type(node.accumulator())
    total = f"{kind}(0)"
    for name in names[node.inputs[0]]:
        total = f"{kind}({total} + {kind}({name}))"
    yield total


@emits("dense")
def _dense(node: Node, names: Names, scope: Scope) -> Iterator[str]:
    kind = cpp_type(node.accumulator())
    weight, bias = node.constants["weight"], node.constants["bias"]
    inputs = np.array(names[node.inputs[0]], object).reshape(-1, weight.data.shape[0])
    for row in inputs:
        for j in range(weight.data.shape[1]):
            total = f"{kind}({literal(int(bias.data[j]), bias.type)})"
            for name, factor in zip(row, weight.data[:, j].tolist(), strict=True):
                if factor:
                    total = f"{kind}({total} + {kind}({name} * {literal(factor, weight.type)}))"
            yield total
