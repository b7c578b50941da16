"""The small part of C++ that the wrapper classes of emulator packages are written in, as trees.

Expressions are nested tuples: ``("number", text)``, ``("name", text)``, ``("index", tree, tree)``,
``("member", tree, name)``, ``("call", name, template arguments, trees)``, ``("cast", type, tree)``,
``("list", trees)``, ``("choose", condition, tree, tree)``, ``(operator, tree)`` and
``(operator, tree, tree)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from l1forge.emulator.errors import InputError

Tree = tuple[Any, ...]

_TOKEN = re.compile(
    r"""(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFuUlL]*|[A-Za-z_]\w*|"(?:\\.|[^"\\])*"
    |::|->|\+\+|--|<<=|>>=|[-+*/%<>=!&|^]=|<<|&&|\|\||\S""",
    flags=re.X,
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"\.?\d.*")
_QUALIFIERS = {"const", "static", "constexpr", "inline", "volatile", "typename", "mutable", "auto"}
_INTEGERS = {"unsigned", "signed", "long", "short", "int", "char"}
_CASTS = {"static_cast", "any_cast", "reinterpret_cast", "const_cast"}
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)


def tokenize(text: str) -> list[str]:
    """The tokens of C++ text without comments and directives; ``>>`` is two tokens, as in templates."""
    return _TOKEN.findall(re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", "", text, flags=re.M))


@dataclass(frozen=True)
class Declaration:
    """``type name[size]… = value;``; ``pointer`` for ``T *name`` and ``T &name``."""

    type: str
    name: str
    sizes: tuple[Tree, ...] = ()
    value: Tree | None = None
    pointer: bool = False


@dataclass(frozen=True)
class Assignment:
    """``target operator value;`` with ``=``, ``+=``, …"""

    target: Tree
    operator: str
    value: Tree


@dataclass(frozen=True)
class Loop:
    """``for (T name = first; name < end; ++name)``; ``compare`` is the condition's operator."""

    name: str
    first: Tree
    compare: str
    end: Tree
    step: Tree
    body: tuple[Any, ...]


@dataclass(frozen=True)
class Branch:
    """``if (condition) then else other``."""

    condition: Tree
    then: tuple[Any, ...]
    other: tuple[Any, ...]


@dataclass(frozen=True)
class Return:
    """``return value;``"""

    value: Tree | None


@dataclass(frozen=True)
class Expression:
    """An expression that stands alone: a call."""

    value: Tree


@dataclass(frozen=True)
class Typedef:
    """``typedef type name;`` or ``using name = type;``"""

    name: str
    type: str


Statement = Declaration | Assignment | Loop | Branch | Return | Expression | Typedef


