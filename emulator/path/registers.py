"""What changes between runs without a new design: the registers of a path, and the file that holds them.

The software path and the Verilog load the same file (docs/path-rtl.md). JSON; every key may be absent and
then keeps what the design has after a reset: prescale 1, every algorithm in the FinOR, no veto, no mask, the
thresholds of the menu, the LHC's trigger rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import Details, InputError
from l1forge.emulator.json_text import parse_json
from l1forge.emulator.lhc import ORBIT, ORBITS_PER_LUMINOSITY_SECTION, TRIGGER_RULES
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.path.prescale import PrescaleSettings, factor
from l1forge.emulator.path.thresholds import Threshold, thresholds_of, with_thresholds
from l1forge.emulator.path.trigger_control import TriggerControl

FORMAT, VERSION = "l1forge-registers", 1
RULES = 4
"""Trigger rules that the design has; each counts up to ``MOST_ACCEPTS`` accepts."""
MOST_ACCEPTS = 4
RULE_BITS = DEAD_BITS = SERVICE_BITS = 16
LIMIT_BITS = 24
ORBIT_BITS = 32
KEYS = (
    *("format", "version", "menu", "prescales", "finor", "veto", "bx_mask", "thresholds"),
    *("rules", "dead_time", "buffer", "orbits_per_section"),
)


@dataclass(frozen=True)
class RegisterValues:
    """Everything that the registers of a path hold.

    ``settings``: prescales and masks. ``thresholds``: condition to integer, where not as in the menu.
    ``rules``: (accepts, crossings). ``dead_time`` in crossings, ``buffer`` (places, crossings to read one
    event).
    """

    settings: PrescaleSettings
    thresholds: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[tuple[int, int], ...] = TRIGGER_RULES
    dead_time: int = 0
    buffer: tuple[int, int] = (0, 0)
    orbits_per_section: int = ORBITS_PER_LUMINOSITY_SECTION

    def menu(self, menu: CompiledMenu) -> CompiledMenu:
        """``menu`` with these thresholds."""
        return with_thresholds(menu, self.thresholds) if self.thresholds else menu

    def control(self, after: TriggerControl | None = None) -> TriggerControl:
        """Trigger control with these rules; ``after`` has the accepts that came before."""
        return TriggerControl(self.rules, self.dead_time, *self.buffer, after=after)


def reset_values(
    menu: CompiledMenu, orbits_per_section: int = ORBITS_PER_LUMINOSITY_SECTION
) -> RegisterValues:
    """What the registers hold after a reset."""
    indices = [algorithm.index for algorithm in menu.algorithms]
    return RegisterValues(PrescaleSettings.default(indices), orbits_per_section=orbits_per_section)


def load_registers(
    path: str | Path, menu: CompiledMenu, reset: RegisterValues | None = None
) -> RegisterValues:
    """Read a register file for ``menu``; what it does not name stays as in ``reset``.

    Raises
    ------
    InputError
        Naming the entry that the menu does not have or the register cannot hold.
    """
    path = Path(path)
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", file=path, remedy="a JSON file of registers expected") from error
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", file=path, field=f"line {error.lineno}") from error
    return _Reader(path, menu, reset or reset_values(menu)).read(document)


class _Reader:
    def __init__(self, path: Path, menu: CompiledMenu, reset: RegisterValues) -> None:
        self.path, self.menu, self.reset = path, menu, reset
        self.indices = {algorithm.name: algorithm.index for algorithm in menu.algorithms}

    def read(self, document: object) -> RegisterValues:
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise self.error("is not a file of registers", remedy=f'"format": "{FORMAT}" expected')
        if document.get("version") != VERSION:
            raise self.error("another version", field="version", value=document.get("version"))
        for key in document:
            if key not in KEYS:
                raise self.error("unknown key", value=key, remedy=f"known: {', '.join(KEYS)}")
        if document.get("menu", self.menu.name) != self.menu.name:
            raise self.error(
                "belongs to another menu",
                field="menu",
                value=document["menu"],
                remedy=f"expected {self.menu.name}",
            )
        return RegisterValues(
            self.settings(document),
            self.thresholds(document),
            self.rules(document),
            self.number(document, "dead_time", self.reset.dead_time, 0, (1 << DEAD_BITS) - 2),
            self.buffer(document),
            self.number(
                document, "orbits_per_section", self.reset.orbits_per_section, 1, (1 << ORBIT_BITS) - 1
            ),
        )

    def error(self, problem: str, *, field: str | None = None, **details: Unpack[Details]) -> InputError:
        return InputError(problem, file=self.path, field=field, **details)

    def number(self, table: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
        value = table.get(key, default)
        return self.whole(value, key, least, most)

    def whole(self, value: object, place: str, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(f"a whole number from {least:,} to {most:,} expected", field=place, value=value)
        return value

    def table(self, document: Mapping[str, Any], key: str) -> dict[str, Any]:
        value = document.get(key, {})
        if not isinstance(value, dict):
            raise self.error("a table (name: value) expected", field=key, value=value)
        return value

    def algorithm(self, name: str, key: str) -> int:
        if name not in self.indices:
            raise self.error("the menu has no such algorithm", field=key, value=name)
        return self.indices[name]

    def settings(self, document: Mapping[str, Any]) -> PrescaleSettings:
        old = self.reset.settings
        settings = PrescaleSettings(old.factors.copy(), old.finor.copy(), old.veto.copy(), old.closed.copy())
        for name, value in self.table(document, "prescales").items():
            index, place = self.algorithm(name, "prescales"), f"prescales.{name}"
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self.error("a number expected", field=place, value=value)
            try:
                settings.factors[index] = factor(value)
            except ValueError as error:
                remedy = "0 (off) or at least 1, two decimals"
                raise self.error(f"prescale {error}", field=place, value=value, remedy=remedy) from error
        for key, flags in (("finor", settings.finor), ("veto", settings.veto)):
            for name, value in self.table(document, key).items():
                if not isinstance(value, bool):
                    raise self.error("true or false expected", field=f"{key}.{name}", value=value)
                flags[self.algorithm(name, key)] = value
        for name, value in self.table(document, "bx_mask").items():
            index = self.algorithm(name, "bx_mask")
            settings.closed[index] = False
            for start, stop in self.spans(value, f"bx_mask.{name}"):
                settings.closed[index, start : stop + 1] = True
        return settings

    def spans(self, value: object, place: str) -> list[tuple[int, int]]:
        """Crossings that are shut, as ``0-68 3443-3563``."""
        if not isinstance(value, str):
            raise self.error("crossings such as 0-68 3443-3563 expected", field=place, value=value)
        found = []
        for span in value.split():
            start, _, stop = span.partition("-")
            ends = start, stop or start
            if not all(end.isascii() and end.isdigit() and len(end) < 5 for end in ends):
                raise self.error(f"crossings below {ORBIT} expected", field=place, value=span)
            first, last = int(ends[0]), int(ends[1])
            if not first <= last < ORBIT:
                raise self.error(f"crossings below {ORBIT} expected", field=place, value=span)
            found.append((first, last))
        return found

    def thresholds(self, document: Mapping[str, Any]) -> dict[str, int]:
        known = thresholds_of(self.menu)
        found = dict(self.reset.thresholds)
        for name, value in self.table(document, "thresholds").items():
            one = self.threshold(name, known)
            found[one.condition] = self.whole(value, f"thresholds.{name}", one.least, one.most)
        return found

    def threshold(self, name: str, known: Sequence[Threshold]) -> Threshold:
        """By the condition's name, or that of a seed that has only one."""
        chosen = [one for one in known if one.condition == name] or [
            one for one in known if name in one.seeds
        ]
        if len(chosen) == 1:
            return chosen[0]
        if chosen:
            names = ", ".join(one.condition for one in chosen)
            raise self.error(
                "the seed has several thresholds", field="thresholds", value=name, remedy=f"name one: {names}"
            )
        raise self.error(
            "no threshold of this name is in a register",
            field="thresholds",
            value=name,
            remedy="single objects, sums and scores have one; the table of registers lists them",
        )

    def rules(self, document: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
        rows = document.get("rules", [list(rule) for rule in self.reset.rules])
        if not isinstance(rows, list) or len(rows) > RULES:
            raise self.error(
                f"at most {RULES} rules [accepts, crossings] expected", field="rules", value=rows
            )
        found = []
        for place, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != 2:
                raise self.error("[accepts, crossings] expected", field=f"rules[{place}]", value=row)
            accepts = self.whole(row[0], f"rules[{place}]", 1, MOST_ACCEPTS)
            found.append((accepts, self.whole(row[1], f"rules[{place}]", accepts, (1 << RULE_BITS) - 1)))
        return tuple(found)

    def buffer(self, document: Mapping[str, Any]) -> tuple[int, int]:
        row = document.get("buffer", list(self.reset.buffer))
        if not isinstance(row, list) or len(row) != 2:
            raise self.error("[places, crossings to read one event] expected", field="buffer", value=row)
        depth = self.whole(row[0], "buffer", 0, 1 << LIMIT_BITS)
        service = self.whole(row[1], "buffer", 1 if depth else 0, (1 << SERVICE_BITS) - 1)
        if depth and (depth - 1) * service >= 1 << LIMIT_BITS:
            raise self.error(
                f"(places - 1) x crossings must be below 2^{LIMIT_BITS}", field="buffer", value=row
            )
        return depth, service


def document_of(values: RegisterValues, menu: CompiledMenu) -> dict[str, Any]:
    """The file's content for ``values``: every key, every algorithm."""
    settings = values.settings
    factors = {a.name: int(settings.factors[a.index]) / 100 for a in menu.algorithms}
    masks = {a.name: _spans(settings.closed[a.index]) for a in menu.algorithms}
    known = {one.condition: one.value for one in thresholds_of(menu)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "menu": menu.name,
        "prescales": {name: int(value) if value.is_integer() else value for name, value in factors.items()},
        "finor": {a.name: bool(settings.finor[a.index]) for a in menu.algorithms},
        "veto": {a.name: bool(settings.veto[a.index]) for a in menu.algorithms},
        "bx_mask": {name: text for name, text in masks.items() if text},
        "thresholds": known | dict(values.thresholds),
        "rules": [list(rule) for rule in values.rules],
        "dead_time": values.dead_time,
        "buffer": list(values.buffer),
        "orbits_per_section": values.orbits_per_section,
    }


def _spans(closed: NDArray[np.bool_]) -> str:
    edges = np.flatnonzero(np.diff(closed.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return " ".join(f"{start}-{stop - 1}" for start, stop in edges.tolist())
