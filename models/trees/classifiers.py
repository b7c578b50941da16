"""What the tree classifiers share: splitting by collision, ROC, working points, loss against bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mplhep
import numpy as np
from matplotlib import rc_context, style
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.rates.intervals import fraction

Scores = NDArray[Any]
FEATURE_BITS = (3, 4, 5, 6, 7, 8, 10, 12)
SCORE_FRACTIONS = (0, 1, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Sample:
    """Candidates or crossings: integer features (n, n_features), truth (n,), the decision of the cut-based
    algorithm (n,) bool, and which collision each comes from (n,)."""

    features: NDArray[np.int64]
    truth: NDArray[np.bool_]
    cut_based: NDArray[np.bool_]
    collision: NDArray[np.int64]

    def part(self, train: bool) -> Sample:
        """Three fifths of the collisions for training, the others for evaluation; copies stay together."""
        return self.where((self.collision % 5 < 3) == train)

    def where(self, keep: NDArray[np.bool_]) -> Sample:
        """The chosen rows."""
        return Sample(self.features[keep], self.truth[keep], self.cut_based[keep], self.collision[keep])


def graph_scores(graph: Graph, features: NDArray[np.int64]) -> NDArray[np.int64]:
    """Scores of the emulator, shape (n,), in LSBs of the graph's output."""
    result = compile_graph(graph).run_rows({graph.inputs[0].name: features})
    scores: NDArray[np.int64] = result[graph.outputs[0]].reshape(len(features), -1)[:, 0].astype(np.int64)
    return scores


def roc(scores: Scores, truth: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Background and signal efficiency of ``score >= t`` for every distinct score, from tight to loose."""
    from sklearn.metrics import roc_curve

    background, signal, _ = roc_curve(truth, scores, drop_intermediate=False)
    return background[1:], signal[1:]  # without the point that nothing passes


def area(scores: Scores, truth: NDArray[np.bool_]) -> float:
    """Area under the ROC; equal scores count half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, scores))


def threshold_at(scores: Scores, truth: NDArray[np.bool_], efficiency: float) -> Any:
    """Largest score ``t`` for which ``score >= t`` keeps at least ``efficiency`` of the signal."""
    ordered = np.sort(scores[truth])[::-1]
    return ordered[min(int(np.ceil(efficiency * len(ordered))), len(ordered)) - 1]


def working_point(scores: Scores, sample: Sample, efficiency: float) -> dict[str, Any]:
    """Threshold, signal and background efficiency (with 68 % intervals) at a signal efficiency."""
    cut = threshold_at(scores, sample.truth, efficiency)
    passed = scores >= cut
    return {"threshold": float(cut), **decisions(passed, sample)}


def decisions(passed: NDArray[np.bool_], sample: Sample) -> dict[str, Any]:
    """Signal and background efficiency of a selection: [value, low, high]."""
    rows = {}
    for name, chosen in (("signal", sample.truth), ("background", ~sample.truth)):
        measured = fraction(int(passed[chosen].sum()), int(chosen.sum()))
        rows[name] = [measured.value, measured.low, measured.high]
    return rows


def require(path: Path, remedy: str) -> Path:
    """The path; InputError if it does not exist."""
    if not path.exists():
        raise InputError("data is missing", file=path, remedy=remedy)
    return path


def plot_roc(curves: Mapping[str, Scores], sample: Sample, cut_name: str, path: Path) -> None:
    """Background against signal efficiency; the cut-based algorithm is a point."""
    with style.context(mplhep.style.CMS), rc_context({"font.size": 14}):
        figure = Figure(figsize=(7, 6))
        axis = figure.subplots()
        for name, scores in curves.items():
            background, signal = roc(scores, sample.truth)
            axis.plot(signal, background, label=f"{name} (AUC {area(scores, sample.truth):.4f})")
        point = decisions(sample.cut_based, sample)
        axis.plot(point["signal"][0], point["background"][0], "k*", markersize=14, label=cut_name)
        axis.set(xlabel="signal efficiency", ylabel="background efficiency", yscale="log", ylim=(1e-4, 1))
        axis.legend(fontsize=11)
        figure.savefig(path, dpi=80, bbox_inches="tight")


def loss_table(ensemble: Any, sample: Sample, efficiency: float) -> list[dict[str, Any]]:
    """Feature widths with fine scores, then score widths with exact features: share of changed decisions,
    background at the float's signal efficiency."""
    from l1forge.firmware.bdt.choose import data_types, narrowed, quantised_margin, score_type
    from l1forge.firmware.bdt.to_graph import Precision

    reference = ensemble.margin(sample.features)[:, 0]
    cut = threshold_at(reference, sample.truth, efficiency)
    exact = data_types(ensemble, sample.features)
    rows = []
    grid = [(bits, SCORE_FRACTIONS[-1]) for bits in FEATURE_BITS]
    grid += [(FEATURE_BITS[-1], fraction_bits) for fraction_bits in SCORE_FRACTIONS[:-1]]
    for bits, fraction_bits in grid:
        precision = Precision(
            tuple(narrowed(kind, bits) for kind in exact), score_type(ensemble, fraction_bits)
        )
        scores = quantised_margin(ensemble, precision, sample.features)[:, 0]
        rows.append(
            {
                "feature_bits": bits,
                "score_fraction": fraction_bits,
                "score_bits": precision.score.width,
                "changed": float(((scores >= cut) != (reference >= cut)).mean()),
                "background": working_point(scores, sample, efficiency)["background"][0],
                "auc": area(scores, sample.truth),
            }
        )
    return rows


def plot_loss(rows: Sequence[Mapping[str, Any]], floating: float, path: Path) -> None:
    """Changed decisions and background at fixed signal efficiency against bits, for features and scores.

    No changed decision has no place on a logarithmic axis: an open marker below the others.
    """
    finest_score = max(row["score_fraction"] for row in rows)
    finest_feature = max(row["feature_bits"] for row in rows)
    least = min((row["changed"] for row in rows if row["changed"]), default=1e-6) / 3
    with style.context(mplhep.style.CMS), rc_context({"font.size": 13}):
        figure = Figure(figsize=(12, 5))
        axes = figure.subplots(1, 2)
        for key, label, keep in (
            (
                "feature_bits",
                "bits of each feature",
                [r for r in rows if r["score_fraction"] == finest_score],
            ),
            (
                "score_fraction",
                "fractional bits of a leaf",
                [r for r in rows if r["feature_bits"] == finest_feature],
            ),
        ):
            keep = sorted(keep, key=lambda row: row[key])
            bits = [row[key] for row in keep]
            (line,) = axes[0].plot(bits, [row["changed"] or least for row in keep], "o-", label=label)
            none = [row[key] for row in keep if not row["changed"]]
            axes[0].plot(none, [least] * len(none), "o", color=line.get_color(), markerfacecolor="white")
            axes[1].plot(bits, [row["background"] / floating for row in keep], "o-", label=label)
        if any(not row["changed"] for row in rows):
            axes[0].plot([], [], "ko", markerfacecolor="white", label="none")
        axes[0].set(xlabel="bits", ylabel="decisions changed by quantisation", yscale="log")
        axes[1].set(xlabel="bits", ylabel="background / that of float, signal efficiency 0.5", yscale="log")
        axes[1].axhline(1.0, color="0.6", linestyle=":")
        for axis in axes:
            axis.legend(fontsize=11)
        figure.tight_layout()
        figure.savefig(path, dpi=80)
