"""`make fidelity`: the worked example of docs/fidelity.md, and quantisation-aware training beside it.

Everything is made from seeds: three classification tasks on toy events (their features are those of no
detector), float networks trained on them, types chosen from data, and the same networks trained with QKeras
quantisers of the widths that were chosen.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import write_text
from l1forge.firmware.hls.choose.choose import Choice
from l1forge.firmware.hls.choose.plot import plot_curve
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.firmware.hls.fidelity.plot import plot_layers
from l1forge.studies.fidelity import ChooseTypes
from l1forge.studies.imported import Imported
from l1forge.studies.imports import import_model

BEGIN, END = "<!-- made by make fidelity: begin -->", "<!-- made by make fidelity: end -->"
EVENTS, TEST, EPOCHS, SEED = 6_000, 6_000, 12, 7


@dataclass(frozen=True)
class Task:
    """Toy events in classes: features of different sizes, of which some hide the class better than others."""

    name: str
    features: int
    classes: int
    hidden: tuple[int, ...]
    loss: str


TASKS = (
    Task("jets", 16, 5, (32, 16), "argmax=0.02"),
    Task("clusters", 9, 3, (16, 8), "argmax=0.02"),
    Task("tracks", 7, 4, (24, 12), "argmax=0.02"),
)


def toy(task: Task, seed: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Events (2·n, features) and labels: a mean and a mixing of normal features for each class."""
    shape = np.random.default_rng([SEED, task.features])  # of the classes: the same for every sample
    means = shape.normal(size=(task.classes, task.features))
    mixing = shape.normal(size=(task.classes, task.features, task.features)) / np.sqrt(task.features)
    scale = np.exp(shape.normal(size=task.features))
    rng = np.random.default_rng([seed, task.features])
    labels = rng.integers(0, task.classes, EVENTS + TEST)
    noise = rng.normal(size=(len(labels), task.features))
    x = means[labels] + np.einsum("nij,nj->ni", mixing[labels], noise)
    x[:, ::3] = np.sign(x[:, ::3]) * np.expm1(np.abs(x[:, ::3]) / 2)  # long tails, as momenta have
    return (8 * x * scale / scale.max()).astype(np.float32), labels


def main() -> None:
    """Train, choose, compare; write docs/fidelity.md's tables, its figures and docs/fidelity.json."""
    docs = Path("docs")
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="l1forge_fidelity_") as folder:
        results = [_task(task, Path(folder), docs) for task in TASKS]
    write_text(docs / "fidelity.json", json.dumps(results, indent=1) + "\n")
    page = docs / "fidelity.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    write_text(page, f"{before}{BEGIN}\n{_page(results)}{END}{after}")


def _task(task: Task, folder: Path, docs: Path) -> dict[str, Any]:
    print(f"{task.name}: training", flush=True)
    keras = use_legacy_keras()
    x, y = toy(task, SEED)
    network = _float(keras, task)
    _fit(keras, network, x[:EVENTS], y[:EVENTS])
    model, chosen_with, test = (folder / f"{task.name}{end}" for end in (".h5", "_choose.npz", "_test.npz"))
    network.save(model)
    np.savez(chosen_with, x=x[:EVENTS], y=y[:EVENTS])
    np.savez(test, x=x[EVENTS:], y=y[EVENTS:])
    plain = import_model(model, "fixed<16,6>", data=test)
    print(f"{task.name}: choosing types", flush=True)
    chosen = import_model(model, choose=ChooseTypes(chosen_with, task.loss, rtl_points=3), data=test)
    choice, found = chosen.choice, chosen.fidelity
    assert choice is not None
    assert found is not None
    assert plain.fidelity is not None
    if task is TASKS[0]:
        plot_layers(plain.fidelity.layers, docs / "figures" / "fidelity_default.png")
        plot_layers(found.layers, docs / "figures" / "fidelity_chosen.png")
        plot_curve(choice, docs / "figures" / "fidelity_curve.png")
    print(f"{task.name}: training with quantisers of the chosen widths", flush=True)
    quantised = _quantised(keras, task, choice)
    _fit(keras, quantised, x[:EVENTS], y[:EVENTS])
    truth = y[EVENTS:]

    def accuracy(scores: NDArray[Any]) -> float:
        return float((scores.argmax(axis=1) == truth).mean())

    trained = network.predict(x[EVENTS:], verbose=0)
    aware = quantised.predict(x[EVENTS:], verbose=0)
    return {
        "task": task.name,
        "network": [task.features, *task.hidden, task.classes],
        "loss": task.loss,
        "warnings": list(plain.warnings),
        "default": plain.fidelity.summary(),
        "chosen": found.summary(),
        "choice": choice.document(),
        "accuracy": {
            "float": accuracy(trained),
            "default types": accuracy(_scores(plain, x[EVENTS:])),
            "chosen types": accuracy(_scores(chosen, x[EVENTS:])),
            "quantisation-aware": accuracy(aware),
        },
        "agreement of the quantisation-aware network": float(
            (aware.argmax(axis=1) == trained.argmax(axis=1)).mean()
        ),
        "error": float(np.sqrt(0.25 / TEST)),
    }


