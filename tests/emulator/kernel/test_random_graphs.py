"""Every operation, type and corner input: each back end gives the reference's integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from tests.emulator.kernel.random_graphs import OPERATIONS, corner_inputs, random_graph


def assert_equal_to_reference(graph: Graph, backend: str, n: int = 200) -> None:
    x = corner_inputs(graph, n)
    expected = evaluate(graph, x)
    answers = compile_graph(graph, backend=backend).run_rows(x)
    assert answers.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(answers[name], array)


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("backend", ["vector", "portable", "interpreter"])
def test_operation(op, backend):
    for seed in range(3):
        assert_equal_to_reference(random_graph(seed, 0, op, widest=(9, 17, 30)[seed]), backend)


@pytest.mark.parametrize("backend", ["vector", "interpreter"])
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 30), length=st.integers(2, 6), widest=st.sampled_from([6, 12, 18, 28]))
def test_chains(backend, seed, length, widest):
    assert_equal_to_reference(random_graph(seed, length, widest=widest), backend, n=130)


def test_types_beyond_64_bits():
    graph = random_graph(3, 2, "square", widest=80)
    assert_equal_to_reference(graph, "vector", n=70)


@pytest.mark.parametrize("seed", [5287, 5396])
def test_found_before(seed):
    """Back ends were once wrong here: 5287, a scale wider than a row of zeros; 5396, trees nobody reads."""
    rng = np.random.default_rng(seed)
    graph = random_graph(
        seed, int(rng.integers(0, 5)), OPERATIONS[seed % len(OPERATIONS)], int(rng.choice([8, 12, 18, 26]))
    )
    for backend in ("vector", "portable", "interpreter"):
        assert_equal_to_reference(graph, backend)
