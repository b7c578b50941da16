"""Operations slower than the clock, divided: multipliers into partial products, tables into smaller ones.

The pipeline keeps operations whole, so that the slowest one would set the clock. A multiplier becomes a few
of one whole by a part of the other operand, and an adder tree; a table becomes several that the low address
bits read, and multiplexers that the high ones steer. Both compute the same integers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log2
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.rtl.delay import (
    LAUNCH_NS,
    LUT_INPUTS,
    MULTIPLY,
    TABLE,
    arrival,
    launched,
    multiplier_ns,
    table_ns,
)
from l1forge.firmware.rtl.lowering import HARDWARE
from l1forge.firmware.rtl.wrapping import select

if TYPE_CHECKING:
    from alkaid.trace import FVariable
    from alkaid.types import CombLogic, Op, QInterval

LEAST_FACTOR_BITS = 2  # one row of adders; a factor of one bit is no faster


def divided(program: CombLogic, limit_ns: float) -> Any:
    """``program`` with no multiplication or table slower than ``limit_ns`` where dividing helps.

    The same object if there is none.
    """
    slow = {
        index
        for index, op in enumerate(program.ops)
        if op.opcode in (MULTIPLY, TABLE) and alone(program, index) > limit_ns
    }
    return _replayed(program, slow, limit_ns) if slow else program


def alone(program: CombLogic, index: int) -> float:
    """When the result of one operation settles if all its sources are registers, ns."""
    op = program.ops[index]
    sources = [program.ops[i] for i in op.input_ids]
    return arrival(op, sources, [launched(source) for source in sources]).latest


def _replayed(program: CombLogic, slow: set[int], limit_ns: float) -> Any:
    """The program traced again, its slow operations replaced."""
    from alkaid.trace import FVariable, HWConfig, trace
    from alkaid.trace.passes import optimize

    kinds = zip(*program.inp_kifs, strict=True)
    inputs = [FVariable.from_kif(*(int(n) for n in kif), hwconf=HWConfig(*HARDWARE)) for kif in kinds]
    given = [v * 2.0**shift for v, shift in zip(inputs, program.inp_shifts, strict=True)]
    values: list[Any] = []
    for index, op in enumerate(program.ops):
        if index not in slow:
            values.append(program.exec_op(op, values, given))
        elif op.opcode == MULTIPLY:
            values.append(_partial_products(values[op.addr[0]], values[op.addr[1]], op, limit_ns))
        else:
            key = values[op.addr[0]]
            if key.low < key.high:
                table = program.lookup_tables[op.data[0]].float_table
                values.append(_Levels(key, table, program.ops[op.addr[0]].qint, limit_ns).result())
            else:  # became a constant
                values.append(program.exec_op(op, values, given))
        values[-1] = _as_proven(values[-1], op)
    zero = FVariable.from_const(0.0, hwconf=HWConfig(*HARDWARE))
    ends = zip(program.out_idxs, program.out_shifts, program.out_negs, strict=True)
    outputs = [(values[i] if i >= 0 else zero) * (-(2.0**s) if minus else 2.0**s) for i, s, minus in ends]
    # not traced once more: that would compute the intervals from the parts again
    return optimize(trace(inputs, outputs, optimize=False), retrace=False, surrogate=False)


def _as_proven(value: FVariable, op: Op) -> FVariable:
    """``value`` with the interval of ``op``: divided operations compute the same values from wider parts.

    Operations that look at the highest bit, or at all bits, of a value count on its width: a value that
    became a bit wider would steer a multiplexer by a bit that is never set.
    """
    from alkaid.trace import FVariable
    from alkaid.trace.affine_interval import AffineInterval
    from alkaid.types import QInterval

    low, high = float(op.qint.min), float(op.qint.max)
    if not isinstance(value, FVariable) or value.low == value.high or (value.low, value.high) == (low, high):
        return value
    return value._with(_affine=AffineInterval.new(QInterval(low, high, value.step)))


def _fits(delay: Callable[[int], float], bits: range, limit_ns: float) -> int:
    """The most of ``bits`` whose operation settles in time, or the fewest there are."""
    return max((n for n in bits if LAUNCH_NS + delay(n) <= limit_ns), default=bits[0])


def _partial_products(a: FVariable, b: FVariable, op: Op, limit_ns: float) -> Any:
    """``a * b`` as a sum of products with parts of the narrower operand."""
    wide, narrow = (a, b) if _bits(a) >= _bits(b) else (b, a)
    width = _bits(narrow)
    most = _fits(multiplier_ns, range(LEAST_FACTOR_BITS, max(width, 3)), limit_ns)
    size = ceil(width / ceil(width / most))
    signed, integer, fraction = (int(n) for n in narrow.kif)
    end = integer + signed
    terms = []
    for low in range(-fraction, end, size):
        if low + size >= end and signed:
            # a sign bit alone would be no number to alkaid: at least one bit of magnitude
            part = narrow.quantize(1, max(integer, low + 1), -low, "WRAP", "TRN")
        else:
            part = narrow.quantize(0, min(low + size, end), -low, "WRAP", "TRN")
        terms.append(wide * part)
    while len(terms) > 1:
        terms = [sum(terms[i + 1 : i + 2], terms[i]) for i in range(0, len(terms), 2)]
    # the sum's interval is wider than the product's, its value is not
    return terms[0].quantize(*(int(n) for n in op.qint.kif), "WRAP", "TRN")


class _Levels:
    """One table as several, chosen between by the highest address bits."""

    def __init__(
        self, key: FVariable, table: NDArray[np.float64], interval: QInterval, limit_ns: float
    ) -> None:
        self.key, self.table = key, table
        self.step = float(interval.step)
        self.first = round(interval.min / self.step)
        signed, integer, _ = (int(n) for n in key.kif)
        self.fraction = -round(log2(self.step))
        self.width, self.signed = signed + integer + self.fraction, signed
        most = _fits(table_ns, range(LUT_INPUTS, max(self.width, LUT_INPUTS + 1)), limit_ns)
        self.low_bits = min(most, self.width)

    def result(self) -> Any:
        return self._level(self.width, 0)

    def _level(self, bits: int, offset: int) -> Any:
        """The table for addresses whose bits from ``bits`` upwards are worth ``offset`` steps."""
        if bits == self.low_bits:
            return self._leaf(offset)
        bit = bits - 1
        top = bits == self.width and self.signed
        other = offset + (-(1 << bit) if top else 1 << bit)
        zero, one = self._reached(offset, bit), self._reached(other, bit)
        if not (zero and one):
            return self._level(bit, other if one else offset)
        weight = bit - self.fraction
        chosen = (
            self.key.is_negative()
            if top
            else self.key.quantize(0, weight + 1, -weight, "WRAP", "TRN") * 2.0**-weight
        )
        return select(chosen, self._level(bit, other), self._level(bit, offset))

    def _reached(self, offset: int, bits: int) -> bool:
        """Whether one of the ``2**bits`` addresses from ``offset`` on lies in the key's interval."""
        return bool(offset < self.first + len(self.table) and offset + (1 << bits) > self.first)

    def _leaf(self, offset: int) -> Any:
        low = self.key.quantize(0, self.low_bits - self.fraction, self.fraction, "WRAP", "TRN")
        start, end, stride = (round(v / self.step) for v in (low.low, low.high, low.step))
        entries = np.arange(start, end + 1, stride)
        # an address outside the interval never comes: any value may stand there
        return low.lookup(self.table[np.clip(entries + offset - self.first, 0, len(self.table) - 1)])


def _bits(x: FVariable) -> int:
    return sum(int(n) for n in x.kif)
