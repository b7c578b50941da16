"""Train the VAE: float, then quantisation-aware, then pruned; write weights, report and plots.

The zero-bias events before ``simulation.sample.N_TRAIN`` train (one in ten of them validates), the others
measure rates; signals are only ever looked at for efficiencies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich import print as show
from rich.progress import Progress
from rich.table import Table

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import read_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.models.registry import Report
from l1forge.models.vae_dense import evaluation, network
from l1forge.models.vae_dense.features import COLUMNS, SOURCES, hardware_features, object_mask
from l1forge.models.vae_dense.training import Batches, StageSchedule, fit
from l1forge.simulation.sample import N_TRAIN

SIGNALS = ("ttbar", "zmumu", "htautau", "A4l", "LQ_btau", "h_tautau", "Hp_taunu")
CLIP = 30.0
"""Normalised targets are clipped to this: a handful of extreme crossings must not steer the gradient."""

MOMENTUM_WEIGHT, MUON_WEIGHT = 2.0, 4.0
"""Weight of pt against eta and phi in the loss; muons are rare and must still be worth a latent dimension."""

MUON_MOMENTA = slice(15, 27, 3)
"""Reconstructed also where there is no muon, so that the presence of a muon is itself a deviation."""


@dataclass
class Options:
    """Schedules of the three stages; ``events`` limits the sample (0: all)."""

    events: int = 0
    float_stage: StageSchedule = field(default_factory=lambda: StageSchedule(12, 1024, 3e-3, 0.5))
    quantised_stage: StageSchedule = field(default_factory=lambda: StageSchedule(8, 1024, 1e-3, 0.5))
    pruned_stage: StageSchedule = field(default_factory=lambda: StageSchedule(16, 1024, 1e-3, 0.5, 0.5))

    def shortened(self) -> Options:
        """One epoch a stage on few events: proves that the code runs, not a result."""
        for schedule in (self.float_stage, self.quantised_stage, self.pruned_stage):
            schedule.epochs, schedule.batch = 1, 256
        self.events = 8192
        return self


def load(path: Path, limit: int = 0) -> np.ndarray[Any, Any]:
    """Hardware features (n, 57) int16 of an event file."""
    if not path.exists():
        raise InputError("sample is missing", file=path, remedy="run `make data` or give --sample")
    blocks: list[Events] = []
    count = 0
    for block in read_events(path, columns=list(COLUMNS)):
        blocks.append(block)
        count += block.n
        if limit and count >= limit:
            break
    features = hardware_features(Events.concatenate(blocks))
    return features[:limit] if limit else features


def training_part(features: Any) -> Any:
    """The events that train and validate: those before ``N_TRAIN``, of small samples two thirds."""
    return features[: min(N_TRAIN, 2 * len(features) // 3)]


def trained_inputs(train: Any) -> TrainedInputs:
    """The record of the training's inputs (n, 57)."""
    return TrainedInputs.of("vae_dense", "zero bias", SOURCES, train)


def _batches(features: Any, norm: tuple[Any, Any]) -> Batches:
    mask = object_mask(features)
    mask[:, MUON_MOMENTA] = 1
    mask[:, ::3] *= MOMENTUM_WEIGHT
    mask[:, MUON_MOMENTA] *= MUON_WEIGHT / MOMENTUM_WEIGHT
    target = np.clip((network.scaled(features) - norm[0]) / norm[1], -CLIP, CLIP)
    return Batches(features.astype(np.float32), target.astype(np.float32), mask)


def normalisation(features: Any) -> tuple[Any, Any]:
    """Mean and spread of every scaled feature (where its object is there; muon pt everywhere): (57,) each."""
    values = network.scaled(features)
    mask = object_mask(features) > 0
    mask[:, MUON_MOMENTA] = True
    count = np.maximum(mask.sum(0), 1)
    mean = np.where(mask, values, 0).sum(0) / count
    spread = np.sqrt(np.where(mask, np.square(values - mean), 0).sum(0) / count)
    return mean.astype(np.float32), np.maximum(spread, 0.25).astype(np.float32)


def _copy(source: Any, target: Any) -> None:
    for name in network.DENSE_LAYERS:
        target.get_layer(name).set_weights(source.get_layer(name).get_weights())


