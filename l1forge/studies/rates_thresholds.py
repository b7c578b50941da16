"""Rates against the leading threshold of a seed, and the threshold for a target rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.rates.leading_cut import LeadingCut, at_thresholds, next_codes
from l1forge.emulator.rates.sampling import Sample
from l1forge.emulator.rates.shares import Tally
from l1forge.studies.rates_numbers import Rate, combined
from l1forge.studies.rates_results import TargetThreshold, ThresholdPoint


def target_threshold(
    menu: CompiledMenu,
    cut: LeadingCut,
    target: float,
    sampled: Callable[[CompiledMenu], tuple[Sample, ...]],
) -> TargetThreshold:
    """Scan all thresholds, then between those that enclose the target, until neighbours are found."""
    known: dict[int, Rate] = {}

    def scan(low: int, high: int) -> list[int]:
        codes = next_codes(low, high)
        known.update(rates_at(sampled(at_thresholds(menu, cut, codes)), codes))
        return codes

    def lowest(key: str) -> int | None:
        """The lowest threshold at which that end of the interval stays within the target."""
        while True:
            passing = [code for code, rate in known.items() if getattr(rate, key) <= target]
            if not passing:
                return None
            high = min(passing)
            failing = [code for code in known if code < high]
            if not failing or high - max(failing) == 1:
                return high
            scan(max(failing), high)

    curve = scan(cut.lowest, cut.highest)
    threshold, low, high = (lowest(key) for key in ("khz", "low_khz", "high_khz"))
    if threshold is None:
        raise InputError(
            "the rate is above the target at any threshold of its leading cut",
            field="--target",
            value=f"{cut.algorithm.name}={target:g}kHz",
            remedy="other parts of the seed fire too often",
        )
    return TargetThreshold(
        cut.algorithm.name,
        cut.what,
        target,
        threshold,
        threshold if low is None else low,
        high,
        cut.physical(threshold),
        known[threshold],
        tuple(ThresholdPoint(code, known[code]) for code in curve),
    )


def rates_at(samples: Sequence[Sample], codes: Sequence[int]) -> dict[int, Rate]:
    """Rate of every threshold, from samples of the menu that ``at_thresholds`` made of them."""
    indices = np.arange(len(codes))
    sums = [
        tuple(sample.patterns.flags(indices) @ moment for moment in sample.patterns.moments)
        for sample in samples
    ]
    return {
        code: combined([Tally(float(total[i]), float(squares[i])) for total, squares in sums], samples)
        for i, code in enumerate(codes)
    }
