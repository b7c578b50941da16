"""Train the muon networks on stubs of another simulation: from the committed weights, or from scratch.

The stubs are split at random (seeded): most of them train, some choose the best epoch, and a part that
neither has seen calibrates the pT scale and is measured. Muons are weighted as in the first training: flat in
ln(pT) times (inclusive rate)^POWER, whatever spectrum the sample has.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.models.muon_pt.bins import N_BINS, bin_of, log_prior
from l1forge.models.muon_pt.estimators import LARGE_FOLDER, SMALL_FOLDER
from l1forge.models.muon_pt.export import export, load_quantised, load_state, save_state
from l1forge.models.muon_pt.features import ONE, muon_features
from l1forge.models.muon_pt.foreign import NEEDED
from l1forge.models.muon_pt.momentum import calibrate_coarsely
from l1forge.models.muon_pt.network import LARGE, SMALL, Network, QuantisedNetwork, float_network
from l1forge.models.muon_pt.path import CALIBRATION
from l1forge.models.muon_pt.stub_measure import measure
from l1forge.models.muon_pt.train import (
    MODELS,
    POWER,
    Report,
    TrainingSet,
    bin_loss,
    pruner,
    trained_inputs,
)
from l1forge.simulation.muons.layers import N_LAYERS
from l1forge.simulation.muons.sample import MuonSample
from l1forge.simulation.muons.spectrum import density, rate_weights_of
from l1forge.simulation.muons.stubs import StubReport, read_stubs

LEAST = 1_000
"""Candidates with a true pT that a training needs."""
HELD_OUT, CHOOSING = 0.25, 0.1
"""Parts of the sample that calibrate and measure, and that choose the epoch."""
EFFICIENCY = 0.9
LARGEST_WEIGHT = 20.0
"""Of a muon, in units of the mean: one rare muon must not steer a step."""
RECORD = "fine_tuning.json"


@dataclass(frozen=True)
class Options:
    """How long and how fast: of the float network, and of the quantised one after it."""

    epochs: int = 20
    rate: float = 1e-4
    quantised_epochs: int = 6
    quantised_rate: float = 5e-5
    from_scratch: bool = False


@dataclass(frozen=True)
class Split:
    """Candidates (indices) that train, choose the epoch, and are held out."""

    training: np.ndarray
    choosing: np.ndarray
    held_out: np.ndarray


def split(n: int, seed: int) -> Split:
    """A random partition of ``n`` candidates."""
    order = np.random.default_rng(seed).permutation(n)
    first, second = int(HELD_OUT * n), int((HELD_OUT + CHOOSING) * n)
    return Split(np.sort(order[second:]), np.sort(order[first:second]), np.sort(order[:first]))


def read(path: Path) -> tuple[MuonSample, StubReport]:
    """Candidates of a stub file that have a true pT.

    Raises
    ------
    InputError
        As ``read_stubs``; if the file has no true pT, or too few candidates.
    """
    sample, counts = read_stubs(path, needed={**NEEDED, "pt": "training needs the true pT in GeV"})
    known = np.isfinite(sample.pt) & (sample.pt > 0)
    if known.sum() < LEAST:
        raise InputError(
            f"fewer than {LEAST} candidates have a true pT",
            file=path,
            field="pt",
            value=int(known.sum()),
            remedy="give more muons",
        )
    return sample.select(known), counts


def training_set_of(sample: MuonSample) -> TrainingSet:
    """Features, bins and weights of candidates that have a reference stub; charge 0.5 where it is unknown."""
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    found = layers > 0
    pt, charge = sample.pt[found], sample.charge[found]
    rate = rate_weights_of(pt)  # density * pt / (muons per unit of ln(pT))
    if not rate.any():
        rate = np.ones(len(pt))
    weights = rate * (density(pt) * pt) ** (POWER - 1)
    weights = np.minimum(weights / weights.mean(), LARGEST_WEIGHT)
    return TrainingSet(
        torch.from_numpy(features[found]),
        torch.from_numpy(bin_of(pt)),
        torch.from_numpy(np.where(charge == 0, 0.5, charge > 0).astype(np.float32)),
        torch.from_numpy((weights / weights.mean()).astype(np.float32)),
    )


def fit_best(
    model: nn.Module,
    data: TrainingSet,
    choosing: TrainingSet,
    epochs: int,
    rate: float,
    prior: torch.Tensor,
    report: Report,
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """Adam with warm-up and cosine decay; the weights of the epoch with the smallest ``choosing`` loss stay.

    The start counts as an epoch: a training that makes nothing better leaves the network as it was.
    """
    batch = max(32, min(512, len(data) // 20))
    steps = epochs * max(len(data) // batch, 1)
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.15)
    best, kept = _chosen(model, choosing, prior), copy.deepcopy(model.state_dict())
    report(f"start: loss of choosing muons {best:.4f}")
    for epoch in range(epochs):
        model.train()
        order, total = torch.randperm(len(data)), 0.0
        starts = range(0, max(len(data) - batch + 1, 1), batch)
        for start in starts:
            part = mirrored(data, order[start : start + batch])
            rows = torch.arange(len(part))
            loss = bin_loss(model(part.features / ONE), part, rows, prior)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            after_step()
            total += loss.item()
        found = _chosen(model, choosing, prior)
        if found < best:
            best, kept = found, copy.deepcopy(model.state_dict())
        report(f"epoch {epoch + 1}/{epochs}: loss {total / len(starts):.4f}, of choosing muons {found:.4f}")
    model.load_state_dict(kept)
    model.eval()


def mirrored(data: TrainingSet, rows: torch.Tensor) -> TrainingSet:
    """The muons ``rows``, half of them at random as muons of the other charge: azimuths and angles turned.

    A file is small, and a detector is its own mirror image but for its alignment. Features become float.
    """
    turned = torch.rand(len(rows)) < 0.5
    features, charge = data.features[rows].float(), data.charge[rows]
    sign = torch.where(turned, -1.0, 1.0)[:, None]
    features[:, :N_LAYERS] = features[:, :N_LAYERS] * sign
    teacher = data.teacher[rows] if data.teacher is not None else None
    charge = torch.where(turned, 1 - charge, charge)
    return TrainingSet(features, data.bins[rows], charge, data.weights[rows], teacher)


def _chosen(model: nn.Module, data: TrainingSet, prior: torch.Tensor) -> float:
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(block.float() / ONE) for block in data.features.split(20_000)])
        return float(bin_loss(logits, data, torch.arange(len(data)), prior))


def tune_network(
    network: Network,
    source: Path,
    output: Path,
    sample: MuonSample,
    parts: Split,
    seed: int,
    options: Options,
    teacher: nn.Module | None,
    report: Report,
) -> nn.Sequential:
    """Train one network; write float.npz, weights.npz, graph.json, calibration.json, inputs.json."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the order of sums, hence the result, depends on the number of threads
    report(f"{network.name}: seed {seed}, {options}")
    data, choosing = (training_set_of(sample.select(rows)) for rows in (parts.training, parts.choosing))
    if teacher is not None:
        with torch.no_grad():
            soft = [teacher(block.float() / ONE).half() for block in data.features.split(50_000)]
        data = replace(data, teacher=torch.cat(soft))
    prior = torch.tensor(log_prior(1 - POWER), dtype=torch.float32)
    model = float_network(network)
    if options.from_scratch:
        with torch.no_grad():
            model[-1].bias[:N_BINS] += prior
    else:
        load_state(model, source / "float.npz")
    sparse = network.density < 1
    keep = _keeper([layer for layer in model if isinstance(layer, nn.Linear)], network.density, sparse)
    fit_best(model, data, choosing, options.epochs, options.rate, prior, report, keep)
    save_state(model, output / "float.npz")
    quantised = load_quantised(network, source)  # its scales of activations; its weights are replaced
    _copy(model, quantised)
    keep = _keeper(quantised.linears(), network.density, sparse)
    keep()
    fit_best(quantised, data, choosing, options.quantised_epochs, options.quantised_rate, prior, report, keep)
    save_state(quantised, output / "weights.npz")
    export(quantised, output / "graph.json")
    trained_inputs(network.name, data.features.numpy()).save(output / "inputs.json")
    _calibrate(output, sample.select(parts.held_out))
    return model


