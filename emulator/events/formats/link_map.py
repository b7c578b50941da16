"""Which word travels where when crossings are driven into a board: the link map of pattern files.

A bunch crossing is nine frames of 64 bits on each link (360 MHz). 32-bit words travel in pairs, the
first in the lower half. The map below is this project's; it is printed in docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.formats.object_words import pack, spare_rows, unassigned_bits, unpack
from l1forge.emulator.events.objects import (
    COLLECTIONS,
    COLUMNS,
    EXTRA_COLUMNS,
    SPARE,
    SPARE_WORDS,
    SUMS,
    Events,
    layout_of,
)

FRAMES = 9
LINKS: tuple[tuple[str, ...], ...] = (
    ("mu",),
    ("eg",),
    ("tau",),
    ("jet",),
    (*SUMS, "link"),
    ("bx", "ext"),
    ("algo", "finor"),
)
"""Link number -> what it carries, in frame order."""


def _frames(name: str) -> int:
    """64-bit frames that a crossing's words of this name take (pairs of 32-bit words share one)."""
    if name in COLLECTIONS:
        return COLLECTIONS[name].slots * COLLECTIONS[name].word_bits // 32
    return {"link": 6}.get(name, 2 * EXTRA_COLUMNS[name][0])


def to_frames(events: Events) -> NDArray[np.uint64]:
    """Frames of shape (links, n, 9), uint64; missing columns travel as zeros."""
    frames = np.zeros((len(LINKS), events.n, 2 * FRAMES), np.uint32)
    for number, names in enumerate(LINKS):
        half = 0
        for name in names:
            words = (
                pack(events, name)
                if name in COLLECTIONS
                else events.column(name).astype(np.int64).view(np.uint64)
            )
            size = _frames(name)
            wide = size // words.shape[0] == 2
            for slot, word in enumerate(words):
                place = half + slot * (2 if wide else 1)
                frames[number, :, place] = (word & np.uint64(0xFFFFFFFF)).astype(np.uint32)
                if wide:
                    frames[number, :, place + 1] = (word >> np.uint64(32)).astype(np.uint32)
            half += size
    return frames.view("<u8")


def from_frames(frames: NDArray[np.uint64]) -> Events:
    """The inverse of ``to_frames``."""
    n = frames.shape[1]
    halves = np.ascontiguousarray(frames).view(np.uint32).astype(np.uint64)
    columns: dict[str, NDArray[np.generic]] = {}
    spare = np.zeros((layout_of(SPARE)[0], n), np.uint32)
    for number, names in enumerate(LINKS):
        half = 0
        for name in names:
            size = _frames(name)
            part = halves[number, :, half : half + size].T
            half += size
            slots = COLLECTIONS[name].slots if name in COLLECTIONS else EXTRA_COLUMNS[name][0]
            words = part[0::2] | part[1::2] << np.uint64(32) if size == 2 * slots else part
            columns.update(_columns(name, np.ascontiguousarray(words)))
            if name in SPARE_WORDS:
                unassigned = np.uint64(unassigned_bits(COLLECTIONS[name]))
                spare[spare_rows(name)] = (words & unassigned).astype(np.uint32)
    return Events({**columns, SPARE: spare}, n)


def _columns(name: str, words: NDArray[np.uint64]) -> Mapping[str, NDArray[np.generic]]:
    if name in COLLECTIONS:
        return unpack(words, name)
    return {name: words.astype(EXTRA_COLUMNS[name][1])}


COLUMN_NAMES = (*COLUMNS, *EXTRA_COLUMNS)
"""What a pattern file holds: everything; the bits that no field holds only if asked for."""
