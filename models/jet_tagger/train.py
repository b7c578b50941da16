"""Training: float first, then with quantisers; the seed with the lowest validation loss is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.folders import cache_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.models import GRAPH
from l1forge.models.jet_tagger import evaluation, network
from l1forge.models.jet_tagger.hls import WEIGHTS, export_graph, load
from l1forge.models.jet_tagger.inputs import clipped, codes, trained_inputs
from l1forge.models.jet_tagger.versions import SIX_BITS, TaggerVersion
from l1forge.models.registry import Report
from l1forge.simulation.jets import FEATURES
from l1forge.simulation.jets.sample import Jets

FLOAT = "float.npz"
INPUTS = "inputs.json"
TRAINING = "training.json"


@dataclass(frozen=True)
class TaggerSchedule:
    """Passes over the training jets, batch, first learning rates (falling to zero as a cosine).

    ``sign_epochs`` and ``sign_rate`` are those of ternary and binary networks.
    """

    float_epochs: int = 12
    epochs: int = 12
    sign_epochs: int = 40
    batch: int = 256
    rate: float = 3e-3
    sign_rate: float = 1e-2

    def shortened(self) -> TaggerSchedule:
        """One pass each: proves that the code runs, not a result."""
        return replace(self, float_epochs=1, epochs=1, sign_epochs=1)


@dataclass(frozen=True)
class TrainedTagger:
    """One training: parameters, graph, and what validation and test say of float and quantised network."""

    seed: int
    float_weights: list[NDArray[Any]]
    values: network.Parameters
    graph: Graph
    validation: dict[str, Any]
    test: dict[str, Any]
    float_validation: dict[str, Any]
    float_test: dict[str, Any]


def _fit(
    model: Any,
    x: NDArray[np.float32],
    jets: Jets,
    epochs: int,
    first_rate: float,
    schedule: TaggerSchedule,
    seed: int,
    done: Callable[[], None],
) -> None:
    """Adam on the cross entropy."""
    keras = network.keras()
    import tensorflow as tf

    steps = max(len(x) // schedule.batch, 1)
    rate = keras.optimizers.schedules.CosineDecay(first_rate, steps * epochs)
    optimizer = keras.optimizers.Adam(rate)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    variables = model.trainable_variables
    features, truth = tf.constant(x), tf.constant(jets.truth.astype(np.int32))

    @tf.function(reduce_retracing=True)
    def run(order: Any) -> None:
        for i in tf.range(steps):
            index = order[i * schedule.batch : (i + 1) * schedule.batch]
            with tf.GradientTape() as tape:
                value = loss(tf.gather(truth, index), model(tf.gather(features, index), training=True))
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))

    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        run(tf.constant(rng.permutation(len(x)).astype(np.int32)))
        done()


def scores(version: TaggerVersion, graph: Graph, integers: NDArray[np.int64]) -> NDArray[np.float64]:
    """The graph's scores of input codes (n, 16), in the units of the softmax."""
    kernel = compile_graph(graph)
    (node,) = graph.inputs
    found = kernel.run_array({node.name: np.ascontiguousarray(integers.T)})
    (name,) = graph.outputs
    return evaluation.scores_in_units(version, found[name].T, graph[name].type.lsb)


def float_scores(weights: list[NDArray[Any]], x: NDArray[np.floating]) -> NDArray[np.float64]:
    """The float network's scores of scaled features (n, 16)."""
    values = np.asarray(x, np.float64)
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        values = np.maximum(values @ kernel + bias, 0)
    return np.asarray(values @ weights[-2] + weights[-1])


def train_one(
    version: TaggerVersion,
    jets: Jets,
    seed: int,
    schedule: TaggerSchedule,
    done: Callable[[], None] = lambda: None,
    cache: Path | None = None,
) -> TrainedTagger:
    """Train from one seed: the float network on inputs of the 6-bit version, then the quantised one.

    ``cache``: folder where what was trained is kept, and taken from if it is there already.
    """
    kept = None if cache is None else cache / f"{version.name}-{_digest(version, jets, seed, schedule)}.npz"
    if kept is not None and kept.is_file():
        arrays = load(kept)
        layers = 2 * len(network.LAYERS)
        weights = [arrays[f"float/{i}"] for i in range(layers)]
        values = {name: array for name, array in arrays.items() if not name.startswith("float/")}
    else:
        weights, values = _trained(version, jets, seed, schedule, done)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            _save(kept, values | {f"float/{i}": array for i, array in enumerate(weights)})
    graph = export_graph(version, values)
    found: dict[str, Any] = {}
    for name in ("validation", "test"):
        part = jets.part(name)
        result = scores(version, graph, codes(part.features, version.input_type))
        found[name] = evaluation.summary(result, part.truth)
        result = float_scores(weights, _scaled(SIX_BITS, part))
        found[f"float_{name}"] = evaluation.summary(result, part.truth)
    return TrainedTagger(seed, weights, values, graph, **found)


