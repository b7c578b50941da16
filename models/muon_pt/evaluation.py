"""Turn-on curves, efficiencies, resolution, charge and rates of all muon pT algorithms, as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hist import Hist
from hist.axis import Variable

from l1forge.models.muon_pt.bins import GENERATED_UP_TO, LOWER_EDGES, MIN_PT
from l1forge.models.muon_pt.estimators import (
    LARGE_FOLDER,
    SMALL_FOLDER,
    Estimate,
    boosted_trees,
    float_estimate,
    golden_patterns,
    perfect,
    quantised_network,
)
from l1forge.simulation.muons import MuonSample, MuonSettings, generate
from l1forge.simulation.muons.spectrum import rate_weights

EFFICIENCY = 0.90
WINDOW = 1.1
"""A threshold T has the chosen efficiency for muons of T <= pT < 1.1 T."""
THRESHOLDS = (5.0, 10.0, 20.0, 30.0)
REFERENCE = 20.0
FEED_THROUGH = (3.0, 5.0)
PATTERNS, QUANTISED, FLOAT, SMALL, FLAT = "patterns", "quantised NN", "float NN", "small NN", "flat-prior NN"
TREES = "boosted trees"
TURN_ON_EDGES = np.geomspace(2, 100, 41)
RESOLUTION_EDGES = np.geomspace(3, 100, 15)
DISPLACEMENT = 60.0
DISPLACEMENT_EDGES = np.linspace(0, DISPLACEMENT, 13)
PLATEAU = (1.5, 3.0)
"""Efficiencies against eta, phi and displacement: muons of 1.5 to 3 times the threshold."""


def estimates(sample: MuonSample) -> list[Estimate]:
    """All algorithms on ``sample``, in the order of the tables."""
    return [
        golden_patterns(sample, PATTERNS),
        float_estimate(sample, FLOAT),
        quantised_network(sample, LARGE_FOLDER, QUANTISED),
        quantised_network(sample, SMALL_FOLDER, SMALL),
        boosted_trees(sample, TREES),
        quantised_network(sample, LARGE_FOLDER, FLAT, prior_power=1.0),
        perfect(sample),
    ]


def cut_at(estimate: Estimate, pt: np.ndarray, threshold: float, efficiency: float = EFFICIENCY) -> float:
    """The score cut that ``efficiency`` of all muons just above ``threshold`` pass, found or not."""
    window = (pt >= threshold) & (pt < WINDOW * threshold)
    return float(np.quantile(estimate.score(threshold)[window], 1 - efficiency, method="lower"))


def passing(estimate: Estimate, pt: np.ndarray, threshold: float) -> np.ndarray:
    """Which muons pass ``threshold`` at EFFICIENCY, (n,) bool."""
    return estimate.score(threshold) >= cut_at(estimate, pt, threshold)


def efficiency(passed: np.ndarray, values: np.ndarray, edges: np.ndarray) -> list[float]:
    """Share of passing muons per interval of ``values``."""
    bins = Variable(edges)
    total, some = Hist(bins).fill(values).values(), Hist(bins).fill(values[passed]).values()
    return (some / np.maximum(total, 1)).tolist()


def rate(passed: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Rate in kHz with its statistical error."""
    return {
        "kHz": float(weights[passed].sum()) / 1e3,
        "error": float(np.sqrt((weights[passed] ** 2).sum())) / 1e3,
    }


