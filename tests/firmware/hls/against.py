"""A converted network against its own framework: the graph is the compiled C++, how far the prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.notes import notes_of
from l1forge.firmware.hls.converters.torch import convert_torch
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import import_project, write_project
from l1forge.firmware.verify import compare_with_graph

EVENTS = 120


@dataclass
class Outcome:
    """Largest difference to the prediction, the graph, and what the conversion says."""

    difference: float
    graph: Graph
    notes: list[str]


def outcome(
    hls: Any, folder: Path, predict: Callable[[Any], Any], shape: tuple[int, ...], compiled: bool = True
) -> Outcome:
    """``predict`` takes a float array (events, *shape); a third of the events end with zeros (padding)."""
    write_project(hls)
    graph = import_project(folder)
    kind = graph.inputs[0].type
    x = np.random.default_rng(1).integers(kind.minimum, kind.maximum + 1, (EVENTS, *shape))
    x[::3, -1:] = 0
    fed = x.reshape(EVENTS, -1)
    found = evaluate(graph, {graph.inputs[0].name: fed})[graph.outputs[0]].reshape(EVENTS, -1)
    if compiled:
        results = CompiledProject(folder, QUICK)([fed])
        assert [r.first for r in compare_with_graph(graph, [fed], results)] == [None]
    expected = np.asarray(predict((x * kind.lsb).astype(np.float32))).reshape(EVENTS, -1)
    values = found * graph[graph.outputs[0]].type.lsb
    assert len(np.unique(values)) > 3
    return Outcome(float(np.abs(values - expected).max()), graph, notes_of(hls))


class Function(nn.Module):
    """A network of one function and the layers that it uses."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self._function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Any) -> Any:
        return self._function(self, x) if dict(self.named_children()) else self._function(x)


def of_torch(
    network: nn.Module, shape: tuple[int, ...], folder: Path, kind: str = "fixed<7,4>", **options: Any
) -> Outcome:
    """All parameters multiples of 1/8, so that a float sum is exact, too."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randint(-4, 5, parameter.shape, generator=generator) / 8
    network = network.eval()
    options = {"default_precision": "fixed<18,8>"} | options
    compiled = options.pop("compiled", True)
    hls = convert_torch(network, shape, "net", folder, kind, **options)

    def predict(x: Any) -> Any:
        return network(torch.tensor(x)).detach().numpy()

    return outcome(hls, folder, predict, shape, compiled)


def snapped(model: Any) -> Any:
    """A Keras model with weights that are multiples of 1/8 (1/32 in attention, whose scores are products)."""
    rng = np.random.default_rng(3)
    for layer in model.layers:
        step = 32 if "Attention" in type(layer).__name__ else 8
        layer.set_weights([rng.integers(-6, 7, w.shape) / step for w in layer.get_weights()])
    return model
