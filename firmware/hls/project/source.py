"""The C++ that hls4ml writes, as data: types, config structs, and the calls of the top function in order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Rounding
from l1forge.firmware.hls.project.expressions import evaluate

Scalar = int | float | str

_OVERFLOWS = ("AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP", "AP_WRAP_SM")
_FIFTH = re.compile(r"(?<=,)(AP_SAT|AP_SAT_ZERO|AP_SAT_SYM|AP_WRAP|AP_WRAP_SM)(?=>$)")


def _numbered(text: str) -> str:
    """A type whose number of saturation bits is an overflow mode, as hls4ml once wrote: it counts as that
    enumerator's number, 0 for ``AP_SAT``."""
    if text.count(",") != 4:
        return text
    return _FIFTH.sub(lambda match: str(_OVERFLOWS.index(match.group())), text)


@dataclass(frozen=True)
class CppType:
    """A resolved element type: the fixed-point type and its C++ spelling (``ap_uint<1>`` is special)."""

    fixed: FixedType
    text: str

    @property
    def is_binary(self) -> bool:
        """Whether hls4ml reads the bit as ±1 (it compares with ``ap_uint<1>`` by name)."""
        return self.text == "ap_uint<1>"


@dataclass(frozen=True)
class Call:
    """``nnet::function<template...>(arguments...); // layer``"""

    function: str
    template: tuple[str, ...]
    arguments: tuple[str, ...]
    layer: str


@dataclass
class Config:
    """One ``struct configN``: constants as text, member types as text, templates, base struct."""

    name: str
    base: str
    values: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Logic:
    """A generated function ``void name(inp_t model_inp[n_in], out_t model_out[n_out])``: its statements."""

    name: str
    n_in: int
    n_out: int
    body: str


@dataclass(frozen=True)
class EinsumKernel:
    """A generated einsum kernel: the logic that each of its blocks applies to row ``l0``."""

    blocks: tuple[str, ...]


