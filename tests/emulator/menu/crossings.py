"""Crossings for tests, written as hardware integers: ``block([{"jet": [(60, -5, 3)]}, {}])``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, EXTRA_COLUMNS, Events

ORDER = {
    "mu": ("pt", "eta", "phi", "qual", "charge", "upt", "index", "iso", "ip"),
    "eg": ("et", "eta", "phi", "iso"),
    "tau": ("et", "eta", "phi", "iso"),
    "jet": ("et", "eta", "phi", "displaced"),
}
"""Fields of an object in the order in which tests write them; what is left out is 0."""


def block(crossings: Sequence[Mapping[str, Any]]) -> Events:
    """Events of some crossings.

    Keys: an object type with a list of tuples in ``ORDER``; a column such as ``"etm.et"`` or
    ``"mu.shower"`` with a number or one per slot; ``"ext"`` with a set of bits; ``"link"`` with words.
    """
    n = len(crossings)
    columns: dict[str, Any] = {name: np.zeros((slots, n), np.int16) for name, (slots, _) in COLUMNS.items()}
    columns["ext"] = np.zeros((EXTRA_COLUMNS["ext"][0], n), np.uint64)
    columns["link"] = np.zeros((6, n), np.uint32)
    for at, crossing in enumerate(crossings):
        for key, value in crossing.items():
            if key == "ext":
                for bit in value:
                    columns["ext"][bit // 64, at] |= np.uint64(1 << (bit % 64))
            elif key in COLLECTIONS:
                for slot, row in enumerate(value):
                    for name, number in zip(ORDER[key], row, strict=False):
                        columns[f"{key}.{name}"][slot, at] = number
            else:
                columns[key][: np.size(value), at] = value
    return Events(columns, n)
