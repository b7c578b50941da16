"""Rows that lie whole pages apart are copied before they are read; the results are the same."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.benchmarks.graphs import network
from l1forge.emulator.errors import InputError
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.kernel.native.staging import CROWD, STRETCH, crowded
from l1forge.emulator.kernel.native.vectors import TILE
from tests.emulator.kernel.random_graphs import corner_inputs

PAGE = 2048  # int16 numbers


def whole_pages_apart(x: np.ndarray, start: int) -> np.ndarray:
    """The same numbers, rows a multiple of a page apart, the first one ``start`` numbers after a page."""
    rows, n = x.shape
    stride = -(-(n + start) // PAGE) * PAGE
    raw = np.zeros(rows * stride + PAGE, np.int16)
    first = (-(raw.ctypes.data // 2) % PAGE) + start
    held = np.lib.stride_tricks.as_strided(raw[first:], (rows, n), (2 * stride, 2))
    held[:] = x
    return held


@pytest.mark.parametrize("backend", ["vector", "portable"])
@pytest.mark.parametrize("start", [0, 13])
@pytest.mark.parametrize("n", [STRETCH * TILE, (STRETCH + 1) * TILE, (5 * STRETCH - 1) * TILE + 7, 20_011])
def test_same_results(n: int, start: int, backend: str) -> None:
    graph = network()
    kernel = compile_graph(graph, backend=backend)
    x = np.ascontiguousarray(corner_inputs(graph, n).T).astype(np.int16)
    crowd = whole_pages_apart(x, start)
    assert crowded(crowd.ctypes.data + np.arange(len(crowd)) * crowd.strides[0])
    expected = compile_graph(graph, backend="interpreter").run_array(x)["score"]
    for threads in (1, 2):
        np.testing.assert_array_equal(kernel.run_array(crowd, threads=threads)["score"], expected)


@pytest.mark.parametrize("event", [0, STRETCH * TILE, 4000])
def test_value_outside_its_type_is_told_from_any_stretch(event: int) -> None:
    graph = network()
    x = np.zeros((graph.inputs[0].size, 4096), np.int16)
    x[2, event] = graph.inputs[0].type.maximum + 1
    with pytest.raises(InputError, match="does not fit"):
        compile_graph(graph).run_array(whole_pages_apart(x, 0))


def test_crowds() -> None:
    page = 4096 * np.arange(60)
    assert crowded(page)
    assert not crowded(page[:CROWD])
    assert not crowded(page + 128 * np.arange(60))
    assert crowded(np.concatenate([page[: CROWD + 1] + 70, 128 * np.arange(60)]))
