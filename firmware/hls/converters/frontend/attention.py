"""Multi-head attention of plain layers: linear, product, softmax, product, linear. hls4ml 1.3 has none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Rounding
from l1forge.firmware.hls.converters.frontend.comparisons import invert, where
from l1forge.firmware.hls.converters.frontend.layers import HANDLERS, Layers, Tensor, handler
from l1forge.firmware.hls.converters.frontend.moves import reshaped
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse
from l1forge.firmware.hls.converters.frontend.ranges import WIDEST, Range, known_type, range_of
from l1forge.firmware.hls.converters.softmax_types import LOGITS

MASKED = float(-(2**LOGITS.integer))


@handler("multi_head_attention")
def _attention(
    net: Layers,
    op: Operation,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    heads: int,
    weights: dict[str, Any],
    mask: Any = None,
    keys_left_out: Any = None,
) -> Tensor:
    """``weights``: (outputs, inputs) matrices and biases by q, k, v and o; all tensors (length, width)."""
    if any(len(part.shape) != 2 for part in (query, key, value)):
        raise refuse("needs tensors of (length, width) per event", op.name, query.shape)
    parts = {}
    for letter, source in (("q", query), ("k", key), ("v", value)):
        made = _linear(net, op, f"{op.name}_{letter}", source, *weights[letter])
        rows, width = made.shape
        parts[letter] = reshaped(net, f"{op.name}_{letter}_heads", made, (rows, heads, width // heads))
    together = attended(net, op, parts["q"], parts["k"], parts["v"], mask=mask, keys_left_out=keys_left_out)
    flat = reshaped(net, f"{op.name}_joined", together, (together.shape[0], math.prod(together.shape[1:])))
    return _linear(net, op, op.name, flat, *weights["o"])


def _linear(net: Layers, op: Operation, name: str, x: Tensor, weight: Any, bias: Any) -> Tensor:
    return HANDLERS["linear"](net, replace(op, name=name), x, weight, bias)


def attended(
    net: Layers,
    op: Operation,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Any = None,
    keys_left_out: Any = None,
    scale: float | None = None,
) -> Tensor:
    """softmax(q·k / √width)·v of (length, heads, width) tensors."""
    rows, heads, width = query.shape
    scores = product(net, f"{op.name}_scores", "thd,shd->hts", query, key, (heads, rows, key.shape[0]))
    factor = 1 / math.sqrt(width) if scale is None else scale
    if factor != 1:
        scores = net.scaled(f"{op.name}_scaled", scores, factor, 0)
    scores = _masked(net, op, scores, mask, keys_left_out)
    shares = HANDLERS["softmax"](net, replace(op, name=f"{op.name}_softmax"), scores, -1)
    return mixed(net, f"{op.name}_mixed", "hts,shd->thd", shares, value, (rows, heads, value.shape[2]))


def _masked(net: Layers, op: Operation, scores: Tensor, mask: Any, left_out: Any) -> Tensor:
    """``mask``: true where a key counts (numbers are added); ``left_out``: true for keys that never count."""
    if mask is None and left_out is None:
        return scores
    scores = net.rounded(f"{op.name}_logits", scores, LOGITS)
    if isinstance(mask, Tensor):
        scores = where(
            net, replace(op, name=f"{op.name}_masked"), _behind_heads(net, op, mask), scores, MASKED
        )
    elif mask is not None:
        numbers = np.asarray(mask)
        if numbers.dtype.kind != "b" and set(np.unique(numbers)) - {0.0, -np.inf}:
            raise refuse("adds numbers to its scores", op.name, remedy="use a mask of true and false")
        kept = numbers if numbers.dtype.kind == "b" else numbers == 0
        full = np.broadcast_to(kept, scores.shape).astype(float)
        scores = net.affine(f"{op.name}_masked", scores, full, MASKED * (1 - full))
    if left_out is not None:
        if not isinstance(left_out, Tensor):
            raise refuse("a constant padding mask is not supported", op.name, remedy="use attn_mask")
        kept_bit = invert(net, f"{op.name}_counts", left_out)
        scores = where(net, replace(op, name=f"{op.name}_unpadded"), kept_bit, scores, MASKED)
    known_type(net, scores)
    net.fills.pop(scores.name, None)
    return scores


def _behind_heads(net: Layers, op: Operation, mask: Tensor) -> Tensor:
    """Without axes of one element in front, so that it is repeated for each head."""
    shape = mask.shape
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return mask if shape == mask.shape else reshaped(net, f"{op.name}_mask", net.plain(mask), shape)


def mixed(net: Layers, name: str, equation: str, shares: Tensor, y: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Σ share·y, whose shares add up to one: in the range of ``y``, with the default type's fraction."""
    known_type(net, y)
    kind = range_of(net, y.name).type
    fraction = net.default.fraction
    integer = min(kind.integer, WIDEST - fraction) + 1 + (not kind.signed)
    return product(
        net, name, equation, shares, y, shape, FixedType(integer + fraction, integer, True, Rounding.RND)
    )


def product(
    net: Layers,
    name: str,
    equation: str,
    x: Tensor,
    y: Tensor,
    shape: tuple[int, ...],
    result: FixedType | None = None,
) -> Tensor:
    """An einsum of two tensors, summed in a type that holds every sum, or in the default one."""
    from hls4ml.utils.einsum_utils import _validate_einsum_expr

    x, y = net.plain(x), net.plain(y)
    left, right = equation.split("->")
    summed = set(left.replace(",", "")) - set(right)
    sizes = dict(zip(left.replace(",", ""), (*x.shape, *y.shape), strict=True))
    count = math.prod(sizes[c] for c in summed)
    for part in (x, y):
        known_type(net, part)
    a, b = range_of(net, x.name), range_of(net, y.name)
    ends = [p * q * count for p in (a.low, a.high) for q in (b.low, b.high)]
    kind = Range(min(ends), max(ends), a.fraction + b.fraction).type
    kind = net.default if kind.width > WIDEST else kind
    checked, _ = _validate_einsum_expr(equation, x.shape, y.shape)
    return net.add(
        name, "Einsum", [x, y], shape, equation=checked, inp0_shape=x.shape, inp1_shape=y.shape,
        out_shape=shape, types={"result": str(result or kind), "accum": str(kind)},
    )  # fmt: skip


@handler("scaled_dot_product_attention")
def _dot_product_attention(
    net: Layers,
    op: Operation,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Of (heads, length, width) or (length, width) tensors."""
    if enable_gqa or len(query.shape) not in (2, 3):
        raise refuse(
            "needs (heads, length, width) per event, with as many heads for keys as for queries",
            op.name,
        )
    mask = causal(query.shape[-2], key.shape[-2]) if is_causal else attn_mask
    alone = len(query.shape) == 2
    left, right = ("td,sd->ts", "ts,sd->td") if alone else ("htd,hsd->hts", "hts,hsd->htd")
    scores = product(net, f"{op.name}_scores", left, query, key, (*query.shape[:-1], key.shape[-2]))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = net.scaled(f"{op.name}_scaled", scores, factor, 0) if factor != 1 else scores
    scores = _masked(net, op, scores, mask, None)
    shares = HANDLERS["softmax"](net, replace(op, name=f"{op.name}_softmax"), scores, -1)
    return mixed(net, op.name, right, shares, value, (*query.shape[:-1], value.shape[-1]))


def causal(rows: int, columns: int) -> Any:
    """True where a key is not later than the query."""
    return np.tril(np.ones((rows, columns), dtype=bool))
