"""Inputs of a menu that are not object fields: numbers hidden in link words, model scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.cicada import scores_of
from l1forge.emulator.events.objects import Events


def link_quantity(name: str, events: Events) -> NDArray[np.int64]:
    """A number from the six link-11 words: shape (1, n), int64.

    CICADA's score is spread over the top nibbles of words 0 to 3 (``events.cicada``); the zero-degree
    calorimeters' sums are bits 9..0 of words 1 (minus side) and 2 (plus side).
    """
    words: NDArray[np.int64] = events.column("link").astype(np.int64)
    match name:
        case "link:cicada":
            return scores_of(words)[None]
        case "link:zdcm":
            return words[1:2] & 0x3FF
        case "link:zdcp":
            return words[2:3] & 0x3FF
    raise KeyError(name)


def wide_input(name: str, events: Events, scores: Mapping[str, NDArray[np.generic]]) -> NDArray[Any]:
    """Link quantity or model score as (slots, n) integers; scores may be (n,) or (slots, n).

    Raises
    ------
    InputError
        If the score is not given or does not have one value per crossing.
    """
    if name.startswith("link:"):
        return link_quantity(name, events)
    if name not in scores:
        raise InputError(
            "the menu needs this score",
            field="scores",
            value=name,
            remedy=f"given: {', '.join(scores) or 'none'}",
        )
    values = np.atleast_2d(np.asarray(scores[name]))
    if values.ndim != 2 or values.shape[1] != events.n or values.dtype.kind not in "iub":
        raise InputError(
            f"a score is an integer array of shape ({events.n},) or (objects, {events.n})",
            field=name,
            value=f"{values.dtype} {values.shape}",
        )
    return values
