"""How long each operation takes, bit by bit: what the pipeline is cut by.

Delays are those of a slice as Yosys' ``sta`` knows them (look-up tables, carry chains, no routing), so that
estimate and synthesis report speak of the same thing. Two facts make a delay per operation too pessimistic,
and are followed here: a sum is ready from its low bits upwards, so two adders in a row cost much less than
twice one adder; and bitwise operations in a row share one look-up table of six inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from alkaid.types import Op

LAUNCH_NS = 0.40
"""Clock buffer and clock-to-output of a register; set-up is 0 in Yosys' cell library."""
LUT_NS = 0.35
"""One look-up table, between the fastest and the slowest pin of six."""
ADDER_LUT_NS = 0.18
"""The two-input table in front of a carry chain."""
INTO_CARRY_NS, PER_BIT_NS, OUT_OF_CARRY_NS, PAST_CARRY_NS = 0.53, 0.0285, 0.31, 0.22
LUT_INPUTS = 6
SLICE_INPUTS = 8
"""Of the four look-up tables of half a slice with their multiplexers."""
SLOW_PIN_NS = 0.64
"""Of a look-up table all of whose inputs settle together."""
SLICE_MULTIPLEXER_NS = (0.22, 0.32)
"""MUXF7; MUXF7 and MUXF8."""
SHARED_INPUTS = 4
"""Address bits up to which a table is part of the look-up tables that read it."""
NEVER = -np.inf
"""Arrival of a bit that is constant."""

READ, NEGATE, ADD, SUBTRACT, RELU, WRAP, ADD_CONSTANT = -1, -2, 0, 1, 2, 3, 4
CONSTANT, MULTIPLEXER, MULTIPLY, TABLE, UNARY, BINARY, SUM = 5, 6, 7, 8, 9, 10, 11
"""Operation codes of alkaid's programs (its docs/alir.md)."""

Times = NDArray[np.float64]


class Arrival(NamedTuple):
    """When each bit of a value settles after the clock edge, ns; lowest bit first, of the value's own width.

    ``before`` is when the inputs of the look-up table settle that makes the bit, ``inputs`` how many they
    are: a following table may take them instead. A bit that no table makes is its own single input.
    """

    bits: Times
    before: Times
    inputs: int

    @property
    def latest(self) -> float:
        return float(self.bits.max(initial=NEVER))


def launched(op: Op) -> Arrival:
    """The bits of an operation's result behind a register."""
    return _plain(np.full(_width(op), NEVER if op.opcode == CONSTANT else LAUNCH_NS))


def arrival(op: Op, sources: Sequence[Any], times: Sequence[Arrival]) -> Arrival:
    """When the bits of ``op`` settle, given its source operations and when theirs do."""
    low, high = _span(op)
    code, width = op.opcode, _width(op)
    if code in (READ, CONSTANT):
        return launched(op)
    if code in (ADD, SUBTRACT, SUM, ADD_CONSTANT, NEGATE):
        return _added(op, sources, times)
    if code == UNARY and op.data[0] == 0:
        return times[0]  # an inverter disappears in the next table
    latest = max(t.latest for t in times)
    if code == UNARY:
        return _reduced(len(times[0].bits), latest, width)
    if code == TABLE:
        return _looked_up(times[0], width)
    if code == MULTIPLY:
        return _plain(np.full(width, latest + multiplier_ns(min(len(t.bits) for t in times))))
    if code == WRAP:
        return _aligned(sources[0], times[0], low, high, op.data[0])
    if code == RELU:
        return _table([_aligned(sources[0], times[0], low, high), _top(times[0], width)])
    first, second = (
        _aligned(source, time, low, high, shift)
        for source, time, shift in zip(sources, times, (0, op.data[0]), strict=False)
    )
    if code == MULTIPLEXER:
        return _table([first, second, _top(times[2], width)])
    if code == BINARY:
        return _table([first, second])
    raise AssertionError(code)


def table_ns(bits: int) -> float:
    """Up to 8 address bits: a look-up table and the multiplexers of a slice; beyond, 0.7 ns per two bits."""
    if bits <= LUT_INPUTS:
        return SLOW_PIN_NS
    wide = SLOW_PIN_NS + SLICE_MULTIPLEXER_NS[min(bits, SLICE_INPUTS) - LUT_INPUTS - 1]
    return wide + ceil(max(bits - SLICE_INPUTS, 0) / 2) * 2 * LUT_NS


def _looked_up(address: Arrival, width: int) -> Arrival:
    """A table of its address bits; one of a few bits shares its look-up table with what follows."""
    bits = len(address.bits)
    settled = np.full(width, address.latest)
    if bits <= SHARED_INPUTS:
        return Arrival(settled + LUT_NS, settled, bits)
    return _plain(settled + table_ns(bits))


def multiplier_ns(bits: int) -> float:
    """Rows of adders, halved from row to row; ``bits`` of the narrower factor."""
    return ceil(log(max(bits, 2), 2)) * (ADDER_LUT_NS + INTO_CARRY_NS + OUT_OF_CARRY_NS)


def _plain(bits: Times) -> Arrival:
    return Arrival(bits, bits, 1)


