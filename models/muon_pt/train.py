"""Train a muon pT network: float first, then quantised, pruned if its density says so.

Muons are drawn flat in ln(pT) and weighted with (inclusive rate)^POWER; the last bias then receives the
missing (1 - POWER) of the log prior, so that the outputs are probabilities under the physical spectrum. A
flat prior loses to the golden patterns: a permille of slow muons with a wrong high pT is most of the rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.models.muon_pt.bins import GENERATED_UP_TO, MIN_PT, N_BINS, bin_of, log_prior
from l1forge.models.muon_pt.calibrate import MUONS, calibrate_network
from l1forge.models.muon_pt.export import export, save_state
from l1forge.models.muon_pt.features import FEATURES, ONE, muon_features
from l1forge.models.muon_pt.network import LARGE, SMALL, Network, QuantisedNetwork, float_network
from l1forge.simulation.muons import MuonSettings, generate
from l1forge.simulation.muons.detectors import NOMINAL, Detector, Randomised
from l1forge.simulation.muons.spectrum import density

if TYPE_CHECKING:
    from l1forge.models.muon_pt.robust import Rounds

SEED = 31
MODELS = Path(__file__).parents[1]
POWER = 0.3
BATCH = 2048
SAMPLE_BLOCK = 250_000
Report = Callable[[str], object]


@dataclass(frozen=True)
class Options:
    """Size of a training; the defaults are those of the committed networks."""

    muons: int = 2_500_000
    epochs: int = 8
    quantised_epochs: int = 2
    rate: float = 1.5e-3
    quantised_rate: float = 2e-4
    power: float = POWER

    def shortened(self) -> Options:
        """A check that training runs, not a result."""
        return replace(self, muons=40_000, epochs=1, quantised_epochs=1)


OPTIONS = {
    LARGE.name: Options(),
    SMALL.name: Options(epochs=10, rate=4e-3, quantised_epochs=6, quantised_rate=2e-3),
}
"""How the committed networks were trained."""


@dataclass(frozen=True)
class TrainingSet:
    """Features (n, 45) int16, bins (n,) int64, charge (n,) float32 0 or 1, weights (n,) float32 of mean 1,
    and a teacher's logits (n, 44) float16, or None."""

    features: torch.Tensor
    bins: torch.Tensor
    charge: torch.Tensor
    weights: torch.Tensor
    teacher: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.bins)


def training_set(
    muons: int, seed: int, power: float, *, detector: Detector | Randomised = NOMINAL, processes: int = 1
) -> TrainingSet:
    """Simulate ``muons`` muons block by block and keep the candidates."""
    parts = []
    sizes = [min(SAMPLE_BLOCK, muons - start) for start in range(0, muons, SAMPLE_BLOCK)]
    settings = MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO, detector=detector)
    for number, size in enumerate(sizes):
        sample = generate(size, seed * 1000 + number, settings, processes=processes)
        features, layers = muon_features(sample.value, sample.eta, sample.quality)
        found = layers > 0
        parts.append((features[found], sample.pt[found], sample.charge[found]))
    features, pt, charge = (np.concatenate(column) for column in zip(*parts, strict=True))
    weights = (density(pt) * pt) ** power
    return TrainingSet(
        torch.from_numpy(features),
        torch.from_numpy(bin_of(pt)),
        torch.from_numpy((charge > 0).astype(np.float32)),
        torch.from_numpy((weights / weights.mean()).astype(np.float32)),
    )


def trained_inputs(model: str, features: np.ndarray) -> TrainedInputs:
    """The record of training inputs (n, 45)."""
    return TrainedInputs.of(model, "simulated muons", FEATURES, features)


def bin_loss(
    logits: torch.Tensor, data: TrainingSet, rows: torch.Tensor, prior: torch.Tensor
) -> torch.Tensor:
    """Weighted cross-entropy of bin and charge; half of it against the teacher where there is one."""
    bins, charge = logits[:, :N_BINS] - prior, logits[:, N_BINS]
    loss = functional.cross_entropy(bins, data.bins[rows], reduction="none")
    loss = loss + functional.binary_cross_entropy_with_logits(charge, data.charge[rows], reduction="none")
    if data.teacher is not None:
        teacher = data.teacher[rows].float()
        soft = functional.cross_entropy(bins, torch.softmax(teacher[:, :N_BINS] - prior, 1), reduction="none")
        loss = 0.3 * loss + 0.7 * soft
    return (loss * data.weights[rows]).mean()


