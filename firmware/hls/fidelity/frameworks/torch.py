"""Predictions of PyTorch networks and exported programs."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.torch_reader import traced_network
from l1forge.firmware.hls.fidelity.frameworks.framework import Floats, batches

if TYPE_CHECKING:
    from torch.fx import Node
    from torch.nn import Module

BATCH = 4096


class TorchFramework:
    """A ``torch.nn.Module`` or ``torch.export.ExportedProgram``, at inference."""

    def __init__(self, network: Module, shapes: list[tuple[int, ...]] | None = None) -> None:
        import torch

        self.exported = isinstance(network, torch.export.ExportedProgram)
        self.network = network
        self._shapes = shapes
        self.module = network.module() if self.exported else network.cpu().eval()

    @property
    def versions(self) -> dict[str, str]:
        return {"torch": importlib.metadata.version("torch")}

    @property
    def shapes(self) -> list[tuple[int, ...]] | None:
        if not self.exported:
            return self._shapes
        nodes = [node for node in self.module.graph.nodes if node.op == "placeholder"]
        return [tuple(int(n) for n in node.meta["val"].shape[1:]) for node in nodes]

    def predict(self, inputs: Sequence[Floats]) -> list[Floats]:
        parts = [_flat(self.module(*batch)) for batch in self._batches(inputs)]
        return [np.concatenate(blocks)[: len(inputs[0])] for blocks in zip(*parts, strict=True)]

    def layers(self, inputs: Sequence[Floats]) -> dict[str, Floats]:
        import torch

        shapes = [tuple(array.shape[1:]) for array in inputs]
        traced = traced_network(self.network, shapes)
        found: dict[str, list[Floats]] = {}

        class Tapped(torch.fx.Interpreter):  # type: ignore[misc, name-defined, unused-ignore]
            def run_node(self, node: Node) -> Any:
                made = super().run_node(node)
                if isinstance(made, torch.Tensor) and node.op in (
                    "call_module",
                    "call_function",
                    "call_method",
                ):
                    found.setdefault(node.name, []).append(made.detach().numpy())
                return made

        runner = Tapped(traced)
        count = len(inputs[0])
        with torch.no_grad():
            for batch in self._batches(inputs):
                runner.run(*batch)
        joined = {name: np.concatenate(blocks) for name, blocks in found.items() if blocks[0].ndim}
        return {name: values[:count] for name, values in joined.items() if len(values) >= count}

    def _batches(self, inputs: Sequence[Floats]) -> list[list[Any]]:
        import torch

        kinds = {p.dtype for p in self.module.parameters()} or {torch.float32}
        dtype = max(kinds, key=lambda kind: kind.itemsize)
        return [
            [torch.as_tensor(array).to(dtype) for array in batch]
            for batch in batches(inputs, self._fixed_batch() or BATCH, fill=self._fixed_batch() is not None)
        ]

    def _fixed_batch(self) -> int | None:
        """The number of events that an exported program was made for, None if any."""
        if not self.exported:
            return None
        sizes = [node.meta["val"].shape[0] for node in self.module.graph.nodes if node.op == "placeholder"]
        return int(sizes[0]) if sizes and isinstance(sizes[0], int) else None


def _flat(result: Any) -> list[Floats]:
    """The tensors of whatever ``forward`` returns, in order."""
    if isinstance(result, dict):
        return [one for part in result.values() for one in _flat(part)]
    if isinstance(result, list | tuple):
        return [one for part in result for one in _flat(part)]
    return [result.detach().numpy()]
