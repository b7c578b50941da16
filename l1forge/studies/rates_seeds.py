"""What is told of each seed beside its rates: its grammar, its rate curve, crossings in which it fired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.rates.curves import curve_menus
from l1forge.emulator.rates.examples import Example, first_examples
from l1forge.emulator.rates.leading_cut import LeadingCut, leading_cut
from l1forge.emulator.rates.sampling import Sample, Sampler

if TYPE_CHECKING:
    from l1forge.studies.rates_numbers import Rate

FORMAT, VERSION = "l1forge-rates-seeds", 1
EXAMPLES = 5
"""Crossings that are listed for a seed."""
LOOKED_AT = 1 << 20
"""Crossings, from the first on, among which they are looked for."""
CountMenu = Callable[[CompiledMenu], Sequence[Sample]]
RatesAt = Callable[[Sequence[Sample], Sequence[int]], dict[int, "Rate"]]


@dataclass(frozen=True)
class CutPoint:
    """Rate of a seed with its leading cut at ``threshold`` (hardware code), before its prescale.

    ``gev``: the threshold in GeV; None for scores and counts.
    """

    threshold: int
    gev: float | None
    rate: Rate


@dataclass(frozen=True)
class SeedDetails:
    """``cut``: what the leading cut is on, ``threshold``: its code; both None if there is a ``reason``.

    ``curve``: empty if it was not asked for. ``examples``: the first crossings in which the seed fired.
    """

    index: int
    name: str
    grammar: str
    cut: str | None
    threshold: int | None
    reason: str | None
    curve: tuple[CutPoint, ...]
    examples: tuple[Example, ...]


def seed_details(
    menu: CompiledMenu,
    sources: Mapping[str, EventSource],
    sampler: Sampler,
    rates: tuple[CountMenu, RatesAt] | None,
) -> tuple[SeedDetails, ...]:
    """Details of every seed of ``menu``; ``sources`` by the names under which examples stand.

    ``rates``: what counts another menu on the events, and gives the rates of its algorithms; None: no curves.
    """
    cuts: dict[str, LeadingCut] = {}
    reasons: dict[str, str] = {}
    for algorithm in menu.algorithms:
        try:
            cuts[algorithm.name] = leading_cut(menu, algorithm.name)
        except InputError as error:
            reasons[algorithm.name] = error.problem
    curves = _curves(menu, list(cuts.values()), *rates) if rates else {}
    indices = np.array([algorithm.index for algorithm in menu.algorithms], np.int64)
    examples = first_examples(sampler, sources, indices, EXAMPLES, LOOKED_AT)
    found = []
    for algorithm, crossings in zip(menu.algorithms, examples, strict=True):
        cut = cuts.get(algorithm.name)
        found.append(
            SeedDetails(
                algorithm.index,
                algorithm.name,
                algorithm.grammar,
                cut.what if cut else None,
                cut.code if cut else None,
                reasons.get(algorithm.name),
                curves.get(algorithm.name, ()),
                tuple(crossings),
            )
        )
    return tuple(found)


def _curves(
    menu: CompiledMenu, cuts: Sequence[LeadingCut], counted: CountMenu, rates_at: RatesAt
) -> dict[str, tuple[CutPoint, ...]]:
    curves = {}
    for moved, parts in curve_menus(menu, cuts):
        rates = list(rates_at(counted(moved), range(len(moved.algorithms))).values())
        for cut, codes in parts:
            mine, rates = rates[: len(codes)], rates[len(codes) :]
            curves[cut.algorithm.name] = tuple(
                CutPoint(code, cut.physical(code), rate) for code, rate in zip(codes, mine, strict=True)
            )
    return curves


def to_dict(details: Sequence[SeedDetails]) -> dict[str, Any]:
    """Plain data for JSON: the content of seeds.json (docs/rates.md)."""
    return {"format": FORMAT, "version": VERSION, "seeds": [asdict(seed) for seed in details]}
