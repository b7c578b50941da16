"""Where the pages of a parquet column chunk lie: their headers, which are Thrift structs in compact form."""

from __future__ import annotations

from typing import Any

from emulator.jit import compiled

KIND, BYTES, STORED, COUNT, ENCODING, DEFINITIONS, REPETITIONS, START, VALUES, PRESENT = range(10)
"""Columns of the page table: type of page; size of its body, unpacked and in the file; entries; encodings
of values and levels; where the body starts. Filled later: VALUES and PRESENT, where values start and how
many there are."""
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
"""Encodings."""
PAGE_WIDTH = 10
DATA_PAGE, DICTIONARY_PAGE = 0, 2
_DATA_HEADER, _DICTIONARY_HEADER = 5, 7
_DEEPEST = 8
_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, 12


@compiled
def varint(raw: Any, at: int, stop: int) -> tuple[int, int]:
    """(value, position behind it); position -1 if it does not end before ``stop`` or is too long."""
    value = shift = 0
    while at < stop and shift < 63:
        byte = int(raw[at])
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return 0, -1


@compiled
def _header(raw: Any, at: int, stop: int, path: Any, page: Any) -> int:
    """Read one page header into ``page``; the position behind it, -1 if it is not one.

    ``path`` holds the field number at every depth of the struct.
    """
    depth = 0
    path[0] = 0
    while 0 <= at < stop:
        byte = int(raw[at])
        at += 1
        if byte == 0:
            if depth == 0:
                return at
            depth -= 1
            continue
        kind = byte & 15
        if byte >> 4:
            path[depth] += byte >> 4
        else:
            value, at = varint(raw, at, stop)
            path[depth] = value >> 1
        if kind in _INTEGERS:
            value, at = varint(raw, at, stop)
            field, value = path[depth], (value >> 1) ^ -(value & 1)
            if depth == 0 and 1 <= field <= 3:
                page[KIND + field - 1] = value
            elif depth == 1 and path[0] in (_DATA_HEADER, _DICTIONARY_HEADER) and 1 <= field <= 4:
                page[COUNT + field - 1] = value
        elif kind == _BINARY:
            value, at = varint(raw, at, stop)
            at = -1 if at < 0 else at + value
        elif kind == _STRUCT and depth + 1 < _DEEPEST:
            depth += 1
            path[depth] = 0
        elif kind in (_BYTE, _DOUBLE):
            at += 1 if kind == _BYTE else 8
        elif kind not in _BOOLEANS:
            return -1
    return -1


@compiled
def find_pages(raw: Any, start: int, stop: int, most: int, path: Any, pages: Any) -> int:
    """Fill ``pages``, zero, from the chunk ``raw[start:stop]``; how many, -1 if it is damaged.

    ``most``: bytes and entries that a page can have.
    """
    at = start
    for number in range(pages.shape[0]):
        if at == stop:
            return number
        page = pages[number]
        at = _header(raw, at, stop, path, page)
        if at < 0 or not (0 <= page[BYTES] <= most and 0 <= page[COUNT] <= most):
            return -1
        if not 0 <= page[STORED] <= stop - at:
            return -1
        page[START] = at
        at += page[STORED]
    return -1


@compiled
def understood(pages: Any) -> bool:
    """At most one dictionary, first; then data pages of version 1, all in the encodings above."""
    for number in range(pages.shape[0]):
        page = pages[number]
        encoding = page[ENCODING]
        if page[KIND] == DATA_PAGE:
            known = encoding in (PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY)
            if not known or page[DEFINITIONS] != RLE or page[REPETITIONS] != RLE:
                return False
        elif page[KIND] != DICTIONARY_PAGE or number > 0 or encoding not in (PLAIN, PLAIN_DICTIONARY):
            return False
    return True
