"""Softmax, also of what a mask has filled with minus infinity."""

from __future__ import annotations

import math
from dataclasses import replace

from l1forge.firmware.hls.converters.frontend.comparisons import where
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler, quantiser
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse
from l1forge.firmware.hls.converters.frontend.ranges import known_type
from l1forge.firmware.hls.converters.softmax_types import LOGITS, softmax_sizes, softmax_types

MASKED = float(-(2**LOGITS.integer))
"""What stands for minus infinity: e^16 times less than the least of the others, nothing in the table."""


@handler("softmin")
def _softmin(net: Layers, op: Operation, x: Tensor, dim: int | None = None, *unused: object) -> Tensor:
    return _softmax(net, op, net.affine(f"{op.name}_negative", x, -1, 0), dim)


@handler("softmax")
def _softmax(
    net: Layers, op: Operation, x: Tensor, dim: int | None = None, *unused: object, **rest: object
) -> Tensor:
    x = net.plain(x)
    rank = len(x.shape)
    axis = {1: 1, 3: 1}.get(rank, 0) if dim is None else dim % (rank + 1)  # torch's own default
    if axis == 0:
        raise refuse("softmax over the batch", op.name, dim, f"dim=1 to {rank}")
    axis -= 1
    kind = net.type_of(x)
    if x.name in net.fills and x.name not in net.typed:
        x = _masked(net, op, x)
        kind = known_type(net, x)
    elif kind is None:
        kind, x = LOGITS, net.rounded(f"{op.name}_input", x, LOGITS)
    types = {key: quantiser(value).hls_type for key, value in softmax_types(kind, x.shape[axis]).items()}
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    return net.activation(
        op.name, "softmax", x, class_name="Softmax", axis=-1 if axis == rank - 1 else axis + 1,
        n_outer=outer, n_inner=inner, **softmax_sizes(kind), **types,
    )  # fmt: skip


def _masked(net: Layers, op: Operation, x: Tensor) -> Tensor:
    """The logits with ``MASKED`` where the mask is: their own type would end too close to the others."""
    mask, kept, side = net.fills[x.name]
    if isinstance(kept, Tensor):
        kept = net.rounded(f"{op.name}_input", kept, LOGITS)
    net.said.pop(x.name, None)
    choice = (kept, MASKED) if side == "yes" else (MASKED, kept)
    return where(net, replace(op, name=f"{op.name}_masked"), mask, *choice)
