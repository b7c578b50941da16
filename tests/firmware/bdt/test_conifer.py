"""conifer's model of a graph, its compiled C++, its VHDL as Verilog: exact, and faults are noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ensembles import edge_inputs, random_ensemble

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.bdt.conifer.model import conifer_model, trees_of
from l1forge.firmware.bdt.conifer.project import CompiledConifer, write_project
from l1forge.firmware.bdt.conifer.rtl import generate_conifer_rtl, latency_of, to_verilog
from l1forge.firmware.bdt.to_graph import Precision, to_graph
from l1forge.firmware.synth import yosys
from l1forge.firmware.tools.ghdl import find_ghdl
from l1forge.testbench.cosim import cosimulate

KINDS = [FixedType(7, 7, False), FixedType(6, 4)]
ENSEMBLE = random_ensemble(21, KINDS, trees=4, depth=2, split="<", reach=0.8)
GRAPH = to_graph(ENSEMBLE, Precision(tuple(KINDS), FixedType(8, 4)), "tiny")
X = edge_inputs(ENSEMBLE, KINDS, 2, 2000, 3)


def changed(graph: Graph, name: str, edit: object) -> Graph:
    """The graph with one constant of its tree node edited in place."""
    node = graph["score"]
    data = node.constants[name].data.copy()
    edit(data)  # type: ignore[operator]
    constants = {**node.constants, name: Constant(node.constants[name].type, data)}
    nodes = [replace(n, constants=constants) if n.name == "score" else n for n in graph.nodes]
    return Graph(graph.name, nodes, graph.outputs)


def raise_first_leaf(value: np.ndarray) -> None:
    leaf = np.argwhere(GRAPH["score"].constants["feature"].data[0] < 0)[0, 0]
    value[0, leaf] += 1


@pytest.fixture(scope="module")
def compiled() -> Iterator[CompiledConifer]:
    with CompiledConifer(GRAPH) as conifer:
        yield conifer


def test_compiled_cpp_is_exact_and_a_changed_leaf_is_noticed(compiled: CompiledConifer) -> None:
    alone = trees_of(GRAPH)
    got = compiled(X)
    np.testing.assert_array_equal(got, evaluate(alone, X)["score"])
    assert compiled.compile_s > 0
    assert compiled.seconds > 0
    assert (got != evaluate(trees_of(changed(GRAPH, "value", raise_first_leaf)), X)["score"]).any()
    with pytest.raises(InputError, match="does not fit"):
        compiled(np.array([[1 << 20, 0]]))


def conifer_python(graph: Graph, x: np.ndarray) -> np.ndarray:
    """conifer's own Python walk over its model (slow, no compiler)."""
    from conifer.model import ModelBase

    model = ModelBase(conifer_model(graph).ensemble)
    return np.asarray(model.decision_function(x.astype(np.float64))).reshape(len(x), -1)


@pytest.mark.parametrize("scores", [1, 3])
@pytest.mark.parametrize("split", ["<", "<="])
def test_conifers_model_is_the_graph(scores: int, split: str) -> None:
    ensemble = random_ensemble(5, KINDS, trees=7, depth=4, scores=scores, split=split)  # type: ignore[arg-type]
    graph = to_graph(ensemble, Precision(tuple(KINDS), FixedType(8, 4)), "model", raw=FixedType(12, 9))
    alone = trees_of(graph)
    x = edge_inputs(ensemble, KINDS, 2, 150, 1)
    np.testing.assert_array_equal(conifer_python(graph, x), evaluate(alone, x)["score"])


def test_refusals() -> None:
    two = random_ensemble(5, KINDS, trees=4, scores=2)
    with pytest.raises(InputError, match="two scores"):
        conifer_model(to_graph(two, Precision(tuple(KINDS), FixedType(8, 4)), "two"))
    with pytest.raises(InputError, match="one tree ensemble"):
        trees_of(GRAPH.subgraph(["features"]))
    node = GRAPH["score"]
    narrow = replace(node, type=FixedType(6, 2), attributes={**node.attributes, "accum": "fixed<6,2>"})
    with pytest.raises(InputError, match="sums can reach"):
        conifer_model(Graph("narrow", [*GRAPH.nodes[:-1], narrow], ["score"]))
    cast = Node("cast", "cast", ("score",), (1,), FixedType(4, 4))
    assert conifer_model(Graph("cast", [*GRAPH.nodes, cast], ["cast"])).n_scores == 1


def test_projects_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # conifer runs in a folder of its own: relative paths must still be ours
    hls = write_project(GRAPH, Path("hls"), "xilinxhls")
    assert "typedef ap_fixed<10,10> input_t;" in (hls / "firmware" / "parameters.h").read_text()
    assert not list(tmp_path.glob(".*"))


def test_rtl_is_exact_and_a_changed_leaf_is_noticed(tmp_path: Path) -> None:
    project = generate_conifer_rtl(GRAPH, tmp_path / "rtl")
    assert project.latency == latency_of(conifer_model(GRAPH)) == 2 + 3 + 3
    alone = trees_of(GRAPH)
    report = cosimulate(project, alone, {"edges": [X]})
    assert report.passed, report.verdict
    wrong = cosimulate(project, trees_of(changed(GRAPH, "value", raise_first_leaf)), {"edges": [X]})
    assert wrong.mismatches > 0
    late = cosimulate(replace(project, latency=project.latency + 1), alone, {"edges": [X]})
    assert late.misplaced > 0
    assert not late.passed


def test_rtl_of_one_tree(tmp_path: Path) -> None:
    """conifer writes an array of one tree as VHDL does not allow it."""
    ensemble = random_ensemble(5, KINDS, trees=1, depth=2, split="<", reach=0.8)
    graph = to_graph(ensemble, Precision(tuple(KINDS), FixedType(8, 4)), "single")
    project = generate_conifer_rtl(graph, tmp_path / "rtl")
    x = edge_inputs(ensemble, KINDS, 2, 500, 3)
    report = cosimulate(project, trees_of(graph), {"edges": [x]})
    assert report.passed, report.verdict


@pytest.mark.parametrize("repair", [True, False])
def test_floating_padding_is_replaced_before_synthesis(repair: bool, tmp_path: Path) -> None:
    """GHDL pads odd adder levels with 'bZ: the netlist is wrong then, and exact once it is replaced."""
    firmware = write_project(GRAPH, tmp_path / "vhdl", "vhdl") / "firmware"
    assert ("'bZ" in to_verilog(firmware, find_ghdl(), repair=repair)) != repair
    project = generate_conifer_rtl(GRAPH, tmp_path / "rtl", repair=repair)
    yosys.synthesise(project, tmp_path / "synth")
    netlist = yosys.netlist_project(project, tmp_path / "synth")
    report = cosimulate(netlist, trees_of(GRAPH), {"edges": [X]})
    assert report.passed == repair, report.verdict


def test_ghdl_that_cannot_be_had_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="cannot be fetched"):
        find_ghdl(tmp_path / "cache")
