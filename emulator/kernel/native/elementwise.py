"""Steps on stored rows: pairs, the largest row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.kernel.native.rows import signed_width
from l1forge.emulator.kernel.native.vectors import Row, splat, vector
from l1forge.emulator.kernel.program import ArgMax, Binary, Value

if TYPE_CHECKING:
    from l1forge.emulator.kernel.native.codegen import Generator


def binary(generator: Generator, step: Binary) -> None:
    """Emit an operation of two tensors, element by element, after both are shifted to one binary point."""
    writer = generator.writer
    low, high = int(min(step.out.interval.low)), int(max(step.out.interval.high))
    ends = (int(min(step.aligned.low)), int(max(step.aligned.high)))
    work = max(signed_width(low, high), signed_width(*ends))
    bytes_signed = _in_bytes(step, (min(low, ends[0]), max(high, ends[1])))
    for r in range(len(step.a_row)):
        if bytes_signed is not None:
            _binary_bytes(generator, step, r, bytes_signed)
            continue
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


def _in_bytes(step: Binary, reach: tuple[int, int]) -> bool | None:
    """Whether ``step`` is computed in signed (True) or unsigned (False) bytes; None: not in bytes.

    There is no product of bytes, but one with a single bit is a choice.
    """
    if step.operator == "multiply" and not any(_is_bit(value) for value in (step.a, step.b)):
        return None
    if reach[0] >= 0 and reach[1] <= 255:
        return False
    return True if reach[0] >= -128 and reach[1] <= 127 else None


def _is_bit(value: Value) -> bool:
    return bool(min(value.interval.low) >= 0 and max(value.interval.high) <= 1)


def _binary_bytes(generator: Generator, step: Binary, r: int, signed: bool) -> None:
    writer = generator.writer
    operands = []
    for value, row, shift in (
        (step.a, int(step.a_row[r]), step.a_shift),
        (step.b, int(step.b_row[r]), step.b_shift),
    ):
        vectors, width = generator.load_row(value, row)
        (v,) = writer.narrow(vectors, width, 8, signed)
        operands.append(writer.binary("shl", 8, v, splat(8, shift)) if shift else v)
    a, b = operands
    if step.operator == "multiply":
        bit, other = (a, b) if _is_bit(step.a) else (b, a)
        set_ = writer.do(f"icmp ne {vector(8)} {bit}, zeroinitializer")
        found = writer.do(f"select <64 x i1> {set_}, {vector(8)} {other}, {vector(8)} zeroinitializer")
    elif step.operator in ("add", "subtract"):
        found = writer.binary("add" if step.operator == "add" else "sub", 8, a, b)
    elif step.operator == "greater_equal":
        larger = writer.do(f"icmp {'s' if signed else 'u'}ge {vector(8)} {a}, {b}")
        found = writer.do(f"zext <64 x i1> {larger} to {vector(8)}")
    else:
        name = ("smax", "smin") if signed else ("umax", "umin")
        found = writer.intrinsic(name[step.operator == "minimum"], 8, a, b)
    generator.produced(step.out, r, [found], 8)


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
