"""Ways to train the pT network for a detector that its labelled muons do not come from.

``plain`` trains on the labelled muons as they are, ``augmented`` shakes their inputs. Randomised simulation
is ``plain`` on muons of random detectors. ``adversarial``, ``moments`` and ``transport`` also see muons of
the other detector, without truth: the activations before the last layer shall not tell the detectors apart.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from l1forge.models.muon_pt.bins import N_BINS, log_prior
from l1forge.models.muon_pt.features import ETA, HITS, ONE, REFERENCE
from l1forge.models.muon_pt.network import Network, QuantisedNetwork, float_network
from l1forge.models.muon_pt.train import BATCH, POWER, Report, TrainingSet, bin_loss, training_set
from l1forge.simulation.muons.detectors import NOMINAL, Detector, Randomised, load_randomised
from l1forge.simulation.muons.layers import BENDING, N_LAYERS, REFERENCE_LAYERS

DROPPED, SHIFT, JITTER, SCALE = 0.08, 1.5, 1.0, 0.08
"""Augmentation: chance that a layer's stub is left out; width of the layers' common shifts and of each stub's
(azimuth bins; angles: three times as many); width of the common factor on all values."""
ANGLE = 3.0
PROJECTIONS = 64
"""Directions of the sliced optimal transport."""
Model = TypeVar("Model", bound=nn.Module)
METHODS = ("plain", "augmented", "adversarial", "moments", "transport")
PULL = {"adversarial": 0.2, "moments": 1.0, "transport": 1.0}
"""Weight of the term that makes the detectors alike, against the loss of bins and charge."""
RAMP = 0.25
"""Share of the steps over which that weight grows from 0."""


@dataclass(frozen=True)
class Schedule:
    """Size of a training."""

    epochs: int = 8
    rate: float = 1.5e-3
    batch: int = BATCH


class _Reversal(torch.autograd.Function):
    """The identity, with the gradient turned round: what comes before is trained to deceive what follows."""

    @staticmethod
    def forward(context: object, x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(context: object, gradient: torch.Tensor) -> torch.Tensor:
        return -gradient


def domain_classifier(width: int) -> nn.Sequential:
    """Says from ``width`` activations which detector a muon comes from."""
    return nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 1))


def adversary(classifier: nn.Module, here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Loss of ``classifier`` on activations (n, width) of two detectors, with the gradient reversed."""
    logits = classifier(_Reversal.apply(torch.cat([here, there])))[:, 0]
    truth = torch.cat([torch.zeros(len(here)), torch.ones(len(there))]).to(logits.device)
    return functional.binary_cross_entropy_with_logits(logits, truth)


