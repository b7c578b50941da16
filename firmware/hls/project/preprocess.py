"""What a compiler sees of a C++ file: no comments, and of conditional blocks only what is compiled.

Lines keep their numbers. Macros are not expanded; ``#define`` and ``#undef`` of compiled lines are recorded.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from l1forge.emulator.errors import InputError

_SKIPPED = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\\n])*")|(?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+')"""
    r"""|(?P<block>/\*.*?(?:\*/|\Z))|(?P<line>//(?:\\\n|[^\n])*)""",
    flags=re.S,
)
_DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)", flags=re.S)


@dataclass
class Macros:
    """What is defined while the files of a project are read, and what was left out because nothing was.

    ``values`` begins with what the build defines (``g++ -DNAME=VALUE``); ``left_out`` collects, by the name
    of a macro that nothing defines, the places of the blocks that were not read for that reason.
    """

    values: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """One sentence for each macro that nothing defines and whose blocks were not read."""
        return [
            f"{name} is not defined: {', '.join(places[:3])} not read (--define {name} if the build sets it)"
            for name, places in self.left_out.items()
        ]


SYNTHESIS = "__SYNTHESIS__"
"""Defined by the vendor's HLS compiler, not by g++: known to be what it is, so no word is lost about it."""


def without_comments(text: str, keep_line_comments: bool = False) -> str:
    """``text`` with comments blanked; newlines stay."""

    def blank(match: re.Match[str]) -> str:
        if match.group("string") or match.group("char"):
            return match.group()
        if match.group("line") and keep_line_comments and "\n" not in match.group():
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return _SKIPPED.sub(blank, text)


def preprocess(text: str, file: Path, macros: Macros, keep_line_comments: bool = False) -> str:
    """The lines of ``text`` that are compiled; other blocks, and the conditions themselves, are left empty.

    ``keep_line_comments`` leaves ``// ...`` of compiled lines where they are (hls4ml names layers in them).

    Raises
    ------
    InputError
        If a condition cannot be evaluated, or blocks do not end.
    """
    clean = without_comments(text).split("\n")
    shown = without_comments(text, keep_line_comments).split("\n")
    # for each open block: whether the enclosing code is compiled, a branch was taken, this one is compiled
    blocks: list[tuple[bool, bool, bool]] = []
    undecided: list[str] = []
    result = []
    number = 0
    while number < len(clean):
        first, line = number, clean[number]
        while line.rstrip().endswith("\\") and number + 1 < len(clean):
            number += 1
            line = line.rstrip()[:-1] + " " + clean[number]
        number += 1
        lines = number - first
        compiled = all(block[2] for block in blocks)
        match = _DIRECTIVE.fullmatch(line)
        word = match.group(1) if match else ""
        if word in _BLOCKS:
            assert match is not None
            place = f"{file.name}:{first + 1}"
            blocks, undecided = _block(word, match.group(2).strip(), blocks, file, place, macros)
            result += [""] * lines
            continue
        if not compiled:
            if line.strip():
                for name in undecided:
                    macros.left_out.setdefault(name, []).append(f"{file.name}:{first + 1}")
                undecided = []
            result += [""] * lines
            continue
        if word == "define" and match is not None and (parts := re.match(r"(\w+)(.*)", match.group(2), re.S)):
            macros.values[parts.group(1)] = parts.group(2).strip()
        elif word == "undef" and match is not None:
            macros.values.pop(match.group(2).strip(), None)
        result += shown[first:number]
    if blocks:
        raise InputError("a conditional block does not end", file=file, remedy="add the missing #endif")
    return "\n".join(result)


_BLOCKS = ("if", "ifdef", "ifndef", "elif", "else", "endif")


