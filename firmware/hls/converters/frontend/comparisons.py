"""Comparisons, masks and choices: bits that say which candidates are there.

Each comparison is one layer: the difference in units of its last bit, saturated to one bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, holding
from l1forge.firmware.hls.converters.frontend.arithmetic import merge
from l1forge.firmware.hls.converters.frontend.layers import Layers, Tensor, handler, quantiser
from l1forge.firmware.hls.converters.frontend.pooling import reduce
from l1forge.firmware.hls.converters.frontend.program import Operation, refuse
from l1forge.firmware.hls.converters.frontend.ranges import Range, known_type, range_of

BIT = FixedType(1, 1, False)
SATURATED = FixedType(1, 1, False, Rounding.TRN, Overflow.SAT)
FAR = 2.0**20
"""A filling beyond this stands for infinity."""

COMPARISONS = {
    **dict.fromkeys(("gt", "greater"), ">"),
    **dict.fromkeys(("ge", "greater_equal"), ">="),
    **dict.fromkeys(("lt", "less"), "<"),
    **dict.fromkeys(("le", "less_equal"), "<="),
    **dict.fromkeys(("eq", "equal"), "=="),
    **dict.fromkeys(("ne", "not_equal"), "!="),
}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


@handler(*COMPARISONS)
def _comparison(net: Layers, op: Operation, x: Any, y: Any) -> Tensor:
    """Whether ``x`` compares so with ``y``: exact for every value of their types."""
    sign = COMPARISONS[op.kind]
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        for part in (x, y):
            known_type(net, part)
        x, y = merge(net, f"{op.name}_difference", "subtract", x, y), 0.0
    elif not isinstance(x, Tensor):
        x, y, sign = y, x, _MIRRORED.get(sign, sign)
    limits = np.asarray(y, dtype=np.float64)
    limits = limits[0] if limits.ndim == len(x.shape) + 1 and limits.shape[0] == 1 else limits
    if limits.dtype.kind == "b" or not np.isfinite(limits).all():
        raise refuse("compares with a number that is not finite", op.name, y, "compare with a finite number")
    if sign in ("!=", "=="):
        parts = [_one_sided(net, f"{op.name}_{side}", x, limits, s) for side, s in _sides(net, x, limits)]
        name = op.name if sign == "!=" else f"{op.name}_differs"
        differs = parts[0] if len(parts) == 1 else _bits(net, name, "add", *parts)
        return differs if sign == "!=" else invert(net, op.name, differs)
    return _one_sided(net, op.name, x, limits, sign)


def _sides(net: Layers, x: Tensor, limits: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Below and above, less what the range of ``x`` excludes."""
    known_type(net, x)
    found = range_of(net, x.name)
    sides = []
    if found.high > float(limits.min()) * 2.0**found.fraction:
        sides.append(("above", ">"))
    if found.low < float(limits.max()) * 2.0**found.fraction or not sides:
        sides.append(("below", "<"))
    return sides


def _one_sided(net: Layers, name: str, x: Tensor, limits: NDArray[np.float64], sign: str) -> Tensor:
    """(±x·2^f − n) in one saturated bit, where n is the last multiple of 2^-f for which it is not so."""
    fraction = known_type(net, x).fraction
    units = np.ldexp(limits, fraction)
    last = {">": np.floor(units), ">=": np.ceil(units) - 1, "<": -np.ceil(units), "<=": -np.floor(units) - 1}
    low, high = range_of(net, x.name).at(max(fraction, range_of(net, x.name).fraction))
    reach = float(max(abs(low), abs(high)) + 1)
    bias = -np.clip(last[sign], -reach, reach)  # beyond the range nothing changes
    factor = 1.0 if sign[0] == ">" else -1.0
    return _steps(net, name, x, factor, fraction, bias)


