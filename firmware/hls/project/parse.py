"""Reads the C++ of an hls4ml project.

It reads what the HLS compiler reads (``defines.h``, ``parameters.h``, ``<project>.cpp``), so that a graph
made from it describes the circuit that is built, and a project whose Keras file is lost can be imported.
Only the forms that hls4ml writes are understood; anything else is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.project.expressions import evaluate
from l1forge.firmware.hls.project.generated import read_generated
from l1forge.firmware.hls.project.headers.recognise import GENERATED, recognise
from l1forge.firmware.hls.project.preprocess import Macros, preprocess, without_comments
from l1forge.firmware.hls.project.source import Call, Config, Scalar, Source


def read_source(folder: str | Path, defines: Mapping[str, str] | None = None) -> Source:
    """Parse the project in ``folder`` (the directory that holds ``firmware/``).

    ``defines`` are the macros that the build sets; ``__SYNTHESIS__`` is not among them, so that what g++
    compiles is read.

    Raises
    ------
    InputError
        If a file is missing or holds something that hls4ml's writers do not produce.
    """
    folder = Path(folder)
    firmware = folder / "firmware"
    if (folder / "src" / "firmware").is_dir():
        raise _backend_error(folder, "oneAPI")
    if not (firmware / "parameters.h").is_file():
        raise InputError(
            "is not an hls4ml project",
            file=folder,
            remedy="give the directory that holds firmware/parameters.h",
        )
    tops = [p for p in sorted(firmware.glob("*.cpp")) if (firmware / f"{p.stem}.h").is_file()]
    # VivadoAccelerator wraps the top function in one with AXI ports
    tops = [p for p in tops if not (p.stem.endswith("_axi") and firmware / f"{p.stem[:-4]}.cpp" in tops)]
    if len(tops) != 1:
        raise InputError("expected one top function file", file=firmware, value=[p.name for p in tops])
    macros = Macros({"__cplusplus": "201703"} | dict(defines or {}))
    heads = [
        preprocess(_read(path), path, macros)
        for path in (firmware / "defines.h", tops[0].with_suffix(".h"), firmware / "parameters.h")
    ]
    if "ac_fixed" in heads[0] or "ac_int" in heads[0]:
        raise _backend_error(folder, "Quartus, oneAPI or Catapult")
    source = Source(folder, tops[0].stem, tops[0], defines=dict(macros.values))
    read_defines(source, heads[0])
    read_parameters(source, heads[2])
    top = preprocess(_read(tops[0]), tops[0], macros, keep_line_comments=True)
    read_top(source, top)
    generated = firmware / "nnet_utils" / GENERATED
    if generated.is_file():
        read_generated(source, preprocess(_read(generated), generated, macros))
    recognise(source, [*heads, without_comments(top)], macros)
    source.notes += macros.notes()
    return source


def _backend_error(folder: Path, backend: str) -> InputError:
    return InputError(
        f"is a project of the {backend} backend, whose ac_fixed arithmetic is another",
        file=folder,
        remedy="convert the model with backend='Vitis' or 'Vivado'",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read: {error}", file=path) from error


def read_defines(source: Source, text: str) -> None:
    """Put the macros, constants and types of ``defines.h`` into ``source``."""
    source.numbers |= {name: value for name, value in source.defines.items() if value}
    for name, value in re.findall(r"^\s*#define\s+(\w+)\s+(\S.*)$", text, flags=re.M):
        source.numbers[name] = value
    for body, name in re.findall(
        r"typedef\s+(struct\s+\w+\s*\{.*?\}|[^;{}]+?)\s*\b(\w+)\s*;", text, flags=re.S
    ):
        source.typedefs[name] = " ".join(body.split())
    outside = re.sub(r"\bstruct\s+\w+[^{};]*\{[^{}]*\}", "", text)
    for name, body in _USING.findall(outside):
        source.typedefs[name] = " ".join(body.split())
    for name, value, braced in _CONSTANT.findall(outside):
        source.numbers[name] = " ".join((value or braced).split())


_USING = re.compile(r"\busing\s+(\w+)\s*=\s*([^;{}]+);")
_CONSTANT = re.compile(
    r"\b(?:(?:static|inline|constexpr|const)\s+)+(?:std::)?(?:unsigned\s+|signed\s+|long\s+|short\s+)*"
    r"(?:int|size_t|unsigned|long|short|u?int\d+_t|auto)\s+(?:const\s+)?(\w+)\s*(?:=\s*([^;{}]+)|\{([^;{}]+)\})\s*;"
)
"""Constants that published packages write in a namespace in place of macros."""


_STRUCT = re.compile(r"struct\s+(\w+)\s*(?::\s*(?:public\s+)?([\w:]+))?\s*\{(.*?)\n\s*\}\s*;", flags=re.S)


def read_parameters(source: Source, text: str) -> None:
    """Put the config structs of ``parameters.h`` into ``source``."""
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


_CALL = re.compile(r"(?:\w+::)*(\w+)\s*<(.*)>\s*\((.*)\)", flags=re.S)
_STREAM = re.compile(r"hls::stream<\s*(\w+)\s*>\s*&\s*(\w+)")
_STREAM_HERE = re.compile(r"hls::stream<\s*(\w+)\s*>\s*(\w+)\s*(?:\(\"\w+\"\))?")
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
    name = name.split("::")[-1]
    if name not in source.numbers:
        raise source.error("unknown constant", "top function", name)
    return evaluate(source.numbers[name], lambda other: _number(source, other), name)


def read_top(source: Source, text: str) -> None:
    """Put the arguments, arrays and calls of the top function into ``source``."""
    layers = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    match = re.search(rf"void\s+{re.escape(source.name)}\s*\(([^;{{}}]*?)\)\s*\{{(.*)\}}", layers, flags=re.S)
    if match is None:
        raise source.error("top function not found", "top function", source.name)
    for argument in split_arguments(without_comments(match.group(1))):
        if stream := _STREAM.fullmatch(argument):
            source.streamed = True
            source.arrays[stream.group(2)] = (stream.group(1), _argument_size(source, stream.group(2)))
            source.arguments.append(stream.group(2))
            continue
        array = _ARRAY.fullmatch(argument)
        if array is None:
            raise source.error("argument is not an array", "top function", argument)
        if (source.firmware / "weights" / f"{array.group(2)}.h").is_file():
            continue  # weights in memories outside (BramFactor)
        kind = array.group(1).removeprefix("const ").strip()
        source.arrays[array.group(2)] = (kind, _array_size(source, array.group(3)))
        source.arguments.append(array.group(2))
    _read_body(source, _function_body(match.group(2)))


def _function_body(text: str) -> str:
    """``text`` up to the brace that closes the function that it begins in (comments do not count)."""
    depth = 1
    for match in re.finditer(r"//[^\n]*|[{}]", text):
        depth += (match.group() == "{") - (match.group() == "}")
        if depth == 0:
            return text[: match.start()]
    return text


def _argument_size(source: Source, name: str) -> int:
    """Elements that pass a stream of the top function, from bridge or test bench; 0 if they are not there."""
    for file in (f"{source.name}_bridge.cpp", f"{source.name}_test.cpp"):
        path = source.folder / file
        text = _read(path) if path.is_file() else ""
        pattern = rf"<[^<>()]*,\s*([\d\s*]+)>\((?:in, )?{name}(?:_ap)?\b"
        sizes = {_array_size(source, size) for size in re.findall(pattern, text)}
        if len(sizes) == 1:
            return sizes.pop()
    return 0


_TIME_STEPS = re.compile(r"for\s*\(int ts = 0; ts < \w+::n_time_steps; ts\+\+\)\s*\{")


_STATEMENT = re.compile(r"//[^\n]*|[^;/]+;(?:[ \t]*//[^\n]*)?")
_LOAD = re.compile(
    r"(?:\w+::)*load_(?:exponent_)?weights_from_txt\s*<[^()]*>\s*\(\s*(\w+),\s*\"([^\"]+)\"\s*\)"
)
_LOAD_ONCE = re.compile(
    r"if\s*\(\s*!\s*loaded_weights\s*\)\s*\{(.*?)\bloaded_weights\s*=\s*true\s*;\s*\}", re.S
)


def _read_body(source: Source, body: str) -> None:
    heading = ""
    # the calls that read and write a time step mark the loop; the weights are loaded in the first event
    body = _LOAD_ONCE.sub(lambda match: match.group(1), _TIME_STEPS.sub("", body))
    rest = _STATEMENT.sub("", body).replace("}", "").split()
    if rest:
        raise _unread(source, "end", " ".join(rest))
    for raw in _STATEMENT.findall(body):
        if raw.startswith("//"):
            heading = raw.strip("/ *\n")
            continue
        statement, _, comment = raw.partition(";")
        words = " ".join(statement.split()).removeprefix("} ")
        layer = comment.strip(" /") or heading
        if words == "static bool loaded_weights = false":
            continue
        if match := re.fullmatch(r"auto\s*&\s*(\w+)\s*=\s*(\w+)", words):
            source.aliases[match.group(1)] = match.group(2)
        elif match := _LOAD.fullmatch(words):
            source.weight_files[match.group(1)] = match.group(2)
        elif "load_compressed_weights_from_txt" in words:
            raise source.error(
                "compressed weights are not supported", "weights", remedy="convert without Compression"
            )
        elif match := _CALL.fullmatch(words):
            function, template, arguments = match.groups()
            names = tuple(name.split("::")[-1] for name in split_arguments(arguments))
            source.calls.append(Call(function, split_arguments(template), names, layer))
        elif match := _STREAM_HERE.fullmatch(words):
            source.arrays[match.group(2)] = (match.group(1), 0)
        elif match := _ARRAY.fullmatch(words):
            source.arrays[match.group(2)] = (match.group(1), _array_size(source, match.group(3)))
        else:
            raise _unread(source, layer, words)


def _unread(source: Source, layer: str, words: str) -> InputError:
    return source.error(
        "statement is not one that can be read",
        f"top function, {layer or 'start'}",
        words,
        "give the project as hls4ml wrote it",
    )