def _keeper(layers: list[nn.Linear], share: float, sparse: bool) -> Callable[[], None]:
    """Keeps a pruned network pruned after every step."""
    if not sparse:
        return lambda: None
    prune = pruner(layers, share)
    return lambda: prune(1.0)


def _copy(model: nn.Sequential, quantised: QuantisedNetwork) -> None:
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    for target, layer in zip(quantised.linears(), layers, strict=True):
        target.weight.data.copy_(layer.weight.data)
        target.bias.data.copy_(layer.bias.data)


def _calibrate(folder: Path, sample: MuonSample) -> None:
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    graph = Graph.load(folder / "graph.json")
    logits = compile_graph(graph).run_array(np.ascontiguousarray(features.T))[graph.outputs[0]].T
    calibration = calibrate_coarsely(
        np.ascontiguousarray(logits, np.int64), bin_of(sample.pt), layers > 0, EFFICIENCY
    )
    calibration.save(folder / CALIBRATION)


def tune(
    stubs: Path,
    seed: int,
    output: Path | None = None,
    options: Options | None = None,
    report: Report = print,
) -> dict[str, Any]:
    """Train both networks on a stub file and measure them, the golden patterns and the networks before.

    Parameters
    ----------
    stubs
        Stubs with ``eta`` and the true ``pt``; ``charge`` is used where it is known (docs/muon.md).
    seed
        Of the split and of the training.
    output
        Gets one folder per network, with fine_tuning.json in the large one's; None: the models' own folders.

    Returns
    -------
    What ``measure`` found on the held-out part, ``before`` and ``after``, with the sizes of the parts.

    Raises
    ------
    InputError
        If the stubs cannot be used.
    """
    options = options or Options()
    sample, counts = read(stubs)
    parts = split(len(sample), seed)
    held_out = sample.select(parts.held_out)
    before = measure(held_out)
    teacher = None
    places = []
    for network, source in ((LARGE, LARGE_FOLDER), (SMALL, SMALL_FOLDER)):
        place = (output or MODELS) / network.name
        places.append(place)
        with atomic_files(place) as folder:
            teacher = tune_network(network, source, folder, sample, parts, seed, options, teacher, report)
    after = measure(held_out, folders=(places[0], places[1]))
    result = {
        "stubs": stubs.name,
        "sha256": hashlib.sha256(stubs.read_bytes()).hexdigest(),
        "seed": seed,
        "from_scratch": options.from_scratch,
        "candidates": counts.candidates,
        "recentred": counts.recentred,
        "outside_sector": counts.outside_sector,
        "training": len(parts.training),
        "choosing": len(parts.choosing),
        "held_out": len(parts.held_out),
        "before": before,
        "after": after,
    }
    write_text(places[0] / RECORD, json.dumps(result, indent=1) + "\n")
    return result
