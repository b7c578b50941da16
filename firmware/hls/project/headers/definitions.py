"""Splits a C++ header into its definitions, each with a digest that does not depend on how it is written.

Comments, white space, preprocessor lines, namespaces and the choice between ``class`` and ``typename`` do not
count: projects put hls4ml's templates into namespaces of their own and format them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from l1forge.firmware.hls.project.preprocess import Macros, preprocess

_TOKEN = re.compile(r"""[A-Za-z_]\w*|\d[\w.]*(?:[eE][+-]?\d+)?|"(?:\\.|[^"\\])*"|'(?:\\.|[^'])+'|::|\S""")
_PRAGMA_ONLY = re.compile(r" (?:else )?if \( [^()]* \) \{ \}(?! else)| else \{ \}")
"""A condition around directives for the vendor's compiler alone: nothing is left in it."""
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Definition:
    """One function, class, enumeration or constant of a header."""

    name: str
    file: Path
    digest: str
    words: frozenset[str]
    """The identifiers in it: other definitions among them belong to its meaning."""


def definitions(text: str, file: Path, macros: Macros) -> list[Definition]:
    """The definitions of a header in order, of what ``macros`` let compile.

    Raises
    ------
    InputError
        If its conditional blocks cannot be followed.
    """
    compiled = preprocess(text, file, macros)
    compiled = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", "", compiled, flags=re.M)
    found = []
    for tokens in _statements(_TOKEN.findall(compiled)):
        name = _named(tokens)
        if name:
            found.append(Definition(name, file, _digest(tokens), frozenset(filter(_NAME.fullmatch, tokens))))
    return found


def _statements(tokens: list[str]) -> list[list[str]]:
    """Token lists of the definitions at namespace level."""
    found: list[list[str]] = []
    current: list[str] = []
    depth, place = 0, 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if depth == 0 and not current and token in ("namespace", "}", ";"):
            if token == "namespace":  # what is inside counts as outside
                while place < len(tokens) and tokens[place] not in ("{", ";"):
                    place += 1
                place += 1
            continue
        current.append(token)
        depth += (token in "({[") - (token in ")}]")
        if depth == 0 and (token == ";" or (token == "}" and not _goes_on(current, tokens, place))):
            found.append(current)
            current = []
    return [*found, current] if current else found


def _goes_on(current: list[str], tokens: list[str], place: int) -> bool:
    """Whether a closing brace belongs to a class or an initial value, which end with a semicolon."""
    return place < len(tokens) and tokens[place] in (";", ",") and bool(current)


def _named(tokens: list[str]) -> str:
    """The name that is defined: behind class, struct, enum or using, else before the first bracket."""
    body = tokens
    while body and body[0] == "template":
        depth, end = 0, len(body)
        for place, token in enumerate(body[1:], start=1):
            depth += (token == "<") - (token == ">")
            if depth == 0:
                end = place + 1
                break
        body = body[end:]
    depth = 0  # a result type may hold brackets: enable_if<(N > 0), T>::type name(...)
    for place, token in enumerate(body):
        if token in ("class", "struct", "enum", "union", "using") and place == 0:
            return next((t for t in body[1:] if _NAME.fullmatch(t) and t != "class"), "")
        depth += (token == "<") - (token == ">")
        if depth == 0 and token in ("(", "=", "[", ";", "{") and place and _NAME.fullmatch(body[place - 1]):
            return body[place - 1]
    return ""


def _digest(tokens: list[str]) -> str:
    """Sixteen hexadecimal digits over the tokens that matter."""
    kept: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if (
            _NAME.fullmatch(token)
            and tokens[place + 1 : place + 2] == ["::"]
            and _is_namespace(tokens, place)
        ):
            place += 2
            continue
        kept.append("typename" if token == "class" else token)
        place += 1
    if kept[0] == "typename":
        kept[0] = "struct"
    text = " ".join(kept)
    while text != (shorter := _PRAGMA_ONLY.sub("", text)):
        text = shorter
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_namespace(tokens: list[str], place: int) -> bool:
    """``nnet::`` or ``model_v5::nnet::``; ``CONFIG_T::`` and ``product::`` are part of the meaning."""
    if tokens[place] == "nnet":
        return True
    return tokens[place + 2 : place + 4] == ["nnet", "::"]
