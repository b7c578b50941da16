"""Train the trees: XGBoost learns what the large network says of a muon's pT, and how often it is right.

The target is half the network's answer (the pT at which the muon would just pass, 90 % efficiency), half the
truth: the network's answer has less noise, the truth no steps. Muons are drawn flat in ln(pT) and
weighted with (inclusive rate)^POWER, as for the networks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.firmware.bdt.converters import convert
from l1forge.firmware.bdt.ensemble import Ensemble
from l1forge.models import GRAPH
from l1forge.models.muon_pt.bins import GENERATED_UP_TO, LOWER_EDGES, MIN_PT, N_BINS, bin_of
from l1forge.models.muon_pt.estimators import BIN_CENTRES, LARGE_FOLDER
from l1forge.models.muon_pt.features import FEATURES, muon_features
from l1forge.models.muon_pt.momentum import THRESHOLD_BITS, tail_sums
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.models.muon_trees.graph import NAME, TREE_FEATURES, build, tree_features
from l1forge.models.muon_trees.path import Scale, scores_of
from l1forge.simulation.muons import MuonSample, MuonSettings, generate
from l1forge.simulation.muons.detectors import parse
from l1forge.simulation.muons.spectrum import density

SEED = 31
FOLDER = Path(__file__).parent
Report = Callable[[object], object]


@dataclass(frozen=True)
class Options:
    """Size and shape of the training; the defaults are those of the committed trees."""

    muons: int = 200_000
    calibration: int = 400_000
    trees: int = 200
    depth: int = 6
    rate: float = 0.2
    charge_trees: int = 16
    charge_depth: int = 4
    power: float = 0.35
    least: float = 30.0
    """Smallest weight of a leaf's muons."""
    leaves: int = 16
    """Most leaves of a tree: the split that helps most is made first."""
    fraction: int = 7
    """Fractional bits of the leaves."""
    teacher: float = 0.5
    """Share of the large network's answer in the target; the rest is the truth."""
    detector: str = "nominal"
    """Of the training muons (simulation/muons/detectors.yaml), or ``randomised``; pT is calibrated on A."""

    def shortened(self) -> Options:
        """A check that training runs, not a result."""
        return replace(self, muons=40_000, calibration=40_000, trees=20, charge_trees=5)


def passing_pt(network: MuonNetwork, features: np.ndarray) -> np.ndarray:
    """ln(pT) up to which each muon, features (n, 45), passes the network's calibrated thresholds.

    The highest bin whose chance reaches its threshold, and the share of the way to the next one.
    """
    sums = tail_sums(network.logits(features))
    chance = np.log((np.maximum(sums, 1) << THRESHOLD_BITS) // sums[:, :1] + 1.0)
    margin = chance - np.log(network.calibration.threshold.astype(float))
    passed = margin >= 0
    passed[:, 0] = True
    k = N_BINS - 1 - passed[:, ::-1].argmax(axis=1)
    rows, after = np.arange(len(k)), np.minimum(k + 1, N_BINS - 1)
    above, below = np.maximum(margin[rows, k], 0), np.maximum(-margin[rows, after], 0)
    share = np.where(after > k, above / np.maximum(above + below, 1e-9), 0.0)
    edges = np.log(np.append(np.maximum(LOWER_EDGES, MIN_PT), GENERATED_UP_TO))
    return edges[k] + np.clip(share, 0, 1) * (edges[k + 1] - edges[k])


def fit(sample: MuonSample, seed: int, options: Options, report: Report) -> Ensemble:
    """Trees of both scores, in floating point, from muons with true pT and charge."""
    from xgboost import XGBClassifier, XGBRegressor

    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    found = layers > 0
    features, pt, charge = features[found], sample.pt[found], sample.charge[found]
    target = np.log(pt)
    if options.teacher:
        answer = passing_pt(MuonNetwork(LARGE_FOLDER), features)
        target = options.teacher * answer + (1 - options.teacher) * target
    columns = tree_features(features)
    weights = (density(pt) * pt) ** options.power
    weights /= weights.mean()
    common: dict[str, Any] = {"tree_method": "hist", "n_jobs": 1, "random_state": seed, "subsample": 0.8}
    report(f"{options.trees} trees of pT on {len(pt)} muons")
    momentum = XGBRegressor(
        n_estimators=options.trees, max_depth=options.depth, learning_rate=options.rate,
        min_child_weight=options.least, grow_policy="lossguide", max_leaves=options.leaves, **common,
    ).fit(columns, target, sample_weight=weights)  # fmt: skip
    report(f"{options.charge_trees} trees of the charge")
    positive = XGBClassifier(
        n_estimators=options.charge_trees, max_depth=options.charge_depth, learning_rate=0.3, **common
    ).fit(columns, charge > 0)
    return joined(convert(momentum), convert(positive))


def joined(first: Ensemble, second: Ensemble) -> Ensemble:
    """Two ensembles of one score each as one with two."""
    return replace(
        first,
        trees=first.trees + second.trees,
        tree_class=(0,) * len(first.trees) + (1,) * len(second.trees),
        base=(*first.base, *second.base),
        feature_names=TREE_FEATURES,
        link="identity",
    )


def calibrate(score: np.ndarray, found: np.ndarray, pt: np.ndarray, efficiency: float = 0.90) -> Scale:
    """Cuts on the score (n,) that muons of each bin pass with ``efficiency``, and that half of them pass."""
    bins = bin_of(pt)
    lost = np.iinfo(np.int64).min // 2
    values = np.where(found, score, lost)
    cuts, centres = np.full(N_BINS, lost), np.zeros(N_BINS, np.int64)
    for k in range(1, N_BINS):
        mine = values[bins == k]
        if len(mine):
            cuts[k] = np.quantile(mine, 1 - efficiency, method="lower")
            centres[k] = np.quantile(mine, 0.5, method="lower")
        else:
            cuts[k], centres[k] = cuts[k - 1], centres[k - 1]
    centres[0] = centres[1] - 1
    return Scale(efficiency, np.maximum.accumulate(cuts), np.maximum.accumulate(centres), BIN_CENTRES)


def main(
    seed: int = SEED, output: Path | None = None, options: Options | None = None, *, report: Report = print
) -> None:
    """Train, quantise and calibrate; ``output``: a folder, default the model's own. About a minute."""
    options = options or Options()
    settings = MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO)
    report(f"{NAME}: seed {seed}, {options}")
    detector = parse(options.detector)
    ensemble = fit(
        generate(options.muons, seed * 1000, replace(settings, detector=detector)), seed, options, report
    )
    graph = build(ensemble, options.fraction)
    report(f"{options.calibration} muons for the pT scale")
    sample = generate(options.calibration, 555, settings)
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    scale = calibrate(scores_of(graph, features)[0], layers > 0, sample.pt)
    with atomic_files(output or FOLDER) as folder:
        graph.save(folder / GRAPH)
        scale.save(folder / "calibration.json")
        TrainedInputs.of(NAME, "simulated muons", FEATURES, features[layers > 0]).save(folder / "inputs.json")
        write_text(folder / "training.json", json.dumps({"seed": seed, **asdict(options)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
