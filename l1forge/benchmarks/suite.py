"""The benchmark: models, peers, limits and scaling, as rows of one result."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge import simulation
from l1forge.benchmarks import machine, peers
from l1forge.benchmarks.exports import ap_fixed_speed, package_speed
from l1forge.benchmarks.graphs import forest, network
from l1forge.benchmarks.latency import single_event_ns
from l1forge.benchmarks.set_peers import onnx_sets
from l1forge.benchmarks.timing import Timing, measure
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import first_crossings
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events, spaced_rows
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import Kernel, compile_graph
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.language.load import load_menu
from l1forge.models import graph_path
from l1forge.simulation.images import FOLDER as IMAGES
from l1forge.simulation.images import read_images
from l1forge.simulation.regions import N_REGION_ETA, N_REGION_PHI
from l1forge.studies.defaults import default_menu
from l1forge.studies.path import prepare
from l1forge.studies.path_inputs import used_models

SAMPLE = simulation.SAMPLE / "zerobias.parquet"
ZERO_BIAS_IMAGES = IMAGES / "zerobias.parquet"
EXPORTED = 2048
"""Events with which exported C++ is timed."""
REPEATED = 4
"""How often the sample's crossings are written for reading: opening a file takes some milliseconds."""
Array = NDArray[Any]
Notify = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One measurement: nanoseconds per event, wall and CPU, and the events of one call."""

    model: str
    what: str
    threads: int
    events: int
    ns: float
    best_ns: float
    cpu_ns: float

    @property
    def rate(self) -> float:
        return 1e9 / self.ns


@dataclass(frozen=True)
class Result:
    """All rows of one run and where it ran."""

    machine: dict[str, Any]
    rows: list[Row]
    scaling: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        rows = [asdict(row) | {"events_per_s": row.rate} for row in self.rows]
        return {"machine": self.machine, "rows": rows, "scaling": self.scaling}


def _row(model: str, what: str, timing: Timing, events: int, threads: int = 1) -> Row:
    return Row(model, what, threads, events, timing.wall, timing.best, timing.cpu)


class Suite:
    """Collects rows; ``seconds`` is spent on each measurement."""

    def __init__(self, seconds: float, notify: Notify, seed: int = 1) -> None:
        self.seconds, self.notify = seconds, notify
        self.rng = np.random.default_rng(seed)
        self.threads = len(os.sched_getaffinity(0))
        self.rows: list[Row] = []
        self.scaling: list[dict[str, Any]] = []

    def add(self, model: str, what: str, call: Callable[[], Any], events: int, threads: int = 1) -> Row:
        """Measure one call and keep the row."""
        self.notify(f"{model}: {what}")
        row = _row(model, what, measure(call, events, seconds=self.seconds), events, threads)
        self.rows.append(row)
        return row

    def inputs(self, graph: Graph, n: int) -> Array:
        """Uniform integers (inputs, n) int16 over the range of the input."""
        kind = graph.inputs[0].type
        x = spaced_rows(graph.inputs[0].size, n, np.dtype(np.int16))
        x[:] = self.rng.integers(kind.minimum, kind.maximum + 1, x.shape)
        return x

    def kernel(self, model: str, graph: Graph, x: Array) -> None:
        """Ours, one thread and all."""
        kernel = compile_graph(graph)
        for threads in sorted({1, self.threads}):
            self.add(
                model,
                "l1forge",
                partial(kernel.run_array, x, threads),
                x.shape[1],
                threads,
            )

    def vae_dense(self, n: int) -> None:
        """The dense VAE on the committed events: Σµ² of hardware integers in memory, and its peers."""
        whole = Graph.load(graph_path("vae_dense"))
        graph = whole.subgraph([whole.outputs[0]])
        events = _events(graph, n)
        kernel = compile_graph(graph)
        for threads in sorted({1, self.threads}):
            self.add(
                "vae_dense",
                "l1forge",
                partial(kernel.run, events, threads),
                events.n,
                threads,
            )
        portable = compile_graph(graph, backend="portable")
        self.add("vae_dense", "l1forge, no AVX-512", lambda: portable.run(events, 1), events.n)
        self._files(kernel)
        rows = _as_rows(graph, events, min(events.n, 20_000))
        self.notify("vae_dense: C header, one event per call")
        ns = single_event_ns(graph, rows)
        self.rows.append(Row("vae_dense", "l1forge C header, one event", 1, 1, ns, ns, ns))
        for text in self.exported("vae_dense", graph, rows[:EXPORTED]):
            self.notify(f"vae_dense: {text}")
        one = rows[:1].T.astype(np.int16).copy()
        self.add("vae_dense", "l1forge from Python, one event", lambda: kernel.run_array(one, 1), 1)
        single = rows.astype(np.float32)
        call = peers.onnx_float32(graph)
        self.add("vae_dense", "ONNX Runtime float32", lambda: call(single[:10_000]), 10_000)
        plain = peers.numpy_int64(graph)
        self.add("vae_dense", "NumPy int64", lambda: plain(rows), len(rows))
        self.notify("vae_dense: tracing for alkaid")
        traced = peers.alkaid_interpreter(graph)
        real = rows.astype(np.float64)
        self.add("vae_dense", "alkaid (da4ml) interpreter", lambda: traced(real), len(real))
        self.notify("vae_dense: loading QKeras")
        predict = peers.qkeras_predict()
        self.add("vae_dense", "QKeras predict", lambda: predict(single), len(single), self.threads)
        self.notify("vae_dense: compiling hls4ml's C++")
        with peers.hls4ml_predict() as hls:
            self.add("vae_dense", "hls4ml predict", lambda: hls(real[:2000]), 2000)

    def exported(self, model: str, graph: Graph, rows: Array) -> list[str]:
        """One call with one event: the offline software's package, and the ap_fixed C++ of the same graph.

        Returns what could not be measured, and why.
        """
        missing = []
        for what, speed in (("export-cmssw C++", package_speed), ("ap_fixed C++", ap_fixed_speed)):
            self.notify(f"{model}: {what}")
            try:
                found = speed(graph, rows, self.threads)
            except InputError as error:
                missing.append(f"{what}: {error}")
                continue
            if found is None:
                missing.append(f"{what}: an operation has none")
                continue
            call = Row(model, f"{what}, one event", 1, 1, found.call_ns, found.best_ns, found.call_ns)
            self.rows.append(call)
            if found.threads > 1:  # what all threads do together
                each, cpu = found.event_ns, found.event_ns * found.threads
                self.rows.append(Row(model, f"{what}, one event", found.threads, 1, each, each, cpu))
        return missing

    def tables(self, n: int) -> None:
        """The two scores of the default menu, made of tables, on the committed events."""
        for model in ("vae", "tail_pairs"):
            graph = Graph.load(graph_path(model))
            events = _events(graph, n)
            kernel = compile_graph(graph)
            for threads in sorted({1, self.threads}):
                self.add(model, "l1forge", partial(kernel.run, events, threads), events.n, threads)
            portable = compile_graph(graph, backend="portable")
            self.add(model, "l1forge, no AVX-512", partial(portable.run, events, 1), events.n)
            rows = _as_rows(graph, events, min(events.n, 20_000))
            self.notify(f"{model}: C header, one event per call")
            ns = single_event_ns(graph, rows)
            self.rows.append(Row(model, "l1forge C header, one event", 1, 1, ns, ns, ns))
            self.add(model, "NumPy int64", partial(peers.numpy_int64(graph), rows), len(rows))

    def path(self, orbits: int) -> None:
        """The default path on the committed zero bias, empty crossings included; and without models."""
        models = used_models(load_menu(default_menu()))
        for what, left_out in (("l1forge", ()), ("l1forge, without models", models)):
            for threads in sorted({1, self.threads}):
                ready = prepare(SAMPLE, orbits=orbits, without_models=left_out, threads=threads)
                self.add("path", what, ready.run, orbits * ORBIT, threads)

    def _files(self, kernel: Kernel) -> None:
        """From the committed sample, and from its crossings, repeated, in the layout that reads fastest."""
        with tempfile.TemporaryDirectory(prefix="bench_") as place:
            dense = Path(place) / "dense.parquet"
            self.notify("vae_dense: writing the dense layout")
            blocks = list(open_events(SAMPLE).blocks(kernel.columns))
            count = write_events(dense, blocks * REPEATED, layout="dense")
            files = [("compact", SAMPLE, count // REPEATED, self.threads)]
            files += [("dense", dense, count, threads) for threads in sorted({1, self.threads})]
            for name, path, events, threads in files:
                self.add(
                    "vae_dense",
                    f"l1forge from {name} parquet",
                    lambda path=path, threads=threads: _from_parquet(kernel, path, threads),  # type: ignore[misc]
                    events,
                    threads,
                )

    def muon(self, n: int) -> None:
        """The trained muon network, ten layers of 128, and its peers."""
        graph = Graph.load(graph_path("muon_pt"))
        x = self.inputs(graph, n)
        self.kernel("muon", graph, x)
        single = np.ascontiguousarray(x.T[:10_000], np.float32)
        call = peers.onnx_float32(graph)
        self.add("muon", "ONNX Runtime float32", lambda: call(single), len(single))
        rows = x.T[:2000].astype(np.int64)
        plain = peers.numpy_int64(graph)
        self.add("muon", "NumPy int64", lambda: plain(rows), len(rows))

    def bdt(self, n: int) -> None:
        """100 trees of depth 4 on 16 features of 12 bits."""
        graph = forest()
        x = self.inputs(graph, n)
        self.kernel("bdt 100x4", graph, x)
        self.notify("bdt 100x4: compiling conifer's C++")
        rows = x.T[:20_000].astype(np.int64)
        with peers.conifer_cpp(graph) as score:
            score(rows)
            taken = [score(rows) for _ in range(5)]
        wall, cpu = (sorted(1e9 * s / len(rows) for s in times) for times in zip(*taken, strict=True))
        self.rows.append(Row("bdt 100x4", "conifer C++", 1, len(rows), wall[2], wall[0], cpu[2]))

    def jets(self, n: int) -> None:
        """The jet taggers 16-64-32-32-5, and the same shape in float32."""
        call = peers.onnx_float32(Graph.load(graph_path("jet_tagger")))
        for model in ("jet_tagger", "jet_tagger_ternary", "jet_tagger_binary"):
            graph = Graph.load(graph_path(model))
            x = self.inputs(graph, n)
            self.kernel(model, graph, x)
            rows = np.ascontiguousarray(x.T[:10_000], np.float32)
            self.add(model, "ONNX Runtime float32", partial(call, rows), len(rows))

    def sets(self, n: int) -> None:
        """Networks on the constituents of the committed jets, and the same networks in float32."""
        from l1forge.models.jet_sets.constituents import features
        from l1forge.models.jet_sets.inputs import codes
        from l1forge.models.jet_sets.shapes import SHAPES
        from l1forge.simulation.jets.files import read
        from l1forge.simulation.jets.sample import FILE

        jets = read(FILE)
        for model, shape in SHAPES.items():
            graph = Graph.load(graph_path(model))
            found = codes(jets, shape.constituents)
            rows = np.arange(n) % jets.n
            x = {name: spaced_rows(shape.constituents, n, np.dtype(np.int16)) for name in found}
            for name, values in found.items():
                x[name][:] = values.T[:, rows]
            kernel = compile_graph(graph)
            for threads in sorted({1, self.threads}):
                self.add(model, "l1forge", partial(kernel.run_array, x, threads), n, threads)
            peer, given = onnx_sets(graph), features(*(values[:10_000] for values in found.values()))
            self.add(model, "ONNX Runtime float32", partial(peer, *given), len(given[0]))

    def calorimeter(self, n: int) -> None:
        """The student on the committed images that judge, and the same network in float32."""
        graph = Graph.load(graph_path("calorimeter"))
        images = read_images(ZERO_BIAS_IMAGES).images
        x = spaced_rows(images.shape[1], n, np.dtype(np.int16))
        for first in range(0, n, len(images)):
            x[:, first : first + len(images)] = images[: n - first].T
        self.kernel("calorimeter", graph, x)
        call = peers.onnx_images(graph, (N_REGION_PHI, N_REGION_ETA), 2)
        rows = np.ascontiguousarray(x.T[:10_000], np.float32)
        self.add("calorimeter", "ONNX Runtime float32", lambda: call(rows), len(rows))

    def scale(self, n: int) -> None:
        """Threads, events per call, width and sparsity of a 57-32-16-3 network."""

        def point(kind: str, value: float, graph: Graph, events: int, threads: int) -> None:
            self.notify(f"scaling: {kind} {value:g}")
            x, kernel = self.inputs(graph, events), compile_graph(graph)
            timing = measure(lambda: kernel.run_array(x, threads), events, seconds=self.seconds / 2)
            self.scaling.append({"kind": kind, "value": value, "ns": timing.wall, "cpu_ns": timing.cpu})

        for threads in range(1, self.threads + 1):
            point("threads", threads, network(), n, threads)
        for events in (1, 64, 1024, 16_384, 262_144):
            point("events per call", events, network(), events, 1)
        for width in (16, 32, 64, 128, 256):
            point("width of three layers", width, network(3, (57, width, width, width, 3)), 65_536, 1)
        for density in (1.0, 0.5, 0.3, 0.1):
            point("share of weights kept", density, network(4, density=density), 65_536, 1)

    def where(self) -> dict[str, Any]:
        """The machine's name, threads and load when this was called."""
        return {"cpu": _cpu_name(), "threads": self.threads, "load": os.getloadavg()[0]}

    def limits(self) -> dict[str, Any]:
        """The machine: name, cores, instruction and memory limits of this run."""
        self.notify("machine limits")
        return {
            **self.where(),
            "float32_madds_per_s": machine.float_madds_per_s(),
            "int8_madds_per_s": machine.byte_madds_per_s(),
            "memory_bytes_per_s_1": machine.memory_bytes_per_s(1),
            f"memory_bytes_per_s_{self.threads}": machine.memory_bytes_per_s(self.threads),
        }


