"""The two networks: float form for the first training, Brevitas form with power-of-two scales."""

from __future__ import annotations

from dataclasses import dataclass

import brevitas.nn as qnn
import torch
from brevitas.core.scaling import ScalingImplType
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8BiasPerTensorFixedPointInternalScaling,
    Int8WeightPerTensorFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from torch import nn

from l1forge.models.muon_pt.bins import N_OUTPUTS
from l1forge.models.muon_pt.features import N_FEATURES

LOGIT_BITS, LOGIT_RANGE = 10, 32.0
"""Outputs are fixed<10,6>: logits of -32 .. 31.9375 in steps of 1/16."""


@dataclass(frozen=True)
class Network:
    """Shape and precision of a network; ``density`` is the share of weights that pruning keeps."""

    name: str
    hidden: tuple[int, ...]
    weight_bits: int
    activation_bits: int
    density: float


LARGE = Network("muon_pt", (128,) * 10, 8, 8, 1.0)
"""Ten dense layers of 128, as the seed talk of this study has it."""
SMALL = Network("muon_pt_small", (32, 32, 32), 8, 8, 0.5)
"""Fits a trigger latency: 2 450 weights that are not 0."""
NETWORKS = {network.name: network for network in (LARGE, SMALL)}


class _Logits(Int8ActPerTensorFixedPoint):
    scaling_impl_type = ScalingImplType.CONST
    scaling_init = LOGIT_RANGE


def float_network(network: Network) -> nn.Sequential:
    """Linear and ReLU layers, He initialisation from torch's seed."""
    layers: list[nn.Module] = []
    width = N_FEATURES
    for size in network.hidden:
        linear = nn.Linear(width, size)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, N_OUTPUTS))


class QuantisedNetwork(nn.Module):
    """The same layers with quantised weights, biases and activations, one power-of-two scale each."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        layers: list[nn.Module] = []
        width = N_FEATURES
        for size in (*network.hidden, N_OUTPUTS):
            layers.append(
                qnn.QuantLinear(
                    width,
                    size,
                    bias=True,
                    weight_quant=Int8WeightPerTensorFixedPoint,
                    weight_bit_width=network.weight_bits,
                    bias_quant=Int8BiasPerTensorFixedPointInternalScaling,
                )
            )
            layers.append(
                qnn.QuantReLU(
                    act_quant=Uint8ActPerTensorFixedPoint,
                    bit_width=network.activation_bits,
                    return_quant_tensor=True,
                )
            )
            width = size
        layers[-1] = qnn.QuantIdentity(act_quant=_Logits, bit_width=LOGIT_BITS)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, 44) of features (n, 45) in natural units (code / 64)."""
        return self.layers(x)

    def linears(self) -> list[nn.Linear]:
        """The layers with weights, in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]
