"""Pictures of an efficiency study, in the style of mplhep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from l1forge.emulator.rates.plot import style
from l1forge.studies.figures import Picture

if TYPE_CHECKING:
    from l1forge.studies.efficiency import MenuEfficiencies, RocCurve, SeedTurnOn
    from l1forge.studies.efficiency_comparison import ModelGain

SHOWN = 40
"""Seeds that a plot has room for: those of the highest efficiency."""


def draw_efficiencies(study: MenuEfficiencies) -> Picture:
    """Efficiency of the seeds, one mark for each signal, the menu above them."""
    best = {name: max(of.seeds[name].value for of in study.signals) for name in study.signals[0].seeds}
    names = sorted(best, key=lambda name: best[name])[-SHOWN:]
    places = np.arange(len(names) + 2)
    with style():
        figure = Picture(figsize=(10, 2.5 + 0.3 * len(places)), style=style)
        axis = figure.subplots()
        for k, of in enumerate(study.signals):
            parts = [*(of.seeds[name] for name in names), of.cuts, of.menu]
            values = np.array([100 * part.value for part in parts])
            lows = values - np.array([100 * part.low for part in parts])
            highs = np.array([100 * part.high for part in parts]) - values
            at = places + (k - (len(study.signals) - 1) / 2) * 0.6 / len(study.signals)
            axis.errorbar(values, at, xerr=np.array([lows, highs]), fmt="o", ms=5, label=of.signal)
        axis.axhline(len(names) - 0.5, color="0.7", lw=1)
        axis.set_yticks(places, [*names, "menu without models", "menu"], fontsize=9)
        axis.set_xscale("log", nonpositive="mask")
        axis.set(xlabel="efficiency [%]")
        axis.set_title(f"{study.menu}, before prescales", fontsize=13)
        axis.legend(fontsize=11)
    return figure


def draw_turn_ons(curves: Sequence[SeedTurnOn]) -> Picture:
    """Turn-on curves of one seed with their fits, one for each signal."""
    with style():
        figure = Picture(figsize=(8, 6), style=style)
        axis = figure.subplots()
        for k, of in enumerate(curves):
            edges = np.array(of.curve.edges)
            filled = np.array([part.total > 0 for part in of.curve.bins])
            centre = (edges[1:] + edges[:-1])[filled] / 2
            parts = [part for part in of.curve.bins if part.total]
            values = np.array([part.value for part in parts])
            errors = np.array([[p.value - p.low for p in parts], [p.high - p.value for p in parts]])
            axis.errorbar(
                centre, values, xerr=np.diff(edges)[filled] / 2, yerr=errors, fmt="o", ms=5, color=f"C{k}"
            )
            label = of.signal
            if of.curve.fit is not None:
                fit = of.curve.fit
                x = np.linspace(edges[0], edges[-1], 300)
                label += f": {fit.values[0]:.1f} ± {fit.errors[0]:.1f}, σ {fit.values[1]:.1f}"
                axis.plot(x, fit(x), color=f"C{k}", label=label)
            else:
                axis.plot([], [], color=f"C{k}", label=f"{label}: no fit")
        axis.set(xlabel=curves[0].quantity, ylabel="efficiency", ylim=(0, 1.05))
        axis.set_title(curves[0].seed, fontsize=13)
        axis.legend(fontsize=11)
    return figure


def draw_rocs(curves: Sequence[RocCurve]) -> Picture:
    """Efficiency against rate of one score, operating points of the menu marked."""
    with style():
        figure = Picture(figsize=(8, 6), style=style)
        axis = figure.subplots()
        for k, roc in enumerate(curves):
            khz, values = (np.array([point[i] for point in roc.points]) for i in (1, 2))
            axis.plot(khz, values, color=f"C{k}", label=f"{roc.signal}, area {roc.area:.3f}")
            for _, at, value in roc.operating.values():
                axis.plot(at, value, "*", ms=14, color=f"C{k}", mec="k")
        axis.set(xscale="log", xlabel="rate [kHz]", ylabel="efficiency", ylim=(0, 1.02))
        axis.set_title(f"{curves[0].score}; stars: seeds of the menu", fontsize=13)
        axis.legend(fontsize=11)
    return figure


def draw_gains(gains: Sequence[ModelGain]) -> Picture:
    """Efficiency gained by model seeds minus that of re-tuned cuts at the same rate, in percent points."""
    panels = [("pure", "at equal pure rate"), ("total", "at equal total rate")]
    seeds = list(dict.fromkeys(gain.seed for gain in gains))
    signals = list(dict.fromkeys(gain.signal for gain in gains))
    with style():
        figure = Picture(figsize=(15, 2.5 + 0.7 * len(seeds)), style=style, layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for axis, (kind, title) in zip(axes, panels, strict=True):
            for k, signal in enumerate(signals):
                mine = {g.seed: g for g in gains if g.kind == kind and g.signal == signal and g.comparable}
                shift = (k - (len(signals) - 1) / 2) * 0.7 / len(signals)
                at = [seeds.index(seed) + shift for seed in mine]
                values = [100 * g.difference.value for g in mine.values()]
                errors = [100 * g.difference.error for g in mine.values()]
                marker = "os^D"[k // 6 % 4]  # the style has six colours
                axis.errorbar(values, at, xerr=errors, fmt=marker, ms=6, label=signal)
            axis.axvline(0, color="k", lw=1)
            axis.set_yticks(range(len(seeds)), seeds, fontsize=10)
            axis.set_xlabel("model − re-tuned cuts [percent points]", fontsize=13)
            axis.set_title(title, fontsize=13)
        axes[0].legend(fontsize=9)
    return figure
