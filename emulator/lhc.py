"""The numbers of the LHC and of its level-1 triggers, and filling schemes: which crossings collide.

They have no other home: what needs an orbit, a frequency or a trigger rule imports it from here.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json

ORBIT = 3564
"""Bunch crossings of one orbit."""
ORBIT_FREQUENCY = 11_245.5
"""Hz."""
CROSSING_FREQUENCY = ORBIT * ORBIT_FREQUENCY
"""Hz: 40.079 MHz."""
BUNCH_SPACING_NS = 1e9 / CROSSING_FREQUENCY
"""24.95 ns from one bunch crossing to the next."""
CLOCKS_PER_CROSSING = 6
"""Clocks of trigger firmware in one bunch crossing: 240.47 MHz."""
CLOCK_PERIOD_NS = BUNCH_SPACING_NS / CLOCKS_PER_CROSSING
"""4.158 ns: the period that firmware is cut for, unless another is asked for."""
ORBITS_PER_LUMINOSITY_SECTION = 1 << 18
"""23.31 s."""
INELASTIC_MB = 80.0
"""Inelastic cross section at 13.6 TeV: 2748 bunches with 52 collisions each make 2.0e34 cm-2 s-1."""
TRIGGER_RULES = ((1, 3), (2, 25), (3, 100), (4, 240))
"""(accepts, crossings) of CMS: at most so many level-1 accepts in so many consecutive crossings."""

LHC_NAME = "25ns_2760b_2748_2492_2574_288bpi"
_LHC_TRAINS = (
    *(112, 191, 270, 349, 452, 531, 610, 689, 824, 903, 1006, 1085, 1164, 1243, 1346, 1425, 1504, 1583),
    *(1718, 1797, 1900, 1979, 2058, 2137, 2240, 2319, 2398, 2477, 2612, 2691, 2794, 2873, 2952, 3031),
    *(3134, 3213, 3292, 3371),
)


@dataclass(frozen=True)
class FillingScheme:
    """``colliding`` has shape (3564,): True where bunches of both beams meet.

    ``beam1``, ``beam2``: filled bunches of each beam, same shape; None if the file tells only the collisions.
    """

    name: str
    colliding: NDArray[np.bool_]
    beam1: NDArray[np.bool_] | None = None
    beam2: NDArray[np.bool_] | None = None

    @cached_property
    def count(self) -> int:
        """Colliding crossings in an orbit."""
        return int(self.colliding.sum())

    @cached_property
    def before(self) -> NDArray[np.int64]:
        """Colliding crossings of the orbit before each BX, shape (3564,)."""
        return np.cumsum(self.colliding) - self.colliding

    @property
    def collision_rate(self) -> float:
        """Colliding crossings per second, Hz."""
        return self.count * ORBIT_FREQUENCY


def from_trains(name: str, trains: list[tuple[int, int]], file: str | Path | None = None) -> FillingScheme:
    """The scheme with trains of (first BX, number of bunches).

    Raises
    ------
    InputError
        If a train leaves the orbit or overlaps another.
    """
    colliding = np.zeros(ORBIT, bool)
    for start, length in trains:
        if start < 0 or length < 1 or start + length > ORBIT:
            raise InputError(
                f"train does not fit the orbit of {ORBIT}", file=file, field="trains", value=[start, length]
            )
        if colliding[start : start + length].any():
            raise InputError("overlaps another train", file=file, field="trains", value=[start, length])
        colliding[start : start + length] = True
    if not colliding.any():
        raise InputError("no crossing collides", file=file, remedy="list trains or colliding crossings")
    return FillingScheme(name, colliding)


LHC = from_trains(LHC_NAME, [(69, 12), *((start, 72) for start in _LHC_TRAINS)])
"""The standard 2024 scheme: 2748 crossings collide in the general-purpose experiments."""
COLLIDING_BUNCHES = LHC.count


def load_scheme(path: str | Path) -> FillingScheme:
    """A scheme from JSON or CSV.

    JSON: an object with ``name`` and one of ``trains`` ([first BX, bunches] pairs), ``colliding`` (BX
    numbers), or ``beam1`` and ``beam2`` (BX numbers of filled bunches; they collide where both are).
    CSV: a header ``start,length`` or ``bx``, then one train or colliding crossing a line.

    Raises
    ------
    InputError
        If the file cannot be read or a number is not a crossing of the orbit.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", file=path, remedy="JSON or CSV text expected") from error
    return _from_json(path, text) if text.lstrip().startswith("{") else _from_csv(path, text)


def _from_json(path: Path, text: str) -> FillingScheme:
    try:
        data: dict[str, Any] = parse_json(text)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", file=path, field=f"line {error.lineno}") from error
    name = str(data.get("name", path.stem))
    if "trains" in data:
        pairs = [(_integer(a, path), _integer(b, path)) for a, b in _pairs(data["trains"], path)]
        return from_trains(name, pairs, path)
    if "colliding" in data:
        filled = _crossings(data["colliding"], "colliding", path)
    elif "beam1" in data and "beam2" in data:
        first = from_trains(name, [(bx, 1) for bx in _crossings(data["beam1"], "beam1", path)], path)
        second = from_trains(name, [(bx, 1) for bx in _crossings(data["beam2"], "beam2", path)], path)
        both = first.colliding & second.colliding
        if not both.any():
            raise InputError("no crossing collides", file=path, remedy="beam1 and beam2 share no BX")
        return FillingScheme(name, both, first.colliding, second.colliding)
    else:
        raise InputError("trains, colliding, or beam1 and beam2 are needed", file=path)
    return from_trains(name, [(bx, 1) for bx in filled], path)


def _from_csv(path: Path, text: str) -> FillingScheme:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    header = [word.strip().lower() for word in rows[0]] if rows else []
    if header == ["start", "length"]:
        trains = [(_integer(a, path), _integer(b, path)) for a, b in _pairs(rows[1:], path)]
    elif header == ["bx"]:
        trains = [(_integer(row[0], path), 1) for row in rows[1:]]
    else:
        raise InputError(
            "header must be start,length or bx", file=path, field="line 1", value=",".join(header)
        )
    return from_trains(path.stem, trains, path)


def _pairs(rows: object, path: Path) -> list[tuple[Any, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 2 for row in rows):
        raise InputError("pairs of first BX and number of bunches expected", file=path, field="trains")
    return [(row[0], row[1]) for row in rows]


def _crossings(values: object, field: str, path: Path) -> list[int]:
    if not isinstance(values, list):
        raise InputError("a list of BX numbers expected", file=path, field=field)
    return [_integer(value, path) for value in values]


def _integer(value: object, path: Path) -> int:
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):  # "4" in CSV; 4.0 is no whole number
            raise ValueError
        return int(value)
    except (TypeError, ValueError) as error:
        raise InputError("not a whole number", file=path, value=value) from error
