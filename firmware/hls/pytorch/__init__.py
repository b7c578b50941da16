"""PyTorch networks to hls4ml layers.

hls4ml 1.3's own PyTorch reader takes every tensor of two axes for (channels, width), drops slices, and knows
few functions. Here each tensor remembers whether it is stored channels last, which convolutions and pooling
need; everything else works in PyTorch's order, and a ``Transpose`` appears only where the two meet.
Importing this package registers all handlers.
"""

from firmware.hls.pytorch import (  # noqa: F401
    activations,
    arithmetic,
    convolution,
    matrices,
    moves,
    pooling,
)
from firmware.hls.pytorch.layers import Layers, layer_list
from firmware.hls.pytorch.program import read_program

__all__ = ["Layers", "layer_list", "read_program"]
