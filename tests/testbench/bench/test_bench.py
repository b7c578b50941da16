"""The benchmark's parts: peers compute what we compute, limits are measured, the page is rewritten."""

from __future__ import annotations

import json

import numpy as np
import pytest

from l1forge.benchmarks import exports, machine, peers
from l1forge.benchmarks import pages as report
from l1forge.benchmarks.graphs import network
from l1forge.benchmarks.latency import single_event_ns
from l1forge.benchmarks.one_graph import no_chain
from l1forge.benchmarks.suite import Result, Row, Suite
from l1forge.benchmarks.timing import measure
from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.graph.reference import evaluate


@pytest.fixture(scope="module")
def graph():
    return network(5, (12, 8, 3))


def rows(graph, n=1024):
    return np.random.default_rng(0).integers(-4096, 4096, (n, graph.inputs[0].size))


def test_numpy_peer_is_exact(graph):
    x = rows(graph)
    np.testing.assert_array_equal(peers.numpy_int64(graph)(x), evaluate(graph, x)["score"])


def test_onnx_peer_computes_the_float_network(graph):
    x = rows(graph)
    scale, bias = (graph["scaled"].constants[key] for key in ("scale", "bias"))
    value = x * scale.data * scale.type.lsb + bias.data * bias.type.lsb
    for i in range(2):
        weight, bias = (graph[f"dense{i}"].constants[key] for key in ("weight", "bias"))
        value = value @ (weight.data * weight.type.lsb) + bias.data * bias.type.lsb
        value = np.maximum(value, 0) if i == 0 else value
    expected = (value**2).sum(axis=1, keepdims=True)
    answer = peers.onnx_float32(graph)(x.astype(np.float32))
    assert np.abs(answer - expected).max() < 1e-4 * np.abs(expected).max()  # float32 peer, not a proof


def test_alkaid_peer_is_exact(graph):
    x = rows(graph)
    found = peers.alkaid_interpreter(graph)(x.astype(np.float64)) / graph["score"].type.lsb
    np.testing.assert_array_equal(found.reshape(-1), evaluate(graph, x)["score"][:, 0])


def test_measure_counts_events():
    timing = measure(lambda: None, 10, seconds=0.0, least=3)
    assert timing.repeats == 3
    assert 0 <= timing.best <= timing.wall


def test_latency_and_limits_are_measured(graph):
    assert 0 < single_event_ns(graph, rows(graph)) < 1e6
    assert machine.float_madds_per_s() > 1e8
    limit = machine.byte_madds_per_s()
    assert limit is None or limit > 1e8


def test_page_is_replaced_between_its_markers(tmp_path):
    limits = {
        "cpu": "test", "threads": 1, "load": 0.0, "float32_madds_per_s": 1e9, "int8_madds_per_s": 4e9,
        "memory_bytes_per_s_1": 1e9,
    }  # fmt: skip
    result = Result(
        limits,
        [
            Row("vae_dense", "l1forge", 1, 10, 10.0, 9.0, 9.5),
            Row("vae_dense", "peer", 1, 10, 1000.0, 900.0, 950.0),
        ],
        [{"kind": "threads", "value": 1, "ns": 10.0, "cpu_ns": 10.0}],
    )
    page = tmp_path / "performance.md"
    page.write_text(f"# Head\n{report.BEGIN}\nold\n{report.END}\ntail\n")
    report.write(result, tmp_path)
    text = page.read_text()
    assert text.startswith("# Head\n")
    assert text.endswith("tail\n")
    assert "old" not in text
    assert "| vae_dense | peer | 1 | 1,000 | 900.0 | 950.0 | 1.000 | 100.00 |" in text
    assert json.loads((tmp_path / "performance.json").read_text())["rows"][0]["events_per_s"] == 1e8
    assert (tmp_path / "figures" / "bench.png").stat().st_size > 1000


def test_scores_of_tables_and_the_path_have_rows():
    suite = Suite(0.0, lambda text: None)
    suite.tables(2000)
    suite.path(8)
    ours = [row for row in suite.rows if row.what == "l1forge" and row.threads == 1]
    assert [(row.model, row.events) for row in ours] == [
        ("vae", 2000), ("tail_pairs", 2000), ("path", 8 * 3564)
    ]  # fmt: skip
    assert all(0 < row.best_ns <= row.ns for row in suite.rows)


def test_any_graph_has_a_table(tmp_path, capsys):
    """Of a chain of layers, every peer."""
    chain = network(5, (6, 4, 2))
    chain.save(tmp_path / "chain.json")
    with pytest.raises(SystemExit) as end:
        main(
            [
                "bench",
                str(tmp_path / "chain.json"),
                "--seconds",
                "0.01",
                "-n",
                "4096",
                "-o",
                str(tmp_path / "out"),
            ]
        )
    assert end.value.code == 0
    document = json.loads((tmp_path / "out/bench.json").read_text())
    what = {row["what"] for row in document["rows"] if row["threads"] == 1}
    assert what >= {
        *("l1forge", "l1forge, no AVX-512", "export-cmssw C++, one event", "ap_fixed C++, one event"),
        *("NumPy int64", "ONNX Runtime float32"),
    }
    assert document["not_measured"] == []
    assert all(row["ns"] > 0 for row in document["rows"])
    twice = Node("twice", "add", ("scaled", "scaled"), chain["scaled"].shape, chain["scaled"].type)
    assert (
        no_chain(Graph("b", [*chain.nodes[:2], twice], ["twice"]))
        == "no chain of dense layers: twice is a add"
    )


def test_a_package_that_computes_something_else_is_not_timed(graph, monkeypatch):
    monkeypatch.setattr(exports, "emulator_of", lambda part: lambda x: np.zeros((len(x), 1), np.int64))
    with pytest.raises(InputError, match="computes other results than the emulator"):
        exports.package_speed(graph, rows(graph, 64), 1)
