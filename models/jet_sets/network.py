"""The networks in PyTorch: float, and on the grid of fixed-point types with straight-through gradients.

Once ``types`` is filled, every value is a multiple of its type's LSB and every sum fits a float32 without
rounding: what this computes is what the circuit computes (``circuit.py``), bit for bit. Brevitas and QKeras
are not used: neither has a broadcast sum of two layers, the edges of the graph network, that hls4ml reads.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log2

import torch
from torch import nn
from torch.nn import functional

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.models.jet_sets.constituents import FEATURE
from l1forge.models.jet_sets.shapes import Shape

CLASSES = 5
LOGITS = FixedType.parse("fixed<12,6,RND_CONV,SAT>")
"""The five results: -32 .. 31.98."""
POOLED_BITS = 8
"""Bits of the sum over constituents that go on."""
LARGEST = 0.999
"""Share of a layer's values, in float, that its type must hold; the others saturate."""


class SetNetwork(nn.Module):
    """Float at first; quantised where ``types`` has the name of a layer's weights or values."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.types: dict[str, FixedType] = {}
        self.seen: dict[str, torch.Tensor] | None = None
        layers: dict[str, nn.Linear] = {}
        width = 3
        if shape.edges:
            layers["receiver"] = nn.Linear(3, shape.edges, bias=False)
            layers["sender"] = nn.Linear(3, shape.edges)
            layers["message"] = nn.Linear(shape.edges, shape.phi[0], bias=False)
        for i, size in enumerate(shape.phi):
            layers[f"phi_{i}"] = nn.Linear(width, size)
            width = size
        for i, size in enumerate(shape.rho):
            layers[f"rho_{i}"] = nn.Linear(width, size)
            width = size
        layers["logits"] = nn.Linear(width, CLASSES)
        for name, layer in layers.items():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            if name in ("rho_0", "message"):  # their inputs are sums over constituents
                with torch.no_grad():
                    layer.weight /= shape.constituents
        self.layers = nn.ModuleDict(layers)

    def forward(self, features: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Logits (n, 5) of features (n, slots, 3) and presence (n, slots), 1 or 0."""
        mask = present[:, :, None]
        h = features
        for i in range(len(self.shape.phi)):
            total = self._linear(f"phi_{i}", h)
            if self.shape.edges and i == 0:
                total = total + self._linear("message", self._messages(features, mask))
            h = self._value(f"phi_{i}", torch.relu(total))
        h = self._value("pooled", (h * mask).sum(1))
        for i in range(len(self.shape.rho)):
            h = self._value(f"rho_{i}", torch.relu(self._linear(f"rho_{i}", h)))
        return self._value("logits", self._linear("logits", h))

    def _messages(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What each constituent hears from the others, summed: (n, slots, edges)."""
        receiver, sender = self._linear("receiver", features), self._linear("sender", features)
        edge = self._value("edge", torch.relu(receiver[:, :, None] + sender[:, None]))
        others = 1 - torch.eye(self.shape.constituents)[:, :, None]
        return self._value("messages", (edge * others * mask[:, None]).sum(2))

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        layer = self.layers[name]
        assert isinstance(layer, nn.Linear)
        return functional.linear(x, *self.weights(name))

    def weights(self, name: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight and bias of a layer, on the grids of their types if the network is quantised."""
        layer = self.layers[name]
        assert isinstance(layer, nn.Linear)
        kind = self.types.get(f"{name}/weight")
        if kind is None:
            return layer.weight, layer.bias
        bias = None if layer.bias is None else on_grid(layer.bias, self.types[f"{name}/bias"])
        return on_grid(layer.weight, kind), bias

    def _value(self, name: str, x: torch.Tensor) -> torch.Tensor:
        if self.seen is not None:
            self.seen[name] = x.detach()
        kind = self.types.get(name)
        return x if kind is None else on_grid(x, kind)

    @property
    def inputs_of(self) -> dict[str, str]:
        """Layer -> name of the values that enter it; ``features`` are the network's own."""
        phi, rho = len(self.shape.phi), len(self.shape.rho)
        found = {f"phi_{i}": f"phi_{i - 1}" if i else "features" for i in range(phi)}
        found |= {f"rho_{i}": f"rho_{i - 1}" if i else "pooled" for i in range(rho)}
        found["logits"] = f"rho_{rho - 1}"
        if self.shape.edges:
            found |= {"receiver": "features", "sender": "features", "message": "messages"}
        return found

    def quantise(self, features: torch.Tensor, present: torch.Tensor) -> None:
        """Choose the type of every layer from its float weights and from its values on these jets."""
        self.seen = {}
        with torch.no_grad():
            self(features, present)
        seen, self.seen = self.seen, None
        types = {"features": FEATURE, "logits": LOGITS}
        for name, values in seen.items():
            if name != "logits":
                bits = POOLED_BITS if name in ("pooled", "messages") else self.shape.activation_bits
                flat = values.flatten()[:: max(values.numel() // 1_000_000, 1)]
                largest = float(torch.quantile(flat[flat > 0], LARGEST)) if (flat > 0).any() else 1.0
                types[name] = FixedType(bits, ceil(log2(largest)), False, Rounding.RND_CONV, Overflow.SAT)
        for name, source in self.inputs_of.items():
            layer = self.layers[name]
            assert isinstance(layer, nn.Linear)
            integer = ceil(log2(float(layer.weight.detach().abs().max()))) + 1
            bits = self.shape.first_bits if source == "features" else self.shape.weight_bits
            weight = FixedType(bits, integer, True, Rounding.RND_CONV, Overflow.SAT_SYM)
            types[f"{name}/weight"] = weight
            fraction = weight.fraction + types[source].fraction
            if layer.bias is not None:  # on the grid of the products, with room for what training makes of it
                most = max(float(layer.bias.detach().abs().max()) * 4, 2.0**-fraction)
                integer = max(ceil(log2(most)) + 1, 1 - fraction)
                types[f"{name}/bias"] = replace(weight, width=integer + fraction, integer=integer)
        self.types = types


class _OnGrid(torch.autograd.Function):
    """Round to nearest even and saturate; the gradient passes where nothing saturates."""

    @staticmethod
    def forward(context, x, scale, low, high):  # type: ignore[no-untyped-def]
        context.save_for_backward((x * scale >= low - 0.5) & (x * scale <= high + 0.5))
        return torch.clamp(torch.round(x * scale), low, high) / scale

    @staticmethod
    def backward(context, gradient):  # type: ignore[no-untyped-def]
        (inside,) = context.saved_tensors
        return gradient * inside, None, None, None


def on_grid(x: torch.Tensor, kind: FixedType) -> torch.Tensor:
    """``x`` as ``kind`` (RND_CONV and SAT or SAT_SYM) holds it."""
    result: torch.Tensor = _OnGrid.apply(x, 2.0**kind.fraction, kind.minimum, kind.maximum)  # type: ignore[no-untyped-call]
    return result
