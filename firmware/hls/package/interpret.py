"""Runs the wrapper class once over symbols: what it does to inputs and results becomes nodes of the graph.

A loop is run for all its passes at once, each pass a lane, so that 57 scaled inputs are one node. Where a
pass needs what another one wrote, the loop is run pass by pass instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Node
from l1forge.firmware.hls.package.arithmetic import binary, cast_value, constant, gathered, known_cast
from l1forge.firmware.hls.package.inputs import Inputs
from l1forge.firmware.hls.package.syntax import (
    Assignment,
    Branch,
    Declaration,
    Expression,
    Loop,
    Parser,
    Return,
    Tree,
    Typedef,
    tokenize,
)
from l1forge.firmware.hls.package.tables import Tables
from l1forge.firmware.hls.package.values import (
    DOUBLE,
    FLOAT,
    INT,
    Array,
    CType,
    Data,
    Known,
    Real,
    Value,
    c_integer,
    spread,
    wraps,
)
from l1forge.firmware.hls.package.wrapper import INTERFACE, Function, Wrapper
from l1forge.firmware.hls.project.parse import split_arguments
from l1forge.firmware.hls.translate.builder import Builder, widest

MOST_PASSES = 100_000
"""Passes of all loops of one function; more is a mistake or not a circuit."""


class Carried(Exception):
    """A pass of a loop needs another one: run it pass by pass."""


class Reached(Exception):
    """The network is called; the first run, which counts the inputs, ends here."""


@dataclass(frozen=True)
class Functor:
    """``nnet::Op_add<T>``: the operation and T."""

    operation: str
    type: CType


@dataclass(frozen=True)
class Result:
    """What ``read_result`` writes to: a place such as ``first``, of the type ``text``."""

    text: str
    path: str = ""


@dataclass
class Output:
    """One place of the result: the C++ type it lies in, its path and the values by element."""

    text: str
    path: str
    function: str
    indexed: bool
    elements: dict[int, Value] = field(default_factory=dict)


class Interpreter:
    """Runs ``prepare_input``, ``predict`` and ``read_result`` of a wrapper."""

    def __init__(
        self,
        builder: Builder,
        wrapper: Wrapper,
        tables: Tables,
        inputs: Inputs,
        network: Callable[[list[Array]], None] | None,
    ) -> None:
        self.builder, self.wrapper, self.tables, self.inputs = builder, wrapper, tables, inputs
        self.network = network
        self.types: dict[str, str] = {}
        self.members: dict[str, Any] = {}
        self.scopes: list[dict[str, Any]] = []
        self.lanes, self.depth, self.passes, self.inner = 1, 0, 0, 1
        self.function = ""
        self.outputs: dict[tuple[str, str], Output] = {}
        self.touched: dict[int, tuple[dict[int, int], dict[int, int]]] = {}

    def run(self) -> list[Output]:
        """The places of the result in the order in which they are written first."""
        self.scopes = [self.members]
        for member in self.wrapper.members:
            self._execute(member)
        others = [
            f.name
            for f in self.wrapper.functions.values()
            if f.name not in INTERFACE and f.name.startswith("read_") and len(f.parameters) == 1
        ]
        for name in (*INTERFACE, *others):
            function = self.wrapper.functions[name]
            self.function = name
            self.builder.layer = {"prepare_input": "scaling", "predict": "network"}.get(name, "result")
            given = [Result(name, "any")] * len(function.parameters)
            self._call_member(function, given)
        return list(self.outputs.values())

    # -- statements

    def _call_member(self, function: Function, arguments: Sequence[Any]) -> Any:
        if len(arguments) != len(function.parameters):
            raise self.refuse("call with another number of arguments", function.name)
        scope: dict[str, Any] = {}
        for parameter, value in zip(function.parameters, arguments, strict=True):
            if isinstance(value, Known | Data | Real):
                kind = self.type(parameter.type)
                value = Array(kind, (), [self._cast(value, kind)], self.depth)
            scope[parameter.name] = value
        before = self.scopes
        if len(before) > 40:
            raise self.refuse("functions call each other too deeply", function.name)
        self.scopes = [self.members, scope]
        try:
            return self._block(function.body)
        finally:
            self.scopes = before

    def _block(self, body: Sequence[Any]) -> Any:
        self.scopes = [*self.scopes, {}]
        try:
            for statement in body:
                result = self._execute(statement)
                if result is not None:
                    return result
        finally:
            self.scopes = self.scopes[:-1]
        return None

    def _execute(self, statement: Any) -> Any:
        match statement:
            case Typedef(name=name, type=text):
                self.types[name] = text
            case Declaration():
                self._declare(statement)
            case Assignment():
                self._assign(statement)
            case Expression(value=value):
                self.value(value)
            case Loop():
                return self._loop(statement)
            case Branch():
                return self._branch(statement)
            case Return(value=value):
                if value is None:
                    return Known((Fraction(0),), INT)
                if self.lanes > 1:
                    raise Carried
                return self.value(value)
        return None

    def _branch(self, branch: Branch) -> Any:
        condition = self.value(branch.condition)
        if not isinstance(condition, Known):
            raise self.refuse("branch on an input or a result is not supported", "if")
        if len(set(map(bool, condition.values))) > 1:
            raise Carried
        return self._block(branch.then if condition.values[0] else branch.other)

    def _declare(self, declared: Declaration) -> None:
        scope = self.scopes[-1]
        short = declared.type.split("<")[0].split("::")[-1]
        if short.startswith("Op_"):
            scope[declared.name] = Functor(short, self.type(self._arguments(declared.type)[0]))
            return
        if declared.value is not None and (declared.pointer or declared.type == "auto"):
            scope[declared.name] = self.value(declared.value)
            return
        if declared.type in self.wrapper.structs or (
            declared.value is not None and declared.value[0] == "any_cast"
        ):
            scope[declared.name] = self.value(declared.value) if declared.value is not None else None
            return
        kind = self.type(declared.type)
        sizes = tuple(self._integer(size) for size in declared.sizes)
        if declared.type.startswith(("std::array<", "array<")):
            inner, size = self._arguments(declared.type)
            kind, sizes = self.type(inner), (self._integer_text(size),)
        array = Array(kind, sizes, [], self.depth)
        if sizes:
            if self.lanes > 1:
                raise Carried
            array.cells = self._initial(declared.value, array)
        else:
            value = declared.value
            if value is not None and value[0] == "list":
                value = value[1][0] if value[1] else ("number", "0")
            array.cells = [None if value is None else self._cast(self.value(value), kind)]
        scope[declared.name] = array

    def declared(self, declaration: Declaration) -> Any:
        """The value of a constant or table of the headers."""
        before = self.scopes, self.lanes, self.depth
        self.scopes, self.lanes, self.depth = [{}], 1, 0
        try:
            self._declare(declaration)
            return self.scopes[0][declaration.name]
        finally:
            self.scopes, self.lanes, self.depth = before

    def _initial(self, tree: Tree | None, array: Array) -> list[Any]:
        if tree is None:
            return [None] * array.size
        values: list[Value] = []

        def walk(node: Tree) -> None:
            if node[0] == "list":
                for part in node[1]:
                    walk(part)
            else:
                values.append(self._cast(self.value(node), array.type))

        walk(tree)
        if array.sizes == (0,):
            array.sizes = (len(values),)
        zero = known_cast(Known((Fraction(0),), array.type), array.type)
        return [*values, *[zero] * (array.size - len(values))]

    def _loop(self, loop: Loop) -> Any:
        first, end, step = (self._integers(t) for t in (loop.first, loop.end, loop.step))
        if len(set(first)) > 1 or len(set(end)) > 1 or len(set(step)) > 1:
            raise Carried
        counts = self._counts(loop, first[0], end[0], step[0])
        if not counts:
            return None
        self.passes += len(counts)
        if self.passes > MOST_PASSES:
            raise self.refuse("loops have too many passes", str(self.passes))
        if len(counts) == 1:
            return self._pass(loop, counts)
        outer = self.lanes == 1
        before = self._snapshot() if outer else None
        if outer:
            self.touched = {}
        try:
            return self._pass(loop, counts)
        except Carried:
            if before is None:
                raise
            self._restore(before)
        finally:
            if outer:
                self.touched = {}
        for count in counts:
            result = self._pass(loop, [count])
            if result is not None:
                return result
        return None

    def _counts(self, loop: Loop, first: int, end: int, step: int) -> list[int]:
        if step == 0:
            raise self.refuse("loop does not end", loop.name)
        ends = {"<": end, "<=": end + 1, "!=": end, ">": end, ">=": end - 1}
        if loop.compare not in ends or (step > 0) != (loop.compare not in (">", ">=")):
            raise self.refuse("loop is not understood", f"{loop.name} {loop.compare}")
        return list(range(first, ends[loop.compare], step))

    def _pass(self, loop: Loop, counts: list[int]) -> Any:
        """The body for several counts at once."""
        lanes, inner, scopes = self.lanes, self.inner, self.scopes
        self.lanes, self.depth = lanes * len(counts), self.depth + 1
        self.inner = len(counts) if len(counts) > 1 else inner
        spread_scopes = [*scopes, {}]
        self.scopes = spread_scopes
        repeated = self._repeat(scopes, len(counts)) if lanes > 1 and len(counts) > 1 else []
        numbers = tuple(Fraction(n) for _ in range(lanes) for n in counts)
        self.scopes[-1][loop.name] = Array(INT, (), [Known(numbers, INT)], self.depth)
        try:
            return self._block(loop.body)
        finally:
            for array, cells in repeated:
                array.cells = cells
            self.lanes, self.depth, self.inner, self.scopes = lanes, self.depth - 1, inner, scopes

    def _repeat(self, scopes: Sequence[dict[str, Any]], times: int) -> list[tuple[Array, list[Any]]]:
        """Scalars with a value for each outer pass get it for each inner one; returns what to put back."""
        changed: list[tuple[Array, list[Any]]] = []
        for scope in scopes:
            for array in scope.values():
                if isinstance(array, Array) and not array.sizes and array.cells[0] is not None:
                    value = array.cells[0]
                    if value.lanes > 1:
                        changed.append((array, array.cells))
                        array.cells = [_repeated(value, times)]
        return changed

    def _snapshot(self) -> Any:
        arrays = [a for scope in self.scopes for a in scope.values() if isinstance(a, Array)]
        outputs = {key: dict(o.elements) for key, o in self.outputs.items()}
        return (
            [(a, list(a.cells)) for a in arrays],
            self.builder.mark(),
            outputs,
            self.depth,
            self.lanes,
            self.inner,
            list(self.scopes),
        )

    def _restore(self, before: Any) -> None:
        arrays, mark, outputs, self.depth, self.lanes, self.inner, self.scopes = before
        for array, cells in arrays:
            array.cells = list(cells)
        self.builder.rewind(mark)
        self.inputs.forget(self.builder)
        self.outputs = {k: o for k, o in self.outputs.items() if k in outputs}
        for key, elements in outputs.items():
            self.outputs[key].elements = dict(elements)

    # -- places

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
        values = spread(_split(value), self.lanes)
        for place, cell in zip(spread(places, self.lanes), values, strict=True):
            base.cells[place] = cell

    def _write_result(self, base: Result, indices: list[list[int]], value: Value) -> None:
        places = indices[0] if indices else [0]
        output = self.outputs.setdefault(
            (self.function, base.path), Output(base.text, base.path, self.function, bool(indices))
        )
        for place, cell in zip(spread(places, self.lanes), spread(_split(value), self.lanes), strict=True):
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

    # -- expressions

    def value(self, tree: Tree) -> Any:
        """What an expression gives: a value, an array, a functor or a pointer."""
        match tree:
            case ("number", text):
                return _number(text)
            case ("name", "true" | "false" as word):
                return Known((Fraction(word == "true"),), INT)
            case ("name", name):
                found = self._lookup(name)
                return self._plain(found) if isinstance(found, Array) and not found.sizes else found
            case ("index", _, _):
                return self._read(tree)
            case ("member", inner, name):
                return self._member(inner, name)
            case ("negative", inner):
                zero = Known((Fraction(0),), INT)
                value = self._plain(self.value(inner))
                if isinstance(value, Known):
                    return Known(tuple(-v for v in value.values), value.type)
                return binary(self.builder, "-", zero, value, self.lanes)
            case ("not", inner):
                value = self.value(inner)
                if not isinstance(value, Known):
                    raise self.refuse("branch on an input or a result is not supported", "!")
                return Known(tuple(Fraction(not v) for v in value.values), INT)
            case ("cast", text, inner):
                return self._cast(self._plain(self.value(inner)), self.type(text))
            case ("any_cast", text, inner):
                return self._any_cast(text, inner)
            case ("choose", condition, first, second):
                return self._choose(condition, first, second)
            case ("call", _, _, _):
                return self._call(tree)
            case (operator, left, right):
                a, b = self._plain(self.value(left)), self._plain(self.value(right))
                return binary(self.builder, operator, a, b, self.lanes)
        raise self.refuse("expression is not understood", str(tree))

    def _plain(self, value: Any) -> Value:
        if isinstance(value, Array):
            if value.sizes:
                raise self.refuse("array where a value is expected", str(value.sizes))
            value = value.cells[0]
        if value is None:
            raise self.refuse("value is read before it is set", "variable")
        if not isinstance(value, Known | Data | Real):
            raise self.refuse("is no value", type(value).__name__)
        return value

    def _choose(self, condition: Tree, first: Tree, second: Tree) -> Value:
        which = self._plain(self.value(condition))
        if not isinstance(which, Known):
            raise self.refuse("choice by an input or a result is not supported", "?:")
        if len(set(map(bool, which.values))) > 1:
            raise Carried
        return self._plain(self.value(first if which.values[0] else second))

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

    def _member(self, inner: Tree, name: str) -> Any:
        base = self.value(inner)
        if isinstance(base, Result):
            return Result(base.text, f"{base.path}.{name}".strip("."))
        return self.inputs.member(base, name, self.inner)

    def _any_cast(self, text: str, inner: Tree) -> Any:
        base = self.value(inner)
        if not isinstance(base, Result):  # std::any_cast<T>(p[i]) converts one element
            return self._cast(self._plain(base), self.type(text.rstrip("*")))
        if self.function == "prepare_input":
            return self.inputs.pointer(text)
        return Result(text)

    def _call(self, tree: Tree) -> Any:
        _, callee, template, arguments = tree
        if callee[0] == "member":
            raise self.refuse("call of a member is not supported", str(callee[2]))
        name = callee[1].split("::")[-1]
        if name == self.builder.source.name:
            return self._network(arguments)
        if name == "reduce" and len(template) == 3:
            return self._reduce(template, arguments)
        for scope in reversed(self.scopes):
            if isinstance(functor := scope.get(name), Functor):
                a, b = (self._cast(self._plain(self.value(t)), functor.type) for t in arguments)
                return self._operate(functor, a, b)
        if name in self.wrapper.functions:
            if self.lanes > 1:
                raise Carried
            return self._call_member(self.wrapper.functions[name], [self.value(t) for t in arguments])
        raise self.refuse("function is not supported", name)

    def _network(self, arguments: Sequence[Tree]) -> Known:
        if self.network is None:
            raise Reached
        arrays = [self.value(tree) for tree in arguments]
        if not all(isinstance(array, Array) for array in arrays):
            raise self.refuse(
                "the network is called with something else than arrays", self.builder.source.name
            )
        self.network(arrays)
        self.builder.layer = "score"
        return Known((Fraction(0),), INT)

    def _reduce(self, template: Sequence[str], arguments: Sequence[Tree]) -> Value:
        """``nnet::reduce<T, N, Op>``: a tree whose left half is the largest power of two."""
        kind = self.type(template[0])
        short = template[2].split("<")[0].split("::")[-1]
        array = self.value(arguments[0])
        if not isinstance(array, Array) or self._integer_text(template[1]) != array.size:
            raise self.refuse("reduces something else than one array", template[1])
        value = self._cells(array.cells, array.type)
        functor = Functor(short, kind)
        if short == "Op_add" and isinstance(value, Data) and wraps(kind.exact):
            node = gathered(self.builder, value, array.size)
            node = self.builder.add("sum", [node], (1,), kind.exact, accum=str(kind.exact))
            return Data(node, (0,), kind)

        def tree(parts: list[Value]) -> Value:
            if len(parts) == 1:
                return parts[0]
            left = 1 << ((len(parts) - 1).bit_length() - 1)
            return self._operate(functor, tree(parts[:left]), tree(parts[left:]))

        return tree(_split(self._cast(value, kind)))

    def _operate(self, functor: Functor, a: Value, b: Value) -> Value:
        if functor.operation == "Op_add":
            return self._cast(binary(self.builder, "+", a, b, self.lanes), functor.type)
        if functor.operation in ("Op_max", "Op_min") and isinstance(a, Data) and isinstance(b, Data):
            x, y = (gathered(self.builder, v, max(a.lanes, b.lanes)) for v in (a, b))
            node = self.builder.pair("maximum" if functor.operation == "Op_max" else "minimum", x, y)
            return Data(node, tuple(range(node.size)), functor.type)
        raise self.refuse("operation is not supported", functor.operation)

    # -- types and constants

    def type(self, text: str) -> CType:
        """The type that a name or a spelling means."""
        text = text.replace("const ", "").strip()
        for _ in range(20):
            if text not in self.types:
                break
            text = self.types[text]
        short = text.split("::")[-1] if "<" not in text else text
        if short in _TYPES:
            return _TYPES[short]
        if short == "auto":
            raise self.refuse("type is not written out", text)
        if "<" in text and not text.startswith("ap_"):
            if text.startswith(("std::array<", "array<")):
                return self.type(self._arguments(text)[0])
            raise self.refuse("type is not understood", text)
        parts = text.partition("<")
        if parts[1]:
            inner = ",".join(self._word(word) for word in parts[2].removesuffix(">").split(","))
            text = f"{parts[0]}<{inner}>"
        source = self.builder.source
        resolved = source.typedefs.get(short, "")
        if resolved in _TYPES:
            return _TYPES[resolved]
        return CType(source.type(text).fixed)

    def _word(self, word: str) -> str:
        """A template argument of a type, constants as numbers."""
        if word.lstrip("-").isdigit() or word.startswith("AP_"):
            return word
        return str(self._integer_text(word))

    def _arguments(self, text: str) -> list[str]:
        return list(split_arguments(text.partition("<")[2].rpartition(">")[0]))

    def _integer_text(self, text: str) -> int:
        return self._integer(Parser(tokenize(text), self.wrapper.file).expression())

    def _integer(self, tree: Tree) -> int:
        values = self._integers(tree)
        if len(set(values)) != 1:
            raise Carried
        return values[0]

    def _integers(self, tree: Tree) -> list[int]:
        value = self._plain(self.value(tree))
        if not isinstance(value, Known):
            raise self.refuse("index or size that depends on the inputs is not supported", str(tree))
        return value.integers()

    def _cast(self, value: Value, kind: CType) -> Value:
        self.inputs.used_as(value, kind)
        return cast_value(self.builder, value, kind, value.lanes)

    def refuse(self, problem: str, value: object = None) -> InputError:
        """An error that names the wrapper and the function."""
        return InputError(
            problem,
            file=self.wrapper.file,
            field=f"{self.wrapper.name}::{self.function}" if self.function else self.wrapper.name,
            value=value,
            remedy="import the network alone with --network-only",
        )


_TYPES: Mapping[str, CType] = {
    "int": INT,
    "signed": INT,
    "bool": c_integer(1, False),
    "char": c_integer(8),
    "short": c_integer(16),
    "long": c_integer(64),
    "long long": c_integer(64),
    "long int": c_integer(64),
    "unsigned": c_integer(32, False),
    "unsigned int": c_integer(32, False),
    "unsigned short": c_integer(16, False),
    "unsigned long": c_integer(64, False),
    "size_t": c_integer(64, False),
    **{f"int{bits}_t": c_integer(bits) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}_t": c_integer(bits, False) for bits in (8, 16, 32, 64)},
    "double": DOUBLE,
    "float": FLOAT,
}


def _number(text: str) -> Known:
    """A literal: integers are int, others double, or float with an f."""
    if text.lower().startswith("0x"):
        return Known((Fraction(int(text.rstrip("uUlL"), 16)),), INT)
    body = text.rstrip("fFuUlL")
    if any(c in body for c in ".eE"):
        kind = FLOAT if text[-1] in "fF" else DOUBLE
        return known_cast(Known((Fraction(float(body)),), kind), kind)
    return Known((Fraction(int(body)),), INT)


def _split(value: Value) -> list[Value]:
    """One value for each lane."""
    if isinstance(value, Known):
        return [Known((v,), value.type) for v in value.values]
    if isinstance(value, Data):
        return [Data(value.node, (i,), value.type) for i in value.index]
    base = value.base
    return [
        Real(Data(base.node, (i,), base.type), (f,), value.type)
        for i, f in zip(spread(base.index, value.lanes), value.formulas, strict=True)
    ]


def _repeated(value: Value, times: int) -> Value:
    """Each lane ``times`` times in a row."""
    if isinstance(value, Known):
        return Known(tuple(v for v in value.values for _ in range(times)), value.type)
    if isinstance(value, Data):
        return Data(value.node, tuple(i for i in value.index for _ in range(times)), value.type)
    base = value.base
    index = tuple(i for i in spread(base.index, value.lanes) for _ in range(times))
    return Real(
        Data(base.node, index, base.type), tuple(f for f in value.formulas for _ in range(times)), value.type
    )


def _common(nodes: Sequence[Node]) -> Any:
    return reduce(widest, (n.type for n in nodes))