def _scores(imported: Imported, x: NDArray[Any]) -> NDArray[np.float64]:
    from l1forge.emulator.scoring.floats import from_float
    from l1forge.firmware.hls.choose.search import outputs_of

    graph = imported.graph
    integers, _ = from_float(x, graph.inputs[0].type)
    return outputs_of(graph, {graph.inputs[0].name: integers})[0]


def _float(keras: Any, task: Task) -> Any:
    keras.utils.set_random_seed(SEED)
    x = inputs = keras.layers.Input((task.features,), name="x")
    for number, size in enumerate(task.hidden):
        x = keras.layers.Dense(size, activation="relu", name=f"dense_{number}")(x)
    return keras.Model(inputs, keras.layers.Dense(task.classes, name="scores")(x), name=task.name)


def _quantised(keras: Any, task: Task, choice: Choice) -> Any:
    """The same network with QKeras quantisers of the types that were chosen for weights and results."""
    from qkeras import QActivation, QDense, quantized_bits, quantized_relu

    types = {(t.layer, t.key): t.type for t in choice.tensors}

    def bits(layer: str, key: str) -> Any:
        kind = types[layer, key]
        integer = max(kind.integer - 1, 0)  # QKeras has no negative ones: the same step, a larger range
        return quantized_bits(kind.fraction + integer + 1, integer, alpha=1)

    keras.utils.set_random_seed(SEED)
    x = inputs = keras.layers.Input((task.features,), name="x")
    x = QActivation(bits("x", "result"), name="quantised_inputs")(x)
    for number in range(len(task.hidden) + 1):
        last = number == len(task.hidden)
        name = "scores" if last else f"dense_{number}"
        size = task.classes if last else task.hidden[number]
        x = QDense(size, kernel_quantizer=bits(name, "weight"), bias_quantizer=bits(name, "bias"), name=name)(
            x
        )
        if last:
            x = QActivation(bits(name, "result"), name="quantised_scores")(x)
        else:
            kind = types[f"{name}_relu", "result"]
            x = QActivation(quantized_relu(kind.width, kind.integer), name=f"{name}_relu")(x)
    return keras.Model(inputs, x, name=f"{task.name}_quantised")


def _fit(keras: Any, network: Any, x: NDArray[Any], y: NDArray[np.int64]) -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(0.003), loss)
    network.fit(x, y, batch_size=128, epochs=EPOCHS, verbose=0)


def _page(results: list[dict[str, Any]]) -> str:
    first = results[0]
    said = f"With `-t 'fixed<16,6>'` and nothing else, the importer says of the network `{first['task']}`:"
    lines = [said, "", "```text", *(f"warning: {text}" for text in first["warnings"]), "```", ""]
    lines += _differences(first) + _choice(first["choice"]) + _training(results)
    return "\n".join(lines)


def _differences(first: dict[str, Any]) -> list[str]:
    heads = ("types", "largest difference", "mean difference", "spread", "same largest output")
    lines = [_row(*heads, "first large difference"), _row(*["---"] * 6)]
    for name in ("default", "chosen"):
        (one,) = first[name]["outputs"]
        numbers = [f"{one[key]:.3g}" for key in ("largest", "mean", "spread")]
        where = first[name]["first_large"] or "none"
        lines.append(_row(name, *numbers, f"{100 * one['agreement']:.2f} %", where))
    return lines


def _choice(choice: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"Chosen with `--loss {choice['loss']}` in {choice['candidates']} conversions: loss"
        f" {choice['loss_chosen_with']:.4f} on the events chosen with, {choice['loss_held_out']:.4f} ±"
        f" {choice['uncertainty']:.4f} on the others.",
        "",
        _row("layer", "use", "type"),
        _row(*["---"] * 3),
        *(_row(one["layer"], one["use"], f"`{one['type']}`") for one in choice["types"]),
        "",
        _row("LUTs, estimate", "LUTs, RTL generator", "clocks", "loss", "mean error / spread"),
        _row(*["---"] * 5),
    ]
    for point in choice["curve"]:
        rtl = point["rtl"]
        if rtl is not None:
            luts = f"{point['luts']:,.0f}{' (chosen)' if point['chosen'] else ''}"
            losses = f"{point['loss']:.4f}", f"{point['error']:.4f}"
            lines.append(_row(luts, f"{rtl['luts']:,.0f}", rtl["latency"], *losses))
    return lines


def _training(results: list[dict[str, Any]]) -> list[str]:
    heads = ("task", "network", "float", "default types", "chosen types", "quantisation-aware, same widths")
    lines = [
        "",
        "Accuracy on held-out toy events, and how often the largest output is that of the float network:",
        "",
        _row(*heads, "agreement chosen", "agreement quantisation-aware"),
        _row(*["---"] * 8),
    ]
    for one in results:
        shares = [*one["accuracy"].values(), one["chosen"]["outputs"][0]["agreement"]]
        shares.append(one["agreement of the quantisation-aware network"])
        shape = "-".join(map(str, one["network"]))
        lines.append(_row(one["task"], shape, *(f"{100 * share:.2f} %" for share in shares)))
    error = f"Each accuracy has a statistical error below {100 * results[0]['error']:.1f} points."
    once = "Each network is trained once: the last column holds what another training does, too."
    return [*lines, "", f"{error} {once}", ""]


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
