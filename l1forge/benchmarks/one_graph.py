"""The speed of any graph: our kernel, its C++, and others where they can compute it."""

from __future__ import annotations

from functools import partial

import numpy as np

from l1forge.benchmarks import peers
from l1forge.benchmarks.suite import EXPORTED, Notify, Result, Suite, crossings
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import Kernel, compile_graph
from l1forge.firmware.cmssw.project import chosen
from l1forge.testbench.stimuli import Block, as_inputs, random_bits, real_events, sample_files

ROWS = 20_000
CHAIN = ("input", "scale_bias", "cast", "dense", "relu", "square", "sum", "argmax")
"""What ``peers.onnx_float32`` writes as float layers."""


def run(graphs: list[Graph], seconds: float, notify: Notify, n: int = 1 << 20) -> tuple[Result, list[str]]:
    """Rows for every graph, and what could not be measured, and why.

    Parameters
    ----------
    seconds
        Time for each measurement.
    n
        Events held in memory: crossings of the committed sample where the inputs are event columns, else
        random integers over the whole range of the inputs.
    """
    suite, missing = Suite(seconds, notify), []
    for graph in graphs:
        missing += [f"{graph.name}: {text}" for text in _graph(suite, graph, n)]
    return Result(suite.where(), suite.rows, []), missing


def _graph(suite: Suite, graph: Graph, n: int) -> list[str]:
    """Add the rows of one graph; returns what was left out."""
    missing: list[str] = []
    _kernel(suite, graph, n)
    part = chosen(graph, graph.outputs[0])  # what C++ and the peers compute
    rows = _rows(part, min(n, ROWS), suite.rng)
    missing += suite.exported(graph.name, part, rows[:EXPORTED])
    if len(part.inputs) > 1:
        return [*missing, "NumPy, ONNX Runtime: several inputs"]
    suite.add(graph.name, "NumPy int64", partial(peers.numpy_int64(part), rows), len(rows))
    if reason := no_chain(part):
        return [*missing, f"ONNX Runtime float32: {reason}"]
    single = np.ascontiguousarray(rows, np.float32)
    suite.add(graph.name, "ONNX Runtime float32", partial(peers.onnx_float32(part), single), len(single))
    return missing


def _kernel(suite: Suite, graph: Graph, n: int) -> None:
    kernels = [
        ("l1forge", compile_graph(graph)),
        ("l1forge, no AVX-512", compile_graph(graph, backend="portable")),
    ]
    bound = all("source" in node.attributes for node in graph.inputs)
    for what, kernel in kernels:
        threads = sorted({1, suite.threads}) if what == "l1forge" else [1]
        for count in threads:
            suite.add(graph.name, what, partial(*_call(kernel, graph, n, suite, bound), count), n, count)


def _call(kernel: Kernel, graph: Graph, n: int, suite: Suite, bound: bool):  # type: ignore[no-untyped-def]
    """The kernel's function and its events."""
    if bound:
        return kernel.run, crossings(kernel.columns, n)
    word = np.int16 if _narrow(graph) else np.int64
    inputs = as_inputs(graph, random_bits(graph, n, suite.rng))
    arrays = {name: np.ascontiguousarray(rows.reshape(n, -1).T.astype(word)) for name, rows in inputs.items()}
    return kernel.run_array, arrays


def _narrow(graph: Graph) -> bool:
    """Whether all inputs fit the words that event files have."""
    return all(n.type.minimum >= -(1 << 15) and n.type.maximum < 1 << 15 for n in graph.inputs)


def _rows(graph: Graph, n: int, rng: np.random.Generator) -> Block:
    """Crossings of the sample, or random integers: rows (n, inputs)."""
    if all("source" in node.attributes for node in graph.inputs):
        return np.concatenate(list(real_events(graph, sample_files(), n)))
    return random_bits(graph, n, rng)


def no_chain(graph: Graph) -> str | None:
    """Why the first output is no chain of layers that a float network has, None if it is one."""
    program = graph.subgraph(graph.outputs[:1])
    for place, node in enumerate(program.nodes):
        if node.op not in CHAIN:
            return f"no chain of dense layers: {node.name} is a {node.op}"
        if place and node.inputs != (program.nodes[place - 1].name,):
            return f"no chain of layers: {node.name} reads something else than the one before"
    return None
