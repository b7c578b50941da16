"""Constants and tables that the headers of a package define: offsets, shifts, norms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from l1forge.firmware.hls.package.files import Text
from l1forge.firmware.hls.package.syntax import Declaration, Parser, tokenize
from l1forge.firmware.hls.package.values import INT, Known
from l1forge.firmware.hls.project.expressions import evaluate
from l1forge.firmware.hls.project.source import Source


class Tables:
    """Looks names up in the texts of a package; ``declare`` makes a value of a declaration."""

    def __init__(self, source: Source, texts: Iterable[Text], types: set[str]) -> None:
        self.source, self.texts, self.types = source, list(texts), types
        self.declare: Callable[[Declaration], Any] | None = None
        self._found: dict[str, Any] = {}

    def find(self, name: str) -> Any:
        """The value or array of a name, or None."""
        if name not in self._found:
            self._found[name] = self._number(name) if name in self.source.numbers else self._search(name)
        return self._found[name]

    def _number(self, name: str) -> Known:
        def lookup(other: str) -> int | float | str:
            other = other.split("::")[-1]
            return (
                evaluate(self.source.numbers[other], lookup, other) if other in self.source.numbers else other
            )

        value = lookup(name)
        if isinstance(value, str):
            raise self.source.error("constant is not understood", name, value)
        return Known((Fraction(value),), INT)

    def _search(self, name: str) -> Any:
        pattern = re.compile(
            rf"(?:^|[;{{}}])([^;{{}}#]*?\b{re.escape(name)}\s*(?:\[[^\];]*\]\s*)*(?:=|(?=\{{)))", re.M
        )
        for text in self.texts:
            body = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", "", text.text, flags=re.M)
            for match in pattern.finditer(body):
                declared = self._declaration(body[match.start(1) :], text.path, name)
                if declared is not None and self.declare is not None:
                    return self.declare(declared)
        return None

    def _declaration(self, text: str, file: Path, name: str) -> Declaration | None:
        end, depth = len(text), 0
        for place, character in enumerate(text):
            depth += (character == "{") - (character == "}")
            if character == ";" and depth == 0:
                end = place + 1
                break
        parser = Parser(tokenize(text[:end]), file, set(self.types))
        found = parser.declaration() or ()
        return next((d for d in found if isinstance(d, Declaration) and d.name == name), None)