def _table(values: Sequence[Arrival], delay: float = LUT_NS) -> Arrival:
    """One look-up table per bit, which swallows the tables before it while it has inputs for theirs."""
    before, inputs = _merged(values)
    return Arrival(before + delay, before, inputs)


def _merged(values: Sequence[Arrival]) -> tuple[Times, int]:
    inputs = sum(bool(np.isfinite(v.latest)) for v in values)
    columns = []
    for value in sorted(values, key=lambda v: -v.latest):  # the latest sets the delay, so it is merged first
        fits = value.inputs > 1 and inputs + value.inputs - 1 <= LUT_INPUTS
        columns.append(value.before if fits else value.bits)
        inputs += value.inputs - 1 if fits else 0
    return np.max(columns, axis=0), inputs


def _reduced(inputs: int, latest: float, width: int) -> Arrival:
    """AND or OR of ``inputs`` bits."""
    levels = max(ceil(log(max(inputs, 2), LUT_INPUTS) - 1e-9), 1)
    before = np.full(width, latest + (levels - 1) * LUT_NS)
    return Arrival(before + LUT_NS, before, min(inputs, LUT_INPUTS))


def _added(op: Op, sources: Sequence[Any], times: Sequence[Arrival]) -> Arrival:
    """A carry chain; wires below the second operand and above an unsigned first."""
    low, high = _span(op)
    code, data = op.opcode, op.data
    shifts: Sequence[int] = (0,)
    negative: Sequence[bool] = (code == NEGATE,)
    if code in (ADD, SUBTRACT):
        shifts, negative = (0, data[0]), (False, code == SUBTRACT)
    elif code == SUM:
        shifts, negative = data[1 : 2 * len(sources) : 2], [not plus for plus in data[: 2 * len(sources) : 2]]
    starts, ends = [], []
    for source, shift in zip(sources, shifts, strict=True):
        start, end = _span(source)
        starts.append(start + shift)
        ends.append(high if source.qint.min < 0 else min(end + shift, high))
    if code == ADD_CONSTANT:
        starts.append(_trailing_zeros(data[0]) - data[1])
        ends.append(high)
    bottom = min(low, *starts)
    weights = np.arange(bottom, high)
    spans = [(weights >= start) & (weights < end) for start, end in zip(starts, ends, strict=True)]
    present = np.sum(spans, axis=0)
    chain = present > 1
    for start, minus in zip(starts, negative, strict=False):
        chain |= minus & (weights >= start)
    terms = [_aligned(s, t, bottom, high, shift) for s, t, shift in zip(sources, times, shifts, strict=True)]
    drop = low - bottom
    if not chain.any() or _width(op) == 1 == len(terms):  # bits side by side; the sign of a single bit
        joined = [np.max(columns, axis=0)[drop:] for columns in zip(*(t[:2] for t in terms), strict=True)]
        return Arrival(joined[0], joined[1], max(t.inputs for t in terms))
    first = int(np.argmax(chain))
    bits = np.max([t.bits for t in terms], axis=0)
    into = _into_chain(terms)[first:]
    # carry[k + 1] = max(carry[k] + PER_BIT_NS, into[k] + INTO_CARRY_NS): without the slope k * PER_BIT_NS
    # this recurrence is a running maximum
    position = np.arange(len(into)) * PER_BIT_NS
    carry = np.full(len(into), NEVER)
    carry[1:] = (np.maximum.accumulate(into + INTO_CARRY_NS - position) + position)[:-1]
    bits[first:] = np.maximum(into + PAST_CARRY_NS, carry + OUT_OF_CARRY_NS)
    return _plain(bits[drop:])


def _into_chain(terms: Sequence[Arrival]) -> Times:
    """When the propagate signals of a carry chain over ``terms`` settle."""
    if len(terms) > 2:  # one more level of tables makes two operands of three
        pair = _table(terms).bits
        pair[1:] = np.maximum(pair[1:], pair[:-1])
        return pair + ADDER_LUT_NS
    before, inputs = _merged(terms)
    return before + (LUT_NS if inputs > len(terms) else ADDER_LUT_NS)


def _top(time: Arrival, width: int) -> Arrival:
    """The highest bit, needed by ``width`` bits of a result."""
    return Arrival(np.full(width, time.bits[-1]), np.full(width, time.before[-1]), time.inputs)


def _aligned(source: Op, time: Arrival, low: int, high: int, shift: int = 0) -> Arrival:
    """The bits worth ``2**low`` ... ``2**(high - 1)`` of a source moved up by ``shift``."""
    count = len(time.bits)
    index = np.arange(low, high) - _span(source)[0] - shift
    if source.qint.min < 0:
        index = np.minimum(index, count - 1)  # sign extension
    inside = (index >= 0) & (index < count)
    bits, before = np.full((2, high - low), NEVER)
    bits[inside], before[inside] = time.bits[index[inside]], time.before[index[inside]]
    return Arrival(bits, before, time.inputs)


def _span(op: Op) -> tuple[int, int]:
    """Lowest and one past the highest power of two of an operation's bits."""
    signed, integer, fraction = op.qint.kif
    return -int(fraction), int(integer) + int(signed)


def _width(op: Op) -> int:
    low, high = _span(op)
    return max(high - low, 0)


def _trailing_zeros(value: int) -> int:
    return max((value & -value).bit_length() - 1, 0)
