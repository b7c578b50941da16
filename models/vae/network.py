"""The network and its training: a linear encoder, a small decoder that only training needs.

Loss per crossing: squared error of the reconstruction + beta * KL (Kingma and Welling, arXiv:1312.6114). All
random numbers come from ``numpy.random.Generator``, so that a seed gives the same network with any PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float32]
Step = Callable[[int, float], None]
LARGEST_LOG_VARIANCE = 10.0
SHOWN = 50
"""Steps between two points of a curve."""


@dataclass(frozen=True)
class Schedule:
    """Latent dimensions, width of the decoder's hidden layer, weight of the KL, steps, batch, highest rate.

    ``prune_at``: part of the steps after which every input keeps its largest weight only.
    """

    latent: int = 8
    hidden: int = 24
    beta: float = 0.5
    steps: int = 2500
    batch: int = 1024
    rate: float = 4e-3
    prune_at: float = 0.4


@dataclass(frozen=True)
class Trained:
    """A trained network, all float32. Inputs are standardised: ``(x - centre) / spread``, shape (inputs,).

    ``mean``, ``log_variance``: weights (latent, inputs) of the encoder; ``*_bias`` (latent,). ``decoder``:
    weights and biases, in order. ``loss`` is that of the validation, ``curve`` the one of training.
    """

    seed: int
    centre: Floats
    spread: Floats
    mean: Floats
    mean_bias: Floats
    log_variance: Floats
    log_variance_bias: Floats
    decoder: tuple[Floats, ...]
    loss: float
    curve: tuple[float, ...]

    def latent(self, x: Floats) -> tuple[Floats, Floats]:
        """Means and log-variances of crossings ``x`` (n, inputs), shape (n, latent) each."""
        z = (x - self.centre) / self.spread
        mean = np.asarray(z @ self.mean.T + self.mean_bias, np.float32)
        log_variance = np.asarray(z @ self.log_variance.T + self.log_variance_bias, np.float32)
        return mean, np.clip(log_variance, -LARGEST_LOG_VARIANCE, LARGEST_LOG_VARIANCE)

    def error(self, x: Floats) -> Floats:
        """Squared error of the reconstruction from the means, shape (n,)."""
        hidden, _ = self.latent(x)
        first, bias, second, last = self.decoder
        out = np.maximum(hidden @ first.T + bias, 0) @ second.T + last
        error: Floats = np.square(out - (x - self.centre) / self.spread).sum(1)
        return error


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order: the same network on any number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _layer(rng: np.random.Generator, inputs: int, outputs: int) -> list[nn.Parameter]:
    """Weight and bias, uniform in +-1/sqrt(inputs)."""
    limit = 1 / np.sqrt(inputs)
    shapes = ((outputs, inputs), (outputs,))
    return [nn.Parameter(_tensor(rng.uniform(-limit, limit, shape))) for shape in shapes]


def _tensor(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _loss(
    x: Tensor, encoder: list[Tensor], decoder: list[nn.Parameter], beta: float, noise: Tensor | None
) -> Tensor:
    """Mean loss; without ``noise`` the decoder sees the means."""
    weight, bias, variance_weight, variance_bias = encoder
    mean = nn.functional.linear(x, weight, bias)
    log_variance = nn.functional.linear(x, variance_weight, variance_bias).clamp(
        -LARGEST_LOG_VARIANCE, LARGEST_LOG_VARIANCE
    )
    z = mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise
    hidden = torch.relu(nn.functional.linear(z, decoder[0], decoder[1]))
    error = (nn.functional.linear(hidden, decoder[2], decoder[3]) - x).square().sum(1)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    return (error + beta * kl).mean()


def train(
    x: Floats, validation: Floats, seed: int, schedule: Schedule, step: Step = lambda n, loss: None
) -> Trained:
    """Train on ``x`` (n, inputs); ``validation`` gives the loss that chooses between seeds.

    After ``prune_at`` of the steps every input keeps one weight, its largest: a pair of objects belongs to
    one latent dimension, and no pair is lost. Pruning the smallest weights of all, whichever input they
    belong to, lost some pairs, other ones with every seed, and the seeds differed more.
    """
    rng = np.random.default_rng(seed)
    inputs = x.shape[1]
    centre, spread = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1.0)
    centre, spread = centre.astype(np.float32), spread.astype(np.float32)
    with _one_thread():
        data = _tensor((x - centre) / spread)
        mean, variance = _layer(rng, inputs, schedule.latent), _layer(rng, inputs, schedule.latent)
        decoder = _layer(rng, schedule.latent, schedule.hidden) + _layer(rng, schedule.hidden, inputs)
        parameters = [*mean, *variance, *decoder]
        optimiser = torch.optim.Adam(parameters, schedule.rate)
        rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.rate, schedule.steps)
        mask = torch.ones(schedule.latent, inputs)

        def encoder() -> list[Tensor]:
            return [mean[0] * mask, mean[1], variance[0] * mask, variance[1]]

        curve, recent = [], 0.0
        for n in range(schedule.steps):
            if n == int(schedule.prune_at * schedule.steps):
                size = mean[0].detach().abs()
                mask = (size >= size.max(0).values).float()
            batch = data[torch.from_numpy(rng.integers(0, len(data), schedule.batch))]
            noise = _tensor(rng.standard_normal((schedule.batch, schedule.latent)))
            loss = _loss(batch, encoder(), decoder, schedule.beta, noise)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rates.step()
            recent += float(loss.detach())
            if (n + 1) % SHOWN == 0 or n + 1 == schedule.steps:
                curve.append(recent / (n % SHOWN + 1))
                step(n + 1, curve[-1])
                recent = 0.0
        with torch.no_grad():
            held = _tensor((validation - centre) / spread)
            final = float(_loss(held, encoder(), decoder, schedule.beta, None))
            weights = [tensor.detach().numpy().copy() for tensor in encoder()]
            last = tuple(tensor.detach().numpy().copy() for tensor in decoder)
    return Trained(
        seed, centre, spread, weights[0], weights[1], weights[2], weights[3], last, final, tuple(curve)
    )