def _block(
    word: str,
    condition: str,
    blocks: list[tuple[bool, bool, bool]],
    file: Path,
    place: str,
    macros: Macros,
) -> tuple[list[tuple[bool, bool, bool]], list[str]]:
    """The open blocks behind a directive, and the macros in its condition that nothing defines."""
    if word in ("if", "ifdef", "ifndef"):
        around = all(block[2] for block in blocks)
        true, unknown = _condition(word, condition, place, file, macros) if around else (False, [])
        return [*blocks, (around, true, around and true)], unknown
    if not blocks:
        raise InputError(f"#{word} without #if", file=file, field=place)
    around, taken, _ = blocks[-1]
    if word == "endif":
        return blocks[:-1], []
    if word == "else":
        return [*blocks[:-1], (around, True, around and not taken)], []
    true, unknown = _condition("if", condition, place, file, macros) if around and not taken else (False, [])
    return [*blocks[:-1], (around, taken or true, around and not taken and true)], unknown


def _condition(word: str, text: str, place: str, file: Path, macros: Macros) -> tuple[bool, list[str]]:
    """Whether the block is compiled, and the macros in the condition that nothing defines."""
    names = [n for n in re.findall(r"[A-Za-z_]\w*", text) if n != "defined" and n != SYNTHESIS]
    unknown = [] if word == "ifndef" else [name for name in names if name not in macros.values]
    if word in ("ifdef", "ifndef"):
        name = re.match(r"\w+", text)
        if name is None:
            raise InputError(f"#{word} names no macro", file=file, field=place, value=text)
        return (name.group() in macros.values) == (word == "ifdef"), unknown
    try:
        return bool(_evaluate(text, macros.values, 0)), unknown
    except (SyntaxError, ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise InputError(
            "condition cannot be evaluated",
            file=file,
            field=place,
            value=f"#{word} {text}",
            remedy="use integers, defined(NAME), ! && || and comparisons",
        ) from error


_OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _evaluate(text: str, values: Mapping[str, str], depth: int) -> int:
    """A preprocessor's integer expression; names that nothing defines are zero, as in C++."""
    if depth > 20 or len(text) > 1000:
        raise ValueError("too deep")

    def defined(match: re.Match[str]) -> str:
        return str(int(match.group(1) in values))

    text = re.sub(r"\bdefined\s*\(?\s*(\w+)\s*\)?", defined, text)
    if re.search(r"\w\s*\(", re.sub(r"\b(and|or|not)\b", "", text)):
        raise ValueError("macro with arguments")
    text = re.sub(r"(?<=[0-9a-fA-F])[uUlL]+\b", "", text)
    text = text.replace("&&", " and ").replace("||", " or ").replace("/", "//")
    text = re.sub(r"!(?!=)", " not ", text)
    return _walk(ast.parse(text.strip(), mode="eval").body, values, depth)


def _walk(node: ast.expr, values: Mapping[str, str], depth: int) -> int:
    def walk(inner: ast.expr) -> int:
        return _walk(inner, values, depth)

    match node:
        case ast.Constant(value=bool()) | ast.Constant(value=int()):
            return int(node.value)  # type: ignore[arg-type]
        case ast.Name(id="true"):
            return 1
        case ast.Name(id=name):
            return _evaluate(values[name], values, depth + 1) if values.get(name, "") else 0
        case ast.BoolOp(op=ast.And(), values=parts):
            return int(all(walk(part) for part in parts))
        case ast.BoolOp(values=parts):
            return int(any(walk(part) for part in parts))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return int(not walk(operand))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -walk(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return int(_OPERATORS[type(op)](walk(left), walk(right)))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return int(_OPERATORS[type(op)](walk(left), walk(right)))
    raise ValueError("not an integer expression")


def parse_defines(given: list[str]) -> dict[str, str]:
    """``NAME`` and ``NAME=VALUE`` as ``g++ -D`` takes them; a name alone is 1.

    Raises
    ------
    InputError
        If a name is none, or is given twice.
    """
    defines: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not re.fullmatch(r"[A-Za-z_]\w*", name) or name in defines:
            problem = "is given twice" if name in defines else "names no macro"
            raise InputError(
                problem, field="--define", value=text, remedy="write NAME or NAME=VALUE, once for each"
            )
        defines[name] = value.strip() if equals else "1"
    return defines
