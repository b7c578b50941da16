"""Random forests as circuits: the traced logic and conifer's walk give what the reference gives."""

from __future__ import annotations

import numpy as np
from ensembles import edge_inputs, random_ensemble
from hypothesis import given, settings
from hypothesis import strategies as st

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.bdt.conifer.model import conifer_model, trees_of
from l1forge.firmware.bdt.ensemble import Split
from l1forge.firmware.bdt.to_graph import Precision, to_graph
from l1forge.firmware.rtl.generate import trace

types = st.builds(
    lambda w, f, s: FixedType(w, w - f, s), st.integers(2, 10), st.integers(-1, 6), st.booleans()
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    features=st.lists(types, min_size=1, max_size=4),
    split=st.sampled_from(["<", "<="]),
    depth=st.integers(1, 4),
    scores=st.sampled_from([1, 3]),
    bits=st.integers(0, 9),
)
def test_traced_logic_and_conifer_are_the_graph(
    seed: int, features: list[FixedType], split: Split, depth: int, scores: int, bits: int
) -> None:
    from conifer.model import ModelBase

    ensemble = random_ensemble(seed, features, trees=6, depth=depth, scores=scores, split=split)
    graph = to_graph(ensemble, Precision(tuple(features), FixedType(bits + 5, 5)), "random")
    entry, score = graph.inputs[0].type, graph["score"].type
    x = edge_inputs(ensemble, features, entry.fraction, 60, seed)
    expected = evaluate(graph, x)["score"]
    circuit = trace(graph).predict(x * entry.lsb, n_threads=1)
    np.testing.assert_array_equal(circuit.reshape(len(x), -1), expected * score.lsb)
    alone = trees_of(graph)
    compared = evaluate(graph, x, keep=True)[alone.inputs[0].name]
    conifer = ModelBase(conifer_model(graph).ensemble).decision_function(compared.astype(np.float64))
    np.testing.assert_array_equal(np.asarray(conifer).reshape(len(x), -1), expected)
