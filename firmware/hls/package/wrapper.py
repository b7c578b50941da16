"""The wrapper class of an emulator package: its members and functions, and which class and top it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.package.syntax import Declaration, Parser, Statement, Tree, Typedef, tokenize

_CLASS = re.compile(r"\b(?:class|struct)\s+(\w+)\s*(?:final\s*)?:\s*(?:public\s+)?(?:\w+::)*\w*Model\w*\s*\{")
INTERFACE = ("prepare_input", "predict", "read_result")
"""The functions of ``hls4mlEmulator::Model``, called in this order."""


@dataclass(frozen=True)
class Function:
    """A member function: its parameters and its statements."""

    name: str
    parameters: tuple[Declaration, ...]
    body: tuple[Statement, ...]


@dataclass
class Wrapper:
    """What the class declares, and the plain structs (inputs and outputs) beside it."""

    name: str
    file: Path
    members: list[Declaration | Typedef] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    structs: dict[str, list[Declaration]] = field(default_factory=dict)


def is_wrapper(text: str) -> bool:
    """Whether C++ without comments holds a class of the emulator interface and makes objects of it."""
    return bool(_CLASS.search(text)) and "prepare_input" in text and "read_result" in text


def outside_class(text: str) -> str:
    """What stands before the class: types and constants of the file."""
    found = _CLASS.search(text)
    return text[: found.start()] if found else text


def read_wrapper(text: str, file: Path, types: Iterable[str]) -> Wrapper:
    """The class of the emulator interface in compiled C++ (``types``: names that are types).

    Raises
    ------
    InputError
        If there is none or several, or it is written in C++ that is not understood.
    """
    found = list(_CLASS.finditer(text))
    if len(found) != 1:
        raise InputError(
            "expected one class of hls4mlEmulator::Model", file=str(file), value=[m.group(1) for m in found]
        )
    wrapper = Wrapper(found[0].group(1), file)
    known = set(types)
    for name, body in re.findall(r"\bstruct\s+(\w+)\s*\{([^{}]*)\}\s*;", text[: found[0].start()]):
        parser = Parser(tokenize(body), file, known)
        wrapper.structs[name] = [s for s in _statements(parser) if isinstance(s, Declaration)]
        known.add(name)
    parser = Parser(tokenize(text[found[0].end() :]), file, known)
    while not parser.skip("}"):
        _member(parser, wrapper)
    missing = [name for name in INTERFACE if name not in wrapper.functions]
    if missing:
        raise InputError("the wrapper class lacks a function", file=str(file), value=missing)
    return wrapper


def _statements(parser: Parser) -> list[Statement]:
    found: list[Statement] = []
    while parser.peek():
        found += parser.statement()
    return found


def _member(parser: Parser, wrapper: Wrapper) -> None:
    """One declaration or function of the class."""
    if parser.peek() in ("public", "private", "protected") and parser.peek(1) == ":":
        parser.place += 2
        return
    while parser.skip("virtual") or parser.skip("explicit"):
        pass
    if parser.skip("~"):
        _skip_function(parser)
        return
    if parser.peek() == wrapper.name and parser.peek(1) == "(":
        _constructor(parser)
        return
    start = parser.place
    if parser.peek() not in ("typedef", "using") and parser.type_text() is not None:
        while parser.peek() in ("*", "&"):
            parser.take()
        name = parser.peek()
        if parser.peek(1) == "(":
            parser.take()
            wrapper.functions[name] = Function(name, _parameters(parser), _body(parser))
            return
    parser.place = start
    for statement in parser.statement():
        if not isinstance(statement, Declaration | Typedef):
            raise parser.error()
        wrapper.members.append(statement)


def _constructor(parser: Parser) -> None:
    """A constructor that does nothing; others are refused."""
    start = parser.place
    parser.take()
    _parameters(parser)
    if parser.peek() == "{" and parser.peek(1) == "}":
        parser.place += 2
        parser.skip(";")
        return
    if parser.skip("="):
        parser.take("default")
        parser.take(";")
        return
    parser.place = start
    raise parser.error("is a constructor that does something, which is not understood")


def _skip_function(parser: Parser) -> None:
    """Past a destructor: what it does comes after every result."""
    depth = 0
    while True:
        token = parser.take()
        depth += (token == "{") - (token == "}")
        if depth == 0 and token in ("}", ";"):
            parser.skip(";")
            return


def _parameters(parser: Parser) -> tuple[Declaration, ...]:
    parser.take("(")
    found = []
    while not parser.skip(")"):
        text = parser.type_text()
        if text is None:
            raise parser.error()
        pointer = False
        while parser.peek() in ("*", "&"):
            parser.take()
            pointer = True
        name = parser.take() if re.fullmatch(r"[A-Za-z_]\w*", parser.peek()) else ""
        sizes: list[Tree] = []
        while parser.skip("["):
            sizes.append(("number", "0") if parser.peek() == "]" else parser.expression())
            parser.take("]")
        found.append(Declaration(text, name, tuple(sizes), None, pointer))
        if not parser.skip(",") and parser.peek() != ")":
            raise parser.error()
    return tuple(found)


def _body(parser: Parser) -> tuple[Statement, ...]:
    while parser.peek() in ("override", "const", "final", "noexcept"):
        parser.take()
    body = parser.block()
    parser.skip(";")
    return body