def fit(
    model: nn.Module, data: TrainingSet, epochs: int, rate: float, prior: torch.Tensor,
    report: Report, after_step: Callable[[float], None] | None = None,
) -> None:  # fmt: skip
    """Adam with one warm-up and cosine decay; ``after_step`` gets the finished share of all steps."""
    steps = epochs * (len(data) // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.15)
    model.train()
    step = 0
    for epoch in range(epochs):
        order, total = torch.randperm(len(data)), 0.0
        for start in range(0, len(data) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            loss = bin_loss(model(data.features[rows].float() / ONE), data, rows, prior)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            if after_step:
                after_step(step / steps)
            total += loss.item()
        report(f"epoch {epoch + 1}/{epochs}: loss {total / (len(data) // BATCH):.4f}")
    model.eval()


def _quantise(network: Network, trained: nn.Sequential) -> QuantisedNetwork:
    model = QuantisedNetwork(network)
    source = [layer for layer in trained if isinstance(layer, nn.Linear)]
    for target, layer in zip(model.linears(), source, strict=True):
        target.weight.data.copy_(layer.weight.data)
        target.bias.data.copy_(layer.bias.data)
    return model


def pruner(layers: list[nn.Linear], density: float) -> Callable[[float], None]:
    """Zero the smallest weights of each layer, more of them until 60 % of the steps, then the same ones."""

    def prune(done: float) -> None:
        keep = 1 - (1 - density) * (1 - (1 - min(done / 0.6, 1.0)) ** 3)
        for layer in layers:
            size = layer.weight.detach().abs()
            cut = torch.quantile(size.flatten(), 1 - keep)
            layer.weight.data[size < cut] = 0.0

    return prune


def train_network(
    network: Network,
    seed: int,
    output: Path,
    options: Options,
    *,
    teacher: nn.Module | None = None,
    rounds: Rounds | None = None,
    report: Report = print,
) -> nn.Sequential:
    """Train ``network``; write float.npz, weights.npz, graph.json into ``output``; the seed fixes all.

    ``rounds``: training on random detectors afterwards, so that the network holds on another detector.

    ``teacher``: a float network whose logits the new one also learns (knowledge distillation). Returns the
    float network.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the order of sums, hence the result, depends on the number of threads
    report(f"{network.name}: seed {seed}, {options}")
    data = training_set(options.muons, seed, options.power)
    prior = torch.tensor(log_prior(1 - options.power), dtype=torch.float32)
    if teacher is not None:
        with torch.no_grad():
            blocks = [teacher(block.float() / ONE).half() for block in data.features.split(50_000)]
        data = replace(data, teacher=torch.cat(blocks))
    model = float_network(network)
    with torch.no_grad():
        model[-1].bias[:N_BINS] += prior
    prune = pruner([layer for layer in model if isinstance(layer, nn.Linear)], network.density)
    sparse = network.density < 1
    fit(model, data, options.epochs, options.rate, prior, report, prune if sparse else None)
    save_state(model, output / "float.npz")
    quantised = _quantise(network, model)
    prune_again = pruner(quantised.linears(), network.density)
    keep_sparse = (lambda done: prune_again(1.0)) if sparse else None
    fit(quantised, data, options.quantised_epochs, options.quantised_rate, prior, report, keep_sparse)
    features = data.features
    if rounds is not None:
        from l1forge.models.muon_pt.robust import requantised, robust_round

        for number in range(rounds.rounds):
            report(f"random detectors, round {number + 1} of {rounds.rounds}")
            model = robust_round(model, network, seed, number, rounds)
        save_state(model, output / "float.npz")
        quantised, data = requantised(quantised, model, network, seed, rounds)
        features = data.features
    save_state(quantised, output / "weights.npz")
    export(quantised, output / "graph.json")
    trained_inputs(network.name, features.numpy()).save(output / "inputs.json")
    return model


def main(
    seed: int = SEED, output: Path | None = None, *, quick: bool = False, report: Report = print
) -> None:
    """Train both networks, the small one also from the large one's answers, and calibrate their pT.

    The large one is trained on the nominal detector and then on random ones.

    ``output`` gets one folder per network; default: the models' own. ``quick``: a check, not a result. The
    full training takes about 15 minutes of one core.
    """
    from l1forge.models.muon_pt.robust import Rounds

    teacher = None
    for network in (LARGE, SMALL):
        options = OPTIONS[network.name]
        options = options.shortened() if quick else options
        with atomic_files((output or MODELS) / network.name) as folder:
            rounds = Rounds() if network is LARGE else None
            if quick and rounds is not None:
                rounds = rounds.shortened()
            teacher = train_network(
                network, seed, folder, options, teacher=teacher, rounds=rounds, report=report
            )
            calibrate_network(folder, options.muons if quick else MUONS)


if __name__ == "__main__":
    main()
