"""What is known while a wrapper is read: variables by scope, types by name, the pass of the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.package.arithmetic import cast_value
from l1forge.firmware.hls.package.inputs import Inputs
from l1forge.firmware.hls.package.syntax import Parser, Tree, tokenize
from l1forge.firmware.hls.package.tables import Tables
from l1forge.firmware.hls.package.values import (
    DOUBLE,
    FLOAT,
    INT,
    Array,
    CType,
    Known,
    Value,
    c_integer,
)
from l1forge.firmware.hls.package.wrapper import Function, Wrapper
from l1forge.firmware.hls.project.parse import split_arguments
from l1forge.firmware.hls.translate.builder import Builder


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


class State:
    """Variables, types and lanes; what the steps of reading share."""

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

    def value(self, tree: Tree) -> Any:
        """What an expression gives (``expressions``)."""
        raise NotImplementedError

    def _call_member(self, function: Function, arguments: Sequence[Any]) -> Any:
        """Run a function of the class (``interpret``)."""
        raise NotImplementedError

    def _plain(self, value: object) -> Value:
        """The one value of a variable (``places``)."""
        raise NotImplementedError

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
