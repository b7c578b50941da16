"""Values of parquet pages, decoded from levels and dictionary indices straight into hardware slots.

All streams are the RLE / bit-packed hybrid of the parquet format: a run is a varint header and either one
value repeated ``header >> 1`` times (header even) or ``header >> 1`` groups of eight packed values. Nothing
is read outside a page and nothing written outside a field, whatever the bytes are; what does not fit
together is answered with -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from emulator.events.page_index import (
    BYTES,
    COUNT,
    DATA_PAGE,
    ENCODING,
    KIND,
    PLAIN,
    PRESENT,
    VALUES,
    varint,
)
from emulator.jit import compiled

PADDING = 8
"""Bytes that may be read behind the pages, and entries that may be written behind the last one."""
MOST_BITS = 16
REPEATED, DEFINED = 0, 1
"""Rows of the entries of a list column: it belongs to the list of the entry before; there is a value."""
_COPIES, _ONE_EACH, _FILL, _LOWEST = (
    np.uint64(0x0101010101010101),
    np.uint64(0x8040201008040201),
    np.uint64(0x7F7F7F7F7F7F7F7F),
    np.uint64(0x0101010101010101),
)


@intrinsic  # type: ignore[untyped-decorator]
def word(_context: Any, array: Any, at: Any) -> Any:
    """The unsigned 32-bit word at any byte of a byte array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.int32_t.as_pointer())
        value = builder.load(pointer)
        value.align = 1
        return builder.zext(value, arguments[1].type)

    return types.int64(array, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def put_eight(_context: Any, array: Any, at: Any, value: Any) -> Any:
    """Write eight bytes from any byte of a byte array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), arguments[2].type.as_pointer())
        builder.store(arguments[2], pointer).align = 1
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), generate


@compiled
def _levels(body: Any, at: int, stop: int, first: int, last: int, flags: Any) -> int:
    """Levels 0 and 1 into ``flags[first:last]``, up to eight entries beyond; the position behind them."""
    if at + 4 > stop:
        return -1
    end = at + 4 + word(body, at)
    at += 4
    if end > stop:
        return -1
    while first < last:
        header, at = varint(body, at, end)
        if at < 0 or header < 2:
            return -1
        count = header >> 1
        if header & 1:
            groups = min(count, (last - first + 7) >> 3)
            if at + groups > end:
                return -1
            for i in range(groups):
                spread = (np.uint64(body[at + i]) * _COPIES & _ONE_EACH) + _FILL
                put_eight(flags, first + 8 * i, spread >> np.uint64(7) & _LOWEST)
            at += count
            first += 8 * groups
        else:
            length = min(count, last - first)
            if at >= end or body[at] > 1:
                return -1
            flags[first : first + length] = body[at]
            at += 1
            first += length
    return int(end)


@compiled
def list_entries(body: Any, pages: Any, entries: Any) -> bool:
    """Levels of all data pages into ``entries`` (2, n + 8); where values start and how many there are."""
    start = first = 0
    for page in pages:
        stop = start + page[BYTES]
        if page[KIND] == DATA_PAGE:
            last = first + page[COUNT]
            if last + PADDING > entries.shape[1]:
                return False
            at = _levels(body, start, stop, first, last, entries[REPEATED])
            at = -1 if at < 0 else _levels(body, at, stop, first, last, entries[DEFINED])
            if at < 0:
                return False
            present = 0
            for flag in entries[DEFINED, first:last]:
                present += flag
            page[VALUES], page[PRESENT] = at, present
            first = last
        start = stop
    return first + PADDING == int(entries.shape[1])


@compiled
def same_lists(body: Any, pages: Any, other: Any, others: Any) -> bool:
    """Are the levels those of another chunk, byte by byte? If so its page table is copied."""
    start = before = 0
    if pages.shape[0] != others.shape[0]:
        return False
    for number in range(pages.shape[0]):
        page, known = pages[number], others[number]
        if page[KIND] != known[KIND] or (page[KIND] == DATA_PAGE and page[COUNT] != known[COUNT]):
            return False
        if page[KIND] == DATA_PAGE:
            length = known[VALUES] - before
            if length > page[BYTES]:
                return False
            different = 0
            for i in range(length):
                different |= body[start + i] ^ other[before + i]
            if different:
                return False
            page[VALUES], page[PRESENT] = start + length, known[PRESENT]
        start += page[BYTES]
        before += known[BYTES]
    return True


@compiled
def scalar_entries(pages: Any) -> int:
    """The same for a column without levels; number of values."""
    start = total = 0
    for page in pages:
        if page[KIND] == DATA_PAGE:
            page[VALUES], page[PRESENT] = start, page[COUNT]
            total += page[COUNT]
        start += page[BYTES]
    return total


@compiled
def find_places(entries: Any, rows: int, slots: int, stride: int, places: Any) -> int:
    """``slot * stride + event`` of every value; how many, -1 if the lists do not fit (slots, rows)."""
    repeated, defined = entries
    event, slot, most, count = -1, 0, 0, 0
    for i in range(places.size):
        follows = int(repeated[i])
        event += 1 - follows
        slot = (slot + 1) & -follows
        most = max(most, slot)
        places[count] = slot * stride + event
        count += defined[i]
    fits = event + 1 == rows and most < slots and (rows == 0 or repeated[0] == 0)
    return count if fits else -1


@compiled
def _indices(body: Any, at: int, stop: int, dictionary: Any, size: int, places: Any, out: Any) -> bool:
    """``out[places] = dictionary[indices]``; ``dictionary`` is as long as a power of two, ``size`` counts."""
    if at >= stop:
        return bool(places.size == 0)
    bits = int(body[at])
    at += 1
    if bits > MOST_BITS or 1 << bits > dictionary.size:
        return False
    mask, largest, done = (1 << bits) - 1, np.uint64(0), 0
    while done < places.size:
        header, at = varint(body, at, stop)
        if at < 0 or header < 2:
            return False
        count = header >> 1
        if header & 1:
            groups = min(count, (places.size - done + 7) >> 3)
            length = min(8 * groups, places.size - done)
            if at + groups * bits > stop:
                return False
            part = places[done : done + length]
            for i in range(length):
                bit = i * bits
                index = np.uint64((word(body, at + (bit >> 3)) >> (bit & 7)) & mask)
                largest = max(largest, index)
                out[part[i]] = dictionary[index]
            at += count * bits
        else:
            length = min(count, places.size - done)
            if at + ((bits + 7) >> 3) > stop:
                return False
            index = np.uint64(word(body, at) & mask)
            largest = max(largest, index)
            for i in range(length):
                out[places[done + i]] = dictionary[index]
            at += (bits + 7) >> 3
        done += length
    return bool(int(largest) < size or places.size == 0)


@compiled
def _plain(body: Any, at: int, stop: int, low: int, high: int, places: Any, out: Any) -> bool:
    if at + 4 * places.size > stop:
        return False
    good = True
    for i in range(places.size):
        unsigned = word(body, at + 4 * i)
        value = unsigned - (unsigned >> 31 << 32)
        good &= low <= value <= high
        out[places[i]] = value
    return good


@compiled
def place_values(
    body: Any, pages: Any, dictionary: Any, size: int, low: int, high: int, places: Any, out: Any
) -> bool:
    """All values of a chunk, whose dictionary is known, into the positions ``places`` of ``out``."""
    start = first = 0
    for page in pages:
        stop = start + page[BYTES]
        if page[KIND] == DATA_PAGE:
            last = first + page[PRESENT]
            if last > places.size:
                return False
            part = places[first:last]
            if page[ENCODING] == PLAIN:
                if not _plain(body, page[VALUES], stop, low, high, part, out):
                    return False
            elif not _indices(body, page[VALUES], stop, dictionary, size, part, out):
                return False
            first = last
        start = stop
    return first == int(places.size)


@compiled
def read_dictionary(body: Any, count: int, low: int, high: int, dictionary: Any) -> bool:
    """Plain 32-bit values at the start of ``body``; are all within the limits?"""
    good = True
    for i in range(count):
        unsigned = word(body, 4 * i)
        value = unsigned - (unsigned >> 31 << 32)
        good &= low <= value <= high
        dictionary[i] = value
    return good
