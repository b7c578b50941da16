"""A small XML reader that remembers where every element stands, for error messages."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Unpack
from xml.parsers import expat

from l1forge.emulator.errors import Details, InputError

LONGEST = 18
"""Characters of the longest integer that is read; a longer one fits no field and no message."""


class Element:
    """``text`` is stripped; ``line`` and ``column`` (from 1) are those of the start tag."""

    __slots__ = ("attributes", "children", "column", "file", "line", "tag", "text")

    def __init__(self, tag: str, file: str, line: int, column: int) -> None:
        self.tag, self.file, self.line, self.column = tag, file, line, column
        self.text = ""
        self.children: list[Element] = []
        self.attributes: dict[str, str] = {}

    @property
    def where(self) -> str:
        """Line and column."""
        return f"{self.line}:{self.column}"

    def error(self, problem: str, **details: Unpack[Details]) -> InputError:
        """An InputError at this element."""
        return InputError(problem, file=f"{self.file}:{self.line}:{self.column}", field=self.tag, **details)

    def all(self, tag: str) -> list[Element]:
        """Direct children of this tag."""
        return [child for child in self.children if child.tag == tag]

    def find(self, tag: str) -> Element:
        """The child of this tag; InputError if there is none, or a second one that says something else."""
        found = self.all(tag)
        if not found:
            raise self.error(f"element <{tag}> is missing")
        for other in found[1:]:
            if other.children or found[0].children or other.text != found[0].text:
                raise other.error(f"there is another <{tag}> in line {found[0].where}", remedy="keep one")
        return found[0]

    def text_of(self, tag: str, default: str | None = None) -> str:
        """Text of the child of this tag; ``default`` if there is none."""
        if default is not None and not self.all(tag):
            return default
        return self.find(tag).text

    def number(self, tag: str) -> float:
        """The child's text as a finite number."""
        child = self.find(tag)
        try:
            value = float(child.text)
        except ValueError as error:
            raise child.error("not a number", value=child.text) from error
        if not math.isfinite(value):
            raise child.error("not a finite number", value=child.text)
        return value

    def integer(self, tag: str) -> int:
        """The child's text as an integer of at most ``LONGEST`` characters."""
        child = self.find(tag)
        text = child.text
        if len(text) > LONGEST:
            shown = f"{text[:LONGEST]}… ({len(text)} characters)"
            raise child.error("not an integer that a menu could hold", value=shown)
        try:
            return int(text)
        except ValueError as error:
            raise child.error("not an integer", value=text) from error


def read_xml(path: str | Path) -> Element:
    """The document's root element, namespaces removed.

    Raises
    ------
    InputError
        If the file is not well-formed (with line and column) or declares a document type: menus have
        none, and entity definitions can be made to fill the memory.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    root = Element("", str(path), 0, 0)
    stack = [root]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(
            tag.rpartition(":")[2], str(path), parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        )
        element.attributes = attributes
        stack[-1].children.append(element)
        stack.append(element)

    def end(_tag: str) -> None:
        element = stack.pop()
        element.text = element.text.strip()

    def data(text: str) -> None:
        stack[-1].text += text

    def doctype(*_arguments: object) -> None:
        where = f"{path}:{parser.CurrentLineNumber}:{parser.CurrentColumnNumber + 1}"
        raise InputError("document type declarations are not accepted", file=where)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, doctype
    try:
        with open(path, "rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        problem = expat.ErrorString(error.code)
        where = f"{path}:{error.lineno}:{error.offset + 1}"
        raise InputError(f"malformed XML: {problem}", file=where) from error
    except InputError:
        raise
    except (LookupError, ValueError) as error:  # expat asks Python for encodings that it does not have
        remedy = "encode the file, and declare it, as UTF-8"
        where = f"{path}:{parser.CurrentLineNumber}"
        raise InputError(f"unusable encoding: {error}", file=where, remedy=remedy) from error
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", file=path) from error
    return root.children[0]
