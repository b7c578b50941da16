"""Random networks: layers, shapes, types and weights drawn so that every rounding and overflow is met."""

from __future__ import annotations

from collections.abc import Callable

from l1forge.firmware.hls.fuzz.dense_layers import (
    batch_norm,
    binary_dense,
    dense,
    einsum,
    einsum_dense,
    embedding,
)
from l1forge.firmware.hls.fuzz.draw import Draw, Shape
from l1forge.firmware.hls.fuzz.element_layers import (
    activation,
    concatenate,
    dot,
    flatten,
    hard,
    layer_norm,
    merge,
    parametrised,
    quantiser,
    softmax,
    transpose,
)
from l1forge.firmware.hls.fuzz.network import DISTRIBUTED, Network
from l1forge.firmware.hls.fuzz.spatial_layers import (
    conv1d,
    conv2d,
    depthwise1d,
    global_pool,
    pool1d,
    pool2d,
    resize,
    zero_padding,
)

Maker = Callable[[Draw, str], str]
_BY_RANK: dict[int, list[Maker]] = {
    1: [dense, dense, dense, batch_norm, activation, activation, parametrised, hard, softmax, merge,
        concatenate, dot, binary_dense, quantiser],
    2: [dense, batch_norm, activation, parametrised, merge, concatenate, transpose, flatten, conv1d, conv1d,
        pool1d, global_pool, zero_padding, einsum_dense, einsum, depthwise1d, quantiser, softmax,
        layer_norm, resize],
    3: [batch_norm, activation, conv2d, pool2d, global_pool, flatten, merge, concatenate, transpose],
}  # fmt: skip


_PARALLEL: list[Maker] = [dot, einsum, einsum_dense, quantiser, flatten, layer_norm]
"""Layers that hls4ml has for io_parallel only, or whose stream only some layers can read."""


class Generator(Draw):
    """Draws one network; the seed of ``rng`` decides everything."""

    def network(self, depth: int) -> Network:
        """A chain of ``depth`` layers with side branches for the merges."""
        if self.chance(0.25):
            self.strategy, self.reuse = "Resource", self.integer(1, 8)
        elif self.chance(0.15):
            self.strategy = DISTRIBUTED
        if self.chance(0.15):
            self.io = "io_stream"
        start: list[Shape] = [(self.integer(2, 8),), (self.integer(3, 6), self.integer(1, 3))]
        shape = start[0] if self.chance(0.7) else start[1]
        if self.chance(0.1):
            shape = (self.integer(3, 5), self.integer(3, 5), self.integer(1, 2))
        words = self.chance(0.05) and len(shape) == 1
        kind = f"uint<{self.integer(2, 4)}>" if words else self.type(2, 12, 0.2)
        name = self.add("InputLayer", shape, ["input"], {"result": kind})
        self.layers[-1]["input_shape"] = list(shape)
        if words:
            name = embedding(self, name)
        for _ in range(depth):
            makers = _BY_RANK[len(self.shapes[name])]
            name = self.choice([m for m in makers if not (self.streamed and m in _PARALLEL)])(self, name)
        label = " ".join(layer["class_name"] for layer in self.layers)
        outputs = [name]
        if self.chance(0.2):  # a second output, which other layers may read too
            other = self.choice(self.layers)
            if other["class_name"] in ("Dense", "Merge", "Activation", "BatchNormalization"):
                outputs += [other["name"]] if other["name"] != name else []
        return Network(self.layers, self.precision, outputs, self.strategy, self.reuse, self.io, label)
