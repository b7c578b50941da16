"""Rate against the leading threshold of many seeds at once: several seeds share the 512 places of a menu."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from l1forge.emulator.menu.compiled import ALGORITHMS, Algorithm, CompiledMenu, Condition
from l1forge.emulator.rates.leading_cut import LeadingCut, at_thresholds

POINTS = 32
"""Thresholds of a curve."""
TOGETHER = ALGORITHMS // POINTS
"""Seeds whose curves one pass over the events gives."""


def curve_codes(cut: LeadingCut) -> list[int]:
    """Up to 32 thresholds around that of the menu, which is one of them; the unit is the hardware code.

    They reach from a quarter of the threshold to twice its value, where the cut's range allows.
    """
    low = max(cut.lowest, cut.code // 4)
    high = min(cut.highest, max(2 * cut.code, low + POINTS - 1))
    low = max(cut.lowest, min(low, high - POINTS + 1))
    n = high - low + 1
    codes = (
        {low + (n - 1) * i // (POINTS - 2) for i in range(POINTS - 1)} if n > POINTS else range(low, high + 1)
    )
    return sorted({*codes, cut.code})


def curve_menus(
    menu: CompiledMenu, cuts: Sequence[LeadingCut]
) -> Iterator[tuple[CompiledMenu, list[tuple[LeadingCut, list[int]]]]]:
    """Menus whose algorithms are ``cuts`` at their thresholds, and the order of these: cut by cut."""
    for start in range(0, len(cuts), TOGETHER):
        part = [(cut, curve_codes(cut)) for cut in cuts[start : start + TOGETHER]]
        conditions: dict[str, Condition] = {}
        algorithms: list[Algorithm] = []
        for cut, codes in part:
            moved = at_thresholds(menu, cut, codes)
            conditions |= moved.conditions
            algorithms += moved.algorithms
        numbered = tuple(a.model_copy(update={"index": i}) for i, a in enumerate(algorithms))
        yield menu.model_copy(update={"algorithms": numbered, "conditions": conditions}), part
