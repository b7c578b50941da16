"""Muon pT algorithms on a detector they were not made for: trained on A, tested on A and B.

A is the nominal simulation, B the detector ``other`` of simulation/muons/detectors.yaml. Networks are
compared in floating point, each method with several seeds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.models.muon_patterns.train import fill_tables
from l1forge.models.muon_pt.bins import CHARGE_LOGIT, GENERATED_UP_TO, LOWER_EDGES, MIN_PT, N_BINS, log_prior
from l1forge.models.muon_pt.estimators import (
    BIN_CENTRES,
    LARGE_FOLDER,
    NOT_FOUND,
    SMALL_FOLDER,
    Estimate,
    boosted_trees,
    golden_patterns,
    quantised_network,
)
from l1forge.models.muon_pt.evaluation import FEED_THROUGH, PLATEAU, REFERENCE, cut_at
from l1forge.models.muon_pt.features import muon_features
from l1forge.models.muon_pt.stub_measure import rate_and_error, share, spread_of, window
from l1forge.simulation.muons import MuonSample, MuonSettings, generate
from l1forge.simulation.muons.detectors import NOMINAL, Detector, load_detector, load_randomised
from l1forge.simulation.muons.layers import NAMES
from l1forge.simulation.muons.spectrum import rate_weights

if TYPE_CHECKING:
    from torch import nn

    from l1forge.models.muon_pt.network import Network
    from l1forge.models.muon_pt.train import TrainingSet

Algorithm = Callable[[MuonSample], Estimate]
TESTS = {"A": "nominal", "B": "other"}
TUNED_WITH = (1_000, 5_000, 15_000)
"""Labelled muons of B for fine-tuning."""
CHARGE_BANDS = ((10.0, 50.0), (50.0, 200.0))
FAST = (60.0, 100.0)
"""GeV: where the resolution of fast muons is measured."""
PATTERNS_A, PATTERNS_B = "patterns filled on A", "patterns filled on B"
TREES_A, NETWORK_R, SMALL_A = "boosted trees", "quantised NN", "small NN"
COMMITTED: dict[str, tuple[str, Algorithm]] = {
    PATTERNS_A: ("A", golden_patterns),
    NETWORK_R: ("A, then random", lambda sample: quantised_network(sample, LARGE_FOLDER, NETWORK_R)),
    SMALL_A: ("A", lambda sample: quantised_network(sample, SMALL_FOLDER, SMALL_A)),
    TREES_A: ("A", boosted_trees),
}
"""Name -> detectors of the training, and the committed algorithm."""
PLAIN, ROBUST, BEST = "network trained on A", "randomised simulation", "network trained on B"
Say = Callable[[str], object]
Keep = Callable[[str, int, Any], object]
Numbers = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """Muons and epochs of the study; ``quick`` is a check that it runs."""

    training: int = 600_000
    unlabelled: int = 200_000
    test: int = 500_000
    dead_layer: int = 100_000
    epochs: int = 8
    batch: int = 1024
    rate: float = 4e-3
    seeds: tuple[int, ...] = (31, 32)
    processes: int = 1

    def quick(self) -> Sizes:
        """Seconds, and no result."""
        return dataclasses.replace(
            self, training=20_000, unlabelled=5_000, test=30_000, dead_layer=20_000, epochs=1, seeds=(31,)
        )


@dataclass(frozen=True)
class Row:
    """One algorithm: what its training saw, and what it measures on each test sample."""

    name: str
    labels: str
    tests: dict[str, Numbers]


@dataclass(frozen=True)
class Robustness:
    """The study's result: ``rows`` of the committed algorithms, ``methods`` of networks trained here.

    ``dead``: layer, algorithm, efficiency and rate at the intact detector's cut.
    """

    network: str
    sizes: Sizes
    device: str
    rows: list[Row]
    methods: list[Row]
    dead: dict[str, dict[str, Numbers]]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return dataclasses.asdict(self)


def muons_of(detector: Detector, muons: int, seed: int, processes: int = 1) -> MuonSample:
    """Muons flat in ln(pT) as the rates take them."""
    settings = MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO, detector=detector)
    return generate(muons, seed, settings, processes=processes)


def of_network(model: nn.Sequential, features: np.ndarray, found: np.ndarray, device: str) -> Estimate:
    """A float network at the reference threshold; pT is the median with the prior taken out."""
    import torch

    from l1forge.models.muon_pt.features import ONE

    k = int(np.searchsorted(LOWER_EDGES, REFERENCE, side="right")) - 1
    model = model.to(device)
    prior = torch.tensor(log_prior(1.0), dtype=torch.float32, device=device)
    scores, medians, charges = [], [], []
    with torch.no_grad():
        for block in torch.from_numpy(features).split(100_000):
            logits = model(block.to(device).float() / ONE)
            bins = logits[:, :N_BINS]
            scores.append((torch.logsumexp(bins[:, k:], 1) - torch.logsumexp(bins[:, :k], 1)).cpu().numpy())
            tails = torch.softmax(bins - prior, 1).flip(1).cumsum(1)
            medians.append((N_BINS - 1 - (tails >= 0.5).float().argmax(1)).cpu().numpy())
            charges.append((logits[:, CHARGE_LOGIT] > 0).cpu().numpy())
    model.cpu()
    score = np.where(found, np.concatenate(scores), NOT_FOUND)
    pt = np.where(found, BIN_CENTRES[np.concatenate(medians)], np.nan)
    charge = np.where(found, np.where(np.concatenate(charges), 1, -1), 0)
    return Estimate("network", lambda _: score, pt, charge)


def numbers(estimate: Estimate, sample: MuonSample) -> Numbers:
    """Rate, feed-through, plateau, charge and resolution at the reference threshold, each with its error."""
    pt, weights = sample.pt, rate_weights(sample.pt, MIN_PT, GENERATED_UP_TO)
    passed = estimate.score(REFERENCE) >= cut_at(estimate, pt, REFERENCE)
    slow = (pt >= FEED_THROUGH[0]) & (pt < FEED_THROUGH[1])
    plateau = (pt >= PLATEAU[0] * REFERENCE) & (pt < PLATEAU[1] * REFERENCE)
    found = np.isfinite(estimate.pt)
    wrong = estimate.charge != sample.charge
    fast = (pt >= FAST[0]) & (pt < FAST[1]) & found
    out: Numbers = {
        "rate_kHz": rate_and_error(estimate, pt, REFERENCE, weights),
        "feed_through": share(passed[slow]),
        "plateau": share(passed[plateau]),
        "resolution": spread_of(np.log(estimate.pt[fast] / pt[fast]))[0],
    }
    for low, high in CHARGE_BANDS:
        out[f"wrong_charge_{low:g}_{high:g}"] = share(wrong[(pt >= low) & (pt < high) & found])
    return out


def averaged(parts: list[Numbers]) -> Numbers:
    """Means over seeds as [value, error]: statistical error and, with several seeds, that of the mean."""
    out: Numbers = {}
    for key in parts[0]:
        values = [part[key] for part in parts]
        centre = float(np.mean([v[0] for v in values]))
        statistical = float(np.mean([v[1] if len(v) == 2 else (v[2] - v[1]) / 2 for v in values]))
        spread = (
            float(np.std([v[0] for v in values], ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
        )
        out[key] = [centre, float(np.hypot(statistical, spread))]
    return out


class _Tests:
    """The test samples with their features, made once."""

    def __init__(self, sizes: Sizes, device: str) -> None:
        self.device = device
        self.samples = {
            name: muons_of(load_detector(detector), sizes.test, 777 + place, sizes.processes)
            for place, (name, detector) in enumerate(TESTS.items())
        }
        self.features = {n: muon_features(s.value, s.eta, s.quality) for n, s in self.samples.items()}

    def row(self, name: str, labels: str, models: list[nn.Sequential]) -> Row:
        found = {}
        for test, sample in self.samples.items():
            features, layers = self.features[test]
            every = [of_network(model, features, layers > 0, self.device) for model in models]
            found[test] = averaged([numbers(estimate, sample) for estimate in every])
        return Row(name, labels, found)

    def of(self, name: str, labels: str, algorithm: Callable[[MuonSample], Estimate]) -> Row:
        """One that has no seeds."""
        found = {n: averaged([numbers(algorithm(sample), sample)]) for n, sample in self.samples.items()}
        return Row(name, labels, found)


def robustness(
    sizes: Sizes | None = None,
    network: Network | None = None,
    device: str | None = None,
    say: Say = lambda _: None,
    keep: Keep = lambda _name, _seed, _model: None,
    *,
    train: bool = True,
) -> Robustness:
    """Measure the committed algorithms on A, on B and with each layer dead; then train every method.

    ``train``: without it, the committed algorithms only; otherwise every method with every seed.

    ``device``: of PyTorch; default: cuda where there is one. Golden patterns are filled on A (the committed
    tables) and on B. ``keep`` is called with every trained network: name, seed, network.
    """
    import torch

    from l1forge.models.muon_pt.network import LARGE

    sizes, network = sizes or Sizes(), network or LARGE
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        torch.set_num_threads(1)  # the order of sums, hence the result, depends on the number of threads
    say("test samples")
    tests = _Tests(sizes, device)
    say(PATTERNS_B)
    filled = fill_tables(muons_of(load_detector(TESTS["B"]), sizes.training, 2024, sizes.processes))
    committed = COMMITTED | {PATTERNS_B: ("B", lambda sample: golden_patterns(sample, tables=filled))}
    rows = []
    for name, (labels, algorithm) in committed.items():
        say(name)
        rows.append(tests.of(name, labels, algorithm))
    methods: list[Row] = []
    if train:
        _train_all(sizes, network, device, tests, methods, say, keep)
    say("dead layers")
    dead = dead_layers(sizes)
    where = torch.cuda.get_device_name() if device == "cuda" else "one core"
    return Robustness(network.name, sizes, where, rows, methods, dead)


def _train_all(
    sizes: Sizes, network: Network, device: str, tests: _Tests, rows: list[Row], say: Say, keep: Keep
) -> None:
    """Adds a row per method to ``rows``."""
    from l1forge.models.muon_pt.robust import Schedule, robust_set, to_device, train_robust
    from l1forge.models.muon_pt.train import POWER

    schedule = Schedule(sizes.epochs, sizes.rate, sizes.batch)
    prior = log_prior(1 - POWER)
    other = load_detector(TESTS["B"])

    def muons(detector: Any, seed: int) -> TrainingSet:
        return to_device(robust_set(sizes.training, seed, POWER, detector, sizes.processes), device)

    def add(name: str, labels: str, method: str, data: TrainingSet, **more: Any) -> list[nn.Sequential]:
        models = []
        for seed in sizes.seeds:
            say(f"{name}, seed {seed}")
            models.append(train_robust(method, network, data, seed, prior=prior, schedule=schedule, **more))
            keep(name, seed, models[-1])
        rows.append(tests.row(name, labels, models))
        return models

    data = muons(NOMINAL, 31)
    plain = add(PLAIN, "A", "plain", data)
    add("augmentation", "A", "augmented", data)
    unlabelled = robust_set(sizes.unlabelled, 41, POWER, other, sizes.processes).features.to(device)
    for name, method in (
        ("adversarial", "adversarial"),
        ("matched moments", "moments"),
        ("optimal transport", "transport"),
    ):
        add(name, "A; B without truth", method, data, other=unlabelled)
    data = muons(load_randomised(), 51)
    robust = add(ROBUST, "random detectors", "plain", data)
    add("randomised, augmented", "random detectors", "augmented", data)
    data = muons(other, 61)
    for muons_of_b in TUNED_WITH:
        for name, labels, start in ((PLAIN, "A", plain), (ROBUST, "random detectors", robust)):
            say(f"{name}, then {muons_of_b} muons of B")
            tuned = [
                fine_tuned(model, data, muons_of_b, seed)
                for model, seed in zip(start, sizes.seeds, strict=True)
            ]
            title = f"{name}, tuned with {muons_of_b:,} muons of B".replace(",000", " 000")
            rows.append(tests.row(title, f"{labels}; {muons_of_b} of B", tuned))
    add(BEST, "B", "plain", data)


def fine_tuned(model: nn.Sequential, data: TrainingSet, muons: int, seed: int) -> nn.Sequential:
    """``model`` trained further on ``muons`` labelled muons, as ``l1forge train muon_pt --stubs`` does."""
    import copy

    import torch

    from l1forge.models.muon_pt.fine_tune import CHOOSING, HELD_OUT, Options, fit_best
    from l1forge.models.muon_pt.train import POWER, TrainingSet

    torch.manual_seed(seed)
    options = Options()
    rows = np.random.default_rng(seed).permutation(len(data))[:muons]
    first, second = int(HELD_OUT * muons), int((HELD_OUT + CHOOSING) * muons)

    def part(chosen: np.ndarray) -> TrainingSet:
        at = torch.from_numpy(np.sort(chosen)).to(data.bins.device)
        return TrainingSet(
            data.features[at].cpu(), data.bins[at].cpu(), data.charge[at].cpu(), data.weights[at].cpu()
        )

    prior = torch.tensor(log_prior(1 - POWER), dtype=torch.float32)
    tuned = copy.deepcopy(model)
    fit_best(
        tuned,
        part(rows[second:]),
        part(rows[first:second]),
        options.epochs,
        options.rate,
        prior,
        lambda _: None,
    )
    return tuned


def dead_layers(sizes: Sizes) -> dict[str, dict[str, Numbers]]:
    """Each layer of A dead in turn, cuts as for the intact detector: efficiency at the threshold, and rate.

    Of the committed algorithms; ``none`` is the intact detector. A dead layer that measures azimuths has no
    bending angle either.
    """
    cuts: dict[str, float] = {}
    out: dict[str, dict[str, Numbers]] = {}
    for name in ("none", *NAMES):
        detector = NOMINAL if name == "none" else NOMINAL.without([name])
        sample = muons_of(detector, sizes.dead_layer, 888, sizes.processes)
        weights = rate_weights(sample.pt, MIN_PT, GENERATED_UP_TO)
        out[name] = {}
        for title, (_, algorithm) in COMMITTED.items():
            estimate = algorithm(sample)
            cut = cuts.setdefault(title, cut_at(estimate, sample.pt, REFERENCE))
            passed = estimate.score(REFERENCE) >= cut
            error = float(np.sqrt((weights[passed] ** 2).sum())) / 1e3
            out[name][title] = {
                "efficiency": share(passed[window(sample.pt, REFERENCE)]),
                "rate_kHz": [float(weights[passed].sum()) / 1e3, error],
            }
    return out
