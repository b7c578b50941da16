"""Class and probability: reference, kernel and traced circuit agree, and are what the library says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ensembles import edge_inputs, random_ensemble

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.bdt.link_functions import apply_link
from l1forge.firmware.bdt.outputs import with_class, with_probability
from l1forge.firmware.bdt.to_graph import Precision, to_graph
from l1forge.firmware.rtl.generate import trace

KINDS = [FixedType(7, 7, False), FixedType(6, 6)]


def model(link: str, scores: int) -> tuple[Graph, np.ndarray]:
    ensemble = replace(random_ensemble(4, KINDS, trees=9, scores=scores, reach=0.8), link=link)
    graph = to_graph(ensemble, Precision(tuple(KINDS), FixedType(12, 4)), "outputs")
    return graph, edge_inputs(ensemble, KINDS, 0, 2000, 1)


def agreed(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of the reference, after kernel and traced circuit gave the same."""
    slow, fast = evaluate(graph, x), compile_graph(graph).run_rows(x)
    circuit = trace(graph).predict(x.astype(np.float64), n_threads=1)
    units = np.concatenate([slow[n] * graph[n].type.lsb for n in graph.outputs], axis=1)
    np.testing.assert_array_equal(circuit, units)
    for name in graph.outputs:
        np.testing.assert_array_equal(fast[name], slow[name])
    return slow


def test_class_is_the_largest_score() -> None:
    graph, x = model("softmax", 3)
    found = agreed(with_class(graph), x)
    np.testing.assert_array_equal(found["class"][:, 0], found["score"].argmax(axis=1))
    assert len(set(found["class"][:, 0])) > 1


@pytest.mark.parametrize("link", ["logistic", "tanh", "isolation"])
def test_probability_is_within_its_bound(link: str) -> None:
    graph, x = model(link, 1)
    wide = with_probability(graph, FixedType(16, 10)) if link == "isolation" else with_probability(graph)
    found = agreed(wide, x)
    kind = wide["probability"].type
    score = found["score"] * graph["score"].type.lsb
    inside = np.abs(score) < 7.9
    slope = {"logistic": 0.25, "tanh": 1.0, "isolation": np.log(2) * 2.0**8}[link]
    error = np.abs(found["probability"] * kind.lsb - apply_link(link, score))
    top = kind.maximum * kind.lsb  # 1 itself does not fit an unsigned fraction
    clipped = apply_link(link, score) > top
    assert (error[inside & ~clipped] <= kind.lsb / 2 + slope / 128 + 1e-12).all()


def test_refusals() -> None:
    one, _ = model("logistic", 1)
    many, _ = model("softmax", 3)
    with pytest.raises(InputError, match="apply a threshold instead"):
        with_class(one)
    with pytest.raises(InputError, match="link has no table"):
        with_probability(many)
    for entries in (1000, 1 << 20):
        with pytest.raises(InputError, match="entries"):
            with_probability(one, entries=entries)
