"""Look-up tables as logic: the index arithmetic is folded into the table where the input is narrow enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Rounding
from l1forge.emulator.graph.fixed import cast as cast_integers
from l1forge.emulator.graph.graph import Node
from l1forge.emulator.graph.reference import table_index
from l1forge.firmware.rtl.casts import cast, round_to
from l1forge.firmware.rtl.constants import WEIGHT_BITS, Variable, exact
from l1forge.firmware.rtl.lowering import LogicTensor, Variables, array, constant, lowering

FOLDED_BITS = 12  # inputs of up to this many bits address a table of the results directly
TABLE_BITS = 16  # widest table that is written at all
SQUARE_BITS = 10  # squares of up to this many bits are tables: a multiplier of LUTs is slower than a clock
SLICE_BITS = 20  # alkaid holds table values in single precision: wider results are split


@lowering("table")
def _table(node: Node, inputs: list[LogicTensor]) -> Variables:
    (x,) = inputs
    return array([_look_up(node, v, x.type) for v in x.values.ravel()], node.shape)


@lowering("square")
def _square(node: Node, inputs: list[LogicTensor]) -> Variables:
    (x,) = inputs
    return array([_squared(node, v, x.type) for v in x.values.ravel()], node.shape)


def _squared(node: Node, x: Variable, kind: FixedType) -> Variable:
    if _entries(x) > 1 << SQUARE_BITS:
        return cast(x * x, node.type)
    integers = np.round(_values(x) * 2.0**kind.fraction).astype(np.int64)
    results = cast_integers((integers * integers).astype(object), 2 * kind.fraction, node.type)
    return _read(x, results.astype(np.int64), node)


def _look_up(node: Node, x: Variable, kind: FixedType) -> Variable:
    table = node.constants["table"]
    results = cast_integers(table.data.ravel().astype(object), table.type.fraction, node.type)
    if _entries(x) <= 1 << FOLDED_BITS:
        integers = np.round(_values(x) * 2.0**kind.fraction).astype(np.int64)
        return _read(x, results[table_index(node, integers)].astype(np.int64), node)
    index = _index(node, x, kind)
    if _entries(index) > 1 << TABLE_BITS:
        index = _within(index, results)
    if _entries(index) > 1 << TABLE_BITS:
        raise InputError(
            f"table needs more than 2^{TABLE_BITS} entries", field=f"node {node.name}", value=_entries(index)
        )
    return _read(index, results[_values(index).astype(np.int64)].astype(np.int64), node)


def _within(index: Variable, results: NDArray[Any]) -> Variable:
    """``index`` without the two ends along which the table is constant, as a saturated exponential is."""
    changes = np.flatnonzero(results[1:] != results[:-1])
    if not len(changes):
        return index.max_of(0.0).min_of(0.0)
    return index.max_of(float(changes[0])).min_of(float(changes[-1] + 1))


def _index(node: Node, x: Variable, kind: FixedType) -> Variable:
    """The clipped table index, for inputs too wide to be tabulated; see the contract for the formula."""
    attributes = node.attributes
    scale = attributes.get("multiplier", 1) * 2.0 ** (kind.fraction - attributes.get("shift", 0))
    rounded = round_to(x * exact(scale, WEIGHT_BITS), 0, Rounding(attributes.get("index_rounding", "TRN")))
    last = node.constants["table"].data.size - 1
    return (rounded + float(attributes["offset"])).max_of(0.0).min_of(float(last))


def _entries(x: Variable) -> int:
    return 1 if x.low == x.high else round((x.high - x.low) / x.step) + 1


def _values(x: Variable) -> NDArray[np.float64]:
    """Every value that ``x`` may take, ascending."""
    return np.asarray(x.low + np.arange(_entries(x)) * x.step, dtype=np.float64)


def _read(x: Variable, results: NDArray[np.int64], node: Node, shift: int = 0) -> Variable:
    """A table of ``results << shift`` (LSBs of the node) addressed by ``x``; wide results are split."""
    if np.abs(results).max() >= 1 << SLICE_BITS:
        low = results & ((1 << SLICE_BITS) - 1)
        high = _read(x, results >> SLICE_BITS, node, shift + SLICE_BITS)
        return high + _read(x, low, node, shift)
    values = results.astype(np.float64) * node.type.lsb * 2.0**shift
    if (values == values[0]).all():
        return constant(float(values[0]), x)
    return x.lookup(values)
