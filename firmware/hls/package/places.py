"""Variables and arrays of a wrapper: what a name or index means, reading and writing, and who wrote what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, widest
from l1forge.emulator.graph.graph import Node
from l1forge.firmware.hls.package.arithmetic import binary, constant, gathered
from l1forge.firmware.hls.package.state import Carried, Output, Result, State
from l1forge.firmware.hls.package.syntax import Assignment, Tree
from l1forge.firmware.hls.package.values import Array, CType, Data, Known, Real, Value, split, spread


class Places(State):
    """Reads and writes variables."""

    def _assign(self, statement: Assignment) -> None:
        value = self.value(statement.value)
        if statement.operator != "=":
            operator = statement.operator[:-1]
            value = binary(
                self.builder, operator, self._plain(self.value(statement.target)), value, self.lanes
            )
        base, indices = self._place(statement.target)
        if isinstance(base, Result):
            self._write_result(base, indices, self._plain(value))
            return
        if not isinstance(base, Array):
            raise self.refuse("cannot be assigned to", str(statement.target))
        if isinstance(value, Array) and not indices and value.sizes == base.sizes and base.sizes:
            base.cells = [self._cast(cell, base.type) for cell in value.cells]
            return
        value = self._cast(self._plain(value), base.type)
        if not base.sizes:
            if self.lanes > 1 and base.loop < self.depth:
                raise Carried
            base.cells = [value]
            return
        places = self._flat(base, indices)
        self._touch(base, places, write=True)
        values = spread(split(value), self.lanes)
        for place, cell in zip(spread(places, self.lanes), values, strict=True):
            base.cells[place] = cell

    def _write_result(self, base: Result, indices: list[list[int]], value: Value) -> None:
        places = indices[0] if indices else [0]
        output = self.outputs.setdefault(
            (self.function, base.path), Output(base.text, base.path, self.function, bool(indices))
        )
        for place, cell in zip(spread(places, self.lanes), spread(split(value), self.lanes), strict=True):
            output.elements[place] = cell

    def _place(self, tree: Tree) -> tuple[Any, list[list[int]]]:
        """What a target names, and the indices behind it, one list for each dimension."""
        match tree:
            case ("index", inner, index):
                base, indices = self._place(inner)
                return base, [*indices, self._integers(index)]
            case ("name", name):
                return self._lookup(name), []
            case ("member", inner, name):
                base = self._place(inner)[0]
                if isinstance(base, Result):
                    return Result(base.text, f"{base.path}.{name}".strip(".")), []
                return self.inputs.member(base, name, self.inner), []
        return self.value(tree), []

    def _lookup(self, name: str) -> Any:
        short = name.split("::")[-1]
        for scope in reversed(self.scopes):
            if short in scope:
                return scope[short]
        found = self.tables.find(short)
        if found is None:
            raise self.refuse("unknown name", name)
        return found

    def _flat(self, array: Array, indices: list[list[int]]) -> list[int]:
        """Flat numbers of cells."""
        if len(indices) != len(array.sizes):
            raise self.refuse("part of an array with several dimensions is not supported", str(array.sizes))
        lanes = max(len(index) for index in indices)
        total = [0] * lanes
        for index, size in zip(indices, array.sizes, strict=True):
            for lane, value in enumerate(spread(index, lanes)):
                if not 0 <= value < size:
                    raise self.refuse("reads or writes beyond an array", f"{value} of {size}")
                total[lane] = total[lane] * size + value
        return total

    def _touch(self, array: Array, places: list[int], write: bool) -> None:
        """Note which pass reads and writes which cell: another pass's cell needs the loop pass by pass."""
        if self.lanes == 1:
            return
        reads, writes = self.touched.setdefault(id(array), ({}, {}))
        if len(places) != self.lanes and write:
            raise Carried
        stamp = self.lanes << 32
        for lane, place in enumerate(places):
            key = stamp + (lane if len(places) == self.lanes else -1)
            if write:
                if writes.get(place, key) != key or reads.get(place, key) != key:
                    raise Carried
                writes[place] = key
            else:
                if writes.get(place, key) != key:
                    raise Carried
                reads[place] = key if reads.get(place, key) == key else -1

    def _plain(self, value: object) -> Value:
        if isinstance(value, Array):
            if value.sizes:
                raise self.refuse("array where a value is expected", str(value.sizes))
            value = value.cells[0]
        if value is None:
            raise self.refuse("value is read before it is set", "variable")
        if not isinstance(value, Known | Data | Real):
            raise self.refuse("is not a value", type(value).__name__)
        return value

    def _read(self, tree: Tree) -> Value:
        base, indices = self._place(tree)
        if isinstance(base, Array):
            places = self._flat(base, indices)
            self._touch(base, places, write=False)
            return self._cells([base.cells[p] for p in places], base.type)
        if self.inputs.is_pointer(base):
            return self.inputs.read(self.builder, base, indices[0])
        raise self.refuse("cannot be indexed", str(tree))

    def _cells(self, cells: Sequence[Value | None], kind: CType) -> Value:
        """Several cells as one value, one lane each."""
        if any(cell is None for cell in cells):
            raise self.refuse("array is read before it is written", str(kind.fixed or kind.real))
        if all(isinstance(cell, Known) for cell in cells):
            return Known(tuple(cell.values[0] for cell in cells), kind)  # type: ignore[union-attr]
        if all(isinstance(cell, Real) for cell in cells):
            bases = {cell.base.node.name for cell in cells}  # type: ignore[union-attr]
            if len(bases) == 1:
                base = Data(
                    cells[0].base.node,  # type: ignore[union-attr]
                    tuple(cell.base.index[0] for cell in cells),  # type: ignore[union-attr]
                    cells[0].base.type,  # type: ignore[union-attr]
                )
                return Real(base, tuple(cell.formulas[0] for cell in cells), kind)  # type: ignore[union-attr]
            raise self.refuse("floating-point values of several inputs together are not supported", "array")
        if kind.real:
            raise self.refuse("floating-point values and constants together are not supported", "array")
        nodes: dict[str, Node] = {}
        places: list[tuple[str, int]] = []
        for cell in cells:
            node, index = self._element(cell)
            nodes[node.name] = node
            places.append((node.name, index))
        if len(nodes) == 1:
            return Data(next(iter(nodes.values())), tuple(index for _, index in places), kind)
        flat = [self.builder.take(n, range(n.size), (n.size,)) for n in nodes.values()]
        total = sum(n.size for n in flat)
        starts = dict(zip(nodes, np.cumsum([0, *(n.size for n in flat)]).tolist(), strict=False))
        node = self.builder.add("concatenate", flat, (total,), _common(flat), axis=0)
        return Data(node, tuple(starts[name] + index for name, index in places), kind)

    def _element(self, cell: Any) -> tuple[Node, int]:
        if isinstance(cell, Data):
            return cell.node, cell.index[0]
        return self.builder.constant(constant([cell.values[0]])), 0

    def gather(self, array: Array) -> Node:
        """A whole array as one node in the declared type."""
        value = self._cells(array.cells, array.type)
        if isinstance(value, Known):
            return self.builder.cast(self.builder.constant(constant(list(value.values))), array.type.exact)
        if isinstance(value, Real):
            raise self.refuse("floating-point inputs of the network are not supported", "predict")
        node = gathered(self.builder, value, array.size)
        kind = array.type.exact
        same = (node.type.width, node.type.integer, node.type.signed) == (
            kind.width,
            kind.integer,
            kind.signed,
        )
        return node if same else self.builder.cast(node, kind)


def _common(nodes: Sequence[Node]) -> FixedType:
    return reduce(widest, (n.type for n in nodes))
