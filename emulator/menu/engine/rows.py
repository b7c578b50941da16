"""Rows of columns in memory, read by address: one kernel serves menus with any number of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from l1forge.emulator.jit import kernel
from l1forge.emulator.menu.engine.arrays import Row
from l1forge.emulator.menu.engine.plan import Integers

if TYPE_CHECKING:
    from numba.core.base import BaseContext
    from numba.core.typing import Context, Signature


@intrinsic  # type: ignore[untyped-decorator]
def load(_context: Context, address: types.Type, index: types.Type, like: types.Array) -> Any:
    """Element ``index`` of the row of ``like``'s type at an address."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, _signature: Signature, arguments: list[ir.Value]
    ) -> Any:
        element = context.get_data_type(like.dtype)
        pointer = builder.inttoptr(arguments[0], element.as_pointer())
        return builder.load(builder.gep(pointer, [arguments[1]]))

    return like.dtype(types.int64, types.int64, like), generate


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_context: Context, address: types.Type, index: types.Type, like: types.Array) -> Any:
    """Ask for the cache line of what ``load`` would return."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, _signature: Signature, arguments: list[ir.Value]
    ) -> Any:
        element, byte, number = context.get_data_type(like.dtype), ir.IntType(8), ir.IntType(32)
        pointer = builder.inttoptr(arguments[0], element.as_pointer())
        pointer = builder.bitcast(builder.gep(pointer, [arguments[1]]), byte.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte.as_pointer()], kind)
        builder.call(function, [pointer, number(0), number(3), number(1)])  # to read, keep, data
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, like), generate


@kernel
def copy(address: int, first: int, count: int, target: Row) -> None:
    """``count`` elements from ``first`` on."""
    for index in range(count):
        target[index] = load(address, first + index, target)


@kernel
def gather(addresses: Integers, n: int, start: int, width: int, halo: int, wrap: bool, out: Row) -> None:
    """Copy rows of crossings ``start - halo .. start + width + halo``; outside the data: wrap, or zeros."""
    first, last = start - halo, start + width + halo
    inner_first, inner_last = max(first, 0), min(last, n)
    for row in range(addresses.shape[0]):
        address, target = addresses[row], out[row]
        copy(address, inner_first, inner_last - inner_first, target[inner_first - first :])
        # no conditional expression: uint64 and a literal would meet as float64
        for position in range(first, inner_first):
            target[position - first] = 0
            if wrap:
                target[position - first] = load(address, (position + n) % n, target)
        for position in range(inner_last, last):
            target[position - first] = 0
            if wrap:
                target[position - first] = load(address, position % n, target)


@kernel
def pick(addresses: Integers, places: Integers, out: Row) -> None:
    """Copy rows of the crossings ``places``, lines apart: those of the next row are asked for ahead."""
    last = addresses.shape[0] - 1
    for row in range(last + 1):
        address, following, target = addresses[row], addresses[min(row + 1, last)], out[row]
        for index in range(places.shape[0]):
            prefetch(following, places[index], target)
            target[index] = load(address, places[index], target)


@kernel
def pick_needed(
    addresses: Integers, columns: Integers, places: Integers, needed: Integers, chosen: Integers, out: Row
) -> None:
    """As ``pick``, but column i only of crossings with bit i of ``needed``; zeros of the others.

    ``columns`` (first row, rows); ``chosen`` (places,) is work space.
    """
    for column in range(columns.shape[0]):
        first, last = columns[column, 0], columns[column, 0] + columns[column, 1] - 1
        count = 0
        for index in range(places.shape[0]):
            chosen[count] = index
            count += needed[index] >> column & 1
        for row in range(first, last + 1):
            address, following, target = addresses[row], addresses[min(row + 1, last)], out[row]
            target[: places.shape[0]] = 0
            for number in range(count):
                index = chosen[number]
                prefetch(following, places[index], target)
                target[index] = load(address, places[index], target)
