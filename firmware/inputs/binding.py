"""Inputs of a graph bound to event columns: the codes, times a factor, less an offset, shifted, then cast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import holding
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.inputs.columns import Column, column_type, field_of

BITS = 18
"""Significant bits of factors and offsets that are no short binary numbers: a DSP's input."""
BOUND = "bound_inputs"
"""Key of ``meta``: input to the node that has its value in the network's own type."""


def bind(graph: Graph, columns: Sequence[Column]) -> tuple[Graph, list[str]]:
    """A graph that reads event columns, one for each input element in order, and what was rounded.

    An input whose type counts what the columns count only gets its ``source``. Any other becomes an integer
    input of the codes and a ``scale_bias`` with the type of the network's input, its rounding and its
    overflow: what the network reads is ``(code * factor - offset) / 2**shift``, cast once.

    Raises
    ------
    InputError
        If there is not one column for each element, inputs are bound already, or the worth of one count is
        not said and the type does not count in ones.
    """
    parts = dealt(graph, columns)
    nodes: list[Node] = []
    moved: dict[str, str] = {}
    notes: list[str] = []
    for node in graph.nodes:
        if node.op != "input":
            inputs = tuple(moved.get(name, name) for name in node.inputs)
            nodes.append(replace(node, inputs=inputs))
            continue
        own = parts[node.name]
        source = [column.source for column in own]
        if _counts_alike(node, own):
            nodes.append(replace(node, attributes={**node.attributes, "source": source}))
            continue
        raw = Node(node.name, "input", (), node.shape, column_type(own), {"source": source}, {})
        value, told = _scaled(node, own, {n.name for n in graph.nodes})
        nodes += [raw, value]
        notes += told
        moved[node.name] = value.name
    meta = dict(graph.meta)
    meta["columns"] = {name: [str(column) for column in own] for name, own in parts.items()}
    if moved:
        meta[BOUND] = moved
    outputs = [moved.get(name, name) for name in graph.outputs]
    return Graph(graph.name, nodes, outputs, meta, graph.file), notes


