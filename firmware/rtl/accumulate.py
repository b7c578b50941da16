"""Sums with a declared accumulator: adder trees where provably the same, the literal order where not.

The contract adds in a fixed order and casts every product and partial sum to the accumulator. If no product
loses bits by rounding and no partial sum can leave the range (or the accumulator wraps, and wrapping sums are
order-free), any order gives the same bits and alkaid's shared adder graphs may be used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow
from l1forge.emulator.graph.graph import Node
from l1forge.firmware.rtl.casts import cast
from l1forge.firmware.rtl.constants import WEIGHT_BITS, Variable
from l1forge.firmware.rtl.lowering import LogicTensor, Variables, array, constant, lowering, real

EXTRA_DEPTH = 0
"""Adders in a row that sharing may add to the least possible: sharing saves LUTs, depth costs latency."""


@lowering("dense")
def _dense(node: Node, inputs: list[LogicTensor]) -> Variables:
    (x,) = inputs
    weight = real(node.constants["weight"], WEIGHT_BITS)
    bias = [cast(constant(b), node.accumulator()) for b in real(node.constants["bias"]).ravel()]
    rows = [_row(node, row, weight, bias) for row in x.values.reshape(-1, x.values.shape[-1])]
    return array([v for row in rows for v in row], node.shape)


def _row(node: Node, x: Variables, weight: NDArray[np.float64], bias: list[Variable]) -> list[Variable]:
    accum = node.accumulator()
    free = [order_free(x, weight[:, j], bias[j], accum) for j in range(weight.shape[1])]
    shared = iter(_adder_graph(x, weight[:, free])) if any(free) else iter(())
    result = []
    for j, exact in enumerate(free):
        total = (
            cast(next(shared) + bias[j].low, accum)
            if exact
            else accumulate(bias[j], [v * float(w) for v, w in zip(x, weight[:, j], strict=True)], accum)
        )
        result.append(cast(total, node.type))
    return result


def _adder_graph(x: Variables, weight: NDArray[np.float64]) -> list[Variable]:
    from alkaid.trace import FVArray

    return list(np.asarray(FVArray(x, {"hard_dc": EXTRA_DEPTH}) @ weight).ravel())


def order_free(x: Variables, weight: NDArray[np.float64], start: Variable, accum: FixedType) -> bool:
    """True if the sum in any order, cast once at the end, is what the literal order gives."""
    low = high = float(start.low)
    inside = True
    for v, w in zip(x, weight, strict=True):
        if w == 0.0:
            continue
        if _finer(v, float(w), accum):
            return False
        ends = (float(v.low) * float(w), float(v.high) * float(w))
        low, high = low + min(ends), high + max(ends)
        inside &= (
            accum.minimum * accum.lsb <= min(low, *ends) and max(high, *ends) <= accum.maximum * accum.lsb
        )
    return inside or (accum.overflow is Overflow.WRAP and accum.saturation_bits == 0)


def _finer(v: Variable, w: float, accum: FixedType) -> bool:
    """True if ``v * w`` has bits below the accumulator's LSB."""
    if v.low == v.high:
        return not float(v.low * w * 2.0**accum.fraction).is_integer()
    return not float(v.step * w * 2.0**accum.fraction).is_integer()


def accumulate(start: Variable, terms: list[Variable], accum: FixedType) -> Variable:
    """``start`` plus ``terms`` in the given order, each term and each partial sum cast to ``accum``."""
    total = start
    for term in terms:
        total = cast(total + cast(term, accum), accum)
    return total


def total_of(start: float, terms: list[Variable], accum: FixedType) -> Variable:
    """``accumulate``, as a balanced tree where that gives the same bits."""
    first = cast(constant(start), accum)
    rounded = [cast(term, accum) for term in terms]
    if not order_free(array(rounded, (len(rounded),)), np.ones(len(rounded)), first, accum):
        return accumulate(first, rounded, accum)
    return cast((balanced(rounded) if rounded else constant(0.0)) + float(first.low), accum)


def balanced(terms: list[Variable]) -> Variable:
    """The sum of ``terms`` (at least one) by additions of two, as few in a row as possible."""
    while len(terms) > 1:
        pairs = [terms[i] + terms[i + 1] for i in range(0, len(terms) - 1, 2)]
        terms = pairs + terms[len(terms) & ~1 :]
    return terms[0]


@lowering("sum")
def _sum(node: Node, inputs: list[LogicTensor]) -> Variables:
    return array(
        [cast(total_of(0.0, list(inputs[0].values.ravel()), node.accumulator()), node.type)], node.shape
    )
