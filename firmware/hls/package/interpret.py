"""Runs the wrapper class once over symbols: what it does to inputs and results becomes nodes of the graph.

A loop is run for all its passes at once, each pass a lane, so that 57 scaled inputs are one node. Where a
pass needs what another one wrote, the loop is run pass by pass instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from l1forge.firmware.hls.package.arithmetic import known_cast
from l1forge.firmware.hls.package.expressions import Expressions
from l1forge.firmware.hls.package.state import Carried, Functor, Output, Result
from l1forge.firmware.hls.package.syntax import (
    Assignment,
    Branch,
    Declaration,
    Expression,
    Loop,
    Return,
    Tree,
    Typedef,
)
from l1forge.firmware.hls.package.values import INT, Array, Data, Known, Real, Value, repeated
from l1forge.firmware.hls.package.wrapper import INTERFACE, Function

MOST_PASSES = 100_000
"""Passes of all loops of one function; more is a mistake or not a circuit."""


class Interpreter(Expressions):
    """Runs ``prepare_input``, ``predict`` and ``read_result`` of a wrapper."""

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
            value = self.value(declared.value)
            if isinstance(value, Known | Data | Real):
                value = Array(value.type, (), [value], self.depth)
            scope[declared.name] = value
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
                        array.cells = [repeated(value, times)]
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