def _digest(version: TaggerVersion, jets: Jets, seed: int, schedule: TaggerSchedule) -> str:
    """What a trained network depends on: jets, seed, schedule and the sources of this package."""
    parts = [repr((version, seed, schedule)).encode(), jets.features.tobytes(), jets.truth.tobytes()]
    parts += [jets.event.tobytes()]
    folder = Path(__file__).parent
    parts += [(folder / f"{name}.py").read_bytes() for name in ("inputs", "network", "train", "versions")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def _scaled(kind: TaggerVersion, part: Jets) -> NDArray[np.float32]:
    return (codes(part.features, kind.input_type) * kind.input_type.lsb).astype(np.float32)


def _trained(
    version: TaggerVersion, jets: Jets, seed: int, schedule: TaggerSchedule, done: Callable[[], None]
) -> tuple[list[NDArray[Any]], network.Parameters]:
    """Weights of the float network, parameters of the quantised one."""
    keras = network.keras()
    keras.utils.set_random_seed(seed)
    train = jets.part("train")
    teacher = network.float_network()
    _fit(teacher, _scaled(SIX_BITS, train), train, schedule.float_epochs, schedule.rate, schedule, seed, done)
    quantised = network.training_network(version)
    network.start_from(quantised, teacher, version)
    bits = version.kind == "bits"
    epochs = schedule.epochs if bits else schedule.sign_epochs
    rate = schedule.rate if bits else schedule.sign_rate
    _fit(quantised, _scaled(version, train), train, epochs, rate, schedule, seed, done)
    values, weights = network.parameters(quantised, version), teacher.get_weights()
    keras.backend.clear_session()
    return weights, values


def main(
    version: TaggerVersion,
    seed: int,
    output: Path,
    jets: Jets,
    trainings: int,
    schedule: TaggerSchedule,
    report: Report,
) -> dict[str, Any]:
    """Train ``trainings`` networks from ``seed`` on and write the best by validation loss into ``output``.

    Files: ``weights.npz``, ``float.npz`` (6 bit only), ``graph.json``, ``inputs.json``, ``training.json``.
    """
    report(f"seeds {seed} .. {seed + trainings - 1}; each is kept: after Ctrl-C the same command goes on")
    cache = cache_folder() / "jet_tagger"
    total = schedule.float_epochs + (schedule.epochs if version.kind == "bits" else schedule.sign_epochs)
    found: list[TrainedTagger] = []
    with Progress() as progress:
        task = progress.add_task(f"training, {version.title}", total=total * trainings)
        for number in range(seed, seed + trainings):
            one = train_one(version, jets, number, schedule, lambda: progress.advance(task), cache)
            found.append(one)
    best = min(found, key=lambda one: one.validation["cross_entropy"])
    train = jets.part("train")
    record = {
        "seed": best.seed,
        "seeds": [one.seed for one in found],
        "schedule": asdict(schedule),
        "jets": {name: jets.part(name).n for name in ("train", "validation", "test")},
        "clipped": dict(zip(FEATURES, clipped(train.features, version.input_type).tolist(), strict=True)),
        "validation_loss": [one.validation["cross_entropy"] for one in found],
        "test": best.test,
        "spread": evaluation.spread([one.test for one in found]),
        "float": {
            "test": best.float_test,
            "spread": evaluation.spread([one.float_test for one in found]),
        },
    }
    output.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = {WEIGHTS: dict(best.values)}
    if version.kind == "bits":
        files[FLOAT] = {str(i): array for i, array in enumerate(best.float_weights)}
    for name, arrays in files.items():
        _save(output / name, arrays)
    best.graph.save(output / GRAPH)
    trained_inputs(version.name, version.input_type, train).save(output / INPUTS)
    write_text(output / TRAINING, json.dumps(record, indent=1) + "\n")
    accuracy, error = best.test["accuracy"]
    of_float = best.float_test["accuracy"][0]
    report(f"accuracy {100 * accuracy:.2f} ± {100 * error:.2f} %, float {100 * of_float:.2f} %")
    return record
