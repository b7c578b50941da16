"""The C++ that hls4ml writes, as data: types, config structs, and the calls of the top function in order.

This reads what the HLS compiler reads (``defines.h``, ``parameters.h``, ``<project>.cpp``), so that a graph
made from it describes the circuit that is built, and a project whose Keras file is lost can be imported.
Only the forms that hls4ml's writers produce are understood; anything else is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from emulator.errors import InputError
from emulator.fixed import FixedType, Rounding
from firmware.hls.expressions import evaluate

Scalar = int | float | str


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


@dataclass
class Source:
    """A parsed project.

    ``arguments`` are the top function's arrays (name, type name, size) in order; ``arrays`` all arrays by
    name; ``aliases`` maps ``auto& a = b``; ``weight_files`` maps a weight to its text file; ``quantisers``
    are generated functions that cast every element to a type of its own ("0" where it is dropped).
    """

    folder: Path
    name: str
    file: Path
    typedefs: dict[str, str]
    configs: dict[str, Config]
    numbers: dict[str, str]
    lists: dict[str, list[int]]
    arguments: list[str]
    arrays: dict[str, tuple[str, int]]
    aliases: dict[str, str]
    calls: list[Call]
    weight_files: dict[str, str]
    quantisers: dict[str, list[str]]

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
            else:
                break
            seen += 1
            if seen > 20:
                break
        where = f"type of {config.name}" if config else "type"
        text = text.replace(" ", "")
        if text in ("float", "double") or "float" in text:
            raise self.error(
                "floating point is not a fixed-point type", where, text, "give the layer a precision"
            )
        kind = FixedType.parse(text, file=self.file, field=where)
        if text.startswith(("ap_int", "ap_uint")):  # assigned from ap_fixed, these truncate towards zero
            kind = replace(kind, rounding=Rounding.TRN_ZERO)
        return CppType(kind, text)

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
            raise self.error("unknown config struct", "parameters.h", name)
        return self.configs[name]

    def member(self, config: Config, key: str) -> Config:
        """A config struct that is a member type of another (``typedef config2_mult mult_config``)."""
        if key not in config.types:
            raise self.error(f"config lacks {key!r}", config.name)
        return self.config(config.types[key])


def read_source(folder: str | Path) -> Source:
    """Parse the project in ``folder`` (the directory that holds ``firmware/``).

    Raises
    ------
    InputError
        If a file is missing or holds something that hls4ml's writers do not produce.
    """
    folder = Path(folder)
    firmware = folder / "firmware"
    if not (firmware / "parameters.h").is_file():
        raise InputError(
            "is not an hls4ml project",
            file=folder,
            remedy="give the directory that holds firmware/parameters.h",
        )
    tops = [p for p in sorted(firmware.glob("*.cpp")) if (firmware / f"{p.stem}.h").is_file()]
    if len(tops) != 1:
        raise InputError("expected one top function file", file=firmware, value=[p.name for p in tops])
    defines, parameters, top = (
        _read(firmware / "defines.h"),
        _read(firmware / "parameters.h"),
        _read(tops[0]),
    )
    source = Source(folder, tops[0].stem, tops[0], {}, {}, {}, {}, [], {}, {}, [], {}, {})
    _read_defines(source, defines)
    _read_parameters(source, _strip_comments(parameters))
    _read_top(source, top)
    generated = firmware / "nnet_utils" / "nnet_code_gen.h"
    if generated.is_file():
        _read_quantisers(source, _read(generated))
    return source


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read: {error}", file=path) from error


_QUANTISER = re.compile(r"void\s+(\w+)\s*\(input_t \*inp, output_t \*out\)\s*\{(.*?)\n\}", flags=re.S)
_ELEMENT = re.compile(r"out\[(\d+)\] = (?:(ap_u?fixed<[^>]*>)\(inp\[(\d+)\]\)|0);")


def _read_quantisers(source: Source, text: str) -> None:
    """Quantisers of HGQ models, written out element by element by hls4ml."""
    for name, body in _QUANTISER.findall(text):
        elements = _ELEMENT.findall(body)
        if [int(out) for out, _, _ in elements] == list(range(body.count("out["))) and all(
            place in ("", out) for out, _, place in elements
        ):
            source.quantisers[name] = [kind or "0" for _, kind, _ in elements]


def _strip_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def _read_defines(source: Source, text: str) -> None:
    text = _strip_comments(text)
    for name, value in re.findall(r"^\s*#define\s+(\w+)\s+(\S.*)$", text, flags=re.M):
        source.numbers[name] = value
    for body, name in re.findall(
        r"typedef\s+(struct\s+\w+\s*\{.*?\}|[^;{}]+?)\s*\b(\w+)\s*;", text, flags=re.S
    ):
        source.typedefs[name] = " ".join(body.split())


_STRUCT = re.compile(r"struct\s+(\w+)\s*(?::\s*(?:public\s+)?([\w:]+))?\s*\{(.*?)\n\s*\}\s*;", flags=re.S)


def _read_parameters(source: Source, text: str) -> None:
    for name, base, body in _STRUCT.findall(text):
        config = Config(name, base)
        body = re.sub(
            r"template\s*<[^;]*?>\s*using\s+(\w+)\s*=\s*([\w:]+)\s*(?:<[^;]*>)?\s*;",
            lambda m, c=config: c.templates.__setitem__(m.group(1), m.group(2)) or "",  # type: ignore[misc]
            body,
            flags=re.S,
        )
        for statement in body.split(";"):
            words = " ".join(statement.split())
            if match := re.fullmatch(r"(?:typedef|using)\s+(.+?)\s*(?:\b|(?<=>)\s*)(\w+)", words):
                config.types[match.group(2)] = match.group(1).strip()
            elif match := re.fullmatch(
                r"(?:static\s+|constexpr\s+|const\s+|inline\s+)+([\w:<>, ]+?)\s+(\w+)\s*=\s*(.+)", words
            ):
                config.values[match.group(2)] = match.group(3)
        source.configs[name] = config
    for kind, name, key, value in re.findall(r"const\s+([\w:]+)\s+(\w+)::(\w+)\s*=\s*([^;{]+);", text):
        if name in source.configs:
            source.configs[name].values[key] = value
            source.configs[name].types[f"{key}_t"] = kind
    for name, key, value in re.findall(r"const\s+unsigned\s*\*\s*const\s+(\w+)::(\w+)\s*=\s*(\w+)\s*;", text):
        source.configs[name].values[key] = value
    for name, body in re.findall(r"unsigned\s+(\w+)\s*\[[^\]]*\]\s*=\s*\{([^}]*)\}\s*;", text):
        source.lists[name] = [int(word) for word in body.replace(",", " ").split()]


_CALL = re.compile(r"(?:\w+::)?(\w+)\s*<(.*)>\s*\((.*)\)", flags=re.S)
_ARRAY = re.compile(r"(.+?)\s+(\w+)\s*\[(.*)\]", flags=re.S)


def split_arguments(text: str) -> tuple[str, ...]:
    """Split at commas that are not inside brackets."""
    parts, depth, word = [], 0, ""
    for c in text:
        depth += (c in "<([{") - (c in ">)]}")
        if c == "," and depth == 0:
            parts.append(word.strip())
            word = ""
        else:
            word += c
    return (*parts, word.strip()) if word.strip() else tuple(parts)


def _array_size(source: Source, text: str) -> int:
    size = evaluate(text, lambda name: _number(source, name), "array size")
    if not isinstance(size, int):
        raise source.error("array size is not known", "top function", text)
    return size


def _number(source: Source, name: str) -> Scalar:
    if name not in source.numbers:
        raise source.error("unknown constant", "top function", name)
    return evaluate(source.numbers[name], lambda other: _number(source, other), name)


def _read_top(source: Source, text: str) -> None:
    for name, file in re.findall(r"load_weights_from_txt<[^()]*>\((\w+),\s*\"([^\"]+)\"\)", text):
        source.weight_files[name] = file
    for name, file in re.findall(r"load_exponent_weights_from_txt<[^()]*>\((\w+),\s*\"([^\"]+)\"\)", text):
        source.weight_files[name] = file
    if "load_compressed_weights_from_txt" in text:
        raise source.error(
            "compressed weights are not supported", "weights", remedy="convert without Compression"
        )
    layers = _strip_blocks(text)
    match = re.search(rf"void\s+{re.escape(source.name)}\s*\((.*?)\)\s*\{{(.*)\}}", layers, flags=re.S)
    if match is None:
        raise source.error("top function not found", "top function", source.name)
    if "hls::stream" in match.group(1):
        raise source.error(
            "io_stream projects are not supported",
            "top function",
            remedy="convert with io_type='io_parallel': the arithmetic is that of the same layers",
        )
    for argument in split_arguments(_strip_comments(match.group(1))):
        array = _ARRAY.fullmatch(argument)
        if array is None:
            raise source.error("argument is not an array", "top function", argument)
        source.arrays[array.group(2)] = (array.group(1), _array_size(source, array.group(3)))
        source.arguments.append(array.group(2))
    _read_body(source, match.group(2))


def _strip_blocks(text: str) -> str:
    text = re.sub(r"#ifndef\s+__SYNTHESIS__.*?#endif", "", text, flags=re.S)
    return re.sub(r"^\s*#.*$", "", text, flags=re.M)


def _read_body(source: Source, body: str) -> None:
    heading = ""
    for raw in re.findall(r"//[^\n]*|[^;/]+;(?:[ \t]*//[^\n]*)?", body):
        if raw.startswith("//"):
            heading = raw.strip("/ *\n")
            continue
        statement, _, comment = raw.partition(";")
        words = " ".join(statement.split())
        layer = comment.strip(" /") or heading
        if match := re.fullmatch(r"auto\s*&\s*(\w+)\s*=\s*(\w+)", words):
            source.aliases[match.group(1)] = match.group(2)
        elif match := _CALL.fullmatch(words):
            function, template, arguments = match.groups()
            source.calls.append(Call(function, split_arguments(template), split_arguments(arguments), layer))
        elif match := _ARRAY.fullmatch(words):
            source.arrays[match.group(2)] = (match.group(1), _array_size(source, match.group(3)))
        else:
            raise source.error(
                "statement is not one that hls4ml writes", "top function", words, "convert with io_parallel"
            )
