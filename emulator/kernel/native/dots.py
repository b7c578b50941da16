"""Sums of products: byte additions, dot products of bytes or words, multiplications, chosen by the proof.

Dot-product instructions add modulo 2^32, so that only the complete sums need to fit 32 bits; additions of
bytes (weights of -1, 0, +1) likewise modulo 2^8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.kernel.native import grouped
from l1forge.emulator.kernel.native.grouped import Path
from l1forge.emulator.kernel.native.rows import map_row, signed_width, width_for
from l1forge.emulator.kernel.native.vectors import Row, Target, splat
from l1forge.emulator.kernel.program import Dot, OrderedDot

if TYPE_CHECKING:
    from l1forge.emulator.kernel.native.codegen import Generator


SIGN_TILE = 16
"""Sums of bytes made together: their accumulators and one input stay in the 32 vector registers."""
MOST_SIGNS = 8_192
"""Weights of a layer that is written out as straight code."""


def _of_signs(step: Dot) -> bool:
    """Whether all weights are +1 or -1, inputs are bytes and the complete sums fit a byte."""
    if not 4 <= len(step.row) <= MOST_SIGNS or any(abs(int(w)) != 1 for w in step.weight):
        return False
    try:
        widths = {
            width_for(int(min(v.low)), int(max(v.high)))[0] for v in (step.source.interval, step.out.interval)
        }
    except ValueError:
        return False
    return widths == {8}


def choose(step: Dot, target: Target) -> Path:
    """The cheapest exact way."""
    if _of_signs(step):
        return Path("int8 sums of signs", 1, 8)
    low, high = (
        (int(min(step.source.interval.low)), int(max(step.source.interval.high))) if len(step.row) else (0, 0)
    )
    wide = max(
        signed_width(int(min(step.partial.low)), int(max(step.partial.high)), 32), signed_width(low, high, 32)
    )
    if len(step.row):
        wide = max(wide, signed_width(int(min(step.weight)), int(max(step.weight)), 32))
    plain = Path(f"int{wide} multiply", 1, wide)
    if not target.dot_products or wide > 32 or len(step.row) < 4:
        return plain
    # weights with a common power of two may fit bytes or words once they are divided by it
    together = 0
    for w in step.weight:
        together |= int(w)
    scale = (together & -together).bit_length() - 1
    least, most = int(min(step.weight)) >> scale, int(max(step.weight)) >> scale
    if least >= -128 and most <= 127 and ((low >= 0 and high <= 255) or (low >= -128 and high <= 127)):
        offset = 0 if low >= 0 else 128
        return Path("uint8 x int8 dot product", 4, 32, offset, scale)
    if least >= -32768 and most <= 32767 and low >= -32768 and high <= 32767:
        return Path("int16 dot product", 2, 32, 0, scale)
    return plain


def dot(generator: Generator, step: Dot) -> None:
    """Emit all sums of ``step``."""
    path = choose(step, generator.target)
    if path.width == 8:
        _signs(generator, step)
    elif path.group == 1:
        _multiply(generator, step, path.width)
    else:
        grouped.sums(generator, step, path)


def _signs(generator: Generator, step: Dot) -> None:
    """64 events in a vector of bytes: an input is loaded once for a tile of sums and added or subtracted."""
    writer = generator.writer
    by_sum = [dict(terms) for terms in _terms(step)]
    for first in range(0, step.out.rows, SIGN_TILE):
        tile = range(first, min(first + SIGN_TILE, step.out.rows))
        totals = {j: splat(8, (int(step.start[j]) + 128) % 256 - 128) for j in tile}
        for i in sorted({row for j in tile for row in by_sum[j]}):
            (vectors, _) = generator.load_row(step.source, i)
            for j in tile:
                if w := by_sum[j].get(i):
                    totals[j] = writer.binary("add" if w > 0 else "sub", 8, totals[j], vectors[0])
        for j in tile:
            total = totals[j] if by_sum[j] else writer.binary("add", 8, totals[j], "zeroinitializer")
            generator.produced(step.out, j, [total], 8)


def _terms(step: Dot) -> list[list[tuple[int, int]]]:
    """(source row, weight) of every result row."""
    terms: list[list[tuple[int, int]]] = [[] for _ in range(step.out.rows)]
    for j, i, w in zip(step.target, step.row, step.weight, strict=True):
        terms[int(j)].append((int(i), int(w)))
    return terms


def _multiply(generator: Generator, step: Dot, width: int) -> None:
    writer = generator.writer
    for j, terms in enumerate(_terms(step)):
        total: Row = [splat(width, int(step.start[j]))] * (width // 8)
        for i, w in terms:
            vectors, stored = generator.load_row(step.source, i, width)
            vectors = writer.narrow(vectors, stored, width)
            if abs(w) != 1:
                vectors = [writer.binary("mul", width, v, splat(width, w)) for v in vectors]
            operation = "sub" if w == -1 else "add"
            total = [writer.binary(operation, width, t, v) for t, v in zip(total, vectors, strict=True)]
        if not terms:
            total = [writer.binary("add", width, t, "zeroinitializer") for t in total]
        generator.produced(step.out, j, total, width)


def ordered(generator: Generator, step: OrderedDot) -> None:
    """Products cast one by one, partial sums overflowing in the order of the contract."""
    writer = generator.writer
    assert step.product is not None
    assert step.accumulate is not None
    accumulator = (int(step.partial.low[0]), int(step.partial.high[0]))
    for j, terms in enumerate(_terms(step)):
        width = signed_width(2 * accumulator[0], 2 * accumulator[1], 32)
        total: Row = [splat(width, int(step.start[j]))] * (width // 8)
        for i, w in terms:
            bounds = generator.bounds(step.source, i)
            vectors, stored = generator.load_row(step.source, i)
            product, work, reach = map_row(
                writer, vectors, stored, bounds, w, 0, False, step.product, signed=bounds[0] < 0
            )
            if work < width:
                product = writer.widen(product, work, width, reach[0] < 0)
            elif work > width:
                product = writer.narrow(product, work, width)
            sums = [writer.binary("add", width, t, p) for t, p in zip(total, product, strict=True)]
            span = (accumulator[0] + min(reach[0], 0), accumulator[1] + max(reach[1], 0))
            total, done, limits = map_row(writer, sums, width, span, 1, 0, False, step.accumulate)
            total = (
                writer.widen(total, done, width, limits[0] < 0)
                if done < width
                else writer.narrow(total, done, width)
            )
        if not terms:
            total = [writer.binary("add", width, t, "zeroinitializer") for t in total]
        generator.produced(step.out, j, total, width)
