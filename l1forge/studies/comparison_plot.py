"""The picture of two rate studies that are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from l1forge.emulator.rates.plot import style
from l1forge.studies.figures import Picture

if TYPE_CHECKING:
    from l1forge.studies.comparison import Comparison

SHOWN = 30
"""Changes that a plot has room for: those that moved most."""


def draw_comparison(found: Comparison) -> Picture:
    """Differences of rates with their errors, what moved most at the top."""
    moved = found.moved()[:SHOWN][::-1]
    places = np.arange(len(moved))
    with style():
        figure = Picture(figsize=(10, 2 + 0.3 * len(moved)), style=style)
        axis = figure.subplots()
        values, errors = [c.difference_khz for c in moved], [c.error_khz for c in moved]
        axis.errorbar(values, places, xerr=errors, fmt="o")
        axis.axvline(0, color="grey", lw=1)
        axis.set_yticks(places, [f"{c.seed}, {c.quantity}" for c in moved], fontsize=9)
        axis.set(xlabel="B − A [kHz]")
        axis.set_title(f"A: {found.menu_a}, B: {found.menu_b}", fontsize=13)
    return figure
