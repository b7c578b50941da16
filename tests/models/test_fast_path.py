"""Every shipped model runs as vector code, no layer of it on a slow way."""

import pytest

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.models import available, graph_path


@pytest.mark.parametrize("model", available())
def test_shipped_models_take_the_fast_path(model: str) -> None:
    kernel = compile_graph(Graph.load(graph_path(model)))
    if kernel.note != "trees need AVX-512":  # the processor lacks it
        assert (kernel.backend, kernel.note) == ("vector", "")
    paths = {layer.path for layer in kernel.plan}
    assert not {path for path in paths if path.startswith("reference") or path == "order-faithful"}
    assert {layer.carrier for layer in kernel.plan} <= {"int8", "int16", "int32", "int64"}
