"""Operations that only the Keras reader writes: other orders of axes, constants by channel, types."""

from __future__ import annotations

from numpy.typing import ArrayLike

from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.program import Operation


@handler("channels_first")
def _first(net: Layers, op: Operation, x: Tensor) -> Tensor:
    """Keras' order as PyTorch's: nothing moves, the tensor is stored channels last."""
    x = net.plain(x)
    return Tensor(x.name, op.result.shape, len(x.shape) > 1, x.origin)


@handler("channels_last")
def _last(net: Layers, op: Operation, x: Tensor) -> Tensor:
    x = net.channels_last(x)
    return Tensor(x.name, op.result.shape, False, x.origin)


@handler("affine")
def _affine(net: Layers, op: Operation, x: Tensor, scale: ArrayLike, bias: ArrayLike) -> Tensor:
    return net.affine(op.name, x, scale, bias)


@handler("scaling")
def _scaling(net: Layers, op: Operation, x: Tensor, scale: ArrayLike, bias: ArrayLike) -> Tensor:
    return net.scaled(op.name, x, scale, bias)


@handler("typed")
def _typed(net: Layers, op: Operation, x: Tensor, kind: str) -> Tensor:
    return net.rounded(op.name, x, FixedType.parse(kind))


@handler("typed_relu")
def _typed_relu(net: Layers, op: Operation, x: Tensor, kind: str) -> Tensor:
    return net.activation(op.name, "relu", x, types={"result": kind})
