"""YAML as plain values that remember where they stand, for error messages with line and column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import yaml

from l1forge.emulator.errors import Details, InputError

MOST_VALUES = 100_000
"""Values of a file once its aliases are written out; a menu of 512 seeds has some 2,000. Nine levels of nine
aliases would be 387 million."""


@dataclass(frozen=True)
class Item:
    """A scalar, a list of Items, or a dictionary from string to Item, at a line and column (from 1)."""

    value: Any
    file: str
    line: int
    column: int
    field: str

    def error(self, problem: str, **details: Unpack[Details]) -> InputError:
        """An InputError at this place."""
        where = f"{self.file}:{self.line}:{self.column}"
        return InputError(problem, file=where, field=self.field or None, **details)

    def mapping(self, allowed: tuple[str, ...] = ()) -> dict[str, Item]:
        """The value as a dictionary; keys outside ``allowed`` (if given) are refused."""
        if not isinstance(self.value, dict):
            raise self.error("a mapping (name: value) is expected here", value=self.value)
        for key, item in self.value.items():
            if allowed and key not in allowed:
                raise item.error("unknown key", value=key, remedy=f"known: {', '.join(allowed)}")
        return self.value

    def items(self) -> list[Item]:
        """The value as a list."""
        if not isinstance(self.value, list):
            raise self.error("a list is expected here", value=self.value)
        return self.value

    def text(self) -> str:
        """The value as a string."""
        if not isinstance(self.value, str):
            raise self.error("a text is expected here", value=self.plain())
        return self.value

    def number(self) -> float:
        """The value as a number; YAML takes 1e3 for a text."""
        if isinstance(self.value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", self.value):
            return float(self.value)
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.error("a number is expected here", value=self.plain())
        return self.value

    def integer(self) -> int:
        """The value as an integer."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.error("an integer is expected here", value=self.plain())
        return self.value

    def flag(self) -> bool:
        """The value as true or false."""
        if not isinstance(self.value, bool):
            raise self.error("true or false is expected here", value=self.plain())
        return self.value

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def read_yaml(path: str | Path) -> Item:
    """The document of a YAML file.

    Raises
    ------
    InputError
        If it cannot be read, is not YAML, or has a key twice; with line and column.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read: {error}", file=path) from error
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:  # a control character
        where = f"{path}:{text.count(chr(10), 0, error.position) + 1}"
        raise InputError(f"malformed YAML: {error.reason}", file=where) from error
    try:
        node = loader.get_single_node()
        if node is None:
            raise InputError("the file is empty", file=path)
        return _convert(node, loader, str(path), "", _Count())
    except RecursionError as error:
        raise InputError("malformed YAML: nested too deeply", file=path) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError(f"malformed YAML: {error.problem}", file=where) from error
    except yaml.YAMLError as error:
        raise InputError(f"malformed YAML: {error}", file=path) from error
    finally:
        loader.dispose()


class _Count:
    """Values made so far."""

    def __init__(self) -> None:
        self.values = 0


def _convert(node: yaml.Node, loader: yaml.SafeLoader, file: str, field: str, count: _Count) -> Item:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    count.values += 1
    if count.values > MOST_VALUES:
        remedy = "aliases (*name) are written out: refer to fewer or smaller ones"
        problem = f"more than {MOST_VALUES:,} values"
        raise InputError(problem, file=f"{file}:{line}:{column}", remedy=remedy)
    if isinstance(node, yaml.MappingNode):
        table: dict[str, Item] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):  # as a text it could be of any length
                where = f"{file}:{key_node.start_mark.line + 1}:{key_node.start_mark.column + 1}"
                raise InputError("a list or mapping cannot be a key", file=where, field=field or None)
            key = str(loader.construct_object(key_node))
            if key in table:
                where = f"{file}:{key_node.start_mark.line + 1}:{key_node.start_mark.column + 1}"
                raise InputError("the key is there twice", file=where, field=key)
            table[key] = _convert(value_node, loader, file, f"{field}.{key}".lstrip("."), count)
        return Item(table, file, line, column, field)
    if isinstance(node, yaml.SequenceNode):
        rows = [_convert(child, loader, file, f"{field}[{i}]", count) for i, child in enumerate(node.value)]
        return Item(rows, file, line, column, field)
    quoted = node.style in ("'", '"')
    try:
        value = loader.construct_object(node)
    except ValueError as error:  # 2026-99-99 is no date, and Python reads no integer of over 4300 digits
        problem = "a number is too long" if node.value.isdigit() else str(error)
        raise InputError(f"malformed YAML: {problem}", file=f"{file}:{line}:{column}", field=field) from error
    return Item(value, file, line, column + quoted, field)
