"""Object words of the Global Trigger: fields <-> 32 and 64-bit words, from the object table alone."""

from __future__ import annotations

from collections.abc import Collection as Columns
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLLECTIONS, EXTRA_COLUMNS, SPARE, SPARE_WORDS, Collection, Events


def pack(events: Events, name: str) -> NDArray[np.uint64]:
    """Words of one collection, shape (slots, n), uint64; fields the events do not have are 0.

    Bits that no field holds come from the column ``spare``, if the events have it.
    """
    collection = COLLECTIONS[name]
    words = np.zeros((collection.slots, events.n), np.uint64)
    for field in collection.fields:
        column = f"{name}.{field.name}"
        if column in events:
            value = events[column].astype(np.int64).view(np.uint64) & np.uint64((1 << field.width) - 1)
            words |= value << np.uint64(field.low)
    if SPARE in events and name in SPARE_WORDS:
        words |= events[SPARE][spare_rows(name)].astype(np.uint64)
    return words


def spare_rows(name: str) -> slice:
    """Rows of the column ``spare`` that belong to a collection of ``SPARE_WORDS``."""
    before = SPARE_WORDS[: SPARE_WORDS.index(name)]
    first = sum(COLLECTIONS[other].slots for other in before)
    return slice(first, first + COLLECTIONS[name].slots)


def unpack(words: NDArray[np.uint64], name: str) -> Mapping[str, NDArray[np.int16]]:
    """``{"mu.pt": (slots, n) int16, ...}`` of words with shape (slots, n); two's complement where signed."""
    columns: dict[str, NDArray[np.int16]] = {}
    for field in COLLECTIONS[name].fields:
        # shifting the field to the top and back down again extends its sign where it has one
        top = (words << np.uint64(64 - field.low - field.width)).view(np.int64)
        value = top if field.signed else top.view(np.uint64)
        columns[f"{name}.{field.name}"] = (value >> value.dtype.type(64 - field.width)).astype(np.int16)
    return columns


def absent_words(columns: Columns[str]) -> list[str]:
    """Kinds of words of which events with only ``columns`` have nothing: written, they are zeros."""
    present = {name.partition(".")[0] for name in columns}
    return [name for name in (*COLLECTIONS, *EXTRA_COLUMNS) if name != "bx" and name not in present]


def unassigned_bits(collection: Collection) -> int:
    """Mask of the word's bits that no field holds."""
    return collection.unassigned