def run(seconds: float, notify: Notify, n: int = 1 << 20) -> Result:
    """The whole benchmark."""
    suite = Suite(seconds, notify)
    limits = suite.limits()
    suite.vae_dense(n)
    suite.tables(n)
    suite.muon(n // 16)
    suite.bdt(n // 4)
    suite.path(max(8, n // 256))
    suite.calorimeter(n // 4)
    suite.jets(n // 2)
    suite.sets(n // 4)
    suite.scale(n // 2)
    return Result(limits, suite.rows, suite.scaling)


def _events(graph: Graph, n: int) -> Events:
    """``n`` crossings of the committed sample with the columns of ``graph``, repeated as needed."""
    columns = {text.partition("[")[0] for text in graph.inputs[0].attributes["source"] if text != "0"}
    return crossings(columns, n)


def crossings(columns: Iterable[str], n: int) -> Events:
    """``n`` crossings of the committed sample with these columns, repeated as needed."""
    source = open_events(SAMPLE)
    blocks = list(source.blocks(columns=tuple(columns)))
    while sum(block.n for block in blocks) < n:
        blocks += blocks
    return Events.concatenate(list(first_crossings(blocks, n)))


def _as_rows(graph: Graph, events: Events, n: int) -> Array:
    rows = np.zeros((n, graph.inputs[0].size), np.int64)
    for i, text in enumerate(graph.inputs[0].attributes["source"]):
        if text != "0":
            name, slot = text[:-1].split("[")
            rows[:, i] = events[name][int(slot), :n]
    return rows


def _from_parquet(kernel: Kernel, path: Path, threads: int) -> None:
    for block in open_events(path).blocks(columns=kernel.columns):
        kernel.run(block, threads)


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