def values_for_network(
    graph: Graph,
) -> Callable[[Mapping[str, NDArray[np.int64]]], list[NDArray[np.int64]]]:
    """From the integers of the graph's inputs, (n, *shape), to those that the network behind ``bind`` reads.

    Raises
    ------
    InputError
        If the graph's record of what was bound does not fit its nodes.
    """
    from l1forge.emulator.kernel import compile_graph

    moved = graph.meta.get(BOUND, {})
    known = {node.name for node in graph.nodes}
    if not isinstance(moved, dict) or not {*moved, *moved.values()} <= known:
        raise InputError("names nodes that the graph lacks", file=graph.file, field=f"meta.{BOUND}")
    if not moved:
        return lambda given: list(given.values())
    kernel = compile_graph(graph.subgraph(moved.values()))

    def run(given: Mapping[str, NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        made = kernel.run_rows({name: given[name] for name in moved})
        return [
            np.asarray(made[moved[name]], np.int64) if name in moved else rows for name, rows in given.items()
        ]

    return run


def dealt(graph: Graph, columns: Sequence[Column]) -> dict[str, list[Column]]:
    """The columns of each input, in order, each with its factor.

    Raises
    ------
    InputError
        As ``bind``.
    """
    sizes = {node.name: node.size for node in graph.inputs}
    bound = [node.name for node in graph.inputs if "source" in node.attributes]
    if bound:
        raise InputError("names its event columns already", file=graph.file, field=f"input {bound[0]}")
    if len(columns) != sum(sizes.values()):
        told = ", ".join(f"{name} ({size})" for name, size in sizes.items())
        raise InputError(
            f"{len(columns)} columns for {sum(sizes.values())} input elements",
            field="--source",
            remedy=f"give one for each element of {told}, in this order; 0 for none",
        )
    parts, place = {}, 0
    for node in graph.inputs:
        own = list(columns[place : place + node.size])
        parts[node.name] = [_worth(column, node) for column in own]
        place += node.size
    return parts


def _worth(column: Column, node: Node) -> Column:
    if column.factor is not None or column.source == "0":
        return replace(column, factor=column.worth)
    if node.type.fraction != 0:
        field = field_of(column)
        physical = f", physical ({field.lsb:g} {field.unit})" if field is not None and field.unit else ""
        raise InputError(
            f"what one count is worth to {node.name} ({node.type}) is not said",
            field=f"--source {column.source}",
            remedy=f"give a factor, {column.source}*0.5, or --units code (1){physical or ', physical'}",
        )
    return replace(column, factor=Fraction(1))


def _counts_alike(node: Node, columns: Sequence[Column]) -> bool:
    """Whether each code is the integer that the network reads."""
    worth = Fraction(2) ** -node.type.fraction
    same = all(
        not column.offset and not column.shift and (column.factor == worth or column.source == "0")
        for column in columns
    )
    codes = column_type(columns)
    return same and node.type.minimum <= codes.minimum and codes.maximum <= node.type.maximum


def _scaled(node: Node, columns: Sequence[Column], taken: set[str]) -> tuple[Node, list[str]]:
    """``node`` as a function of the codes, and a note if numbers were rounded."""
    exact = [(c.worth / Fraction(2) ** c.shift, -c.offset / Fraction(2) ** c.shift) for c in columns]
    kept = [tuple(map(significant, pair)) for pair in exact]
    constants = {
        key: _constant([pair[i] for pair in kept], node.shape) for i, key in enumerate(("scale", "bias"))
    }
    name = f"{node.name}.value"
    while name in taken:
        name += "_"
    notes = []
    worst = max(range(len(columns)), key=lambda i: max(map(_error, exact[i], kept[i])))
    error = max(map(_error, exact[worst], kept[worst]))
    if error:
        changed = sum(pair != rounded for pair, rounded in zip(exact, kept, strict=True))
        notes.append(
            f"factors or offsets of {changed} columns have {BITS} significant bits:"
            f" relative error up to {float(error):.1e} ({columns[worst].source})"
        )
    return Node(name, "scale_bias", (node.name,), node.shape, node.type, {}, constants), notes


def _error(exact: Fraction, kept: Fraction) -> Fraction:
    return abs(kept / exact - 1) if exact else Fraction(0)


def significant(value: Fraction) -> Fraction:
    """The nearest number with ``BITS`` significant bits, ties to even."""
    if not value:
        return value
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    step = Fraction(2) ** (exponent - BITS + 1)
    return round(value / step) * step


def _constant(values: Sequence[Fraction], shape: tuple[int, ...]) -> Constant:
    """Binary fractions on the coarsest grid that holds them."""
    fraction = max((_fraction(value) for value in values if value), default=0)
    data = [int(value * Fraction(2) ** fraction) for value in values]
    kind = holding(min(0, *data), max(0, *data), fraction)
    return Constant(kind, np.array(data, dtype=np.int64).reshape(shape))


def _fraction(value: Fraction) -> int:
    """Fractional bits that a binary fraction needs; negative for multiples of 2, 4, …"""
    odd = value.numerator & -value.numerator
    return value.denominator.bit_length() - odd.bit_length()


def physical(
    graph: Graph, columns: Sequence[Column], codes: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.float64]]:
    """What the trained network reads, (n, size) by input, for codes of the same shapes: nothing is cast."""
    return {name: values_of(own, codes[name]) for name, own in dealt(graph, columns).items()}


def values_of(columns: Sequence[Column], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """What codes of shape (n, columns) are worth, of the same shape: factor, offset and shift applied."""
    scale = np.array([float(column.worth / Fraction(2) ** column.shift) for column in columns])
    bias = np.array([float(column.offset / Fraction(2) ** column.shift) for column in columns])
    values: NDArray[np.float64] = codes * scale - bias
    return values