@dataclass
class Parser:
    """Reads tokens; ``types`` are the names that are known to be types."""

    tokens: Sequence[str]
    file: object
    types: set[str] = field(default_factory=set)
    place: int = 0

    def error(self, problem: str = "is not understood") -> InputError:
        near = " ".join(self.tokens[max(self.place - 6, 0) : self.place + 10])
        return InputError(
            f"this C++ of the wrapper {problem}",
            file=str(self.file),
            value=near,
            remedy="import the network alone with --network-only",
        )

    def peek(self, ahead: int = 0) -> str:
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if not token or (wanted is not None and token != wanted):
            raise self.error(f"lacks {wanted!r} here" if wanted else "ends too early")
        self.place += 1
        return token

    def skip(self, token: str) -> bool:
        """Whether the next token is ``token``, which is then taken."""
        if self.peek() == token:
            self.place += 1
            return True
        return False

    # -- types

    def type_text(self) -> str | None:
        """A type at this place, normalised, or None (nothing is taken then)."""
        start = self.place
        while self.peek() in _QUALIFIERS:
            if self.take() == "auto":
                return "auto"
        words: list[str] = []
        while self.peek() in _INTEGERS:
            words.append(self.take())
        if words:
            if self.peek() == "const":
                self.take()
            return " ".join(words)
        if not _NAME.fullmatch(self.peek()):
            self.place = start
            return None
        text = self.take()
        while self.peek() == "::" and _NAME.fullmatch(self.peek(1)):
            self.take()
            text += "::" + self.take()
        if self.peek() == "<":
            arguments = self.template()
            if arguments is None:
                self.place = start
                return None
            text += f"<{','.join(arguments)}>"
        if self.peek() == "const":
            self.take()
        return text

    def template(self) -> tuple[str, ...] | None:
        """Arguments of ``<…>`` as text, or None if the bracket does not close as one (nothing is taken)."""
        start, depth, round_, word = self.place, 0, 0, ""
        parts: list[str] = []
        while token := self.peek():
            if token in (";", "{", "}", "&&", "||"):
                break
            self.place += 1
            round_ += (token in "([") - (token in ")]")
            if round_ < 0:
                break
            if round_ == 0 and token == "<":
                depth += 1
                if depth == 1:
                    continue
            if round_ == 0 and token == ">":
                depth -= 1
                if depth == 0:
                    return (*parts, word) if word or parts else ()
            if depth == 1 and round_ == 0 and token == ",":
                parts.append(word)
                word = ""
            else:
                space = " " if word and word[-1].isalnum() and token[0].isalnum() else ""
                word += space + token
        self.place = start
        return None

    # -- statements

    def block(self) -> tuple[Statement, ...]:
        """``{ … }`` or a single statement."""
        if not self.skip("{"):
            return self.statement()
        found: list[Statement] = []
        while not self.skip("}"):
            found += self.statement()
        return tuple(found)

    def statement(self) -> tuple[Statement, ...]:
        """The statements that the next one amounts to: none for ``;``, several for a block or ``T a, b;``."""
        if self.skip(";"):
            return ()
        token = self.peek()
        if token == "{":
            return self.block()
        if token == "for":
            return (self.loop(),)
        if token == "if":
            return (self.branch(),)
        if token == "return":
            self.take()
            value = None if self.peek() == ";" else self.expression()
            self.take(";")
            return (Return(value),)
        if token in ("while", "do", "switch", "goto", "try", "throw", "new", "delete"):
            raise self.error(f"({token}) is not understood")
        if token in ("typedef", "using"):
            return self.typedef()
        if (declared := self.declaration()) is not None:
            return declared
        return (self.assignment(";"),)

    def typedef(self) -> tuple[Statement, ...]:
        """``typedef``, ``using name = …`` or ``using namespace …``, which says nothing here."""
        if self.take() == "typedef":
            text = self.type_text()
            name = self.take()
            self.take(";")
            self.types.add(name)
            return (Typedef(name, text or ""),)
        if self.peek() == "namespace" or self.peek(1) != "=":
            while self.take() != ";":
                pass
            return ()
        name = self.take()
        self.take("=")
        text = self.type_text()
        self.take(";")
        self.types.add(name)
        return (Typedef(name, text or ""),)

    def declaration(self) -> tuple[Statement, ...] | None:
        """Declared variables, or None (nothing is taken) if this is no declaration."""
        start = self.place
        text = self.type_text()
        if text is None:
            return None
        found: list[Statement] = []
        while True:
            pointer = False
            while self.peek() in ("*", "&"):
                self.take()
                pointer = True
            name = self.peek()
            if not _NAME.fullmatch(name) or self.peek(1) not in ("[", "=", ";", "{", ",", "("):
                self.place = start
                return None
            self.take()
            if self.peek() == "(" and text not in self.types:
                self.place = start
                return None
            sizes: list[Tree] = []
            while self.skip("["):
                sizes.append(("number", "0") if self.peek() == "]" else self.expression())
                self.take("]")
            value: Tree | None = None
            if self.skip("=") or self.peek() == "{":
                value = self.initial()
            elif self.skip("("):
                value = self.expression()
                self.take(")")
            found.append(Declaration(text, name, tuple(sizes), value, pointer))
            if self.skip(","):
                continue
            self.take(";")
            return tuple(found)

    def initial(self) -> Tree:
        """An expression or ``{…}``."""
        if not self.skip("{"):
            return self.expression()
        parts: list[Tree] = []
        while not self.skip("}"):
            parts.append(self.initial())
            if not self.skip(",") and self.peek() != "}":
                raise self.error()
        return ("list", tuple(parts))

    def assignment(self, end: str) -> Statement:
        """``target = value`` or a lone expression, up to ``end``."""
        target = self.expression()
        if self.peek() in ("=", "+=", "-=", "*=", "/=", "<<=", ">>="):
            operator = self.take()
            value = self.expression()
            self.take(end)
            return Assignment(target, operator, value)
        if self.peek() in ("++", "--"):
            operator = self.take()[0] + "="
            self.take(end)
            return Assignment(target, operator, ("number", "1"))
        self.take(end)
        if target[0] in ("pre++", "pre--"):
            return Assignment(target[1], target[0][3] + "=", ("number", "1"))
        return Expression(target)

    def loop(self) -> Loop:
        self.take("for")
        self.take("(")
        if self.type_text() is None:
            raise self.error()
        name = self.take()
        self.take("=")
        first = self.expression()
        self.take(";")
        condition = self.expression()
        if len(condition) != 3 or condition[1] != ("name", name):
            raise self.error("has a condition that is not understood")
        self.take(";")
        step = self.assignment(")")
        if (
            not isinstance(step, Assignment)
            or step.target != ("name", name)
            or step.operator not in ("+=", "-=")
        ):
            raise self.error("has a step that is not understood")
        size = step.value if step.operator == "+=" else ("negative", step.value)
        return Loop(name, first, condition[0], condition[2], size, self.block())

    def branch(self) -> Branch:
        self.take("if")
        self.skip("constexpr")
        self.take("(")
        condition = self.expression()
        self.take(")")
        then = self.block()
        return Branch(condition, then, self.block() if self.skip("else") else ())

    # -- expressions

    def expression(self) -> Tree:
        condition = self.binary(0)
        if not self.skip("?"):
            return condition
        first = self.expression()
        self.take(":")
        return ("choose", condition, first, self.expression())

    def operator(self, level: int) -> str | None:
        """The operator of this level at this place; ``>>`` is two tokens."""
        token = self.peek()
        if token == ">" and self.peek(1) == ">":
            token = ">>"
        return token if token in _LEVELS[level] else None

    def binary(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while (operator := self.operator(level)) is not None:
            self.place += 2 if operator == ">>" else 1
            left = (operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Tree:
        token = self.peek()
        if token in ("-", "+", "!", "*", "&"):
            self.take()
            inner = self.unary()
            names = {"-": "negative", "!": "not", "*": "index"}
            if token in ("+", "&"):
                return inner
            return ("index", inner, ("number", "0")) if token == "*" else (names[token], inner)
        if token in ("++", "--"):
            self.take()
            return (f"pre{token}", self.unary())
        if token == "(":
            start = self.place
            self.take()
            text = self.type_text()
            known = text is not None and (text in self.types or "<" in text or set(text.split()) <= _BUILTIN)
            if known and self.skip(")"):
                return ("cast", text, self.unary())
            self.place = start
        return self.postfix()

    def postfix(self) -> Tree:
        tree = self.atom()
        while True:
            if self.skip("["):
                tree = ("index", tree, self.expression())
                self.take("]")
            elif self.peek() in (".", "->"):
                self.take()
                tree = ("member", tree, self.take())
                if self.peek() == "(":
                    tree = ("call", ("member", tree[1], tree[2]), (), self.arguments())
            else:
                return tree

    def arguments(self) -> tuple[Tree, ...]:
        self.take("(")
        parts: list[Tree] = []
        while not self.skip(")"):
            parts.append(self.expression())
            if not self.skip(",") and self.peek() != ")":
                raise self.error()
        return tuple(parts)

    def atom(self) -> Tree:
        token = self.peek()
        if token == "(":
            self.take()
            inner = self.expression()
            self.take(")")
            return inner
        if _NUMBER.fullmatch(token):
            return ("number", self.take())
        if token in _INTEGERS or token in ("float", "double", "bool"):
            text = self.type_text()
            assert text is not None
            return ("cast", text, self.single())
        if not _NAME.fullmatch(token):
            raise self.error()
        name = self.take()
        while self.peek() == "::" and _NAME.fullmatch(self.peek(1)):
            self.take()
            name += "::" + self.take()
        short = name.split("::")[-1]
        template: tuple[str, ...] | None = ()
        if self.peek() == "<" and (template := self.template()) is not None:
            if short in _CASTS and template:
                return ("cast" if short != "any_cast" else "any_cast", template[0], self.single())
            if self.peek() != "(":
                raise self.error()
            if short.startswith("ap_"):
                return ("cast", f"{short}<{','.join(template)}>", self.single())
            return ("call", ("name", name), template, self.arguments())
        if self.peek() == "(":
            if short in self.types:
                return ("cast", name, self.single())
            return ("call", ("name", name), (), self.arguments())
        return ("name", name)

    def single(self) -> Tree:
        """The one argument of a conversion; zero without any."""
        parts = self.arguments()
        if len(parts) > 1:
            raise self.error()
        return parts[0] if parts else ("number", "0")


_BUILTIN = _INTEGERS | {"float", "double", "bool"}
