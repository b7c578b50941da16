"""PyTorch and ONNX networks to hls4ml layers.

hls4ml 1.3's own PyTorch reader takes every tensor of two axes for (channels, width), drops slices, and knows
few functions. Here each tensor remembers whether it is stored channels last, which convolutions and pooling
need; everything else works in PyTorch's order, and a ``Transpose`` appears only where the two meet.
Importing this package registers all handlers.
"""

from l1forge.firmware.hls.converters.frontend import (
    activations,
    arithmetic,
    attention,
    comparisons,
    convolution,
    matrices,
    moves,
    pooling,
    quantised,
    recurrent,
    sequences,
    softmax,
    tables,
    transposed,
    views,
)
from l1forge.firmware.hls.converters.frontend.keras_beyond import beyond
from l1forge.firmware.hls.converters.frontend.keras_reader import read_keras
from l1forge.firmware.hls.converters.frontend.model import hls_model
from l1forge.firmware.hls.converters.frontend.onnx_reader import read_onnx
from l1forge.firmware.hls.converters.frontend.torch_reader import read_program

__all__ = ["beyond", "hls_model", "read_keras", "read_onnx", "read_program"]
