"""The inputs of a package: what ``prepare_input`` takes, and the hardware columns that are bound to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, holding
from l1forge.emulator.graph.graph import Node
from l1forge.firmware.hls.package.reals import AffineReal, as_real
from l1forge.firmware.hls.package.values import INT, CType, Data, Known, Real, Value, fits, plain
from l1forge.firmware.hls.package.wrapper import Wrapper
from l1forge.firmware.hls.translate.builder import Builder
from l1forge.firmware.inputs.columns import Column, column_type

_ANY = FixedType(16, 8)
"""Stands for a floating-point input in the first run, which finds its type."""


@dataclass(frozen=True)
class Pointer:
    """``T *``: the elements of one input."""

    name: str
    text: str


@dataclass(frozen=True)
class Struct:
    """A plain struct of inputs."""

    text: str


@dataclass
class Inputs:
    """Elements read from each input; the second run, with ``sizes`` of the first, makes the nodes.

    ``real`` is the type that a floating-point input is put into first; ``strides`` are integers of a struct
    of inputs, which only the caller knows: they are the number of passes of the innermost loop.
    """

    wrapper: Wrapper
    columns: Sequence[Column] | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    counted: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    top: str = ""
    real: dict[str, FixedType] = field(default_factory=dict)
    strides: dict[str, int] = field(default_factory=dict)
    resolve: Callable[[str], CType] | None = None
    _nodes: dict[str, tuple[Node, Node]] = field(default_factory=dict)

    def again(self) -> Inputs:
        """For the second run.

        Raises
        ------
        InputError
            If nothing is read, or the columns are more or fewer than the inputs.
        """
        if not self.sizes:
            raise InputError("prepare_input reads no inputs", file=self.wrapper.file)
        total = sum(self.sizes.values())
        if self.columns is not None and len(self.columns) != total:
            raise InputError(
                f"{len(self.columns)} columns for {total} inputs",
                field="--inputs",
                remedy="give one column for each element, in the order in which the package reads them",
            )
        for name, text in self.texts.items():
            if self.columns is None and self._type(text).real and name not in self.real:
                raise InputError(
                    "reads floating-point inputs and scales them, so their fixed-point type is not known",
                    file=self.wrapper.file,
                    field=name,
                    remedy="assign them to event columns with --inputs",
                )
        return Inputs(
            self.wrapper, self.columns, dict(self.sizes), True, {}, self.top, self.real, dict(self.strides)
        )

    def pointer(self, text: str) -> Pointer | Struct:
        """What ``std::any_cast<text>(input)`` gives."""
        self.top = text
        if (struct := text.rstrip("*").strip()) in self.wrapper.structs:
            return Struct(struct)
        if text.endswith("*"):
            return Pointer("inputs", text[:-1].removeprefix("const ").strip())
        raise InputError("input is not a pointer", file=self.wrapper.file, field="prepare_input", value=text)

    def member(self, base: Any, name: str, inner: int) -> Any:
        """``inputs.name`` of a struct."""
        if isinstance(base, Struct):
            for declared in self.wrapper.structs[base.text]:
                if declared.name == name and (declared.pointer or declared.sizes):
                    return Pointer(name, declared.type)
                if declared.name == name:
                    self.strides[name] = inner
                    return Known((Fraction(inner),), INT)
        raise InputError(
            "member is not understood", file=self.wrapper.file, field="prepare_input", value=name
        )

    def is_pointer(self, base: Any) -> bool:
        return isinstance(base, Pointer)

    def _type(self, text: str) -> CType:
        assert self.resolve is not None
        return self.resolve(text)

    def read(self, builder: Builder, pointer: Pointer, index: list[int]) -> Value:
        """Elements of an input."""
        if min(index) < 0:
            raise InputError("negative index", file=self.wrapper.file, field=pointer.name, value=min(index))
        if not self.counted:
            self.sizes[pointer.name] = max(self.sizes.get(pointer.name, 0), *(i + 1 for i in index))
        self.texts[pointer.name] = pointer.text
        kind = self._type(pointer.text)
        node = self._node(builder, pointer, kind)
        value = Data(node, tuple(index), CType(node.type if kind.real else kind.exact))
        return as_real(value, kind) if kind.real else value

    def _node(self, builder: Builder, pointer: Pointer, kind: CType) -> Node:
        if pointer.name in self._nodes:
            return self._nodes[pointer.name][1]
        name = pointer.name
        size = self.sizes[name] if self.counted else 1 << 16
        declared = self.real.get(name, _ANY) if kind.real else plain(kind.exact)
        if self.columns is None or not self.counted:
            node = builder.add("input", [], (size,), declared, name)
            self._nodes[name] = node, node
            return node
        place = list(self.sizes).index(name)
        start = sum(list(self.sizes.values())[:place])
        columns = list(self.columns)[start : start + size]
        source = [column.source for column in columns]
        first = builder.add("input", [], (size,), column_type(columns), name, source=source)
        node = _scaled(builder, first, columns)
        if not kind.real and not fits(node.type, declared):
            node = builder.cast(node, kind.exact)
        self._nodes[name] = first, node
        return node

    def used_as(self, value: Value, kind: CType) -> None:
        """Note the type that a floating-point input is put into, if nothing happens to it before."""
        if not isinstance(value, Real) or kind.real or self.counted:
            return
        formulas = [f for f in value.formulas if isinstance(f, AffineReal)]
        if all(f.scale == 1 and f.offset == 0 for f in formulas) and value.base.node.op == "input":
            name = value.base.node.name
            target = plain(kind.exact)
            if self.real.setdefault(name, target) != target:
                raise InputError(
                    "a floating-point input is put into several types",
                    file=self.wrapper.file,
                    field=name,
                    value=f"{self.real[name]} and {target}",
                    remedy="assign the inputs to event columns with --inputs",
                )

    def forget(self, builder: Builder) -> None:
        """Drop nodes that the builder does not hold any more."""
        held = {node.name for node in builder.nodes}
        self._nodes = {k: v for k, v in self._nodes.items() if v[0].name in held and v[1].name in held}


def _scaled(builder: Builder, node: Node, columns: Sequence[Column]) -> Node:
    """The codes times the factors, exact."""
    factors = [column.worth for column in columns]
    if all(factor == 1 for factor in factors):
        return node
    fraction = max(factor.denominator.bit_length() - 1 for factor in factors)
    from l1forge.emulator.graph.graph import Constant

    data = [int(factor * 2**fraction) for factor in factors]
    kind = holding(min(0, *data), max(data), fraction)
    return builder.scaled(node, Constant(kind, np.array(data, dtype=np.int64)))
