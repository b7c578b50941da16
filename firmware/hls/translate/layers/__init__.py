"""One translator per nnet function: a call of the generated C++ becomes nodes of the graph.

A translator reads the call's arrays from the builder and stores what it writes. The modules here are
grouped as hls4ml's headers are; importing this package registers them all.
"""

from l1forge.firmware.hls.translate.layers import (
    activation,
    convolution,
    dense,
    einsum,
    layernorm,
    merge,
    pooling,
    recurrent,
    score,
    softmax,
    steps,
    stream,
)
from l1forge.firmware.hls.translate.layers import activation_tables as tables
from l1forge.firmware.hls.translate.layers.registry import TRANSLATORS, translator

__all__ = ["TRANSLATORS", "translator"]
