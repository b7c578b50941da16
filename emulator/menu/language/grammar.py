"""The CMS trigger-menu grammar (tmGrammar), parsed with lark into a small syntax tree.

    MU22[MU-QLTY_SNGL]                                  one object, threshold 22 GeV, cuts in brackets
    comb{MU15[MU-QLTY_SNGL],MU5[MU-QLTY_SNGL]}          distinct objects
    dist{JET40+1,JET40}[DETA_MAX_1p6] AND NOT EXT_X-1   functions with cuts, other crossings, externals
    SCORE(vae) >= 1234 OR muon_pt.pt >= 22.5            model scores (an addition of l1forge)

NOT binds tighter than AND, AND than XOR, XOR than OR. A decimal point in a threshold is written ``p``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Unpack

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF

from l1forge.emulator.errors import Details, InputError
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES, SIGNALS

FUNCTIONS = (
    "comb",
    "comb_orm",
    "dist",
    "dist_orm",
    "mass",
    "mass_inv",
    "mass_inv_upt",
    "mass_inv_dr",
    "mass_inv_3",
    "mass_inv_orm",
    "mass_trans",
    "mass_trv",
    "mass_trans_orm",
    "mass_trv_orm",
)

_THRESHOLD_TYPES = (*OBJECTS, *(name for name in QUANTITIES if name not in OBJECTS and name != "cicada"))
LONGEST_OFFSET = 4
"""Digits of a crossing offset that are read; two crossings are the most that can be reached."""
_NETWORKS = ("ADT", "AXO", "TOPO", "CICADA")


def _longest_first(names: tuple[str, ...]) -> str:
    return "|".join(sorted((name.upper() for name in names), key=len, reverse=True))


GRAMMAR = rf"""
?start: or_expr
?or_expr: xor_expr ("OR" xor_expr)*
?xor_expr: and_expr ("XOR" and_expr)*
?and_expr: not_expr ("AND" not_expr)*
?not_expr: "NOT" not_expr -> negation
         | atom
?atom: "(" or_expr ")" | object | function | score
object: OBJECT [cuts]
function: FUNCTION "{{" object ("," object)* "}}" [cuts]
cuts: "[" CUT ("," CUT)* "]"
score: "SCORE" "(" MODEL ")" COMPARISON NUMBER -> score
     | OUTPUT COMPARISON NUMBER -> output
OBJECT.3: /EXT_[A-Za-z0-9_.]+([+-][0-9]+)?/
        | /({_longest_first(tuple(SIGNALS))})(?![0-9])([+-][0-9]+)?/
        | /({"|".join(_NETWORKS)})([+-][0-9]+)?(?=\s*(\[|$|\)|,|[A-Z]))/
        | /({_longest_first(_THRESHOLD_TYPES)})(\.(ge|eq)\.)?[0-9]+(p[0-9]+)?([+-][0-9]+)?/
