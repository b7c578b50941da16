"""Rates of luminosity sections, where the files tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from l1forge.emulator.menu.compiled import ALGORITHMS, CompiledMenu
from l1forge.emulator.rates.lumis import LumiCounts


@dataclass(frozen=True)
class LumiSection:
    """Crossings that were counted of a section, and how often each seed fired before its prescale."""

    run: int
    section: int
    crossings: int
    counts: Mapping[str, int]


def lumi_sections(found: LumiCounts, menu: CompiledMenu) -> tuple[LumiSection, ...]:
    """The sections in order of run and number."""
    return tuple(
        LumiSection(
            int(key) >> 32,
            int(key) & 0xFFFFFFFF,
            int(row[ALGORITHMS]),
            {algorithm.name: int(row[algorithm.index]) for algorithm in menu.algorithms},
        )
        for key, row in zip(found.sections, found.counts, strict=True)
    )
