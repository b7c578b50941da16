"""Menus as the integer limits of the deployed firmware: JSON lists of conditions and of boolean expressions.

The file is what the experiment's firmware holds: hardware codes for thresholds and windows, eta in two's
complement, limits of pairs in the digits of the look-up tables. It becomes a compiled menu without any
scale. It does not say who judges; the software emulator does if nobody asks for another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.menu.compiled import CompiledMenu, validated
from l1forge.emulator.menu.language.scores import NETWORK_TYPES
from l1forge.emulator.menu.language.xml_menu import overlap_rule
from l1forge.emulator.menu.quantities import OBJECTS

Table = Mapping[str, object]
KEYS = ("algorithms", "conditions", "menu")
MEASURES = {"deta": "deta", "dphi": "dphi", "dr": "dr2", "tbpt": "pt2"}
MASSES = {
    "inv": "mass",
    "trans": "mass_transverse",
    "upt": "mass_upt",
    "inv_upt": "mass_upt",
    "inv_div_dr": "mass_over_dr",
}
OBJECT_KEYS = {
    "pt": "threshold",
    "eta": "eta",
    "phi": "phi",
    "idx": "index",
    "iso": "iso",
    "qual": "qual",
    "ip": "ip",
    "slice": "slots",
}
OPERATORS = ("or", "xor", "and", "not")
"""From the loosest to the tightest."""
WORD = re.compile(r"\s*([()]|[^\s()]+)")


def is_firmware_menu(document: object) -> TypeGuard[Table]:
    """Is it such a file? A compiled menu says its format."""
    return isinstance(document, dict) and "format" not in document and all(key in document for key in KEYS)


def read_firmware_menu(document: Table, path: str | Path) -> CompiledMenu:
    """The menu of a document.

    Raises
    ------
    InputError
        Naming the condition or algorithm that cannot be used.
    """
    head, conditions, algorithms = _table(document["menu"], "menu", path), {}, []
    name = str(head.get("name", Path(path).stem))
    for key, value in _table(document["conditions"], "conditions", path).items():
        conditions[key] = _guarded(_condition, value, f"conditions.{key}", path)
    rows = document["algorithms"]
    if not isinstance(rows, list):
        raise InputError("a list is expected here", file=path, field="algorithms")
    for place, row in enumerate(rows):
        algorithms.append(_guarded(_algorithm, row, f"algorithms[{place}]", path))
    scores = {c["score"]: str(NETWORK_TYPES["AXO"]) for c in conditions.values() if c["kind"] == "score"}
    notes = ["limits of deployed firmware: judged as the software emulator does, where they differ"]
    menu = {"name": name, "overlap": overlap_rule(name), "conditions": conditions, "algorithms": algorithms}
    return validated({**menu, "score_types": scores, "notes": notes}, path)


def _table(value: object, field: str, path: str | Path) -> Table:
    if not isinstance(value, dict):
        raise InputError("a mapping (name: value) is expected here", file=path, field=field)
    return value


def _guarded(
    read: Callable[[Table], dict[str, object]], value: object, field: str, path: str | Path
) -> dict[str, object]:
    """What ``read`` makes of a table; what is missing or of another kind is said with its place."""
    try:
        return read(_table(value, field, path))
    except KeyError as error:
        raise InputError(f"lacks or does not know {error.args[0]!r}", file=path, field=field) from error
    except InputError:
        raise
    except RecursionError as error:
        raise InputError("an expression is nested too deeply", file=path, field=field) from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"cannot be read: {error}", file=path, field=field) from error


def _condition(row: Table) -> dict[str, object]:
    match row["kind"]:
        case "comb":
            made: dict[str, object] = {"kind": "combination", "legs": _legs(row)}
        case "comb_orm":
            made = {"kind": "combination", "legs": _legs(row), "overlap": _overlap(row, row["orm_object"])}
        case "corr":
            made = {"kind": "correlation", "legs": _legs(row), "limits": _limits(row)}
        case "corr_orm":
            first, second, *third = _legs(row)
            made = {"kind": "correlation", "legs": [first, second], "limits": _limits(row)}
            made["overlap"] = {"limits": _measured(row, "orm"), "object": third[0] if third else None}
        case "mass3":
            limits = [{**limit, "measure": "mass3"} for limit in _limits(row)]
            made = {"kind": "triple", "legs": _legs(row), "limits": limits}
        case "esum":
            made = {"kind": "value", "quantity": row["type"], "bx": row["bx"], "threshold": row["et"]}
            made |= {"phi": row["phi"]} if "phi" in row else {}
        case "count":
            made = {"kind": "value", "quantity": row["type"], "bx": row["bx"], "threshold": row["count"]}
        case "signal":
            made = {"kind": "signal", "signal": row["type"], "bx": row["bx"]}
        case "ext":
            made = {"kind": "external", "index": row["index"], "bx": row["bx"]}
        case "ml":
            made = {"kind": "score", "score": _model(str(row["model"])), "lower": _list(row["generics"])[-1]}
        case other:
            raise ValueError(f"unknown kind {other!r}")
    return made | ({"charge": row["charge_corr"]} if "charge_corr" in row else {})


def _model(name: str) -> str:
    """The network's name as menus in XML have it: ``axol1tl_v3`` is their ``axo_v3``."""
    return re.sub("^axol1tl_", "axo_", name)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"a list is expected, not {value!r}")
    return value


