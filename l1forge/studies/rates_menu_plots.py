"""Pictures of a menu's rate study, in the style of mplhep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from l1forge.emulator.rates.plot import style
from l1forge.studies.figures import Picture

if TYPE_CHECKING:
    from l1forge.studies.rates_numbers import Rate
    from l1forge.studies.rates_results import MenuRates, TargetThreshold

SHOWN = 40
"""Seeds that a plot has room for: those of the highest rate; tables have all."""


def _errors(rates: list[Rate]) -> np.ndarray:
    return np.array([[r.khz - r.low_khz for r in rates], [r.high_khz - r.khz for r in rates]])


def _names(count: int, of: int) -> str:
    return "" if count == of else f", {count} of {of} seeds"


def draw_rates(study: MenuRates) -> Picture:
    """Total and pure rates behind prescales, with errors, on a logarithmic axis."""
    rows = sorted(study.seeds, key=lambda seed: seed.total_after.khz)[-SHOWN:]
    places = np.arange(len(rows))
    with style():
        figure = Picture(figsize=(10, 2 + 0.3 * len(rows)), style=style)
        axis = figure.subplots()
        totals = [seed.total_after for seed in rows]
        pures = [(place, s.pure_after) for place, s in zip(places, rows, strict=True) if s.pure_after]
        axis.errorbar([r.khz for r in totals], places, xerr=_errors(totals), fmt="o", label="total")
        if pures:
            found = [rate for _, rate in pures]
            at = [place - 0.25 for place, _ in pures]
            axis.errorbar([r.khz for r in found], at, xerr=_errors(found), fmt="s", ms=4, label="pure")
        axis.set_yticks(places, [seed.name for seed in rows], fontsize=9)
        axis.set_xscale("log", nonpositive="mask")
        title = f"{study.menu}: FinOR {study.finor_after.khz:.4g} kHz{_names(len(rows), len(study.seeds))}"
        axis.set(xlabel="rate [kHz]")
        axis.set_title(title, fontsize=13)
        axis.legend(fontsize=11)
    return figure


def draw_overlap(study: MenuRates) -> Picture:
    """Part of the row's seed in which the column's seed fires too."""
    order = sorted(range(len(study.seeds)), key=lambda i: -study.seeds[i].total_after.khz)[:SHOWN]
    order.sort()
    names = [study.seeds[i].name for i in order]
    fractions = study.overlap_fractions()
    values = np.array([[fractions[i][j] or 0.0 for j in order] for i in order], float).reshape(
        len(order), len(order)
    )
    with style():
        size = 4 + 0.25 * len(order)
        figure = Picture(figsize=(size + 1, size), style=style)
        axis = figure.subplots()
        image = axis.imshow(values, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        axis.set_xticks(range(len(order)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(order)), names, fontsize=7)
        axis.tick_params(which="both", length=0)
        axis.set_title(f"{study.menu}{_names(len(order), len(study.seeds))}", fontsize=13)
        bar = figure.colorbar(image, ax=axis)
        bar.set_label("part of the row's seed", fontsize=11)
        bar.ax.tick_params(labelsize=9)
    return figure


def draw_target(target: TargetThreshold) -> Picture:
    """Rate against the leading threshold with its interval, the target and its threshold marked."""
    x = np.array([point.threshold for point in target.curve])
    rates = [point.rate for point in target.curve]
    values = np.array([rate.khz for rate in rates])
    with style():
        figure = Picture(figsize=(8, 6), style=style)
        axis = figure.subplots()
        axis.step(x, np.where(values > 0, values, np.nan), where="mid")
        lows, highs = [rate.low_khz for rate in rates], [rate.high_khz for rate in rates]
        axis.fill_between(x, lows, highs, step="mid", alpha=0.3, label="68 % interval")
        axis.axhline(target.target_khz, color="C1", ls="--", label=f"{target.target_khz:g} kHz")
        axis.axvline(target.threshold, color="C1", label=f"threshold {target.threshold}")
        axis.axvspan(target.low, x[-1] if target.high is None else target.high, color="C1", alpha=0.2)
        top = max(float(values.max()), target.target_khz)
        bottom = min(float(values[values > 0].min(initial=top)), target.target_khz)
        axis.set(yscale="log", ylabel="rate [kHz]", ylim=(bottom / 3, top * 3))
        axis.set_xlabel(f"threshold on {target.cut} [hardware code]")
        axis.set_title(target.seed, fontsize=13)
        axis.legend(fontsize=11)
    return figure
