"""The fuzzer's other question: does a graph with types chosen from data predict what the framework does?

Random PyTorch networks with random weights and data are converted with types whose integer bits hold the
data, of 16 bits or as many more as the stated error needs; the framework's own prediction is the reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.hls.choose.loss import StatedLoss
from l1forge.firmware.hls.choose.search import Search, outputs_of
from l1forge.firmware.hls.choose.tensors import WIDE
from l1forge.firmware.hls.converters.conversion import Conversion
from l1forge.firmware.hls.fidelity.frameworks.torch import TorchFramework
from l1forge.firmware.hls.fidelity.sample import Sample

if TYPE_CHECKING:
    from torch.nn import Sequential

    from l1forge.firmware.hls.converters.files import Precision, Types
    from l1forge.firmware.hls.converters.settings import Settings

EVENTS = 300
WITH_TABLES = ("Tanh", "Sigmoid")
EXACT, TABLES = 0.01, 0.1
"""Mean error over spread that is allowed; the larger one where hls4ml's tables of 1024 entries take part."""


@dataclass
class TrainedSummary:
    """``networks`` compared, ``refused`` by reason, ``failures`` by number, ``worst``: largest error seen."""

    done: int = 0
    networks: int = 0
    worst: float = 0.0
    layers: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def document(self, seed: int) -> dict[str, Any]:
        """As JSON."""
        kept = {key: getattr(self, key) for key in ("done", "networks", "worst", "failures")}
        return {"seed": seed, **kept, "layers": dict(self.layers), "refused": dict(self.refused)}

    @staticmethod
    def load(path: Path, seed: int) -> TrainedSummary:
        """A summary written before, to go on from.

        Raises
        ------
        InputError
            If the file is no summary of a campaign of this kind and seed.
        """
        try:
            held = parse_json(path.read_text(encoding="utf-8"))
            failures = [(int(number), str(problem)) for number, problem in held["failures"]]
            counters = Counter(held["layers"]), Counter(held["refused"])
            done, networks, worst = int(held["done"]), int(held["networks"]), float(held["worst"])
            found = held["seed"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                "is not the summary of a fuzz run with --trained", file=path, value=str(error)
            ) from error
        if found != seed:
            raise InputError(
                "was written with another seed",
                file=path,
                field="seed",
                value=found,
                remedy=f"--seed {found}",
            )
        return TrainedSummary(done, networks, worst, *counters, failures)


def trained_campaign(
    count: int,
    seed: int,
    progress: Callable[[TrainedSummary], None] = lambda summary: None,
    resumed: TrainedSummary | None = None,
) -> TrainedSummary:
    """Compare networks 0 .. ``count`` − 1; network k is drawn from ``default_rng([seed, k])``.

    ``resumed``: what an earlier run has done, to go on from; it is changed.
    """
    summary = resumed or TrainedSummary()
    for number in range(summary.done, count):
        network, shape, kinds = drawn(np.random.default_rng([seed, number]))
        summary.layers.update(kinds)
        limit = TABLES if set(WITH_TABLES) & set(kinds) else EXACT
        try:
            error = check_network(network, shape, StatedLoss("error", limit), seed + number)
            summary.networks += 1
            summary.worst = max(summary.worst, error)
            if error > 2 * limit:  # on events that the types were not chosen with
                summary.failures.append((number, f"error {error:.3g} on other events, {limit:g} allowed"))
        except InputError as problem:
            if problem.field == "--loss":
                summary.networks += 1
                summary.failures.append((number, problem.problem))
            else:
                summary.refused[problem.problem] += 1
        summary.done = number + 1
        progress(summary)
    return summary


def check_network(network: Sequential, shape: tuple[int, ...], loss: StatedLoss, seed: int) -> float:
    """Choose one width for all types on random data; the error on other data of the same kind.

    Raises
    ------
    InputError
        With the field ``--loss`` if no width keeps the loss; else if the network cannot be converted.
    """
    from l1forge.firmware.hls.converters.torch import convert_torch

    rng = np.random.default_rng([seed, 1])
    # hls4ml's tables have steps of 1/64: for data much smaller than one no type helps
    tables = any(type(layer).__name__ in WITH_TABLES for layer in network)
    scale = float(2.0 ** rng.integers(1 if tables else -4, 6))
    arrays = [scale * rng.normal(size=(EVENTS, *shape)) for _ in range(2)]
    framework = TorchFramework(network, [shape])
    trained = [[np.asarray(one, np.float64).reshape(EVENTS, -1) for one in framework.predict([part])]
               for part in arrays]  # fmt: skip
    conversion = Conversion(Path("network.pt"), None, [shape], {"reuse_factor": 1, "strategy": "Latency"})

    def convert(folder: Path, types: Types, precision: Precision, settings: Settings) -> Any:
        default = settings.get("default_precision", str(WIDE[0]))
        return convert_torch(network, [shape], "network", folder, types, precision, default_precision=default)

    conversion._convert = convert
    graph, _ = conversion.candidate({}, {}, str(WIDE[0]))
    name = graph.inputs[0].name
    half, other = (
        Sample(Path("random"), {name: part.reshape(EVENTS, -1)}, None, "random") for part in arrays
    )
    search = Search(
        conversion.candidate, lambda made: half.integers(made)[0], trained[0], None, loss, {}, str(WIDE[0])
    )
    best = search.run_uniform(half.inputs)
    return search.error(trained[1], outputs_of(best.graph, other.integers(best.graph)[0]))


def drawn(rng: np.random.Generator) -> tuple[Any, tuple[int, ...], list[str]]:
    """A network, the shape of its input, and the kinds of its layers."""
    import torch
    from torch import nn

    torch.manual_seed(int(rng.integers(1 << 30)))
    layers: list[Any] = []
    shape: tuple[int, ...] = (int(rng.integers(2, 9)),)
    if rng.random() < 0.25:
        channels, length = int(rng.integers(1, 4)), int(rng.integers(4, 8))
        shape = (channels, length)
        filters, window = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        layers += [nn.Conv1d(channels, filters, window), nn.ReLU(), nn.Flatten()]
        size = filters * (length - window + 1)
    else:
        size = shape[0]
    for _ in range(int(rng.integers(1, 4))):
        width = int(rng.integers(2, 13))
        layers.append(nn.Linear(size, width, bias=bool(rng.random() < 0.8)))
        if rng.random() < 0.2:
            layers.append(_norm(width, rng))
        activation = rng.choice(["ReLU", "ReLU", "Tanh", "Sigmoid", "LeakyReLU", "Hardtanh", "none"])
        if activation != "none":
            layers.append(getattr(nn, activation)())
        size = width
    layers.append(nn.Linear(size, int(rng.integers(1, 5))))
    network = nn.Sequential(*layers).eval()
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, nn.Linear | nn.Conv1d):
                layer.weight *= float(rng.choice([1.0, 2.0, 4.0]))
    return network, shape, [type(layer).__name__ for layer in layers]


def _norm(width: int, rng: np.random.Generator) -> Any:
    import torch
    from torch import nn

    norm = nn.BatchNorm1d(width)

    def values(array: NDArray[np.float64]) -> Any:
        return torch.tensor(array, dtype=torch.float32)

    norm.running_mean, norm.running_var = values(rng.normal(size=width)), values(rng.uniform(0.5, 2, width))
    with torch.no_grad():
        norm.weight.copy_(values(rng.uniform(0.5, 2, width)))
        norm.bias.copy_(values(rng.normal(size=width)))
    return norm
