"""Train one of the networks: float first, then with quantised weights and values; write graph and report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.graph.graph import Graph
from l1forge.models import GRAPH
from l1forge.models.jet_sets import circuit, evaluation
from l1forge.models.jet_sets.constituents import features
from l1forge.models.jet_sets.inputs import codes, trained_inputs
from l1forge.models.jet_sets.network import SetNetwork
from l1forge.models.jet_sets.shapes import SHAPES, Shape
from l1forge.models.registry import Report
from l1forge.simulation.jets.sample import Jets

BATCH = 512


@dataclass(frozen=True)
class Options:
    """Size of a training; ``jets`` limits the sample (0: all)."""

    jets: int = 0
    epochs: int = 30
    quantised_epochs: int = 20
    rate: float = 4e-3
    quantised_rate: float = 1e-3

    def shortened(self) -> Options:
        """A check that training runs, not a result."""
        return replace(self, jets=2000, epochs=1, quantised_epochs=1)


@dataclass(frozen=True)
class Entering:
    """Jets as tensors: features (n, slots, 3), presence (n, slots), class (n,)."""

    features: torch.Tensor
    present: torch.Tensor
    truth: torch.Tensor

    @staticmethod
    def of(jets: Jets, slots: int) -> Entering:
        """The leading ``slots`` constituents of every jet."""
        made = features(*codes(jets, slots).values())
        truth = torch.from_numpy(jets.truth.astype(np.int64))
        return Entering(torch.from_numpy(made[0]), torch.from_numpy(made[1]), truth)

    def __len__(self) -> int:
        return len(self.truth)


def logits_of(network: SetNetwork, data: Entering) -> NDArray[np.float64]:
    """What the network says, (n, 5)."""
    network.eval()
    with torch.no_grad():
        blocks = zip(data.features.split(8192), data.present.split(8192), strict=True)
        return np.concatenate([network(x, present).numpy() for x, present in blocks]).astype(np.float64)


def fit(
    network: SetNetwork,
    data: Entering,
    validation: Entering,
    epochs: int,
    rate: float,
    report: Callable[[str], object],
) -> list[float]:
    """Adam with warm-up and cosine decay; returns the validation loss after every epoch."""
    steps = len(data) // BATCH
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps * epochs, pct_start=0.15
    )
    losses = []
    for epoch in range(epochs):
        network.train()
        order = torch.randperm(len(data))
        for start in range(0, steps * BATCH, BATCH):
            rows = order[start : start + BATCH]
            loss = functional.cross_entropy(
                network(data.features[rows], data.present[rows]), data.truth[rows]
            )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        seen = torch.from_numpy(logits_of(network, validation))
        losses.append(float(functional.cross_entropy(seen, validation.truth)))
        report(f"epoch {epoch + 1}/{epochs}: validation loss {losses[-1]:.4f}")
    return losses


def trained(
    shape: Shape, data: Entering, validation: Entering, seed: int, options: Options, report: Report
) -> tuple[SetNetwork, SetNetwork, dict[str, list[float]]]:
    """The float network, the quantised one made from it, and both curves of validation loss."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the order of sums, hence the result, depends on the number of threads
    floating = SetNetwork(shape)
    curves = {"float": fit(floating, data, validation, options.epochs, options.rate, report)}
    quantised = SetNetwork(shape)
    quantised.load_state_dict(floating.state_dict())
    quantised.quantise(data.features[:20_000], data.present[:20_000])
    curves["quantised"] = fit(
        quantised, data, validation, options.quantised_epochs, options.quantised_rate, report
    )
    return floating, quantised, curves


def main(name: str, seed: int, output: Path, jets: Jets, options: Options, report: Report) -> dict[str, Any]:
    """Train ``name`` from ``seed``; write weights, graph, record of inputs, report and plot into ``output``.

    Returns the report that is also in ``training.json``. The test part is looked at once, at the end.
    """
    shape = SHAPES[name]
    report(f"{name}: seed {seed}, {options}")
    if options.jets:
        jets = jets[slice(options.jets)]
    parts = {part: jets.part(part) for part in ("train", "validation", "test")}
    data, validation = (Entering.of(parts[part], shape.constituents) for part in ("train", "validation"))
    floating, quantised, curves = trained(shape, data, validation, seed, options, report)
    graph = circuit.build(quantised)
    output.mkdir(parents=True, exist_ok=True)
    graph.save(output / GRAPH)
    trained_inputs(name, parts["train"]).save(output / "inputs.json")
    for file, network in (("float.npz", floating), ("weights.npz", quantised)):
        with atomic_path(output / file) as temporary, temporary.open("wb") as stream:
            state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
            np.savez_compressed(stream, **state)
    logits = {part: logits_of(floating, Entering.of(parts[part], shape.constituents)) for part in parts}
    result: dict[str, Any] = {
        "seed": seed,
        "shape": asdict(shape),
        "options": asdict(options),
        "types": {key: str(kind) for key, kind in quantised.types.items()},
        "jets": {part: found.n for part, found in parts.items()},
        "curves": curves,
        **{part: evaluation.compared(graph, parts[part], logits[part]) for part in ("validation", "test")},
    }
    write_text(output / "training.json", json.dumps(result, indent=1) + "\n")
    with atomic_path(output / "roc.png") as temporary:
        evaluation.plot(graph, parts["test"], logits["test"], temporary)
    report(evaluation.table(name, result["test"]))
    return result


def evaluate(name: str, folder: Path, jets: Jets, report: Report) -> dict[str, Any]:
    """Compare the committed graph with the committed float network on the test part; plot into ``folder``."""
    home = Path(__file__).parents[1] / name
    graph, test = Graph.load(home / GRAPH), jets.part("test")
    floating = logits_of(load_float(name, home), Entering.of(test, SHAPES[name].constituents))
    result = evaluation.compared(graph, test, floating)
    evaluation.plot(graph, test, floating, folder / "roc.png")
    write_text(folder / "evaluation.json", json.dumps(result, indent=1) + "\n")
    report(evaluation.table(name, result))
    return result


def load_float(name: str, folder: Path) -> SetNetwork:
    """The committed float network of ``folder``."""
    network = SetNetwork(SHAPES[name])
    with np.load(folder / "float.npz", allow_pickle=False) as arrays:
        network.load_state_dict({key: torch.from_numpy(arrays[key]) for key in arrays.files})
    return network