def moment_distance(here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Distance of the means and covariances of activations (n, width), in units of their spread."""
    spread = torch.cat([here, there]).std(0).detach() + 1e-3
    here, there = here / spread, there / spread
    first = (here.mean(0) - there.mean(0)).square().mean()
    second = (torch.cov(here.T) - torch.cov(there.T)).square().mean()
    return first + second


def transport_distance(here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Sliced Wasserstein distance of activations (n, width): optimal transport along random directions."""
    spread = torch.cat([here, there]).std(0).detach() + 1e-3
    directions = torch.randn(here.shape[1], PROJECTIONS, device=here.device)
    directions = directions / directions.norm(dim=0)
    ordered = [((part / spread) @ directions).sort(dim=0).values for part in (here, there)]
    return (ordered[0] - ordered[1]).square().mean()


def shaken(x: torch.Tensor) -> torch.Tensor:
    """Inputs (n, 45) in natural units as another detector could give them; the reference stub stays."""
    n, device = len(x), x.device
    unit = torch.where(torch.from_numpy(BENDING), ANGLE, 1.0).to(device) / ONE
    hit = x[:, HITS : HITS + N_LAYERS]
    shift = torch.randn(N_LAYERS, device=device) * SHIFT
    jitter = torch.randn(n, N_LAYERS, device=device) * (JITTER * torch.rand(1, device=device))
    value = x[:, :N_LAYERS] * (1 + SCALE * torch.randn(1, device=device)) + (shift + jitter) * unit
    keep = (torch.rand(n, N_LAYERS, device=device) >= DROPPED).float()
    own = torch.zeros(n, N_LAYERS, device=device)
    own[:, list(REFERENCE_LAYERS)] = x[:, REFERENCE:ETA]
    keep = torch.maximum(keep, own) * hit
    value = torch.where(own > 0, x[:, :N_LAYERS], value) * keep
    return torch.cat([value, keep, x[:, REFERENCE:]], 1)


def to_device(data: TrainingSet, device: str) -> TrainingSet:
    """The same muons in the memory of ``device``."""
    return replace(data, **{name: getattr(data, name).to(device) for name in
                            ("features", "bins", "charge", "weights")})  # fmt: skip


def robust_set(
    muons: int, seed: int, power: float, detector: Detector | Randomised = NOMINAL, processes: int = 1
) -> TrainingSet:
    """Muons of a detector, weighted as those of the first training."""
    return training_set(muons, seed, power, detector=detector, processes=processes)


def train_robust(
    method: str,
    network: Network,
    data: TrainingSet,
    seed: int,
    *,
    prior: np.ndarray,
    schedule: Schedule | None = None,
    other: torch.Tensor | None = None,
    start: Model | None = None,
    report: Report = lambda _: None,
) -> Model:
    """Train the float network.

    Parameters
    ----------
    method
        One of ``METHODS``.
    data
        Labelled muons; the network is trained on the device that holds them.
    prior
        Log prior (43,) that the weights of the muons leave out; it goes into the last bias.
    other
        Features (m, 45) int16 of muons of another detector, without truth; needed by the last three methods.
    start
        A network to begin with; default: new weights from ``seed``.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}: {', '.join(METHODS)}")
    if (other is None) == (method in PULL):
        raise ValueError(
            f"{method}: muons of another detector are {'needed' if method in PULL else 'not used'}"
        )
    torch.manual_seed(seed)
    device = data.bins.device
    missing = torch.tensor(prior, dtype=torch.float32)
    model: Any = copy.deepcopy(start) if start is not None else float_network(network)
    if start is None:
        with torch.no_grad():
            model[-1].bias[:N_BINS] += missing
    model, missing = model.to(device), missing.to(device)
    step_loss = _loss_of(method, model, data, other, missing, network.hidden[-1])
    _fit(model, step_loss, len(data), schedule or Schedule(), report)
    trained: Model = model.cpu()
    return trained


def _loss_of(
    method: str,
    model: nn.Sequential,
    data: TrainingSet,
    other: torch.Tensor | None,
    prior: torch.Tensor,
    width: int,
) -> tuple[Callable[[torch.Tensor, float], torch.Tensor], list[nn.Parameter]]:
    classifier = domain_classifier(width).to(prior.device) if method == "adversarial" else None
    pull = PULL.get(method, 0.0)

    def loss(rows: torch.Tensor, done: float) -> torch.Tensor:
        x = data.features[rows].float() / ONE
        if method == "augmented":
            x = shaken(x)
        if other is None:
            return bin_loss(model(x), data, rows, prior)
        chosen = torch.randint(len(other), (len(rows),), device=prior.device)
        activations = model[:-1](torch.cat([x, other[chosen].float() / ONE]))
        here, there = activations[: len(rows)], activations[len(rows) :]
        if classifier is not None:
            apart = adversary(classifier, here, there)
        else:
            apart = (moment_distance if method == "moments" else transport_distance)(here, there)
        return bin_loss(model[-1](here), data, rows, prior) + pull * min(done / RAMP, 1.0) * apart

    return loss, list(classifier.parameters()) if classifier is not None else []


def _fit(
    model: nn.Sequential,
    loss_and_more: tuple[Callable[[torch.Tensor, float], torch.Tensor], list[nn.Parameter]],
    muons: int,
    schedule: Schedule,
    report: Report,
) -> None:
    """Adam with one warm-up and cosine decay, as the first training."""
    step_loss, more = loss_and_more
    device = next(model.parameters()).device
    batches = max(muons // schedule.batch, 1)
    steps = schedule.epochs * batches
    optimiser = torch.optim.AdamW([*model.parameters(), *more], schedule.rate, weight_decay=1e-4)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.rate, total_steps=steps, pct_start=0.15)
    model.train()
    step = 0
    for epoch in range(schedule.epochs):
        order = torch.randperm(muons, device=device)
        total = torch.zeros((), device=device)
        for batch in range(batches):
            loss = step_loss(order[batch * schedule.batch : (batch + 1) * schedule.batch], step / steps)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
            step += 1
            total += loss.detach()
        report(f"epoch {epoch + 1}/{schedule.epochs}: loss {float(total) / batches:.4f}")
    model.eval()


@dataclass(frozen=True)
class Rounds:
    """Training on random detectors, after that on the nominal one: every round has muons of its own."""

    rounds: int = 4
    muons: int = 150_000
    epochs: int = 3
    rate: float = 8e-4
    batch: int = 1024
    quantised_epochs: int = 1
    quantised_rate: float = 1e-4

    def shortened(self) -> Rounds:
        """A check that it runs, not a result."""
        return replace(self, rounds=1, muons=5_000, epochs=1)


FIRST_SEED = 60
"""Seed of the first round, minus the seed of the training."""


def robust_round(
    model: nn.Sequential, network: Network, seed: int, number: int, plan: Rounds
) -> nn.Sequential:
    """Round ``number`` (from 0) of a float network; later rounds have smaller steps."""
    own = seed + FIRST_SEED + number
    data = robust_set(plan.muons, own, POWER, load_randomised())
    schedule = Schedule(plan.epochs, plan.rate / (1 + number / 2), plan.batch)
    prior = log_prior(1 - POWER)
    return train_robust("plain", network, data, own, prior=prior, schedule=schedule, start=model)


def requantised(
    quantised: QuantisedNetwork, model: nn.Sequential, network: Network, seed: int, plan: Rounds
) -> tuple[QuantisedNetwork, TrainingSet]:
    """``quantised`` with the weights of ``model``, trained on random detectors; also returns those muons."""
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    for target, layer in zip(quantised.linears(), layers, strict=True):
        target.weight.data.copy_(layer.weight.data)
        target.bias.data.copy_(layer.bias.data)
    own = seed + FIRST_SEED + plan.rounds
    data = robust_set(plan.muons, own, POWER, load_randomised())
    schedule = Schedule(plan.quantised_epochs, plan.quantised_rate, plan.batch)
    prior = log_prior(1 - POWER)
    trained = train_robust("plain", network, data, own, prior=prior, schedule=schedule, start=quantised)
    return trained, data


def logits_of(model: nn.Sequential, features: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Outputs (n, 44) float32 of features (n, 45) int16."""
    model = model.to(device)
    with torch.no_grad():
        blocks = torch.from_numpy(features).split(200_000)
        out = np.concatenate([model(block.to(device).float() / ONE).cpu().numpy() for block in blocks])
    model.cpu()
    return out