def _steps(
    net: Layers, name: str, x: Tensor, factor: float, fraction: int, bias: NDArray[np.float64]
) -> Tensor:
    if factor == 1 and fraction == 0 and not bias.any():  # hls4ml would leave it out, and its type with it
        return net.activation(name, "relu", x, types={"result": str(SATURATED)})
    scale_kind = FixedType(1, fraction + 1, factor < 0)
    bias_kind = holding(int(min(bias.min(), 0)), int(max(bias.max(), 0)), 0)
    full = np.broadcast_to(bias, x.shape)
    stored = (np.moveaxis(full, 0, -1) if x.last else full).reshape(-1, x.shape[0 if x.last else -1])
    biases = stored[0] if (stored == stored[0]).all() else stored.ravel()
    return net.add(
        name, "BatchNormalization", [x], x.shape, last=x.last,
        types={"scale": str(scale_kind), "bias": str(bias_kind), "result": str(SATURATED)},
        n_in=x.size, n_filt=-1 if len(biases) == x.size else len(biases), use_gamma=True, use_beta=True,
        scale_data=np.full(len(biases), factor * 2.0**fraction), bias_data=biases.astype(np.float64),
        scale_quantizer=quantiser(scale_kind), bias_quantizer=quantiser(bias_kind),
    )  # fmt: skip


def _bits(net: Layers, name: str, kind: str, x: Tensor, y: Tensor) -> Tensor:
    return _typed(net, merge(net, name, kind, x, y), BIT)


def _typed(net: Layers, x: Tensor, kind: FixedType) -> Tensor:
    """A result that fits the type, which hls4ml would infer wider."""
    if x.name not in net.typed and "result" not in net.types[x.name]:
        net.types[x.name]["result"] = str(kind)
        net.ranges[x.name] = Range.of(kind)
    return x


def _is_bit(net: Layers, x: Tensor) -> bool:
    found = range_of(net, x.name)
    return found.low >= 0 and found.high <= 1 << max(found.fraction, 0) and found.fraction <= 0


def _mask(net: Layers, op: Operation, x: Any) -> Tensor:
    """``x`` as a bit: numbers are true unless they are zero."""
    if not isinstance(x, Tensor):
        raise refuse("a condition that does not depend on the inputs is not supported", op.name)
    return x if _is_bit(net, x) else _comparison(net, replace(op, name=f"{op.name}_bit", kind="ne"), x, 0.0)


@handler("invert", "logical_not", "bitwise_not")
def _not(net: Layers, op: Operation, x: Tensor) -> Tensor:
    return invert(net, op.name, _mask(net, op, x))


def invert(net: Layers, name: str, x: Tensor) -> Tensor:
    """1 − x of bits."""
    known_type(net, x)
    return _steps(net, name, x, -1.0, 0, np.ones(1))


@handler(
    "logical_and", "bitwise_and", "and", "logical_or", "bitwise_or", "or", "logical_xor", "bitwise_xor", "xor"
)
def _logic(net: Layers, op: Operation, x: Any, y: Any) -> Tensor:
    parts = [_mask(net, replace(op, name=f"{op.name}_{k}"), part) for k, part in enumerate((x, y))]
    if "xor" in op.kind:
        return _comparison(net, replace(op, kind="ne"), *parts)
    return _bits(net, op.name, "multiply" if "and" in op.kind else "maximum", *parts)


@handler("any", "all")
def _quantifier(
    net: Layers, op: Operation, x: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False
) -> Tensor:
    kind = "amax" if op.kind == "any" else "amin"
    return reduce(net, replace(op, kind=kind), _mask(net, op, x), dim, keepdim)


