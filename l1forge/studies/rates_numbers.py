"""Rates with their errors from what was counted in every kind of crossing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from l1forge.emulator.rates.intervals import weighted_fraction, weighted_mean
from l1forge.emulator.rates.sampling import Sample
from l1forge.emulator.rates.shares import Tally


@dataclass(frozen=True)
class Rate:
    """A rate in kHz with the ends of its central 68.3 % interval."""

    khz: float
    low_khz: float
    high_khz: float


def combined(tallies: Sequence[Tally], samples: Sequence[Sample]) -> Rate:
    """The sum of the rates of all kinds of crossings; errors in quadrature, none of complete kinds."""
    value = down = up = 0.0
    for tally, sample in zip(tallies, samples, strict=True):
        scale, n = sample.rate / 1e3, sample.patterns.crossings
        if sample.patterns.is_weighted:
            exposure, squares = sample.patterns.exposure, sample.patterns.squares
            mean, low, high = weighted_mean(tally.total, tally.squares, exposure, squares, tally.largest)
        else:
            mean, low, high = weighted_fraction(tally.total, tally.squares, n, tally.largest)
        value += mean * scale
        if not sample.exact and n:
            down += ((mean - low) * scale) ** 2
            up += ((high - mean) * scale) ** 2
    return Rate(value, value - math.sqrt(down), value + math.sqrt(up))


def effective_number(tallies: Sequence[Tally]) -> float:
    """(sum of weights)^2 / sum of squared weights over all kinds of crossings."""
    total, squares = sum(tally.total for tally in tallies), sum(tally.squares for tally in tallies)
    return total * total / squares if squares else 0.0


def reduced(rate: Rate, part: float, error: float) -> Rate:
    """``part`` of a rate, a part that has a standard deviation ``error``: in quadrature with the interval."""
    value = rate.khz * part
    sides = rate.khz - rate.low_khz, rate.high_khz - rate.khz
    down, up = (math.hypot(part * side, rate.khz * error) for side in sides)
    return Rate(value, value - down, value + up)
