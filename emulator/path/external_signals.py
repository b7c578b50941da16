"""External signals that follow from the filling scheme: bunch crossings, ends of trains, gaps.

Everything else on the external inputs (beam gas, luminosity detectors, other experiments) comes from
detectors that are not emulated and cannot be derived.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import EXTRA_COLUMNS
from l1forge.emulator.lhc import ORBIT, FillingScheme
from l1forge.emulator.menu.compiled import CompiledMenu, External

Flags = NDArray[np.bool_]
WORDS = EXTRA_COLUMNS["ext"][0]


@dataclass(frozen=True)
class _Beams:
    """Filled bunches of each beam, and where both meet, (3564,) each."""

    one: Flags
    two: Flags
    meet: Flags


def _first(meet: Flags) -> Flags:
    return meet & ~np.roll(meet, 1)


def _last(meet: Flags) -> Flags:
    return meet & ~np.roll(meet, -1)


def _at(place: int) -> Flags:
    flags = np.zeros(ORBIT, bool)
    flags[place] = True
    return flags


_RULES: Mapping[str, Callable[[_Beams], Flags]] = {
    "and": lambda b: b.meet,
    "plusandminus": lambda b: b.meet,
    "or": lambda b: b.one | b.two,
    "plusorminus": lambda b: b.one | b.two,
    "notor": lambda b: ~(b.one | b.two),
    "b1": lambda b: b.one,
    "plus": lambda b: b.one,
    "b2": lambda b: b.two,
    "minus": lambda b: b.two,
    "b1notb2": lambda b: b.one & ~b.two,
    "b2notb1": lambda b: b.two & ~b.one,
    "plusnotminus": lambda b: b.one & ~b.two,
    "minusnotplus": lambda b: b.two & ~b.one,
    "firstbunchintrain": lambda b: _first(b.meet),
    "firstcollisionintrain": lambda b: _first(b.meet),
    "lastbunchintrain": lambda b: _last(b.meet),
    "lastcollisionintrain": lambda b: _last(b.meet),
    "isolatedbunch": lambda b: _first(b.meet) & _last(b.meet),
    "firstbunchbeforetrain": lambda b: np.roll(_first(b.meet), -1),
    "firstbunchaftertrain": lambda b: np.roll(_last(b.meet), 1),
    "firstcollisioninorbit": lambda b: _at(int(np.flatnonzero(b.meet)[0])),
    "lastcollisioninorbit": lambda b: _at(int(np.flatnonzero(b.meet)[-1])),
}
"""What is left of a signal's name, in lower case, to where the signal is set.

A train begins in a colliding crossing behind one that does not collide.
"""
_WITHOUT_BPTX = ("train", "orbit", "bunch")
"""A name without BPTX must have one of these words: TOTEM's AND is no bunch crossing."""


def derived(name: str, scheme: FillingScheme) -> Flags | None:
    """Where the external signal ``name`` is set in an orbit, (3564,) bool; None: not to be derived.

    Examples: ``ZeroBias_BPTX_AND_VME``, ``BPTX_plus_AND_minus.v0``, ``BPTX_NotOR_VME``,
    ``BPTX_FirstBunchInTrain_VME``, ``BPTX_AND_Ref1_VME``.
    """
    text = re.sub(r"^(ext_)?(zerobias_)?|(_vme)?(\.v\d+)?$", "", name.lower())
    words = [word for word in text.split("_") if not re.fullmatch(r"bptx|ref\d*", word)]
    rule = "".join(re.sub("^ref(?=and|or)", "", word) for word in words)
    if rule not in _RULES or not ("bptx" in text or any(word in rule for word in _WITHOUT_BPTX)):
        return None
    one = scheme.colliding if scheme.beam1 is None else scheme.beam1
    two = scheme.colliding if scheme.beam2 is None else scheme.beam2
    return _RULES[rule](_Beams(one, two, scheme.colliding))


@dataclass(frozen=True)
class OrbitSignals:
    """``words`` (4, 3564) uint64: the column ``ext`` of one orbit; names of signals derived and not."""

    words: NDArray[np.uint64]
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    unknown_bits: frozenset[int]


def orbit_signals(menu: CompiledMenu, scheme: FillingScheme) -> OrbitSignals:
    """The external signals that ``menu`` looks at, as far as ``scheme`` tells them."""
    words = np.zeros((WORDS, ORBIT), np.uint64)
    named: dict[int, str] = {}
    for condition in menu.conditions.values():
        if isinstance(condition, External):
            named.setdefault(condition.index, condition.name)
    known, unknown, bits = [], [], []
    for index, name in sorted(named.items()):
        flags = derived(name, scheme)
        if flags is None:
            unknown.append(name or f"bit {index}")
            bits.append(index)
            continue
        known.append(name)
        words[index >> 6, flags] |= np.uint64(1 << (index & 63))
    return OrbitSignals(words, tuple(known), tuple(unknown), frozenset(bits))