def _legs(row: Table) -> list[dict[str, object]]:
    return [_object(leg) for leg in _list(row["objects"])]


def _object(row: object) -> dict[str, object]:
    if not isinstance(row, dict):
        raise TypeError(f"an object is expected, not {row!r}")
    kind = OBJECTS[str(row["type"])]
    made: dict[str, object] = {"type": row["type"], "bx": row["bx"]}
    for key, value in row.items():
        if key in OBJECT_KEYS:
            made[OBJECT_KEYS[key]] = value
        elif key == "upt":
            made["upt"] = [value]
        elif key == "disp":
            made["displaced"] = int(value)
        elif key == "charge":
            made["charge"] = {"pos": "positive", "neg": "negative"}.get(str(value), value)
        elif key not in ("type", "bx"):
            raise KeyError(key)
    if "eta" in made:
        width = COLLECTIONS[kind.collection]["eta"].width
        windows = [_list(window) for window in _list(made["eta"])]
        made["eta"] = [[_signed(end, width) for end in window] for window in windows]
    return made


def _signed(code: object, width: int) -> int:
    """A code in two's complement of ``width`` bits as a number."""
    if not isinstance(code, int) or not 0 <= code < 1 << width:
        raise ValueError(f"{code!r} is no code of {width} bits")
    return code - (1 << width) if code >> (width - 1) else code


def _limits(row: Table) -> list[dict[str, object]]:
    return _measured(row, "cuts")


def _measured(row: Table, key: str) -> list[dict[str, object]]:
    found = []
    limits = row[key]
    if not isinstance(limits, dict):
        raise TypeError(f"limits are expected, not {limits!r}")
    for name, ends in limits.items():
        measure = MASSES[str(row["mass_type"])] if name == "mass" else MEASURES[name]
        lower, upper = _list(ends)
        above = measure in ("mass_over_dr", "pt2")  # the firmware has a lower limit only
        found.append({"measure": measure, "lower": lower, "upper": None if above else upper})
    return found


def _overlap(row: Table, reference: object) -> dict[str, object]:
    return {"limits": _measured(row, "orm"), "object": _object(reference)}


def _algorithm(row: Table) -> dict[str, object]:
    words = WORD.findall(str(row["expr"]))
    expression = _expression(iter([*words, ""]))
    return {
        "index": row["index"],
        "name": row["name"],
        "expression": expression,
        "grammar": str(row.get("grammar", "")),
    }


def _expression(words: Iterator[str]) -> object:
    """A whole expression: conditions joined by ``not``, ``and``, ``xor``, ``or`` and parentheses."""
    reader = _Words(words)
    made = reader.joined(0)
    if reader.word:
        raise ValueError(f"unexpected {reader.word!r}")
    return made


class _Words:
    def __init__(self, words: Iterator[str]) -> None:
        self.words = words
        self.word = next(words)

    def take(self) -> str:
        word, self.word = self.word, next(self.words, "")
        return word

    def joined(self, level: int) -> object:
        """Operands joined by the operator of ``level`` or a tighter one."""
        operator = OPERATORS[level]
        if operator == "not":
            return self.operand()
        operands = [self.joined(level + 1)]
        while self.word == operator:
            self.take()
            operands.append(self.joined(level + 1))
        return [operator, *operands] if len(operands) > 1 else operands[0]

    def operand(self) -> object:
        word = self.take()
        if word == "not":
            return ["not", self.operand()]
        if word == "(":
            made = self.joined(0)
            if self.take() != ")":
                raise ValueError("a parenthesis is not closed")
            return made
        if not word or word in (*OPERATORS, ")"):
            raise ValueError(f"a condition is expected, not {word!r}")
        return word