def main(seed: int, output: Path, sample: Path, options: Options, report: Report = show) -> dict[str, Any]:
    """Train from ``seed`` and write ``weights.npz``, ``training.json`` and two plots into ``output``.

    Returns the report that is also in training.json; ``report`` gets the seed and the table of efficiencies.
    Raises InputError if a sample file is missing.
    """
    report(f"seed {seed}")
    network.keras().utils.set_random_seed(seed)
    features = load(sample / "zerobias.parquet", options.events)
    signals = {name: load(sample / f"{name}.parquet", options.events) for name in SIGNALS}
    train = training_part(features)
    test = features[len(train) :]
    norm = normalisation(train)
    fold = np.arange(len(train)) % 10 == 0
    batches, validation = _batches(train[~fold], norm), _batches(train[fold], norm)

    decoder = network.decoder()
    encoders = {"float": network.float_encoder(), "quantised": network.quantised_encoder()}
    encoders["pruned"] = network.quantised_encoder()
    stages = {
        "float": options.float_stage,
        "quantised": options.quantised_stage,
        "pruned": options.pruned_stage,
    }
    curves: dict[str, dict[str, list[float]]] = {}
    versions: dict[str, Any] = {}
    previous = None
    with Progress() as progress:
        for stage, schedule in stages.items():
            encoder = encoders[stage]
            if previous is not None:
                _copy(previous, encoder)
            task = progress.add_task(f"training, {stage}", total=schedule.epochs)

            def epoch_done(
                epoch: int, loss: float, check: float, task: Any = task, name: str = stage
            ) -> None:
                progress.update(
                    task, advance=1, description=f"training, {name}: loss {loss:.2f}, validation {check:.2f}"
                )

            curves[stage] = fit(encoder, decoder, batches, validation, schedule, seed, epoch_done)
            versions[stage] = _evaluate(encoder, decoder, norm, train, test, signals)
            previous = encoder
    encoder = encoders["pruned"]
    result = {
        "seed": seed,
        "options": asdict(options),
        "zero_bias": {"train": len(train), "test": len(test)},
        "sparsity": {n: float(np.mean(_kernel(encoder, n) == 0)) for n in network.DENSE_LAYERS},
        "curves": curves,
        "versions": {name: version["report"] for name, version in versions.items()},
    }
    _write(output, encoder, decoder, norm, result, versions["pruned"])
    trained_inputs(train).save(output / "inputs.json")
    report(table(result))
    return result


def _kernel(encoder: Any, name: str) -> Any:
    layer = encoder.get_layer(name)
    return np.asarray(layer.kernel_quantizer_internal(layer.kernel))


def _evaluate(encoder: Any, decoder: Any, norm: Any, train: Any, test: Any, signals: Any) -> dict[str, Any]:
    def score(x: Any) -> dict[str, Any]:
        return evaluation.scores(encoder, decoder, x, norm, object_mask(x))

    zero_bias = score(test)
    signal_scores = {name: score(x) for name, x in signals.items()}
    return {
        "zero_bias": zero_bias,
        "signals": signal_scores,
        "report": {
            "efficiencies": evaluation.efficiencies(zero_bias, signal_scores),
            "over_training": evaluation.over_training(score(train)["mu2"], zero_bias["mu2"]),
        },
    }


def _write(output: Path, encoder: Any, decoder: Any, norm: Any, result: Any, version: Any) -> None:
    output.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{n}/{k}": w
        for n in network.DENSE_LAYERS
        for k, w in zip(("kernel", "bias"), encoder.get_layer(n).get_weights(), strict=True)
    }
    arrays |= {f"decoder/{i}": w for i, w in enumerate(decoder.get_weights())}
    arrays |= {"normalisation/mean": norm[0], "normalisation/spread": norm[1]}
    with atomic_path(output / "weights.npz") as temporary:
        np.savez_compressed(temporary, **arrays)
    write_text(output / "training.json", json.dumps(result, indent=1) + "\n")
    with atomic_path(output / "curves.png") as temporary:
        evaluation.plot_curves(result["curves"], temporary)
    with atomic_path(output / "scores.png") as temporary:
        evaluation.plot_scores(
            version["zero_bias"]["mu2"], {n: s["mu2"] for n, s in version["signals"].items()}, temporary
        )


def load_encoder(weights: Path) -> Any:
    """The trained QKeras encoder from ``weights.npz``."""
    encoder = network.quantised_encoder()
    with np.load(weights) as arrays:
        for name in network.DENSE_LAYERS:
            encoder.get_layer(name).set_weights([arrays[f"{name}/kernel"], arrays[f"{name}/bias"]])
    return encoder


def table(result: Mapping[str, Any]) -> Table:
    """Efficiency in percent: a row per score, rate and signal, a column per version of the network."""
    versions = result["versions"]
    checks = ", ".join(f"{name} {v['over_training']['p_value']:.2f}" for name, v in versions.items())
    grid = Table(
        title="signal efficiency in % (68 % interval)",
        caption=f"over-training check, p of KS test of mu2 between train and test: {checks}",
    )
    for heading in ("score", "rate in kHz", "signal", *versions):
        grid.add_column(heading, justify="right")
    rows = zip(*(version["efficiencies"] for version in versions.values()), strict=True)
    previous = None
    for cells in rows:
        score, rate, signal = (cells[0][key] for key in ("score", "target_khz", "signal"))
        if previous is not None and previous != (score, rate):
            grid.add_section()
        previous = (score, rate)
        values = ([100 * x for x in cell["efficiency"]] for cell in cells)
        texts = (f"{value:.1f} ± {(high - low) / 2:.1f}" for value, low, high in values)
        grid.add_row(score, f"{rate:g}", signal, *texts)
    return grid
