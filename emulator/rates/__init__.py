"""Trigger rates: intervals, rate against threshold, plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.lazy import lazily

if TYPE_CHECKING:
    from l1forge.emulator.rates.intervals import (
        Fraction,
        fraction,
        full_rate_khz,
        rate_curve,
        threshold_for_rate,
    )

__all__ = [
    "Fraction",
    "fraction",
    "full_rate_khz",
    "rate_curve",
    "threshold_for_rate",
]

__getattr__ = lazily(
    __name__,
    {
        "Fraction": "intervals",
        "fraction": "intervals",
        "full_rate_khz": "intervals",
        "rate_curve": "intervals",
        "threshold_for_rate": "intervals",
    },
)
