"""Operations on LANES neighbouring crossings at once, written as vectors.

LLVM's own vectoriser gives up where many rows are read by address, since it cannot prove that what is stored
overlaps none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from numba.core.base import BaseContext
    from numba.core.typing import Context, Signature

LANES = 64
AHEAD = 512
"""Crossings by which rows are asked for before they are read."""
LINE = 32
"""Words of a cache line."""
_WORD, _MASK = ir.IntType(16), ir.IntType(LANES)
_VECTOR = ir.VectorType(_WORD, LANES)
_LOWEST = -32768


def _splat(builder: ir.IRBuilder, value: ir.Value) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _row(builder: ir.IRBuilder, address: ir.Value, index: ir.Value) -> Any:
    """Elements ``index .. index + LANES - 1`` of the int16 row at an address."""
    pointer = builder.gep(builder.inttoptr(address, _WORD.as_pointer()), [index])
    return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=2)


def _ask(builder: ir.IRBuilder, address: ir.Value, index: ir.Value) -> None:
    """Fetch the cache lines of ``_row`` at AHEAD elements further."""
    byte, number = ir.IntType(8), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), number, number, number])
    function = builder.module.declare_intrinsic("llvm.prefetch", [byte.as_pointer()], kind)
    pointer = builder.gep(builder.inttoptr(address, _WORD.as_pointer()), [index])
    for element in range(AHEAD, AHEAD + LANES, LINE):
        line = builder.bitcast(builder.gep(pointer, [index.type(element)]), byte.as_pointer())
        builder.call(function, [line, number(0), number(3), number(1)])  # to read, keep, data


def _data(context: BaseContext, builder: ir.IRBuilder, kind: types.Array, array: ir.Value) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _larger(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> Any:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _smaller(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> Any:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


@intrinsic  # type: ignore[untyped-decorator]
def two_largest(
    _context: Context, addresses: types.Array, at: types.Type, first: types.Array, second: types.Array
) -> Any:
    """Largest and second largest of the int16 rows at ``addresses``, for LANES crossings from ``at`` on.

    ``first``, ``second``: int16 (LANES,), filled; of a single row ``second`` is the lowest number.
    """

    def generate(
        context: BaseContext, builder: ir.IRBuilder, signature: Signature, arguments: list[ir.Value]
    ) -> Any:
        rows, index = _data(context, builder, signature.args[0], arguments[0]), arguments[1]
        count = context.make_array(signature.args[0])(context, builder, arguments[0]).nitems
        head = builder.load(rows)
        most = cgutils.alloca_once_value(builder, _row(builder, head, index))
        _ask(builder, head, index)
        next_most = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [_LOWEST] * LANES))
        one = ir.Constant(count.type, 1)
        with cgutils.for_range_slice(builder, one, count, one) as (row, _):
            address = builder.load(builder.gep(rows, [row]))
            values = _row(builder, address, index)
            _ask(builder, address, index)
            old, older = builder.load(most), builder.load(next_most)
            builder.store(_larger(builder, older, _smaller(builder, old, values)), next_most)
            builder.store(_larger(builder, old, values), most)
        for result, kind, array in zip((most, next_most), signature.args[2:], arguments[2:], strict=True):
            target = builder.bitcast(_data(context, builder, kind, array), _VECTOR.as_pointer())
            builder.store(builder.load(result), target, align=2)
        return context.get_dummy_value()

    return types.void(addresses, types.int64, first, second), generate


@intrinsic  # type: ignore[untyped-decorator]
def at_least(_context: Context, values: types.Array, least: types.Type) -> Any:
    """Bit i is set where ``values[i] >= least``; int16 (LANES,)."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, signature: Signature, arguments: list[ir.Value]
    ) -> Any:
        pointer = builder.bitcast(
            _data(context, builder, signature.args[0], arguments[0]), _VECTOR.as_pointer()
        )
        limit = _splat(builder, builder.trunc(arguments[1], _WORD))
        holds = builder.icmp_signed(">=", builder.load(pointer, align=2), limit)
        return builder.bitcast(holds, _MASK)

    return types.uint64(values, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def flag_lanes(_context: Context, address: types.Type, at: types.Type, target: types.Array) -> Any:
    """Bytes ``at .. at + LANES - 1`` of the row at an address as int16 (LANES,)."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, signature: Signature, arguments: list[ir.Value]
    ) -> Any:
        vector = ir.VectorType(ir.IntType(8), LANES)
        pointer = builder.gep(builder.inttoptr(arguments[0], ir.IntType(8).as_pointer()), [arguments[1]])
        values = builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)
        row = builder.bitcast(_data(context, builder, signature.args[2], arguments[2]), _VECTOR.as_pointer())
        builder.store(builder.zext(values, _VECTOR), row, align=2)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, target), generate


@intrinsic  # type: ignore[untyped-decorator]
def slots_within(
    _context: Context, rows: types.Array, at: types.Type, low: types.Type, span: types.Type, mask: types.Array
) -> Any:
    """Set bit s of ``mask[at + i]`` where ``low <= rows[s, at + i] <= low + span``, for LANES crossings.

    ``rows``: int16 (slots, n), the last axis contiguous; ``mask``: uint16 (n,).
    """

    def generate(
        context: BaseContext, builder: ir.IRBuilder, signature: Signature, arguments: list[ir.Value]
    ) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        slots, stride = (
            cgutils.unpack_tuple(builder, array.shape)[0],
            cgutils.unpack_tuple(builder, array.strides)[0],
        )
        start = builder.ptrtoint(builder.gep(array.data, [arguments[1]]), stride.type)
        least, width = _splat(builder, arguments[2]), _splat(builder, arguments[3])
        target = builder.gep(_data(context, builder, signature.args[4], arguments[4]), [arguments[1]])
        target = builder.bitcast(target, _VECTOR.as_pointer())
        found = cgutils.alloca_once_value(builder, builder.load(target, align=2))
        with cgutils.for_range(builder, slots) as loop:
            address = builder.add(start, builder.mul(loop.index, stride))
            values = builder.load(builder.inttoptr(address, _VECTOR.as_pointer()), align=2)
            inside = builder.icmp_unsigned("<=", builder.sub(values, least), width)
            bit = _splat(builder, builder.shl(_WORD(1), builder.trunc(loop.index, _WORD)))
            old = builder.load(found)
            builder.store(builder.select(inside, builder.or_(old, bit), old), found)
        builder.store(builder.load(found), target, align=2)
        return context.get_dummy_value()

    return types.void(rows, types.int64, types.int16, types.uint16, mask), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest_bit(_context: Context, mask: types.Type) -> Any:
    """Number of the lowest bit that is set; some is."""

    def generate(
        _lowering: BaseContext, builder: ir.IRBuilder, _signature: Signature, arguments: list[ir.Value]
    ) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), generate
