"""A fuzzing campaign: draw networks in batches, compare, shrink and save what differs."""

from __future__ import annotations

import contextlib
import importlib
import io
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.json_text import parse_json
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.hls.fuzz.generate import Generator
from l1forge.firmware.hls.fuzz.harness import Built, compile_together, describe
from l1forge.firmware.hls.fuzz.isolated_process import Died, run_apart
from l1forge.firmware.hls.fuzz.network import Network, model_graph, write_slim
from l1forge.firmware.hls.fuzz.shrink import shrink
from l1forge.firmware.hls.translate.graph import import_project
from l1forge.firmware.verify import differences

BATCH = 25
EVENTS = 120


@dataclass
class Failure:
    """A network whose graph and C++ differ."""

    number: int
    network: Network
    problem: str


@dataclass
class Summary:
    """What a campaign did.

    ``varied`` counts networks with an output that is not the same for all events (the others prove little);
    ``refused`` networks that the exporter or hls4ml refuses, by reason; ``done`` all networks drawn.
    """

    done: int = 0
    networks: int = 0
    values: int = 0
    varied: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    layers: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def document(self, seed: int) -> dict[str, Any]:
        """As JSON; the reproducers of failures are files of their own."""
        return {
            "seed": seed,
            **{key: getattr(self, key) for key in ("done", "networks", "values", "varied")},
            "layers": dict(self.layers),
            "refused": dict(self.refused),
            "failures": [
                {"number": f.number, "label": f.network.label, "problem": f.problem} for f in self.failures
            ],
        }

    @staticmethod
    def load(path: Path, seed: int) -> Summary:
        """A summary written before, to go on from.

        Raises
        ------
        InputError
            If the file is no summary of a campaign of this seed.
        """
        try:
            held = parse_json(path.read_text(encoding="utf-8"))
            failures = [Failure(f["number"], Network([], {}, [], label=f["label"]), f["problem"])
                        for f in held["failures"]]  # fmt: skip
            done, networks, values, varied = (
                int(held[key]) for key in ("done", "networks", "values", "varied")
            )
            counters = Counter(held["refused"]), Counter(held["layers"])
            summary = Summary(done, networks, values, varied, *counters, failures)
            found = held["seed"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("is not the summary of a fuzz run", file=path, value=str(error)) from error
        if found != seed:
            raise InputError(
                "was written with another seed",
                file=path,
                field="seed",
                value=found,
                remedy=f"--seed {found}",
            )
        return summary


def stimuli(rng: np.random.Generator, kind: FixedType, size: int, count: int) -> NDArray[np.int64]:
    """Corners (all least, all largest, zero, ±1 LSB), then random integers over the full range."""
    corners = [kind.minimum, kind.maximum, 0, 1, max(kind.minimum, -1)]
    fixed = np.array([[value] * size for value in corners], dtype=np.int64)
    mixed = rng.choice(np.array(corners), size=(10, size))
    low, high = kind.minimum, kind.maximum
    free = rng.integers(low, high, size=(max(count - len(corners) - 10, 0), size), endpoint=True)
    return np.concatenate([fixed, mixed, free])[:count]


def build(network: Network, name: str, folder: Path) -> tuple[Built, Graph]:
    """Write the network's C++ and read it back as a graph (hls4ml's own messages are dropped)."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            model = model_graph(network, name, folder)
            write_slim(model)
        except Exception as error:
            raise InputError(f"hls4ml: {type(error).__name__}: {error}", field="network") from error
    return describe(name, folder), import_project(folder)


def difference(
    library: Path, built: Built, graph: Graph, inputs: list[NDArray[np.int64]]
) -> tuple[str | None, int, bool]:
    """The first difference between the C++ and the reference or the kernel (or None), values compared,
    whether an output varies.
    """
    try:
        found = run_apart(library, built, inputs)
    except Died as problem:
        return str(problem), 0, False
    fed = dict(zip([node.name for node in graph.inputs], inputs, strict=True))
    values = sum(result.size for result in found)
    varied = any(len(np.unique(column)) > 1 for result in found for column in result.T)
    columns = {name: np.ascontiguousarray(array.T) for name, array in fed.items()}
    fast = {name: np.moveaxis(y, -1, 0) for name, y in compile_graph(graph).run_array(columns).items()}
    for label, results in (("graph", evaluate(graph, fed)), ("kernel", fast)):
        for name, result in zip(graph.outputs, found, strict=True):
            wrong = differences(results[name].reshape(result.shape), result)
            for event, element, ours, theirs in wrong.listed(1):
                told = f"{name}[{element}] of event {event}: {label} {ours}, C++ {theirs}"
                return f"{told} ({wrong.values} of {result.size} values differ)", values, varied
    return None, values, varied


def check_one(network: Network, seed: int = 0, events: int = EVENTS) -> str | None:
    """Compile and compare a single network; the difference, or None. ``network.events`` are used if given."""
    with tempfile.TemporaryDirectory(prefix="l1forge_fuzz_") as folder:
        built, graph = build(network, "net0", Path(folder) / "net0")
        library = compile_together([built], Path(folder))
        return difference(library, built, graph, _inputs(network, built, seed, events))[0]


def _inputs(network: Network, built: Built, seed: int, events: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng([seed, 77])
    if network.events:
        return [np.array(network.events, dtype=np.int64)]
    return [stimuli(rng, built.type(name), built.source.arrays[name][1], events) for name in built.inputs]


def campaign(
    count: int,
    seed: int,
    save_to: Path | None = None,
    progress: Callable[[Summary], None] = lambda summary: None,
    batch: int = BATCH,
    depth: int = 4,
    resumed: Summary | None = None,
) -> Summary:
    """Fuzz networks 0 .. ``count`` − 1.

    Parameters
    ----------
    seed
        Network k is drawn from ``default_rng([seed, k])``, whatever the batch size.
    save_to
        Folder for the reproducers of failures (JSON); none are written without it.
    progress
        Called with the summary after every batch.
    resumed
        The summary of an interrupted campaign of the same seed, which is gone on with.
    """
    importlib.import_module("hls4ml")  # where it is missing, that is said once, not of every network
    summary = resumed or Summary()
    for first in range(summary.done, count, batch):
        numbers = range(first, min(first + batch, count))
        known = len(summary.failures)
        with tempfile.TemporaryDirectory(prefix="l1forge_fuzz_") as folder:
            _batch(list(numbers), seed, Path(folder), summary, depth)
        for failure in summary.failures[known:]:
            if save_to is not None:
                save_to.mkdir(parents=True, exist_ok=True)
                network = shrink(failure.network, _still_fails)
                failure.problem = check_one(network) or failure.problem
                network.label = f"{network.label}: {failure.problem}"
                network.save(save_to / f"fuzz_{seed}_{failure.number}.json")
                failure.network = network
        summary.done = numbers[-1] + 1
        progress(summary)
    return summary


def _still_fails(network: Network) -> bool:
    try:
        return check_one(network) is not None
    except InputError:
        return False


def _batch(numbers: list[int], seed: int, folder: Path, summary: Summary, depth: int) -> None:
    made: list[tuple[int, Network, Built, Graph]] = []
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        network = Generator(rng).network(int(rng.integers(1, depth + 1)))
        try:
            built, graph = build(network, f"net{number}", folder / f"net{number}")
        except InputError as error:
            summary.refused[_reason(error)] += 1
            continue
        made.append((number, network, built, graph))
    compiled = libraries([built for _, _, built, _ in made], folder, summary)
    for number, network, built, graph in made:
        if built.name not in compiled:
            continue
        inputs = _inputs(network, built, number, EVENTS)
        problem, values, varied = difference(compiled[built.name], built, graph, inputs)
        summary.networks += 1
        summary.values += values
        summary.varied += varied
        summary.layers.update(layer["class_name"] for layer in network.layers[1:])
        if problem:
            summary.failures.append(Failure(number, network, problem))


def libraries(builds: list[Built], folder: Path, summary: Summary) -> dict[str, Path]:
    """The shared library of each network; those whose C++ the compiler rejects are found by halving."""
    if not builds:
        return {}
    folder.mkdir(exist_ok=True)
    try:
        return dict.fromkeys((built.name for built in builds), compile_together(builds, folder))
    except InputError as error:
        if len(builds) == 1:
            summary.refused[error.problem] += 1
            return {}
    half = len(builds) // 2
    return {
        **libraries(builds[:half], folder / "first", summary),
        **libraries(builds[half:], folder / "second", summary),
    }


def _reason(error: InputError) -> str:
    return f"{error.problem} ({error.value})" if error.value else error.problem