@dataclass
class Source:
    """A parsed project.

    ``arguments`` are the top function's arrays (name, type name, size) in order; ``arrays`` all arrays by
    name; ``aliases`` maps ``auto& a = b``; ``weight_files`` maps a weight to its text file; ``quantisers``
    are generated functions that cast every element to a type of its own ("0" where it is dropped);
    ``logic``, ``kernels`` and ``buffers`` are the other generated functions. In an io_stream project
    (``streamed``) the arrays are streams; the size 0 stands for as many elements as the writer writes.
    ``meanings`` holds, for each definition of ``nnet_utils`` that the calls reach, what it means
    (``headers/known.json``); ``notes`` are what a user should be told; ``defines`` are the macros
    of the build and of the project's headers. ``code`` and ``headers`` are the folders of the C++ and of
    hls4ml's headers where they are not ``firmware/`` and its ``nnet_utils/``; ``weight_headers`` are the
    files of weights that have none of their own (published packages).
    """

    folder: Path
    name: str
    file: Path
    typedefs: dict[str, str] = field(default_factory=dict)
    configs: dict[str, Config] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[int]] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    arrays: dict[str, tuple[str, int]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    weight_files: dict[str, str] = field(default_factory=dict)
    quantisers: dict[str, list[str]] = field(default_factory=dict)
    logic: dict[str, Logic] = field(default_factory=dict)
    kernels: dict[str, EinsumKernel] = field(default_factory=dict)
    buffers: dict[str, list[list[int]]] = field(default_factory=dict)
    streamed: bool = False
    meanings: dict[str, set[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    defines: dict[str, str] = field(default_factory=dict)
    code: Path | None = None
    headers: Path | None = None
    weight_headers: dict[str, Path] = field(default_factory=dict)

    @property
    def firmware(self) -> Path:
        """Folder of the network's C++."""
        return self.code or self.folder / "firmware"

    @property
    def nnet_utils(self) -> Path:
        """Folder of hls4ml's headers; it need not be there."""
        return self.headers or self.firmware / "nnet_utils"

    def means(self, name: str, meaning: str) -> bool:
        """Whether the project's own definition of ``name`` is the one that is called ``meaning``."""
        return meaning in self.meanings.get(name, ())

    def written_by(self, call: Call) -> list[str]:
        """The arrays that a call writes: the last one among its arguments, or all copies of a stream."""
        arrays = [name for name in call.arguments if name in self.arrays]
        return arrays[1:] if call.function == "clone_stream" else arrays[-1:]

    @property
    def inputs(self) -> list[str]:
        """The arguments of the top function that nothing writes, in order."""
        written = {name for call in self.calls for name in self.written_by(call)}
        return [name for name in self.arguments if name not in written]

    @property
    def outputs(self) -> list[str]:
        inputs = self.inputs
        return [name for name in self.arguments if name not in inputs]

    def error(self, problem: str, where: str, value: object = None, remedy: str | None = None) -> InputError:
        return InputError(problem, file=self.file, field=where, value=value, remedy=remedy)

    def type(self, text: str, config: Config | None = None) -> CppType:
        """Resolve a type name (member of ``config`` first, then typedefs) to its fixed-point type."""
        seen = 0
        while True:
            text = text.strip()
            if text.startswith("typename "):
                text = text[len("typename ") :]
            packed = re.fullmatch(r"nnet::array<(.*),[^,<>]*>", text)
            if packed:
                text = packed.group(1)
            elif config is not None and text in config.types and config.types[text] != text:
                text = config.types[text]
            elif text in self.typedefs:
                text = self.typedefs[text]
            elif "<" not in text and "::" in text:
                text = text.split("::")[-1]  # the namespace of a package
            else:
                break
            seen += 1
            if seen > 20:
                break
        where = f"type of {config.name}" if config else "type"
        text = _numbered(text.replace(" ", ""))
        if text in ("float", "double") or "float" in text:
            raise self.error(
                "floating point is not a fixed-point type", where, text, "give the layer a precision"
            )
        kind = FixedType.parse(text, file=self.file, field=where)
        if text.startswith(("ap_int", "ap_uint")):  # assigned from ap_fixed, these truncate towards zero
            kind = replace(kind, rounding=Rounding.TRN_ZERO)
        return CppType(kind, text)

    def pack(self, text: str) -> int:
        """Elements that one word of a stream holds: N of ``nnet::array<T, N>``."""
        words = self.typedefs.get(text, text)
        match = re.fullmatch(r"nnet::array<.*,([^,<>]*)>", words.replace(" ", ""))
        size = evaluate(match.group(1), lambda name: self.numbers.get(name, name), text) if match else 0
        if not isinstance(size, int) or size < 1:
            raise self.error("stream of unknown width", text, words)
        return size

    def exponent_width(self, text: str, config: Config) -> int | None:
        """Bits of the exponent if the type is a power of two with a sign, else None."""
        for _ in range(20):
            text = config.types.get(text, self.typedefs.get(text, text))
            if match := re.fullmatch(r"struct \w+ \{ ?ap_uint<1> sign; ?ap_int<(\d+)> weight; ?\}", text):
                return int(match.group(1))
        return None

    def value(self, config: Config, key: str, default: Scalar | None = None) -> Scalar:
        """The constant ``key`` of a config struct."""
        if key not in config.values:
            if default is None:
                raise self.error(f"config lacks {key!r}", config.name)
            return default

        def lookup(name: str) -> Scalar:
            short = name.split("::")[-1]
            if name in config.values and name != key:
                return self.value(config, name)
            if name in self.numbers:
                return evaluate(self.numbers[name], lookup, name)
            return short

        return evaluate(config.values[key], lookup, f"{config.name}::{key}")

    def integer(self, config: Config, key: str, default: int | None = None) -> int:
        value = self.value(config, key, default)
        if not isinstance(value, int):
            raise self.error(f"{key!r} must be an integer", config.name, value)
        return int(value)

    def config(self, name: str) -> Config:
        if name not in self.configs:
            other = next((known for known in self.configs if known.lower() == name.lower()), None)
            remedy = (
                f"it holds {other}: the C++ does not compile; use Activation('softmax')" if other else None
            )
            raise self.error("unknown config struct", "parameters.h", name, remedy)
        return self.configs[name]

    def member(self, config: Config, key: str) -> Config:
        """A config struct that is a member type of another (``typedef config2_mult mult_config``)."""
        if key not in config.types:
            raise self.error(f"config lacks {key!r}", config.name)
        return self.config(config.types[key])
