"""The portable back end: a program run by Numba over blocks of events, one compiled function for all graphs.

A program is encoded as integers (``emulator.kernel.encoding``), so nothing is compiled per graph and no text
of a graph ever becomes source. Rows live in one int64 pool (rows, block); sums use the carrier that the
interval proof chose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.jit import compiled

Array = NDArray[Any]


@compiled
def _round(t: int, shift: int, rounding: int) -> Any:
    floor = t >> shift
    rest = t - (floor << shift)
    half = 1 << (shift - 1)
    if rounding == 1:
        floor += (t < 0) & (rest != 0)
    elif rounding == 2:
        floor += rest >= half
    elif rounding == 3:
        floor += (rest > half) | ((rest == half) & (t < 0))
    elif rounding == 4:
        floor += (rest > half) | ((rest == half) & (t >= 0))
    elif rounding == 5:
        floor += rest > half
    elif rounding == 6:
        floor += (rest > half) | ((rest == half) & ((floor & 1) == 1))
    return floor


@compiled
def _cast_row(row: Array, words: Array) -> None:
    """Round, overflow and shift one row in place; ``words`` as made by ``_cast_words``."""
    shift, rounding, mode, low, high, width, post = words
    if shift > 0:
        # one loop per mode, so that the choice of mode stays out of the loop
        if rounding == 0:
            for e in range(len(row)):
                row[e] >>= shift
        elif rounding == 6:
            half = (1 << (shift - 1)) - 1
            for e in range(len(row)):
                row[e] = (row[e] + half + ((row[e] >> shift) & 1)) >> shift
        else:
            for e in range(len(row)):
                row[e] = _round(row[e], shift, rounding)
    elif shift < 0:
        for e in range(len(row)):
            row[e] <<= -shift
    if mode == 1:
        mask = (1 << width) - 1
        for e in range(len(row)):
            row[e] = ((row[e] - low) & mask) + low
    elif mode == 2:
        for e in range(len(row)):
            row[e] = min(max(row[e], low), high)
    elif mode == 3:
        for e in range(len(row)):
            row[e] = 0 if (row[e] < low) | (row[e] > high) else row[e]
    if post > 0:
        for e in range(len(row)):
            row[e] <<= post


@compiled
def _map(pool: Array, step: Array, words: Array) -> None:
    out, source, rows, at, relu = step[1], step[2], step[3], step[4], step[5]
    for r in range(rows):
        w = words[at + 11 * r : at + 11 * r + 11]
        x, y = pool[source + w[1]], pool[out + w[0]]
        multiplier, offset = w[2], w[3]
        if multiplier == 1 and offset == 0:
            y[:] = x
        else:
            for e in range(len(x)):
                y[e] = x[e] * multiplier + offset
        if relu:
            for e in range(len(y)):
                y[e] = max(y[e], 0)
        _cast_row(y, w[4:])


@compiled
def _dot(pool: Array, step: Array, words: Array, carried: Array, total: Array) -> None:
    """Sums in the dtype of ``carried`` (rows, block) and ``total`` (block): any order is exact."""
    out, source, rows, ends, terms, weights, start = (
        step[1],
        step[2],
        step[3],
        step[4],
        step[5],
        step[6],
        step[7],
    )
    block = pool.shape[1]
    for t in range(step[9] // 3):
        row = words[step[8] + t]
        for e in range(block):
            carried[row, e] = pool[source + row, e]
    for j in range(rows):
        total[:] = words[start + j]
        t, stop = words[ends + j], words[ends + j + 1]
        while t + 4 <= stop:
            a, b = carried[words[terms + t]], carried[words[terms + t + 1]]
            c, d = carried[words[terms + t + 2]], carried[words[terms + t + 3]]
            wa, wb = total.dtype.type(words[weights + t]), total.dtype.type(words[weights + t + 1])
            wc, wd = total.dtype.type(words[weights + t + 2]), total.dtype.type(words[weights + t + 3])
            for e in range(block):
                total[e] += (a[e] * wa + b[e] * wb) + (c[e] * wc + d[e] * wd)
            t += 4
        while t < stop:
            a, wa = carried[words[terms + t]], total.dtype.type(words[weights + t])
            for e in range(block):
                total[e] += a[e] * wa
            t += 1
        for e in range(block):
            pool[out + j, e] = int(total[e])


@compiled
def _ordered(pool: Array, step: Array, words: Array, product: Array) -> None:
    """Products cast one by one and partial sums overflowing in the order of the contract."""
    out, source, rows, ends, terms, weights, start = (
        step[1],
        step[2],
        step[3],
        step[4],
        step[5],
        step[6],
        step[7],
    )
    first, second = words[step[8] : step[8] + 7], words[step[8] + 7 : step[8] + 14]
    for j in range(rows):
        total = pool[out + j]
        total[:] = words[start + j]
        for t in range(words[ends + j], words[ends + j + 1]):
            x, w = pool[source + words[terms + t]], words[weights + t]
            for e in range(len(x)):
                product[e] = x[e] * w
            _cast_row(product, first)
            for e in range(len(x)):
                total[e] += product[e]
            _cast_row(total, second)


@compiled
def _lookup(pool: Array, step: Array, words: Array) -> None:
    out, source, rows, table, more = step[1], step[2], step[3], step[4], step[5]
    multiplier, shift, rounding = words[more], words[more + 1], words[more + 2]
    offset, entries = words[more + 3], words[more + 4]
    for r in range(rows):
        for e in range(pool.shape[1]):
            k = pool[source + r, e] * multiplier
            k = _round(k, shift, rounding) if shift > 0 else k << -shift
            pool[out + r, e] = words[table + min(max(k + offset, 0), entries - 1)]


@compiled
def _binary(pool: Array, step: Array, words: Array) -> None:
    out, rows, shift_a, shift_b, operator = step[1], step[3], step[7], step[8], step[9]
    for r in range(rows):
        a, b, y = pool[step[2] + words[step[4] + r]], pool[step[6] + words[step[5] + r]], pool[out + r]
        if operator == 0:
            for e in range(len(y)):
                y[e] = (a[e] << shift_a) + (b[e] << shift_b)
        elif operator == 1:
            for e in range(len(y)):
                y[e] = (a[e] << shift_a) - (b[e] << shift_b)
        elif operator == 2:
            for e in range(len(y)):
                y[e] = a[e] * b[e]
        elif operator == 3:
            for e in range(len(y)):
                y[e] = max(a[e] << shift_a, b[e] << shift_b)
        elif operator == 4:
            for e in range(len(y)):
                y[e] = min(a[e] << shift_a, b[e] << shift_b)
        else:
            for e in range(len(y)):
                y[e] = (a[e] << shift_a) >= (b[e] << shift_b)


@compiled
def _argmax(pool: Array, step: Array) -> None:
    out, source, rows = step[1], step[2], step[3]
    for e in range(pool.shape[1]):
        best = 0
        for r in range(1, rows):
            if pool[source + r, e] > pool[source + best, e]:
                best = r
        pool[out, e] = best


@compiled
def _trees(pool: Array, step: Array, words: Array) -> None:
    out, source, rows, roots, scores, start = step[1], step[2], step[3], step[4], step[5], step[6]
    for c in range(rows):
        pool[out + c] = words[start + c]
    for t in range(step[7]):
        root, total = words[roots + t], pool[out + words[scores + t]]
        for e in range(len(total)):
            at = root
            while words[at] >= 0:
                left = pool[source + words[at], e] < words[at + 1]
                at = root + 5 * (words[at + 2] if left else words[at + 3])
            total[e] += words[at + 4]


@compiled
def run_block(pool: Array, code: Array, words: Array, widest: int) -> None:
    """Run every step on one block: ``pool`` (rows, block) int64 holds the inputs and receives the results."""
    block = pool.shape[1]
    single, double = np.empty((widest, block), np.float32), np.empty((widest, block), np.float64)
    integer = np.empty((widest, block), np.int64)
    for s in range(len(code)):
        step = code[s]
        if step[0] == 0:
            _map(pool, step, words)
        elif step[0] == 1:
            kind = step[9] % 3
            if kind == 0:
                _dot(pool, step, words, single, np.empty(block, np.float32))
            elif kind == 1:
                _dot(pool, step, words, double, np.empty(block, np.float64))
            else:
                _dot(pool, step, words, integer, np.empty(block, np.int64))
        elif step[0] == 2:
            _ordered(pool, step, words, integer[0])
        elif step[0] == 3:
            _lookup(pool, step, words)
        elif step[0] == 4:
            _binary(pool, step, words)
        elif step[0] == 5:
            _argmax(pool, step)
        else:
            _trees(pool, step, words)