FUNCTION.2: /({"|".join(sorted(FUNCTIONS, key=len, reverse=True))})(?=\s*\{{)/
CUT.1: /[A-Za-z][A-Za-z0-9_.+-]*/
MODEL: /[A-Za-z_][A-Za-z0-9_-]*/
OUTPUT: /[a-z_][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_]*/
COMPARISON: ">=" | "<=" | ">" | "<" | "=="
NUMBER: /[+-]?[0-9]{{1,40}}(\.[0-9]{{0,40}})?([eE][+-]?[0-9]{{1,2}})?(?![0-9])/
%import common.WS
%ignore WS
"""


@dataclass(frozen=True)
class SeedNode:
    """``column`` counts from 1 within the seed."""

    column: int


@dataclass(frozen=True)
class ObjectNode(SeedNode):
    """``name`` is the type in upper case (or EXT_.., MUS0, AXO); ``threshold`` as text, '' if it has none."""

    text: str
    name: str
    threshold: str
    equal: bool
    bx: int
    cuts: tuple[str, ...]


@dataclass(frozen=True)
class FunctionNode(SeedNode):
    """A function of objects with its cuts."""

    name: str
    objects: tuple[ObjectNode, ...]
    cuts: tuple[str, ...]


@dataclass(frozen=True)
class ScoreNode(SeedNode):
    """``score`` is a model, or model.output; ``value`` the literal as written."""

    score: str
    comparison: str
    value: str


@dataclass(frozen=True)
class OperatorNode(SeedNode):
    """AND, OR, XOR or NOT of its operands."""

    operator: str
    operands: tuple[Any, ...]


Tree = ObjectNode | FunctionNode | ScoreNode | OperatorNode


def _split_object(token: Token, cuts: tuple[str, ...]) -> ObjectNode:
    text = body = str(token)
    bx = 0
    for sign in "+-":
        head, separator, tail = body.rpartition(sign)
        if separator and tail.isdigit():
            tail = tail.lstrip("0")[:LONGEST_OFFSET] or "0"  # still out of reach if it was
            body, bx = head, int(sign + tail)
            break
    column = token.column or 1
    if body.startswith("EXT_") or body.lower() in SIGNALS or body in _NETWORKS:
        return ObjectNode(column, text, body, "", False, bx, cuts)
    name = next(
        name.upper()
        for name in sorted(_THRESHOLD_TYPES, key=len, reverse=True)
        if body.startswith(name.upper()) and (body[len(name)].isdigit() or body[len(name)] == ".")
    )
    rest = body[len(name) :]
    equal = rest.startswith(".eq.")
    threshold = rest.removeprefix(".eq.").removeprefix(".ge.").replace("p", ".")
    return ObjectNode(column, text, name, threshold, equal, bx, cuts)


@v_args(inline=True)
class _ToTree(Transformer[Token, Any]):  # type: ignore[misc]
    def cuts(self, *names: Token) -> tuple[str, ...]:
        return tuple(str(name) for name in names)

    def object(self, token: Token, cuts: tuple[str, ...] | None = None) -> ObjectNode:
        return _split_object(token, cuts or ())

    def function(self, name: Token, *rest: ObjectNode | tuple[str, ...]) -> FunctionNode:
        objects = tuple(item for item in rest if isinstance(item, ObjectNode))
        cuts = rest[-1] if isinstance(rest[-1], tuple) else ()
        return FunctionNode(name.column or 1, str(name), objects, cuts)

    def score(self, model: Token, comparison: Token, value: Token) -> ScoreNode:
        return ScoreNode(model.column or 1, str(model), str(comparison), str(value))

    output = score

    def negation(self, operand: Tree) -> OperatorNode:
        return OperatorNode(operand.column, "not", (operand,))

    def and_expr(self, *operands: Tree) -> OperatorNode:
        return OperatorNode(operands[0].column, "and", operands)

    def xor_expr(self, *operands: Tree) -> OperatorNode:
        return OperatorNode(operands[0].column, "xor", operands)

    def or_expr(self, *operands: Tree) -> OperatorNode:
        return OperatorNode(operands[0].column, "or", operands)


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


@dataclass(frozen=True)
class Place:
    """Where a seed is written: column of its first character."""

    file: str
    line: int
    column: int
    seed: str

    def error(self, problem: str, column: int = 1, **details: Unpack[Details]) -> InputError:
        """An InputError at a column of the seed."""
        where = f"{self.file}:{self.line}:{self.column + column - 1}"
        return InputError(problem, file=where, field=self.seed, **details)


def parse_seed(text: str, place: Place) -> Tree:
    """Parse one seed expression.

    Raises
    ------
    InputError
        With file, line and column of the first character that does not fit, and what would fit.
    """
    try:
        tree: Tree = _ToTree().transform(_parser().parse(text))
    except UnexpectedInput as error:
        column = error.column if error.column and error.column > 0 else len(text) + 1
        rest = text[column - 1 :]
        if isinstance(error, UnexpectedEOF) or not rest:
            raise place.error("the seed ends too early", column, value=text) from error
        word = rest.split()[0] if rest.split() else rest
        if isinstance(error, UnexpectedCharacters):
            problem, remedy = "unknown object, function or symbol", "see the grammar in docs/menu.md"
        else:
            expected = sorted(getattr(error, "accepts", None) or getattr(error, "expected", None) or ())
            problem, remedy = "unexpected symbol", f"expected one of {', '.join(expected)}"
        raise place.error(problem, column, value=word, remedy=remedy) from error
    return tree
