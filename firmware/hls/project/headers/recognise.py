"""Which of hls4ml's definitions a project's calls reach, and what each of them means.

The C++ that a project compiles is in its own ``nnet_utils``: hls4ml has changed functions under the same name
from release to release, and deployed packages keep the headers of their time.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.project.headers.definitions import Definition, definitions
from l1forge.firmware.hls.project.preprocess import Macros, preprocess
from l1forge.firmware.hls.project.source import Call, Config, Source

NOW = "now"
"""The meaning of a definition in hls4ml 1.3."""

GENERATED = "nnet_code_gen.h"
"""Written for one model and read statement by statement, so that its digest means nothing."""

_KNOWN = Path(__file__).parent / "known.json"
_OWN = Path(__file__).parents[2] / "templates"
"""Headers that this project adds to those of hls4ml."""


@functools.cache
def known() -> dict[tuple[str, str], str]:
    """Meaning by name and digest."""
    listed = json.loads(_KNOWN.read_text(encoding="utf-8"))["definitions"]
    meanings = {(name, digest): meaning for digest, name, meaning, _, _ in listed}
    for path in sorted(_OWN.glob("*.h")):
        for definition in definitions(path.read_text(encoding="utf-8"), path, Macros()):
            meanings[definition.name, definition.digest] = NOW
    return meanings


def recognise(source: Source, texts: Sequence[str], macros: Macros) -> None:
    """Fill ``source.meanings`` from the headers that ``texts``, the project's files as compiled, include.

    A project without any headers is read as hls4ml 1.3.

    Raises
    ------
    InputError
        If a call reaches a definition that is not known, or that its headers do not hold.
    """
    folder = source.nnet_utils
    if not any(path.name != GENERATED for path in folder.glob("*.h")):
        source.notes.append(
            f"{folder} holds no headers: the calls are read as those of hls4ml 1.3 "
            "(copy the project's nnet_utils there to have them checked)"
        )
        return
    found = _included(folder, texts, macros)
    generated = {*source.quantisers, *source.logic, *source.kernels}
    for call in source.calls:
        if call.function not in generated:
            _check(source, call, found)


_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*[\"<]([^\">\n]+)[\">]", flags=re.M)


def _included(folder: Path, texts: Sequence[str], macros: Macros) -> dict[str, list[Definition]]:
    """The definitions, by name, of the headers in ``folder`` that are included, directly or by another."""
    found: dict[str, list[Definition]] = {}
    seen: set[str] = set()
    inside = Macros(dict(macros.values))
    todo = [name for text in texts for name in _INCLUDE.findall(text)]
    while todo:
        path = folder / Path(todo.pop(0)).name
        if path.name in seen:
            continue
        seen.add(path.name)
        if not path.is_file():
            if path.name.startswith("nnet_") and path.name != GENERATED:
                remedy = "copy all headers with which the project is compiled"
                raise InputError("is included, but does not exist", file=path, remedy=remedy)
            continue
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(f"cannot read: {error.strerror}", file=path) from error
        try:
            included, defined, values = _read(text, path.name, tuple(inside.values.items()))
        except InputError:
            definitions(text, path, inside)  # the same error with the whole path
            raise
        todo += included
        inside = Macros(dict(values))
        for definition in defined:
            found.setdefault(definition.name, []).append(replace(definition, file=path))
    return found


Values = tuple[tuple[str, Any], ...]


@functools.lru_cache(maxsize=256)  # every project of one release has the same headers
def _read(text: str, name: str, values: Values) -> tuple[list[str], list[Definition], Values]:
    """What a header includes and defines, and the macros behind it."""
    path, inside = Path(name), Macros(dict(values))
    included = _INCLUDE.findall(preprocess(text, path, Macros(dict(values))))
    defined = definitions(text, path, inside) if name != GENERATED else []
    return included, defined, tuple(inside.values.items())


def _check(source: Source, call: Call, found: dict[str, list[Definition]]) -> None:
    if call.function not in found:
        if any(name == call.function for name, _ in known()):
            raise _error(
                call,
                "is in none of the project's headers",
                source.nnet_utils,
                "copy all of the headers that the project is compiled with",
            )
        return  # no translator either: refused by name where it is translated
    todo, seen = [call.function, *_by_config(source, call)], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in found:
            continue
        seen.add(name)
        for definition in _of_this_io(source, found[name]):
            meaning = known().get((name, definition.digest))
            if meaning is None and name in _names():
                raise _error(
                    call,
                    f"{name} is of no release of hls4ml that is known here",
                    definition.file,
                    "put hls4ml's own header there, or add the digest to project/headers/known.json",
                    definition.digest,
                )
            if meaning is not None:
                source.meanings.setdefault(name, set()).add(meaning)
            todo.extend(definition.words)


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(name for name, _ in known())


def _of_this_io(source: Source, found: Sequence[Definition]) -> Iterable[Definition]:
    """Functions of one name stand in a header for arrays and in one for streams: those that are called."""
    kinds = [definition.file.stem.endswith("_stream") for definition in found]
    if len(set(kinds)) < 2:
        return found
    return [d for d, streamed in zip(found, kinds, strict=True) if streamed == source.streamed]


def _by_config(source: Source, call: Call) -> set[str]:
    """Classes that the call's config struct, and those it refers to, name: product, kernel."""
    names: set[str] = set()
    todo = [text.split("::")[-1] for text in call.template[-1:]]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        config: Config | None = source.configs.get(name)
        if config is None or name in seen:
            continue
        seen.add(name)
        names.update(template.split("::")[-1] for template in config.templates.values())
        todo.extend(config.types.values())
    return names


def _error(call: Call, problem: str, file: Path, remedy: str, value: object = None) -> InputError:
    where = f"layer {call.layer or call.function}, nnet::{call.function}"
    return InputError(problem, file=file, field=where, value=value, remedy=remedy)
