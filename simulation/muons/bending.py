"""Simulated bending against reference values: the figure that says the simulation can be trusted."""

from __future__ import annotations

from pathlib import Path

import mplhep
import numpy as np
from matplotlib import rc_context, style
from matplotlib.figure import Figure

from l1forge.emulator.atomic import atomic_path
from l1forge.simulation.muons.generate import MuonSettings, generate
from l1forge.simulation.muons.layers import BENDING, NAMES, NO_STUB

PT = np.array([3, 4, 5, 7, 10, 14, 20, 30, 50.0])
REFERENCE = {
    "MB2": ((10, -16), (20, -8)),
    "ME1/3": ((10, -22),),
    "MB1b": ((10, -65),),
}
"""Layer: (pT, value) of full simulation for positive muons: azimuth relative to MB1, or bending angle."""


def median_bending(pt: float, muons: int, seed: int) -> dict[str, float]:
    """Median per layer of REFERENCE for positive muons of ``pt`` GeV, in bins (MB1b: 1/512 rad)."""
    settings = MuonSettings(0.99 * pt, 1.01 * pt, noise=0.0, punch_through=0.0, secondaries=False)
    sample = generate(muons, seed, settings)
    value = sample.value[sample.charge > 0, :, 0].astype(float)
    value[value == NO_STUB] = np.nan
    out = {}
    for name in REFERENCE:
        layer = NAMES.index(name)
        origin = 0.0 if BENDING[layer] else value[:, 0]
        out[name] = float(np.nanmedian(value[:, layer] - origin))
    return out


def draw_bending(path: str | Path, muons: int = 10_000, seed: int = 1) -> dict[str, list[float]]:
    """Draw the comparison into ``path`` (PNG); returns layer -> medians at PT."""
    table = [median_bending(pt, muons, seed) for pt in PT]
    curves = {name: [row[name] for row in table] for name in REFERENCE}
    with style.context(mplhep.style.CMS), rc_context({"font.size": 13, "legend.fontsize": 11}):
        canvas = Figure(figsize=(7, 5), layout="constrained")
        axes = canvas.subplots()
        for name, values in curves.items():
            angle = r"$\varphi - \varphi_{MB1}$ [$2\pi/5400$]"
            what = "bending angle [1/512 rad]" if name.endswith("b") else angle
            (line,) = axes.plot(PT, -np.array(values), marker=".", label=f"{name}: {what}")
            pt, reference = zip(*REFERENCE[name], strict=True)
            axes.plot(pt, -np.array(reference), "s", markersize=11, fillstyle="none", color=line.get_color())
        axes.plot([], [], "ks", fillstyle="none", markersize=11, label="CMS full simulation")
        axes.set(xscale="log", yscale="log", xlabel="pT [GeV]", ylabel="$-$ median, positive muons [counts]")
        axes.set_xticks([3, 5, 10, 20, 50], ["3", "5", "10", "20", "50"])
        axes.set_xticks([], minor=True)
        axes.legend()
        with atomic_path(path) as temporary:
            canvas.savefig(temporary, dpi=90)
    return curves
