"""What a user relies on: events in, no influence of threads and blocks, errors, plan, cache, faults."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.benchmarks.graphs import forest, network
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLLECTIONS, Events
from l1forge.emulator.folders import cache_place
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from tests.emulator.kernel.random_graphs import corner_inputs

BACKENDS = ["vector", "portable", "interpreter", "reference"]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return network()


def events_for(graph: Graph, x: np.ndarray) -> Events:
    """Events whose columns hold ``x`` (n, inputs) where the graph reads them; elsewhere out of range."""
    columns = {}
    for element, text in enumerate(graph.inputs[0].attributes["source"]):
        if text == "0":
            continue
        name, slot = text[:-1].split("[")
        slots = COLLECTIONS[name.split(".")[0]].slots
        column = columns.setdefault(name, np.full((slots, len(x)), 32767, np.int16))
        column[int(slot)] = x[:, element]
    return Events(columns, len(x))


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("backend", BACKENDS)
def test_batch_sizes(graph, backend, n):
    x = corner_inputs(graph, 1000)[:n]
    answer = compile_graph(graph, backend=backend).run_rows(x)["score"]
    assert answer.shape == (n, 1)
    if n:
        np.testing.assert_array_equal(answer, evaluate(graph, x)["score"])


@pytest.mark.parametrize("backend", ["vector", "interpreter"])
def test_threads_have_no_influence(graph, backend):
    x = np.ascontiguousarray(corner_inputs(graph, 20_011).T).astype(np.int16)
    kernel = compile_graph(graph, backend=backend)
    one = kernel.run_array(x, threads=1)["score"]
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(kernel.run_array(x, threads=threads)["score"], one)


def test_block_size_has_no_influence(graph):
    x = np.ascontiguousarray(corner_inputs(graph, 3000).T).astype(np.int16)
    for backend in ("vector", "interpreter"):
        kernel = compile_graph(graph, backend=backend)
        whole = kernel.run_array(x)["score"]
        for size in (1, 37, 640):
            parts = [kernel.run_array(x[:, i : i + size])["score"] for i in range(0, 130, size)]
            np.testing.assert_array_equal(np.concatenate(parts), whole[: sum(map(len, parts))])


@pytest.mark.parametrize("backend", BACKENDS)
def test_events_touch_only_their_columns(graph, backend):
    x = corner_inputs(graph, 300)
    x[:, 1] = 0  # the source "0"
    events = events_for(graph, x)
    kernel = compile_graph(graph, backend=backend)
    assert set(kernel.columns) == {"etm.et", "etm.phi"} | {
        f"{c}.{f}" for c in ("eg", "mu", "jet") for f in ("pt" if c == "mu" else "et", "eta", "phi")
    }
    answer = kernel.run(events)["score"]
    assert answer.dtype == np.int32
    np.testing.assert_array_equal(answer, evaluate(graph, x)["score"][:, 0])


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16])
def test_input_words(graph, dtype):
    x = np.abs(corner_inputs(graph, 200)) % 100
    answer = compile_graph(graph).run_array(x.T.astype(dtype))["score"]
    np.testing.assert_array_equal(answer, evaluate(graph, x)["score"][:, 0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [-4097, 4096, 32767])
@pytest.mark.parametrize("dtype", [np.int16, np.int64])
def test_value_out_of_range_is_an_error(graph, backend, value, dtype):
    x = np.zeros((57, 200), dtype)
    x[5, 199] = value
    with pytest.raises(
        InputError, match=rf"node x: eg.phi\[0\]: value does not fit fixed<13,13> \(got {value}\)"
    ):
        compile_graph(graph, backend=backend).run_array(x)


def test_wrong_inputs(graph):
    kernel = compile_graph(graph)
    with pytest.raises(InputError, match="expected integers of shape"):
        kernel.run_array(np.zeros((56, 3), np.int16))
    with pytest.raises(InputError, match="expected integers"):
        kernel.run_array(np.zeros((57, 3)))
    with pytest.raises(InputError, match="lack this column"):
        kernel.run({"mu.pt": np.zeros((8, 3), np.int16)})


def test_unused_inputs_and_outputs_are_dropped(graph):
    weight = graph["dense0"].constants["weight"]
    data = weight.data.copy()
    data[3:9] = 0
    pruned = with_weight(graph, "dense0", data)
    kernel = compile_graph(pruned, ["relu1"])
    assert not kernel.program.sources[0].used[3:9].any()
    assert not any(layer.node in ("square", "score") for layer in kernel.plan)
    poisoned = events_for(graph, np.zeros((100, 57), np.int16))
    poisoned["eg.et"][0] = 32767  # read by nobody any more
    answer = kernel.run(poisoned)["relu1"]
    assert answer.shape == (16, 100)


def with_weight(graph: Graph, name: str, data: np.ndarray) -> Graph:
    node = graph[name]
    constants = {**node.constants, "weight": Constant(node.constants["weight"].type, data)}
    nodes = [replace(n, constants=constants) if n.name == name else n for n in graph.nodes]
    return Graph(graph.name, nodes, graph.outputs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_outputs_that_are_one_value_do_not_move_the_next(graph, backend):
    """A copy of a node is the node itself: its rows were counted twice, and what followed lay outside."""
    first, last = graph.nodes[1], graph.nodes[-1]
    copy = Node("copy", "reshape", (first.name,), first.shape, first.type)
    both = Graph(graph.name, [*graph.nodes, copy], ["copy", first.name, last.name])
    x = corner_inputs(graph, 1000)
    expected, found = evaluate(both, x), compile_graph(both, backend=backend).run_rows(x)
    for name in both.outputs:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("backend", ["vector", "portable", "interpreter"])
def test_flipped_weight_bit_is_seen(graph, backend):
    x = corner_inputs(graph, 2000)
    right = compile_graph(graph, backend=backend).run_rows(x)["score"]
    data = graph["dense1"].constants["weight"].data.copy()
    data[np.nonzero(data)[0][0], np.nonzero(data)[1][0]] ^= 1
    assert (
        compile_graph(with_weight(graph, "dense1", data), backend=backend).run_rows(x)["score"] != right
    ).any()


@pytest.mark.parametrize("backend", ["vector", "portable", "interpreter"])
def test_changed_rounding_is_seen(graph, backend):
    x = corner_inputs(graph, 2000)
    right = compile_graph(graph, backend=backend).run_rows(x)["score"]
    kind = FixedType.parse("ufixed<8,4,TRN,SAT>")
    nodes = [replace(n, type=kind) if n.name == "relu0" else n for n in graph.nodes]
    wrong = compile_graph(Graph(graph.name, nodes, graph.outputs), backend=backend).run_rows(x)["score"]
    assert (wrong != right).any()


def test_plan(graph):
    plan = {(layer.node, layer.step): layer for layer in compile_graph(graph).plan}
    first = plan["dense0", "Dot"]
    assert (first.rows, first.bits, first.carrier) == (32, 20, "int32")
    assert first.density == pytest.approx(0.5, abs=0.03)
    assert (plan["relu0", "Map"].low, plan["relu0", "Map"].high) == (0, 255)
    portable = {(p.node, p.step): p for p in compile_graph(graph, backend="interpreter").plan}
    assert portable["dense0", "Dot"].carrier == "float32"
    assert "dense0" in compile_graph(graph).describe().splitlines()[1]


def accumulating(accum: str) -> str:
    graph = network()
    nodes = [replace(n, attributes={"accum": accum}) if n.name == "dense0" else n for n in graph.nodes]
    kernel = compile_graph(Graph("a", nodes, graph.outputs), backend="interpreter")
    layer = next(layer for layer in kernel.plan if layer.node == "dense0")
    return f"{layer.step} {layer.carrier}"


@pytest.mark.parametrize(
    ("accum", "expected"),
    [
        ("fixed<32,20>", "Dot float32"),
        ("fixed<12,8>", "OrderedDot int64"),  # products lose bits
        ("fixed<16,5>", "Dot float32"),  # wraps: any order, one wrap at the end
        ("fixed<16,5,TRN,SAT>", "OrderedDot int64"),  # saturates on the way
    ],
)
def test_lossy_accumulators_keep_the_order(accum, expected):
    assert accumulating(accum) == expected


def test_forest(tmp_path):
    graph = forest()
    x = corner_inputs(graph, 3000)
    expected = evaluate(graph, x)["score"]
    for backend in ("vector", "interpreter"):
        kernel = compile_graph(graph, backend=backend)
        assert kernel.backend == backend
        np.testing.assert_array_equal(kernel.run_rows(x)["score"], expected)


def test_objects_are_cached_and_survive_damage(monkeypatch, tmp_path):
    monkeypatch.setenv("L1FORGE_CACHE", str(tmp_path))
    graph = network(sizes=(6, 4, 2))
    x = corner_inputs(graph, 100)
    first = compile_graph(graph)
    (stored,) = cache_place().glob("*.o")
    again = compile_graph(graph)
    assert (first.cached, again.cached) == (False, True)
    stored.write_bytes(stored.read_bytes()[:-7])
    repaired = compile_graph(graph)
    assert not repaired.cached
    for kernel in (first, again, repaired):
        np.testing.assert_array_equal(kernel.run_rows(x)["score"], evaluate(graph, x)["score"])
    other = compile_graph(with_weight(graph, "dense0", graph["dense0"].constants["weight"].data // 2))
    assert not other.cached


def test_second_start_needs_no_compiler(tmp_path, graph):
    """A fresh process scores from the cache without importing Numba."""
    graph.save(tmp_path / "model.json")
    program = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from l1forge.emulator.graph.graph import Graph; from l1forge.emulator.kernel import compile_graph\n"
        "kernel = compile_graph(Graph.load(Path(sys.argv[1])))\n"
        "kernel.run_array(np.zeros((57, 5), np.int16)); print(kernel.cached, 'numba' in sys.modules)\n"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "model.json")],
            env={"L1FORGE_CACHE": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert answers == [["False", "False"], ["True", "False"]]


def test_a_forked_process_starts_threads_of_its_own(graph):
    x = np.ascontiguousarray(corner_inputs(graph, 20_011).T).astype(np.int16)
    kernel = compile_graph(graph)
    expected = kernel.run_array(x, threads=2)["score"]
    child = os.fork()
    if not child:
        os._exit(not np.array_equal(kernel.run_array(x, threads=2)["score"], expected))
    assert os.waitpid(child, 0)[1] == 0
