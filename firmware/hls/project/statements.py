"""Statements of generated straight-line logic: ``ap_fixed<8,3> v5 = v0 - bit_shift<2>(v1);`` as trees.

Trees are nested tuples: ``("number", text)``, ``("name", text)``, ``("index", name, tree)``,
``("range", tree)``, ``("negative", tree)``, ``("shift", places, tree)``, ``("cast", type, tree)``,
``("choose", condition, tree, tree)`` and ``("product", tree, tree)``; sums and comparisons are
``(operator, tree, tree)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lark import Lark
from lark.exceptions import LarkError

from l1forge.emulator.errors import InputError

Tree = tuple[Any, ...]

_PARSER = Lark(
    r"""
    ?start: choice
    ?choice: compare | compare "?" choice ":" choice -> choose
    ?compare: sum | sum COMPARISON sum -> binary
    ?sum: product | sum /[+-]/ product -> binary
    ?product: unary | product "*" unary -> product
    ?unary: atom | "-" unary -> negative
    ?atom: NUMBER -> number
         | "bit_shift" "<" PLACES ">" "(" choice ")" -> shift
         | TYPE "(" choice ")" -> cast
         | NAME "[" choice "]" -> index
         | NAME ".range()" -> range
         | NAME -> name
         | "(" choice ")"
    COMPARISON: "==" | "!=" | "<=" | ">=" | "<" | ">"
    TYPE.2: /ap_u?(fixed|int)<[^>]*>/
    NAME: /[A-Za-z_]\w*/
    PLACES: /-?\d+/
    NUMBER: /(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/
    %ignore /\s+/
    """,
    parser="lalr",
)


def _tuples(node: Any) -> Tree:
    """Parse tree to nested tuples."""
    parts = node.children
    match node.data:
        case "number" | "name":
            return (node.data, str(parts[0]))
        case "index":
            return ("index", str(parts[0]), _tuples(parts[1]))
        case "range":
            return ("range", ("name", str(parts[0])))
        case "shift":
            return ("shift", int(parts[0]), _tuples(parts[1]))
        case "cast":
            return ("cast", str(parts[0]), _tuples(parts[1]))
        case "binary":
            return (str(parts[1]), _tuples(parts[0]), _tuples(parts[2]))
        case other:
            return (other, *(_tuples(part) for part in parts))


def expression(text: str, where: str) -> Tree:
    """The tree of one expression.

    Raises
    ------
    InputError
        If it uses an operation that is not listed above (bit operations, calls of other functions).
    """
    try:
        return _tuples(_PARSER.parse(text))
    except LarkError as error:
        raise InputError(
            "operation of generated logic is not understood",
            field=where,
            value=text,
            remedy="use Strategy: Latency for this layer",
        ) from error


@dataclass(frozen=True)
class Statement:
    """``kind name = tree;`` or, with an empty ``kind``, ``model_out[name] = tree;``."""

    kind: str
    name: str
    tree: Tree


_DEFINE = re.compile(r"(ap_u?(?:fixed|int)<[^>]*>)\s+(\w+)\s*=\s*(.+)", flags=re.S)
_OUTPUT = re.compile(r"model_out\[(\d+)\]\s*=\s*(.+)", flags=re.S)
_TABLE = re.compile(r"static const (ap_u?(?:fixed|int)<[^>]*>)\s+(\w+)\s*\[\]\s*=\s*\{([^}]*)\}", flags=re.S)


def split_body(body: str, where: str) -> tuple[list[Statement], dict[str, tuple[str, list[str]]]]:
    """The statements of a function body in order, and its tables: name to (type, entries as text)."""
    text = re.sub(r"//[^\n]*|^\s*#[^\n]*", "", body, flags=re.M)
    statements, tables = [], {}
    for raw in text.split(";"):
        words = " ".join(raw.split())
        if not words:
            continue
        if match := _TABLE.fullmatch(words):
            tables[match.group(2)] = (match.group(1), match.group(3).replace(" ", "").split(","))
        elif match := _DEFINE.fullmatch(words):
            statements.append(Statement(match.group(1), match.group(2), expression(match.group(3), where)))
        elif match := _OUTPUT.fullmatch(words):
            statements.append(Statement("", match.group(1), expression(match.group(2), where)))
        else:
            raise InputError("statement of generated logic is not understood", field=where, value=words)
    return statements, tables
