"""The pT algorithms under comparison, behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l1forge.models.muon_patterns import Patterns, find_patterns, load_patterns
from l1forge.models.muon_patterns.patterns import PT_EDGES
from l1forge.models.muon_pt.bins import CHARGE_LOGIT, GENERATED_UP_TO, LOWER_EDGES, MIN_PT, N_BINS, log_prior
from l1forge.models.muon_pt.features import ONE, muon_features
from l1forge.models.muon_pt.momentum import LOGIT_LSB
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.models.muon_trees.path import FOLDER as TREES_FOLDER
from l1forge.models.muon_trees.path import MuonTrees
from l1forge.simulation.muons import MuonSample

LARGE_FOLDER = Path(__file__).parent
SMALL_FOLDER = LARGE_FOLDER.parent / "muon_pt_small"
NOT_FOUND = -1e9
BIN_CENTRES = np.sqrt(np.maximum(LOWER_EDGES, MIN_PT) * np.append(LOWER_EDGES[1:], GENERATED_UP_TO))
PATTERN_CENTRES = np.sqrt(PT_EDGES[1:] * PT_EDGES[:-1])


@dataclass(frozen=True)
class Estimate:
    """One algorithm's answer for ``n`` muons.

    ``score(threshold)``: (n,) float, larger means more likely above ``threshold`` GeV, NOT_FOUND if there
    is no candidate. ``pt`` (n,) GeV central value, NaN if not found; ``charge`` (n,) -1, 0 or +1.
    """

    name: str
    score: Callable[[float], np.ndarray]
    pt: np.ndarray
    charge: np.ndarray


def perfect(sample: MuonSample) -> Estimate:
    """The generated pT itself: the floor of any rate."""
    return Estimate("perfect pT", lambda threshold: sample.pt, sample.pt, sample.charge)


def golden_patterns(
    sample: MuonSample, name: str = "patterns", *, layers_first: bool = True, tables: Patterns | None = None
) -> Estimate:
    """Golden patterns; muons of one pT bin are ordered at random (seeded), so that any cut is possible.

    ``tables``: default: the committed ones.
    """
    result = find_patterns(sample.value, sample.quality, tables or load_patterns(), layers_first=layers_first)
    found = result.pattern >= 0
    pt_bin = result.pattern // 2
    score = np.where(found, pt_bin + np.random.default_rng(0).random(len(found)), NOT_FOUND)
    pt = np.where(found, PATTERN_CENTRES[np.maximum(pt_bin, 0)], np.nan)
    return Estimate(name, lambda threshold: score, pt, np.where(found, 2 * (result.pattern % 2) - 1, 0))


def from_logits(name: str, logits: np.ndarray, found: np.ndarray, prior_power: float = 0.0) -> Estimate:
    """Estimate from logits (n, 44) in natural units; ``prior_power`` removes that much of the prior.

    Scores are chances under the prior that is left. ``pt`` is the median without any prior: the inclusive
    spectrum, right for rates, would draw every fast muon to lower pT.
    """
    tails = _tails(logits, prior_power)
    flat = tails if prior_power == 1 else _tails(logits, 1.0)

    def score(threshold: float) -> np.ndarray:
        k = int(np.searchsorted(LOWER_EDGES, threshold, side="right")) - 1
        return np.where(found, tails[:, k], NOT_FOUND)

    median = BIN_CENTRES[(flat >= 0.5).sum(axis=1) - 1]
    charge = np.where(logits[:, CHARGE_LOGIT] > 0, 1, -1)
    return Estimate(name, score, np.where(found, median, np.nan), np.where(found, charge, 0))


def _tails(logits: np.ndarray, prior_power: float) -> np.ndarray:
    """Chance (n, 43) that pT is at least a bin's lower edge, with that much of the prior taken out."""
    shifted = logits[:, :N_BINS] - log_prior(prior_power)
    p = np.exp(shifted - shifted.max(axis=1, keepdims=True), dtype=np.float32)
    tails: np.ndarray = np.cumsum(p[:, ::-1], axis=1)[:, ::-1]
    return tails / tails[:, :1]


def boosted_trees(sample: MuonSample, name: str = "boosted trees", folder: Path = TREES_FOLDER) -> Estimate:
    """The exact emulation of the committed trees: one score for every threshold."""
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    trees = MuonTrees(folder)
    momentum, side = trees.scores(features)
    found = layers > 0
    score = np.where(found, momentum.astype(float), NOT_FOUND)
    pt = np.where(found, trees.scale.pt(momentum), np.nan)
    return Estimate(name, lambda threshold: score, pt, np.where(found, np.where(side > 0, 1, -1), 0))


def quantised_network(sample: MuonSample, folder: Path, name: str, prior_power: float = 0.0) -> Estimate:
    """The exact emulation of a committed network."""
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    return from_logits(name, MuonNetwork(folder).logits(features) * LOGIT_LSB, layers > 0, prior_power)


def float_estimate(sample: MuonSample, name: str, folder: Path = LARGE_FOLDER) -> Estimate:
    """The network before quantisation, in floating point."""
    import torch

    from l1forge.models.muon_pt.export import load_state
    from l1forge.models.muon_pt.network import LARGE, float_network

    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    model = float_network(LARGE)
    load_state(model, folder / "float.npz")
    with torch.no_grad():
        parts = [model(torch.from_numpy(block).float() / ONE).numpy() for block in _blocks(features)]
    return from_logits(name, np.concatenate(parts), layers > 0)


def _blocks(array: np.ndarray, size: int = 100_000) -> list[np.ndarray]:
    return [array[start : start + size] for start in range(0, len(array), size)]
