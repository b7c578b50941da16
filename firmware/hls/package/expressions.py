"""Expressions of a wrapper: arithmetic, conversions, calls of the network, ``nnet::reduce`` and members."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from l1forge.firmware.hls.package.arithmetic import binary, gathered, known_cast
from l1forge.firmware.hls.package.places import Places
from l1forge.firmware.hls.package.state import Carried, Functor, Reached, Result
from l1forge.firmware.hls.package.syntax import Tree
from l1forge.firmware.hls.package.values import DOUBLE, FLOAT, INT, Array, Data, Known, Value, split, wraps


class Expressions(Places):
    """Gives expressions a value."""

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
                return self._negative(self._plain(self.value(inner)))
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

    def _negative(self, value: Value) -> Value:
        if isinstance(value, Known):
            return Known(tuple(-v for v in value.values), value.type)
        return binary(self.builder, "-", Known((Fraction(0),), INT), value, self.lanes)

    def _choose(self, condition: Tree, first: Tree, second: Tree) -> Value:
        which = self._plain(self.value(condition))
        if not isinstance(which, Known):
            raise self.refuse("choice by an input or a result is not supported", "?:")
        if len(set(map(bool, which.values))) > 1:
            raise Carried
        return self._plain(self.value(first if which.values[0] else second))

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
        if callee[0] == "member" and callee[2] in _CONVERSIONS and not arguments:
            return self._cast(self._plain(self.value(callee[1])), _CONVERSIONS[callee[2]])
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

        return tree(split(self._cast(value, kind)))

    def _operate(self, functor: Functor, a: Value, b: Value) -> Value:
        if functor.operation == "Op_add":
            return self._cast(binary(self.builder, "+", a, b, self.lanes), functor.type)
        if functor.operation in ("Op_max", "Op_min") and isinstance(a, Data) and isinstance(b, Data):
            x, y = (gathered(self.builder, v, max(a.lanes, b.lanes)) for v in (a, b))
            node = self.builder.pair("maximum" if functor.operation == "Op_max" else "minimum", x, y)
            return Data(node, tuple(range(node.size)), functor.type)
        raise self.refuse("operation is not supported", functor.operation)


_CONVERSIONS = {"to_double": DOUBLE, "to_float": FLOAT, "to_int": INT}
"""Member functions of ap_fixed and ap_int."""


def _number(text: str) -> Known:
    """A literal: integers are int, others double, or float with an f."""
    if text.lower().startswith("0x"):
        return Known((Fraction(int(text.rstrip("uUlL"), 16)),), INT)
    body = text.rstrip("fFuUlL")
    if any(c in body for c in ".eE"):
        kind = FLOAT if text[-1] in "fF" else DOUBLE
        return known_cast(Known((Fraction(float(body)),), kind), kind)
    return Known((Fraction(int(body)),), INT)
