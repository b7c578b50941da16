"""Constant expressions of generated C++ in config structs: integers, floats, names, ``?:``, macros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import LarkError

from l1forge.emulator.errors import InputError

_PARSER = Lark(
    r"""
    ?start: choice
    ?choice: compare | compare "?" choice ":" choice -> choose
    ?compare: sum | sum COMPARISON sum -> binary
    ?sum: product | sum /[+-]/ product -> binary
    ?product: unary | product /[*\/%]/ unary -> binary
    ?unary: atom | "-" unary -> negative
    ?atom: NUMBER -> number
         | NAME "(" choice ("," choice)* ")" -> call
         | NAME -> name
         | "(" choice ")"
    COMPARISON: "==" | "!=" | "<=" | ">=" | "<" | ">"
    NAME: /[A-Za-z_]\w*(::[A-Za-z_]\w*)*/
    NUMBER: /(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/ ("f"|"F"|"u"|"U"|"l"|"L")?
    %ignore /\s+/
    """,
    parser="lalr",
)

_MACROS: dict[str, Callable[[Any, Any], Any]] = {
    "DIV_ROUNDUP": lambda n, d: -(-n // d),
    "MIN": min,
    "MAX": max,
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b if isinstance(a, int) and isinstance(b, int) else a / b,
    "%": lambda a, b: a % b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}


def evaluate(text: str, lookup: Callable[[str], int | float | str], where: str) -> int | float | str:
    """The value of ``text``; ``lookup`` gives that of a name (enumerators are text).

    Raises
    ------
    InputError
        If the text is no such expression.
    """
    try:
        tree = _PARSER.parse(text)
    except LarkError as error:
        raise InputError("is not a constant expression", field=where, value=text) from error

    def value(node: Tree | Token) -> Any:
        if isinstance(node, Token):
            return str(node)
        assert isinstance(node, Tree)
        parts = node.children
        match node.data:
            case "number":
                word = str(parts[0]).rstrip("fFuUlL")
                return float(word) if any(c in word for c in ".eE") else int(word)
            case "name":
                return lookup(str(parts[0]))
            case "negative":
                return -value(parts[0])
            case "choose":
                return value(parts[1]) if value(parts[0]) else value(parts[2])
            case "binary":
                return _BINARY[str(parts[1])](value(parts[0]), value(parts[2]))
            case _:
                name = str(parts[0])
                if name not in _MACROS or len(parts) != 3:
                    raise InputError("unknown macro", field=where, value=name)
                return _MACROS[name](value(parts[1]), value(parts[2]))

    result: int | float | str = value(tree)
    return result
