"""What the algorithms are worth on muons of another simulation: the numbers of ``evaluation``, with errors.

A foreign sample is small, has its own spectrum and may lack the charge: bins are wide, thresholds without
muons to tune them on are left out and named, and rates cover the sample's range of pT only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.rates.intervals import fraction
from l1forge.models.muon_patterns import Patterns
from l1forge.models.muon_pt.estimators import (
    LARGE_FOLDER,
    SMALL_FOLDER,
    Estimate,
    boosted_trees,
    golden_patterns,
    perfect,
)
from l1forge.models.muon_pt.estimators import quantised_network as network
from l1forge.models.muon_pt.evaluation import (
    EFFICIENCY,
    FEED_THROUGH,
    PATTERNS,
    PLATEAU,
    QUANTISED,
    SMALL,
    THRESHOLDS,
    TREES,
    WINDOW,
    cut_at,
)
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.models.muon_trees.path import MuonTrees
from l1forge.simulation.muons import MuonSample
from l1forge.simulation.muons.spectrum import rate_weights_of

TUNED_ON = 25
"""Muons just above a threshold that are needed to tune the algorithms to EFFICIENCY there."""
TURN_ON_EDGES = (3, 5, 7, 10, 14, 18, 20, 22, 25, 30, 60, 100)
BANDS = ((3, 10), (10, 30), (30, 100))
"""GeV: where resolution and charge are measured."""
FILLED = "patterns filled on such stubs"
RESAMPLED = 200
LEAST = 20
"""Muons in a band, for a resolution."""

Measured = list[float] | None
"""[value, error], or [value, low, high] of a share; None: no muons to measure on."""


def share(passed: np.ndarray) -> Measured:
    """Share of True with its 68 % interval."""
    if not len(passed):
        return None
    found = fraction(int(passed.sum()), len(passed))
    return [found.value, found.low, found.high]


def measure(
    sample: MuonSample,
    networks: bool = True,
    folders: tuple[Path, Path] = (LARGE_FOLDER, SMALL_FOLDER),
    tables: Patterns | None = None,
) -> dict[str, Any]:
    """All numbers of all algorithms on the candidates of ``sample`` that have a true pT; plain JSON data.

    ``networks``: without them, golden patterns and the true pT only. ``folders``: of the large and of the
    small network. ``tables``: of golden patterns filled on such muons, a further row.
    """
    known = np.isfinite(sample.pt) & (sample.pt > 0)
    muons = sample.select(known)
    if not len(muons):
        return {"muons": 0, "without_truth": len(sample), "algorithms": {}}
    weights = rate_weights_of(muons.pt)
    tuned = [t for t in THRESHOLDS if window(muons.pt, t).sum() >= TUNED_ON]
    every = [golden_patterns(muons, PATTERNS), perfect(muons)]
    if tables is not None:
        every.insert(1, golden_patterns(muons, FILLED, tables=tables))
    codes: dict[str, np.ndarray] = {}
    if networks:
        for folder, name in ((folders[1], SMALL), (folders[0], QUANTISED)):
            every.insert(1, network(muons, folder, name))
            codes[name] = MuonNetwork(folder)(muons).pt
        every.insert(-1, boosted_trees(muons, TREES))
        codes[TREES] = MuonTrees()(muons).pt
    return {
        "muons": len(muons),
        "without_truth": int((~known).sum()),
        "pt_GeV": [float(muons.pt.min()), float(muons.pt.max())],
        "rate_in_range_kHz": float(weights.sum()) / 1e3,
        "has_charge": bool((muons.charge != 0).all()),
        "efficiency": EFFICIENCY,
        "thresholds_GeV": tuned,
        "not_tuned_GeV": [t for t in THRESHOLDS if t not in tuned],
        "turn_on_edges_GeV": list(TURN_ON_EDGES),
        "bands_GeV": [list(band) for band in BANDS],
        "algorithms": {
            estimate.name: _describe(estimate, muons, weights, tuned)
            | {"calibrated": _calibrated(codes.get(estimate.name), muons.pt)}
            for estimate in every
        },
    }


def window(pt: np.ndarray, threshold: float) -> np.ndarray:
    """The muons just above ``threshold`` GeV that tune an algorithm, (n,) bool."""
    return (pt >= threshold) & (pt < WINDOW * threshold)


def _calibrated(code: np.ndarray | None, pt: np.ndarray) -> dict[str, Measured] | None:
    """Efficiency just above each threshold of the pT code as it was calibrated on our simulation."""
    if code is None:
        return None
    return {f"{t:g}": share((code[window(pt, t)] - 1) / 2 >= t) for t in THRESHOLDS}


def _describe(
    estimate: Estimate, muons: MuonSample, weights: np.ndarray, tuned: list[float]
) -> dict[str, Any]:
    pt = muons.pt
    out: dict[str, Any] = {"found": share(np.isfinite(estimate.pt)), "thresholds": {}}
    for threshold in tuned:
        score = estimate.score(threshold)
        passed = score >= cut_at(estimate, pt, threshold)
        slow = (pt >= FEED_THROUGH[0]) & (pt < FEED_THROUGH[1])
        plateau = (pt >= PLATEAU[0] * threshold) & (pt < PLATEAU[1] * threshold)
        places = np.digitize(pt, TURN_ON_EDGES) - 1
        out["thresholds"][f"{threshold:g}"] = {
            "turn_on": [share(passed[places == b]) for b in range(len(TURN_ON_EDGES) - 1)],
            "plateau": share(passed[plateau]),
            "feed_through": share(passed[slow]),
            "rate_kHz": rate_and_error(estimate, pt, threshold, weights) if weights.any() else None,
        }
    out["resolution"], out["bias"], out["charge_misidentified"] = [], [], []
    for low, high in BANDS:
        band = (pt >= low) & (pt < high) & np.isfinite(estimate.pt)
        width, bias = spread_of(np.log(estimate.pt[band] / pt[band]))
        out["resolution"].append(width)
        out["bias"].append(bias)
        known = band & (muons.charge != 0)
        out["charge_misidentified"].append(share(estimate.charge[known] != muons.charge[known]))
    return out


def rate_and_error(estimate: Estimate, pt: np.ndarray, threshold: float, weights: np.ndarray) -> Measured:
    """kHz and error: of the muons that pass, and of the cut, whose efficiency is known to its own error."""
    score = estimate.score(threshold)
    spread = (EFFICIENCY * (1 - EFFICIENCY) / window(pt, threshold).sum()) ** 0.5
    ends = (EFFICIENCY, EFFICIENCY - spread, min(EFFICIENCY + spread, 1.0))
    passed = [score >= cut_at(estimate, pt, threshold, end) for end in ends]
    value, low, high = (float(weights[some].sum()) / 1e3 for some in passed)
    counting = float(np.sqrt((weights[passed[0]] ** 2).sum())) / 1e3
    return [value, float(np.hypot(counting, (high - low) / 2))]


def spread_of(ratio: np.ndarray) -> tuple[Measured, Measured]:
    """68 % half width and median of ``ratio`` with errors from resampling (seeded)."""
    if len(ratio) < LEAST:
        return None, None
    rng = np.random.default_rng(0)
    samples = [ratio, *(rng.choice(ratio, len(ratio)) for _ in range(RESAMPLED))]
    low, middle, high = np.array([np.percentile(values, [16, 50, 84]) for values in samples]).T
    width = (high - low) / 2
    return [float(width[0]), float(width[1:].std())], [float(middle[0]), float(middle[1:].std())]
