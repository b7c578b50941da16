"""Steps on stored rows: pairs, the largest row, look-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.kernel.intervals import Cast
from l1forge.emulator.kernel.native.rows import map_row, signed_width
from l1forge.emulator.kernel.native.vectors import Row, splat, vector
from l1forge.emulator.kernel.program import ArgMax, Binary, Lookup

if TYPE_CHECKING:
    from l1forge.emulator.kernel.native.codegen import Generator


def binary(generator: Generator, step: Binary) -> None:
    """Emit an operation of two tensors, element by element, after both are shifted to one binary point."""
    writer = generator.writer
    low, high = int(min(step.out.interval.low)), int(max(step.out.interval.high))
    ends = (int(min(step.aligned.low)), int(max(step.aligned.high)))
    work = max(signed_width(low, high), signed_width(*ends))
    for r in range(len(step.a_row)):
        operands = []
        for value, row, shift in (
            (step.a, int(step.a_row[r]), step.a_shift),
            (step.b, int(step.b_row[r]), step.b_shift),
        ):
            vectors, width = generator.load_row(value, row, work)
            vectors = generator.resize(value, row, vectors, width, work)
            if shift:
                vectors = [writer.binary("shl", work, v, splat(work, shift)) for v in vectors]
            operands.append(vectors)
        result = [_pair(generator, step.operator, work, a, b) for a, b in zip(*operands, strict=True)]
        generator.produced(step.out, r, result, work)


def _pair(generator: Generator, operator: str, width: int, a: str, b: str) -> str:
    names = {"add": "add", "subtract": "sub", "multiply": "mul"}
    if operator in names:
        return generator.writer.binary(names[operator], width, a, b)
    if operator == "greater_equal":
        larger = generator.writer.do(f"icmp sge {vector(width)} {a}, {b}")
        return generator.writer.do(f"zext <{512 // width} x i1> {larger} to {vector(width)}")
    return generator.writer.intrinsic("smax" if operator == "maximum" else "smin", width, a, b)


def argmax(generator: Generator, step: ArgMax) -> None:
    """Emit the number of the row with the largest value."""
    writer, source = generator.writer, step.source
    low, high = int(min(source.interval.low)), int(max(source.interval.high))
    work = max(signed_width(low, high), signed_width(0, source.rows))
    best: Row = []
    number: Row = ["zeroinitializer"] * (work // 8)
    for r in range(source.rows):
        vectors, width = generator.load_row(source, r, work)
        vectors = writer.narrow(vectors, width, work)
        if not r:
            best = vectors
            continue
        kind, mask = vector(work), f"<{512 // work} x i1>"
        for k, v in enumerate(vectors):
            larger = writer.do(f"icmp sgt {kind} {v}, {best[k]}")
            number[k] = writer.do(f"select {mask} {larger}, {kind} {splat(work, r)}, {kind} {number[k]}")
            best[k] = writer.intrinsic("smax", work, best[k], v)
    generator.produced(step.out, 0, number, work)


def lookup(generator: Generator, step: Lookup) -> None:
    """Index arithmetic in vectors, entries by gather."""

    writer, entries = generator.writer, [int(v) for v in step.table]
    low, high = min(entries), max(entries)
    width = signed_width(low, high, 32)
    table = generator.table(width, entries)
    cast = Cast(step.shift, step.rounding, None, 0, 0, 64, True)
    for r in range(step.out.rows):
        vectors, stored = generator.load_row(step.source, r)
        bounds = generator.bounds(step.source, r)
        index, work, reach = map_row(
            writer, vectors, stored, bounds, step.multiplier, 0, False, cast, signed=bounds[0] < 0
        )
        target = max(signed_width(reach[0] + step.offset, reach[1] + step.offset, 32), width)
        target = max(target, signed_width(step.offset, len(entries), 32))
        index = writer.widen(index, work, target) if work < target else index
        target = max(work, target)
        picked = []
        for v in index:
            if step.offset:
                v = writer.binary("add", target, v, splat(target, step.offset))
            v = writer.intrinsic("smin", target, v, splat(target, len(entries) - 1))
            v = writer.intrinsic("smax", target, v, "zeroinitializer")
            picked.append(_gather(generator, table, width, v, target))
        result = picked if width == target else writer.narrow(picked, target, width)
        generator.produced(step.out, r, result, width)


def _gather(generator: Generator, table: str, width: int, index: str, index_width: int) -> str:
    """Entries of ``width`` bits for every index, widened to ``index_width``."""
    writer, lanes = generator.writer, 512 // index_width
    pointers = writer.do(f"getelementptr i{width}, ptr {table}, {vector(index_width)} {index}")
    kind, mask = f"<{lanes} x i{width}>", f"<{lanes} x i1>"
    text = f"llvm.masked.gather.v{lanes}i{width}.v{lanes}p0"
    writer.declarations.add(f"declare {kind} @{text}(<{lanes} x ptr>, {mask}, {kind})")
    arguments = f"<{lanes} x ptr> align {width // 8} {pointers}, {mask} splat (i1 true), {kind} poison"
    got = writer.do(f"call {kind} @{text}({arguments})")
    return got if width == index_width else writer.do(f"sext {kind} {got} to {vector(index_width)}")
