"""CICADA's score in the link words: 16 bits, 8 of them fractional, in the top nibbles of words 0 to 3."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import EXTRA_COLUMNS

SCORE_TYPE = "ufixed<16,8>"
LARGEST = 0xFFFF
NIBBLE = 28
"""Lowest bit of the nibble that each word holds."""
WORDS = 4
"""Link words with a nibble; the first one holds the most significant."""


def scores_of(link: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Scores (n,) of link words (6, n)."""
    nibbles = link[:WORDS].astype(np.int64) >> NIBBLE & 0xF
    return nibbles[0] << 12 | nibbles[1] << 8 | nibbles[2] << 4 | nibbles[3]  # type: ignore[no-any-return]


def with_scores(
    scores: NDArray[np.integer[Any]], link: NDArray[np.integer[Any]] | None = None
) -> NDArray[np.uint32]:
    """Link words (6, n) that hold ``scores`` (n,); the other bits as in ``link``, or 0.

    Raises
    ------
    InputError
        If a score is no raw integer of ``ufixed<16,8>``.
    """
    values = np.asarray(scores)
    if values.size and (values.min() < 0 or values.max() > LARGEST):
        bad = values.min() if values.min() < 0 else values.max()
        raise InputError(
            f"is not a raw CICADA score, an integer of {SCORE_TYPE}", value=int(bad), remedy=f"0 .. {LARGEST}"
        )
    slots = EXTRA_COLUMNS["link"][0]
    words = np.zeros((slots, len(values)), np.uint32) if link is None else link.astype(np.uint32)
    for word in range(WORDS):
        nibble = (values >> 4 * (WORDS - 1 - word) & 0xF).astype(np.uint32)
        words[word] = words[word] & np.uint32((1 << NIBBLE) - 1) | nibble << np.uint32(NIBBLE)
    return words