def describe(estimate: Estimate, sample: MuonSample, weights: np.ndarray) -> dict[str, Any]:
    """All numbers of one algorithm on muons from the beam line."""
    pt = sample.pt
    out: dict[str, Any] = {"turn_on": {}, "rate_vs_threshold": {}}
    for threshold in THRESHOLDS:
        out["turn_on"][f"{threshold:g}"] = efficiency(passing(estimate, pt, threshold), pt, TURN_ON_EDGES)
    for threshold in LOWER_EDGES[(LOWER_EDGES >= 5) & (LOWER_EDGES <= 60)]:
        out["rate_vs_threshold"][f"{threshold:g}"] = rate(passing(estimate, pt, float(threshold)), weights)
    passed = passing(estimate, pt, REFERENCE)
    slow = (pt >= FEED_THROUGH[0]) & (pt < FEED_THROUGH[1])
    out["feed_through"] = {
        "share": float(passed[slow].mean()),
        "error": float(np.sqrt(max(passed[slow].sum(), 1)) / slow.sum()),
        "below_10_GeV": rate(passed & (pt < 10), weights),
    }
    plateau = (pt >= PLATEAU[0] * REFERENCE) & (pt < PLATEAU[1] * REFERENCE)
    eta = np.abs(sample.true_eta)
    out["efficiency_eta"] = efficiency(passed[plateau], eta[plateau], np.linspace(0.83, 1.24, 13))
    phi = np.degrees(sample.phi)
    out["efficiency_phi"] = efficiency(passed[plateau], phi[plateau], np.linspace(-30, 30, 13))
    found = np.isfinite(estimate.pt)
    ratio = np.log(estimate.pt[found] / pt[found])
    wrong = estimate.charge[found] != sample.charge[found]
    places = np.digitize(pt[found], RESOLUTION_EDGES) - 1
    inside = range(len(RESOLUTION_EDGES) - 1)
    spread = [np.percentile(ratio[places == b], [16, 50, 84]) for b in inside]
    out["resolution"] = [float(high - low) / 2 for low, _, high in spread]
    out["bias"] = [float(middle) for _, middle, _ in spread]
    out["charge_misidentified"] = [float(wrong[places == b].mean()) for b in inside]
    return out


def displaced(
    muons: int, seed: int, estimate_all: list[Estimate], sample: MuonSample
) -> dict[str, list[float]]:
    """Efficiency at 20 GeV against the impact parameter; cuts from the muons of the beam line."""
    settings = MuonSettings(PLATEAU[0] * REFERENCE, PLATEAU[1] * REFERENCE, displacement=DISPLACEMENT)
    far = generate(muons, seed, settings)
    size = np.abs(far.displacement)
    out = {}
    for near, estimate in zip(estimate_all, estimates(far), strict=True):
        passed = estimate.score(REFERENCE) >= cut_at(near, sample.pt, REFERENCE)
        out[near.name] = efficiency(passed, size, DISPLACEMENT_EDGES)
    return out


def evaluate(muons: int, seed: int) -> dict[str, Any]:
    """Generate muons and compare all algorithms on them; the result is plain JSON data."""
    sample = generate(muons, seed, MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO))
    weights = rate_weights(sample.pt, MIN_PT, GENERATED_UP_TO)
    every = estimates(sample)
    algorithms = {estimate.name: describe(estimate, sample, weights) for estimate in every}
    reference = f"{REFERENCE:g}"
    base = algorithms[PATTERNS]["rate_vs_threshold"][reference]["kHz"]
    table = {
        name: {
            "rate_kHz": numbers["rate_vs_threshold"][reference]["kHz"],
            "error_kHz": numbers["rate_vs_threshold"][reference]["error"],
            "rate_over_patterns": numbers["rate_vs_threshold"][reference]["kHz"] / base,
            "feed_through": numbers["feed_through"]["share"],
            "feed_through_error": numbers["feed_through"]["error"],
            "rate_below_10_GeV_kHz": numbers["feed_through"]["below_10_GeV"]["kHz"],
        }
        for name, numbers in algorithms.items()
    }
    return {
        "muons": muons,
        "seed": seed,
        "efficiency": EFFICIENCY,
        "threshold_GeV": REFERENCE,
        "table": table,
        "algorithms": algorithms,
        "efficiency_displacement": displaced(max(muons // 10, 1000), seed + 1, every, sample),
    }
