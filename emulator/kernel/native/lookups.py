"""Look-up tables on rows: permutations of bytes where the processor has them, comparisons, else gathers.

A table of up to 256 bytes lies in four registers. Two permutations read 128 entries each, the top bit of the
index chooses: three instructions for 64 events. Longer tables are several such, entries of two bytes are two.
An index beyond the ends costs nothing to clip: the pack that makes bytes of it saturates, and the last entry
is repeated up to the end of the registers. A table with few steps, such as a code of a magnitude, is the sum
of its steps that the index has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from l1forge.emulator.kernel.intervals import Cast
from l1forge.emulator.kernel.native.rows import map_row, signed_width
from l1forge.emulator.kernel.native.vectors import Row, Target, splat, vector
from l1forge.emulator.kernel.program import Lookup

if TYPE_CHECKING:
    from l1forge.emulator.kernel.native.codegen import Generator

BLOCK = 256
"""Entries that one byte addresses."""
MOST_ENTRIES = 1024
"""Of a table that is permuted: a block costs about six instructions for 64 events, a gather 64 loads."""
REGISTER = 64
"""Entries of a byte in a register."""


MOST_STEPS = 16
"""Of a table that is compared: two or three instructions each for 32 events."""


@dataclass(frozen=True)
class LookupPath:
    """How a table of ``entries`` is read.

    By permutations of ``planes`` bytes per entry; else by comparisons with the indices ``steps`` at which the
    entry changes; else by gather.
    """

    entries: list[int]
    planes: int = 0
    steps: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        if self.planes:
            return f"permute {len(self.entries)} x {self.planes} byte{'s' * (self.planes > 1)}"
        return "gather" if self.steps is None else f"compare {len(self.steps)}"


def choose_lookup(step: Lookup, target: Target) -> LookupPath:
    """The instructions for ``step``; entries that equal the last one at the end of the table are left out."""
    entries = [int(v) for v in step.table]
    while len(entries) > 1 and entries[-1] == entries[-2]:
        entries.pop()
    low, high = min(entries), max(entries)
    if low >= -32768 and high <= 32767:
        if target.permute_bytes and len(entries) <= MOST_ENTRIES:
            return LookupPath(
                entries, 1 if (low >= 0 and high <= 255) or (low >= -128 and high <= 127) else 2
            )
        steps = tuple(k for k in range(1, len(entries)) if entries[k] != entries[k - 1])
        if len(steps) <= MOST_STEPS and len(entries) <= 32768:
            return LookupPath(entries, steps=steps)
    return LookupPath(entries)


def lookup_row(generator: Generator, step: Lookup, r: int, vectors: Row, width: int) -> None:
    """Emit row ``r`` of ``step`` from its source row, in words of ``width`` bits."""
    bounds = generator.bounds(step.source, r)
    cast = Cast(step.shift, step.rounding, None, 0, 0, 64, True)
    writer = generator.writer
    index, work, reach = map_row(
        writer, vectors, width, bounds, step.multiplier, 0, False, cast, signed=bounds[0] < 0
    )
    path = choose_lookup(step, generator.target)
    if work == 8 and not (step.offset == 0 and reach[0] >= 0):
        index, work = writer.widen(index, 8, 16, reach[0] < 0), 16
    if path.planes:
        _permuted(generator, step, r, index, work, reach, path)
    elif path.steps is not None:
        _compared(generator, step, r, index, work, reach, path)
    else:
        _gathered(generator, step, r, index, work, reach, path.entries)


def _shifted(
    generator: Generator, step: Lookup, index: Row, work: int, reach: tuple[int, int], least: int
) -> tuple[Row, int]:
    """``index`` plus the offset, in words that hold it."""
    writer = generator.writer
    low, high = reach[0] + step.offset, reach[1] + step.offset
    target = max(work, signed_width(min(low, step.offset), max(high, step.offset), least))
    index = writer.widen(index, work, target, work > 8)
    if step.offset:
        index = [writer.binary("add", target, v, splat(target, step.offset)) for v in index]
    return index, target


def _permuted(
    generator: Generator,
    step: Lookup,
    r: int,
    index: Row,
    work: int,
    reach: tuple[int, int],
    path: LookupPath,
) -> None:
    writer, count = generator.writer, len(path.entries)
    if work > 8:
        index, work = _shifted(generator, step, index, work, reach, 16)
        index = writer.narrow(index, work, 16)
    blocks = [path.entries[k : k + BLOCK] for k in range(0, count, BLOCK)]
    high: str | None = None
    if len(blocks) > 1 and work > 8:
        last, zero = splat(16, count - 1), "zeroinitializer"
        index = [writer.intrinsic("smax", 16, writer.intrinsic("smin", 16, v, last), zero) for v in index]
        (high,) = writer.narrow([writer.binary("lshr", 16, v, splat(16, 8)) for v in index], 16, 8, False)
        index = [writer.binary("and", 16, v, splat(16, 255)) for v in index]
    (low,) = index if work == 8 else writer.narrow(index, 16, 8, signed=False)
    top = max(min(reach[1] + step.offset, BLOCK - 1), 0)
    planes = []
    for plane in range(path.planes):
        found = ""
        for k, block in enumerate(blocks):
            part = _block(generator, [entry >> 8 * plane & 255 for entry in block], low, top)
            if k == 0 or high is None:
                found = found or part
                continue
            here = writer.do(f"icmp eq {vector(8)} {high}, {splat(8, k)}")
            found = writer.do(f"select <64 x i1> {here}, {vector(8)} {part}, {vector(8)} {found}")
        planes.append(found)
    if len(planes) == 1:
        generator.produced(step.out, r, planes, 8)
        return
    both = [writer.bitcast(8, writer.unpack(8, planes[0], planes[1], half), 16) for half in (False, True)]
    generator.produced(step.out, r, both, 16)


def _block(generator: Generator, entries: list[int], index: str, top: int) -> str:
    """Bytes of up to 256 entries; ``index`` is at most ``top``."""
    writer, kind = generator.writer, vector(8)
    if len(entries) <= 2 * REGISTER and top >= len(entries):
        index, top = writer.intrinsic("umin", 8, index, splat(8, len(entries) - 1)), len(entries) - 1
    size = next(n for n in (REGISTER, 2 * REGISTER, BLOCK) if n > min(top, len(entries) - 1))
    padded = (entries + entries[-1:] * BLOCK)[:size]
    table = generator.byte_table(padded)
    parts = [
        writer.load(8, writer.address("%bytes", table + REGISTER * k), 64) for k in range(size // REGISTER)
    ]
    if size == REGISTER:
        return writer.call(kind, "llvm.x86.avx512.permvar.qi.512", (kind, parts[0]), (kind, index))
    halves = [
        writer.call(kind, "llvm.x86.avx512.vpermi2var.qi.512", (kind, a), (kind, index), (kind, b))
        for a, b in zip(parts[::2], parts[1::2], strict=True)
    ]
    if size < BLOCK:
        return halves[0]
    second = writer.do(f"icmp slt {kind} {index}, zeroinitializer")
    return writer.do(f"select <64 x i1> {second}, {kind} {halves[1]}, {kind} {halves[0]}")


def _compared(
    generator: Generator,
    step: Lookup,
    r: int,
    index: Row,
    work: int,
    reach: tuple[int, int],
    path: LookupPath,
) -> None:
    writer, entries = generator.writer, path.entries
    if work == 8:
        index, work = writer.widen(index, 8, 16, signed=False), 16
    index, work = _shifted(generator, step, index, work, reach, 16)
    made = []
    for v in writer.narrow(index, work, 16):
        total = splat(16, entries[0])
        for k in path.steps or ():
            passed = writer.do(f"icmp sge {vector(16)} {v}, {splat(16, k)}")
            # modulo 2^16: a step may be as large as the whole range
            change = (entries[k] - entries[k - 1] + 32768) % 65536 - 32768
            some = writer.do(
                f"select <32 x i1> {passed}, {vector(16)} {splat(16, change)}, {vector(16)} zeroinitializer"
            )
            total = writer.binary("add", 16, total, some)
        made.append(total)
    if not path.steps:
        made = [writer.binary("add", 16, total, "zeroinitializer") for total in made]
    generator.produced(step.out, r, made, 16)


def _gathered(
    generator: Generator,
    step: Lookup,
    r: int,
    index: Row,
    work: int,
    reach: tuple[int, int],
    entries: list[int],
) -> None:
    writer = generator.writer
    width = signed_width(min(entries), max(entries), 32)
    table = generator.table(width, entries)
    index, target = _shifted(
        generator, step, index, work, reach, max(width, signed_width(0, len(entries), 32))
    )
    picked = []
    for v in index:
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
