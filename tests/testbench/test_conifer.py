"""conifer as a further implementation: inputs of the trees, and a wrong latency is an error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.bdt.conifer.model import trees_of
from l1forge.firmware.bdt.conifer.rtl import generate_conifer_rtl
from l1forge.firmware.bdt.ensemble import Ensemble, TreeBuilder
from l1forge.firmware.bdt.to_graph import Precision, to_graph
from l1forge.testbench.conifer import has_trees, simulated, tree_inputs
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.harness import opened


def small_graph() -> Graph:
    builder = TreeBuilder()
    builder.split(0, 3.0, False, lambda: builder.leaf(1.0), lambda: builder.leaf(-2.0))
    ensemble = Ensemble((builder.tree(),) * 2, (0, 0), (0.5,), ("x",), "<", "hand")
    features = (FixedType.parse("ufixed<3,3,RND,SAT>"),)
    return to_graph(ensemble, Precision(features, FixedType(4, 3)), "stump", raw=FixedType(8, 6))


def test_rows_are_cast_as_the_graph_does() -> None:
    graph = small_graph()
    x = np.arange(-128, 128)[:, None]
    assert has_trees(graph)
    assert not has_trees(graph.subgraph(["quantised"]))
    np.testing.assert_array_equal(tree_inputs(graph)(x), evaluate(graph, x, keep=True)["quantised"])
    alone = trees_of(graph)
    block = np.arange(8)[:, None]
    np.testing.assert_array_equal(tree_inputs(alone)(block), block)


def test_late_result_is_an_error(tmp_path: Path) -> None:
    graph = small_graph()
    project = generate_conifer_rtl(graph, tmp_path / "rtl")
    alone, block = trees_of(graph), np.arange(8)[:, None]
    with opened(verilate(project)) as harness:
        np.testing.assert_array_equal(simulated(project, harness)(block), evaluate(alone, block)["score"])
    late = replace(project, latency=project.latency + 1)
    with opened(verilate(late)) as harness, pytest.raises(InputError, match="do not arrive at the latency"):
        simulated(late, harness)(block)
