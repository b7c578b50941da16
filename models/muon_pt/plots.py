"""Figures of docs/muon.md from the evaluation's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mplhep
import numpy as np
from matplotlib import rc_context, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from l1forge.emulator.atomic import atomic_path
from l1forge.models.muon_pt.evaluation import (
    DISPLACEMENT_EDGES,
    FLAT,
    PATTERNS,
    PLATEAU,
    REFERENCE,
    RESOLUTION_EDGES,
    THRESHOLDS,
    TURN_ON_EDGES,
)

Numbers = Mapping[str, Any]
PERFECT = "perfect pT"


@contextmanager
def figure(path: Path, rows: int = 1, columns: int = 1) -> Iterator[Any]:
    """Axes in the house style, saved as a small PNG."""
    settings = {"font.size": 13, "lines.linewidth": 1.6, "legend.fontsize": 11}
    with style.context(mplhep.style.CMS), rc_context(settings):
        canvas = Figure(figsize=(6.2 * columns, 4.6 * rows), layout="constrained")
        yield canvas.subplots(rows, columns)
        with atomic_path(path) as temporary:
            canvas.savefig(temporary, dpi=90)


def _step(axes: Axes, edges: np.ndarray, values: list[float], label: str) -> None:
    mplhep.histplot(np.array(values), edges, ax=axes, label=label, histtype="step", yerr=False, edges=False)


def _algorithms(result: Numbers, *without: str) -> Iterator[tuple[str, Numbers]]:
    for name, numbers in result["algorithms"].items():
        if name not in without:
            yield name, numbers


def draw_all(result: Numbers, folder: Path) -> list[Path]:
    """Draw every figure into ``folder``; returns their paths."""
    paths = [folder / f"muon_{name}.png" for name in ("turn_on", "rate", "efficiency", "resolution")]
    turn_on(result, paths[0])
    rate(result, paths[1])
    plateau(result, paths[2])
    resolution(result, paths[3])
    return paths


def turn_on(result: Numbers, path: Path) -> None:
    """Efficiency against generated pT for four thresholds."""
    with figure(path, 2, 2) as grid:
        for axes, threshold in zip(grid.flat, THRESHOLDS, strict=True):
            for name, numbers in _algorithms(result, PERFECT, FLAT):
                _step(axes, TURN_ON_EDGES, numbers["turn_on"][f"{threshold:g}"], name)
            axes.axvline(threshold, color="grey", linewidth=0.8)
            axes.set(xscale="log", xlim=(2, 100), ylim=(0, 1.05), xlabel="generated pT [GeV]")
            axes.set(ylabel="efficiency", title=f"threshold {threshold:g} GeV")
        grid.flat[0].legend(loc="lower right")


def rate(result: Numbers, path: Path) -> None:
    """Rate against threshold at equal efficiency, and divided by the patterns' rate."""
    with figure(path, 1, 2) as (left, right):
        base = result["algorithms"][PATTERNS]["rate_vs_threshold"]
        thresholds = np.array([float(t) for t in base])
        below = np.array([point["kHz"] for point in base.values()])
        for name, numbers in _algorithms(result):
            points = numbers["rate_vs_threshold"].values()
            value, error = (np.array([p[key] for p in points]) for key in ("kHz", "error"))
            left.errorbar(thresholds, value, error, label=name)
            right.errorbar(thresholds, value / below, error / below, label=name)
        left.set(xscale="log", yscale="log", xlabel="threshold [GeV], 90 % efficient", ylabel="rate [kHz]")
        right.set(
            xscale="log", xlabel="threshold [GeV], 90 % efficient", ylabel="rate / patterns", ylim=(0, 2)
        )
        for axes in (left, right):
            axes.set_xticks([5, 10, 20, 30, 50], ["5", "10", "20", "30", "50"], minor=False)
            axes.set_xticks([], minor=True)
            axes.axvline(REFERENCE, color="grey", linewidth=0.8)
        left.legend()


def plateau(result: Numbers, path: Path) -> None:
    """Efficiency on the plateau against eta, phi and impact parameter."""
    title = f"{PLATEAU[0] * REFERENCE:g}-{PLATEAU[1] * REFERENCE:g} GeV, threshold {REFERENCE:g} GeV"
    with figure(path, 1, 3) as (eta, phi, far):
        for name, numbers in _algorithms(result, PERFECT, FLAT):
            _step(eta, np.linspace(0.83, 1.24, 13), numbers["efficiency_eta"], name)
            _step(phi, np.linspace(-30, 30, 13), numbers["efficiency_phi"], name)
            _step(far, DISPLACEMENT_EDGES, result["efficiency_displacement"][name], name)
        eta.set(xlabel="|eta|", ylabel="efficiency", ylim=(0.8, 1.01), title=title)
        phi.set(xlabel="phi from sector centre [deg]", ylim=(0.8, 1.01))
        far.set(xlabel="impact parameter [cm]", ylim=(0, 1.05))
        far.legend()


def resolution(result: Numbers, path: Path) -> None:
    """Width and bias of ln(pT estimate / pT), and wrong charges."""
    quantities = (
        ("resolution", "68 % half width of ln(estimate / pT)"),
        ("bias", "median of ln(estimate / pT)"),
        ("charge_misidentified", "wrong charge"),
    )
    with figure(path, 1, 3) as grid:
        for axes, (key, label) in zip(grid, quantities, strict=True):
            for name, numbers in _algorithms(result, PERFECT, FLAT):
                _step(axes, RESOLUTION_EDGES, numbers[key], name)
            axes.set(xscale="log", xlabel="generated pT [GeV]", ylabel=label)
        grid[2].set_yscale("log")
        grid[0].legend()