@handler("count_nonzero")
def _count(net: Layers, op: Operation, x: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    return reduce(net, replace(op, kind="sum"), _mask(net, op, x), dim)


@handler("bool")
def _bool(net: Layers, op: Operation, x: Tensor) -> Tensor:
    return _mask(net, op, x)


@handler("int", "long")
def _whole(net: Layers, op: Operation, x: Tensor) -> Tensor:
    if range_of(net, x.name).fraction > 0:
        raise refuse("cuts off the fraction of its input", op.name, op.kind, "quantise it to whole numbers")
    return x


@handler("masked_fill")
def _masked_fill(net: Layers, op: Operation, x: Any, mask: Any, value: Any) -> Tensor:
    return where(net, op, mask, value, x)


@handler("where")
def where(net: Layers, op: Operation, condition: Any, x: Any = None, y: Any = None) -> Tensor:
    """m·x + (1 − m)·y: one of the two products is zero, so that nothing is lost."""
    if x is None or y is None:
        raise refuse("gives positions, not values", op.name, "where", "use where(condition, a, b)")
    mask = _mask(net, op, condition)
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        yes, no = (np.asarray(v, dtype=np.float64) for v in (x, y))
        if not (np.isfinite(yes).all() and np.isfinite(no).all()):
            raise refuse("chooses a number that is not finite", op.name, remedy="choose a finite one")
        return net.affine(op.name, mask, yes - no, no)
    given = x, y
    x, y = _near(net, op, x, y), _near(net, op, y, x)
    full = not _is_zero(x) and not _is_zero(y)
    made = None
    for side, value in (("yes", x), ("no", y)):
        if not _is_zero(value):
            part = _part(net, f"{op.name}_{side}" if full else op.name, mask, side, value)
            made = part if made is None else _sum(net, op.name, made, part)
    assert made is not None
    for side, value in (("yes", given[1]), ("no", given[0])):  # what is filled with minus infinity
        if not isinstance(value, Tensor) and (np.asarray(value, dtype=np.float64) <= -FAR).all():
            kept = x if side == "yes" else y
            net.fills[made.name] = mask, kept, side
    return made


def _is_zero(value: object) -> bool:
    return not isinstance(value, Tensor) and not np.any(np.asarray(value, dtype=np.float64))


def _near(net: Layers, op: Operation, value: Any, other: Tensor) -> Any:
    """A filling that stands for infinity as the end of the other's type, which no value is beyond."""
    if isinstance(value, Tensor):
        return value
    numbers = np.asarray(value, dtype=np.float64)
    if np.isnan(numbers).any():
        raise refuse("fills with a value that is not a finite number", op.name, value)
    if (np.abs(numbers) < FAR).all():
        return numbers
    kind = known_type(net, other)
    ends = kind.minimum * kind.lsb, kind.maximum * kind.lsb
    taken = np.where(np.abs(numbers) < FAR, numbers, np.where(numbers < 0, *ends))
    if (np.abs(numbers) >= FAR).any():
        lowest = float(taken[np.abs(numbers) >= FAR].ravel()[0])
        filled = float(numbers[np.abs(numbers) >= FAR].ravel()[0])
        net.said[op.name] = (
            f"layer {op.name}: {filled:g} is taken as {lowest:g}, the end of {kind}: where everything is"
            " masked, that is the result"
        )
    return taken


def _part(net: Layers, name: str, mask: Tensor, side: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):  # (1 − m)·c in one layer
        return net.affine(name, mask, *((value, 0) if side == "yes" else (-value, value)))
    kind = known_type(net, value)
    bit = mask if side == "yes" else invert(net, f"{name}_bit", mask)
    low, high = range_of(net, value.name).at(kind.fraction)
    known_type(net, bit)
    made = merge(net, name, "multiply", bit, value)
    return _typed(net, made, holding(min(low, 0), max(high, 0), kind.fraction))


def _sum(net: Layers, name: str, x: Tensor, y: Tensor) -> Tensor:
    """Of two tensors one of which is zero: no value is beyond those of both."""
    for part in (x, y):
        known_type(net, part)
    a, b = range_of(net, x.name), range_of(net, y.name)
    fraction = max(a.fraction, b.fraction)
    ends = [*a.at(fraction), *b.at(fraction), 0]
    return _typed(net, merge(net, name, "add", x, y), holding(min(ends), max(ends), fraction))
