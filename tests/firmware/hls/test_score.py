"""Encoder with scores: QKeras, hls4ml's compiled C++, the graph and the emulator agree on every integer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.hls.converters.score import attach_scores, divergence_table, quantizer_type
from l1forge.firmware.hls.translate.graph import import_project
from l1forge.firmware.verify import compare, compare_with_graph

from .conftest import Encoder, small_encoder

pytestmark = pytest.mark.filterwarnings("ignore")


def test_graph_and_compiled_cpp_agree(encoder: Encoder, crossings: Any) -> None:
    found = encoder.compiled(crossings)
    results = compare_with_graph(encoder.graph, crossings, found)
    assert [(r.output, r.mismatches) for r in results] == [("mu2_score", 0), ("kl_score", 0)]
    assert len(np.unique(found[0])) > 100, "the score must vary for the comparison to mean something"


def test_keras_and_compiled_cpp_agree(encoder: Encoder, crossings: Any) -> None:
    scores = encoder.keras.predict(crossings.astype(np.float32), verbose=0)
    for name, keras, found in zip(encoder.graph.outputs, scores, encoder.compiled(crossings), strict=True):
        exact = np.ldexp(keras.astype(np.float64), encoder.graph[name].type.fraction)
        assert np.array_equal(exact, np.round(exact))
        assert compare(name, exact.astype(np.int64), found).exact


def test_emulator_kernel_agrees(encoder: Encoder, crossings: Any) -> None:
    fast = compile_graph(encoder.graph).run_array(np.ascontiguousarray(crossings.T))
    for name, found in zip(encoder.graph.outputs, encoder.compiled(crossings), strict=True):
        assert compare(name, np.moveaxis(fast[name], -1, 0), found).exact


def test_written_project_imports_as_the_same_graph(encoder: Encoder) -> None:
    again = import_project(encoder.folder, [f"jet.et[{i}]" for i in range(8)])
    assert again.to_json() == encoder.graph.to_json()


def test_quantiser_behind_the_scaling_is_kept(encoder: Encoder) -> None:
    """hls4ml 1.3 drops it when left alone."""
    assert str(encoder.graph["scaling"].type) == "fixed<8,6,RND_CONV,SAT>"


def _with_weight(graph: Graph, node: str, index: tuple[int, ...], change: int) -> Graph:
    nodes = []
    for old in graph.nodes:
        new = old
        if old.name == node:
            weight = old.constants["weight"]
            data = weight.data.copy()
            data[index] ^= change
            new = replace(old, constants={**old.constants, "weight": Constant(weight.type, data)})
        nodes.append(new)
    return Graph(graph.name, nodes, graph.outputs)


def test_one_flipped_weight_bit_is_noticed(encoder: Encoder, crossings: Any) -> None:
    wrong = _with_weight(encoder.graph, "dense_mean", (0, 0), 1)
    results = compare_with_graph(wrong, crossings, encoder.compiled(crossings))
    assert all(not r.exact for r in results)
    assert "expected" in str(results[0].first)


def test_one_wrong_rounding_mode_is_noticed(encoder: Encoder, crossings: Any) -> None:
    truncating = FixedType.parse("fixed<10,6,TRN,SAT>")
    nodes = [replace(n, type=truncating) if n.name == "dense_mean" else n for n in encoder.graph.nodes]
    wrong = Graph("wrong", nodes, encoder.graph.outputs)
    assert not all(r.exact for r in compare_with_graph(wrong, crossings, encoder.compiled(crossings)))


def test_compare_reports_shape_and_place() -> None:
    assert compare("y", np.zeros((2, 3), int), np.zeros((2, 2), int)).mismatches == 6
    outcome = compare("y", np.zeros((3, 2), int), np.array([[0, 0], [0, 5], [1, 0]]))
    assert (outcome.mismatches, outcome.first) == (2, "event 1, element 1: expected 0, found 5")


def test_divergence_table_literal() -> None:
    table = divergence_table(FixedType.parse("fixed<3,2>"), FixedType.parse("ufixed<8,4>"))
    values = [0, 0.5, 1, 1.5, -2, -1.5, -1, -0.5]  # raw bits 0 .. 7 of half units
    assert table.tolist() == [math.floor((math.exp(v) - 1 - v) * 16 + 0.5) for v in values]


def test_divergence_table_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        divergence_table(FixedType.parse("fixed<8,5>"), FixedType.parse("ufixed<18,14>"))
    with pytest.raises(InputError, match="at most 12 bits"):
        divergence_table(FixedType.parse("fixed<16,4>"), FixedType.parse("ufixed<18,14>"))


def test_scores_need_quantised_ends() -> None:
    model = small_encoder()
    with pytest.raises(InputError, match="layer is missing"):
        attach_scores(model, mean="nobody")
    with pytest.raises(InputError, match="not a quantiser"):
        attach_scores(model, mean="dense_1")
    assert str(quantizer_type(model.get_layer("z_mean").quantizer)) == "fixed<10,6>"
