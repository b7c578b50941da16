"""What a version of the network is worth: signal efficiency at fixed rate, over-training, plots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mplhep
import numpy as np
from hist import Hist
from hist.axis import Variable
from matplotlib import rc_context, style
from matplotlib.figure import Figure
from scipy.stats import ks_2samp

from l1forge.emulator.rates.intervals import fraction, full_rate_khz, threshold_for_rate
from l1forge.models.vae_dense.network import scaled

RATES_KHZ = (1.0, 10.0, 30.0)
SCORES = ("mu2", "kl", "mse")


def scores(encoder: Any, decoder: Any, features: Any, norm: Any, mask: Any) -> dict[str, Any]:
    """Float scores of shape (n,): clipped KL (sum mu^2), full 2 KL, and reconstruction error."""
    mean, log_var = encoder.predict(features, batch_size=16384, verbose=0)
    mu2 = np.square(mean).sum(1)
    kl = (np.square(mean) + np.exp(log_var) - 1 - log_var).sum(1)
    reconstruction = decoder.predict(mean, batch_size=16384, verbose=0)
    target = (scaled(features) - norm[0]) / norm[1]
    mse = (mask * np.square(reconstruction - target)).sum(1)
    return {"mu2": mu2, "kl": kl, "mse": mse}


def efficiencies(
    zero_bias: Mapping[str, Any], signals: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row per score x rate x signal: threshold, rate and efficiency with errors."""
    rows = []
    for score in SCORES:
        for rate in RATES_KHZ:
            cut = threshold_for_rate(zero_bias[score], rate)
            measured = fraction(int((zero_bias[score] >= cut).sum()), len(zero_bias[score]))
            value, low, high = measured.scaled(full_rate_khz())
            for name, signal in signals.items():
                passed = fraction(int((signal[score] >= cut).sum()), len(signal[score]))
                rows.append(
                    {
                        "score": score,
                        "target_khz": rate,
                        "threshold": float(cut),
                        "rate_khz": [value, low, high],
                        "signal": name,
                        "efficiency": [passed.value, passed.low, passed.high],
                    }
                )
    return rows


def over_training(train: Any, test: Any) -> dict[str, float]:
    """Kolmogorov-Smirnov distance of the score between training and test zero bias, and its p-value."""
    result = ks_2samp(train, test)
    return {"distance": float(result.statistic), "p_value": float(result.pvalue)}


def plot_curves(curves: Mapping[str, Mapping[str, list[float]]], path: Path) -> None:
    """Training and validation loss of every stage."""
    with style.context(mplhep.style.CMS), rc_context({"font.size": 14}):
        figure = Figure(figsize=(8, 6))
        axis = figure.subplots()
        start = 0
        for i, (stage, curve) in enumerate(curves.items()):
            epochs = np.arange(start, start + len(curve["train"]))
            axis.plot(epochs, curve["train"], color=f"C{i}", label=f"{stage}, training")
            axis.plot(
                epochs, curve["validation"], color=f"C{i}", linestyle="--", label=f"{stage}, validation"
            )
            start += len(epochs)
        axis.set(xlabel="epoch", ylabel="loss")
        axis.legend(fontsize=12)
        figure.savefig(path, dpi=80, bbox_inches="tight")


def plot_scores(zero_bias: Any, signals: Mapping[str, Any], path: Path) -> None:
    """Distribution of the clipped-KL score in zero bias and in the signals."""
    edges = np.geomspace(0.1, max(1.0, float(zero_bias.max())) * 2, 60)
    with style.context(mplhep.style.CMS), rc_context({"font.size": 14}):
        figure = Figure(figsize=(8, 6))
        axis = figure.subplots()
        counts = Hist(Variable(edges)).fill(zero_bias).values()
        axis.stairs(counts / len(zero_bias), edges, fill=True, color="0.8", label="zero bias")
        for i, (name, values) in enumerate(signals.items()):
            counts = Hist(Variable(edges)).fill(values).values()
            line = ("-", "--")[i // 5]
            axis.stairs(counts / len(values), edges, label=name, color=f"C{i % 5}", linestyle=line, lw=1.5)
        axis.set(xlabel="score", ylabel="fraction of crossings", xscale="log", yscale="log")
        axis.legend(fontsize=12, loc="upper left", bbox_to_anchor=(1, 1))
        figure.savefig(path, dpi=80, bbox_inches="tight")
