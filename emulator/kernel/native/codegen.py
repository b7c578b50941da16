"""A program as one function over tiles of 64 events: layout of the rows in memory, and the steps in order.

Every value has a place in a scratch area, in the narrowest words its interval allows. A row-wise step
(Map, look-up, square) whose input has no other reader is applied while the row is still in registers.
"""

from __future__ import annotations

import numpy as np

from l1forge.emulator.kernel.native import dots, elementwise, lookups, trees
from l1forge.emulator.kernel.native.rows import map_row, signed_width, width_for
from l1forge.emulator.kernel.native.vectors import TILE, Row, Target, Writer, splat, vector
from l1forge.emulator.kernel.program import (
    AnyStep,
    ArgMax,
    Binary,
    Dot,
    Lookup,
    Map,
    OrderedDot,
    Program,
    Trees,
    Value,
)

INPUT_WIDTH = 16
"""Inputs are read as int16 rows where their type allows, else as int64 rows."""

PREFETCH_TILES = 3
"""How far ahead rows are fetched into the cache."""

INSTRUCTION_LIMIT = 200_000
"""More would take minutes to compile."""


class NotVectorised(Exception):
    """The program has a step that the code generator does not do; the text says which."""


def input_width(low: int, high: int) -> int:
    """Word width of the rows of an input with this range, as the caller must provide them."""
    return 16 if low >= -32768 and high <= 32767 else 64


class Generator:
    """Writes the body of one tile."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.target = program, target
        self.writer = Writer(target)
        self.tables: list[str] = []
        self.bytes: list[int] = []
        self.readers: dict[int, list[AnyStep]] = {value.number: [] for value in program.values}
        for step in program.steps:
            for value in {v.number: v for v in step.inputs}.values():
                self.readers[value.number].append(step)
        self.outputs = {value.number for value in program.outputs.values()}
        self.output_base: dict[int, int] = {}
        base = 0
        for value in program.outputs.values():
            if value.number not in self.output_base:  # two outputs may be one value: its rows are given once
                self.output_base[value.number] = base
                base += value.rows
        self.given = {source.value.number for source in program.sources}
        self.storage: dict[int, tuple[int, bool]] = {}
        for value in program.values:
            low, high = (
                (int(min(value.interval.low)), int(max(value.interval.high))) if value.rows else (0, 0)
            )
            self.storage[value.number] = width_for(low, high)
        alone = {id(step) for step in program.steps if self._goes_by_row(step)}
        self.fused = {
            id(step)
            for step in program.steps
            if id(step) in alone and all(id(other) in alone for other in self.readers[step.inputs[0].number])
        }
        self.place, self.scratch_bytes = self._allocate()

    def _goes_by_row(self, step: AnyStep) -> bool:
        """Whether ``step`` makes each row from one row of one value.

        It is applied while that row is in registers if all that read the value do so.
        """
        if isinstance(step, Binary):
            square = step.operator == "multiply" and step.a is step.b
            return (
                square
                and np.array_equal(step.a_row, step.b_row)
                and len(np.unique(step.a_row)) == len(step.a_row)
            )
        if isinstance(step, Map):
            return len(np.unique(step.source_row)) == len(step.source_row)
        return isinstance(step, Lookup)

    def _constant(self, value: Value) -> bool:
        """Whether each row of a computed value is one number: its readers take it, nothing is stored."""
        return (
            value.rows > 0
            and value.number not in self.outputs
            and value.number not in self.given
            and all(id(step) not in self.fused for step in self.readers[value.number])
            and bool(np.all(value.interval.low == value.interval.high))
        )

    def _stored(self, value: Value) -> bool:
        if self._constant(value):
            return False
        return any(id(step) not in self.fused for step in self.readers[value.number])

    def _allocate(self) -> tuple[dict[int, int], int]:
        """Byte offset of every stored value; space is used again after the last reader."""
        order = {id(step): at for at, step in enumerate(self.program.steps)}
        events: list[tuple[int, int, int]] = []  # first written, last read, value number
        born: dict[int, int] = {source.value.number: -1 for source in self.program.sources}
        for at, step in enumerate(self.program.steps):
            # a fused step writes while its input is produced, so its rows live from then on
            root = born[step.inputs[0].number] if id(step) in self.fused else at
            born[step.out.number] = min(root, born.get(step.out.number, root))
        for value in self.program.values:
            if value.rows and value.number in born and self._stored(value):
                last = max(order[id(step)] for step in self.readers[value.number])
                for step in self.program.steps:  # a reader may write while a later row still reads
                    if id(step) in self.fused and step.out.number == value.number:
                        last = max(last, order[id(step)])
                events.append((born[value.number], last, value.number))
        place: dict[int, int] = {}
        busy: list[tuple[int, int, int]] = []  # last read, start, stop
        total = 0
        for first, last, number in sorted(events):
            busy = [entry for entry in busy if entry[0] >= first]
            size = self.program.values[number].rows * TILE * self.storage[number][0] // 8
            start = 0
            for _, low, high in sorted(busy, key=lambda entry: entry[1]):
                if start + size <= low:
                    break
                start = max(start, high)
            place[number] = start
            busy.append((last, start, start + size))
            total = max(total, start + size)
        self.work_base = total
        return place, total

    def reserve(self, size: int) -> str:
        """Pointer to ``size`` bytes of scratch that only the present step uses."""
        self.scratch_bytes = max(self.scratch_bytes, self.work_base + size)
        return self.writer.address("%scratch", self.work_base)

    def table(self, width: int, entries: list[int]) -> str:
        """A constant array; returns its name."""
        name = f"@table{len(self.tables)}"
        words = ", ".join(f"i{width} {entry}" for entry in entries)
        self.tables.append(f"{name} = internal constant [{len(entries)} x i{width}] [{words}], align 64")
        return name

    def byte_table(self, entries: list[int]) -> int:
        """Put ``entries`` (0 .. 255) where ``%bytes`` points; returns their place."""
        place = len(self.bytes)
        self.bytes += entries
        return place

    def bounds(self, value: Value, row: int) -> tuple[int, int]:
        """Smallest and largest integer of one row, as proven."""
        return int(value.interval.low[row]), int(value.interval.high[row])

    def row_address(self, value: Value, row: int) -> str:
        """Where a stored row begins in the scratch memory of the tile."""
        width = self.storage[value.number][0]
        return self.writer.address("%scratch", self.place[value.number] + row * TILE * width // 8)

    def load_row(self, value: Value, row: int, width: int | None = None) -> tuple[Row, int]:
        """A stored row, widened to ``width`` if given."""
        stored, signed = self.storage[value.number]
        if self._constant(value):
            number = self.bounds(value, row)[0]
            if width is None or width <= stored:
                half = 1 << (stored - 1)
                return [splat(stored, (number + half) % (2 * half) - half)] * (stored // 8), stored
            return [splat(width, number)] * (width // 8), width
        base = self.row_address(value, row)
        vectors = []
        for k in range(stored // 8):
            address = self.writer.address(base, 64 * k) if k else base
            vectors.append(self.writer.load(stored, address, 64))
        if width is None or width <= stored:
            return vectors, stored
        return self.writer.widen(vectors, stored, width, signed), width

    def produced(self, value: Value, row: int, vectors: Row, width: int) -> None:
        """Take a finished row: write it out, go on with row-wise steps, store it for the others."""
        readers = self.readers[value.number]
        if value.number in self.outputs:
            self._write_output(value, row, vectors, width)
        for step in readers:
            if id(step) in self.fused:
                self._fused_step(step, row, vectors, width)
        if self._stored(value):
            stored, signed = self.storage[value.number]
            vectors = self.resize(value, row, vectors, width, stored, signed)
            base = self.row_address(value, row)
            for k, v in enumerate(vectors):
                self.writer.store(stored, v, self.writer.address(base, 64 * k) if k else base, 64)

    def resize(
        self, value: Value, row: int, vectors: Row, width: int, target: int, signed: bool = True
    ) -> Row:
        """The same integers in words of ``target`` bits, which must hold them."""
        if width < target:
            return self.writer.widen(vectors, width, target, self.bounds(value, row)[0] < 0)
        return self.writer.narrow(vectors, width, target, signed)

    def _write_output(self, value: Value, row: int, vectors: Row, width: int) -> None:
        low, high = int(min(value.interval.low)), int(max(value.interval.high))
        target = signed_width(low, high, 32)
        vectors = self.writer.natural_order(self.resize(value, row, vectors, width, target), target)
        slot = self.writer.address("%outputs", 8 * (self.output_base[value.number] + row))
        pointer = self.writer.do(f"load ptr, ptr {slot}")
        offset = self.writer.do(f"mul i64 %tile, {TILE * target // 8}")
        base = self.writer.address(pointer, offset)
        for k, v in enumerate(vectors):
            self.writer.store(target, v, self.writer.address(base, 64 * k))

    def _fused_step(self, step: AnyStep, row: int, vectors: Row, width: int) -> None:
        if isinstance(step, Map):
            for r in np.flatnonzero(step.source_row == row):
                self._map_row(step, int(r), vectors, width)
        elif isinstance(step, Lookup):
            lookups.lookup_row(self, step, row, vectors, width)
        elif isinstance(step, Binary):
            for r in np.flatnonzero(step.a_row == row):
                low, high = self.bounds(step.out, int(r))
                work = max(signed_width(low, high), 16)
                own = self.bounds(step.a, row)
                work = max(work, signed_width(*own))
                same = self.resize(step.a, row, vectors, width, work)
                squares = [self.writer.binary("mul", work, v, v) for v in same]
                self.produced(step.out, int(r), squares, work)

    def _map_row(self, step: Map, r: int, vectors: Row, width: int) -> None:
        bounds = self.bounds(step.source, int(step.source_row[r]))
        result, work, _ = map_row(
            self.writer,
            vectors,
            width,
            bounds,
            int(step.multiplier[r]),
            int(step.offset[r]),
            step.relu,
            step.casts[r],
            signed=bounds[0] < 0,
        )
        self.produced(step.out, int(step.out_row[r]), result, work)

    def inputs(self) -> None:
        """Read the rows of the inputs in use, check their range, and start what follows from them."""
        base = 0
        for source in self.program.sources:
            low, high = source.node.type.minimum, source.node.type.maximum
            width = input_width(low, high)
            worst = ["zeroinitializer"] * (width // 8)
            # values 0 .. 2^n - 1: none is outside if no higher bit is ever set
            worse = "or" if (high - low) & (high - low + 1) == 0 else "umax"
            checked = not (width == 16 and (low, high) == (-32768, 32767))
            for r in np.flatnonzero(source.used):
                slot = self.writer.address("%inputs", 8 * (base + int(r)))
                pointer = self.writer.do(f"load ptr, ptr {slot}")
                offset = self.writer.do(f"mul i64 %tile, {TILE * width // 8}")
                first = self.writer.address(pointer, offset)
                self._prefetch(first, width)
                vectors = [
                    self.writer.load(width, self.writer.address(first, 64 * k)) for k in range(width // 8)
                ]
                if checked:
                    moved = [
                        self.writer.binary("sub", width, v, splat(width, low)) if low else v for v in vectors
                    ]
                    worst = [self._combine(worse, width, a, b) for a, b in zip(worst, moved, strict=True)]
                vectors = self.writer.kernel_order(vectors, width) if width == 64 else vectors
                self.produced(source.value, int(r), vectors, width)
            if checked and source.used.any():
                self._flag(worst, worse, width, high - low)
            base += source.value.rows

    def _prefetch(self, row: str, width: int) -> None:
        """Ask for what a later tile reads: processors follow fewer streams by themselves."""
        self.writer.declarations.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        span = TILE * width // 8
        for line in range(0, span, 64):
            ahead = self.writer.address(row, PREFETCH_TILES * span + line)
            self.writer.effect(f"call void @llvm.prefetch.p0(ptr {ahead}, i32 0, i32 3, i32 1)")

    def _combine(self, operation: str, width: int, a: str, b: str) -> str:
        if operation == "or":
            return self.writer.binary("or", width, a, b)
        return self.writer.intrinsic(operation, width, a, b)

    def _flag(self, worst: Row, worse: str, width: int, limit: int) -> None:
        lanes = 512 // width
        while len(worst) > 1:
            pairs = zip(worst[::2], worst[1::2], strict=True)
            worst = [self._combine(worse, width, a, b) for a, b in pairs]
        over = self.writer.do(f"icmp ugt {vector(width)} {worst[0]}, {splat(width, limit)}")
        bits = self.writer.do(f"bitcast <{lanes} x i1> {over} to i{lanes}")
        wide = self.writer.do(f"zext i{lanes} {bits} to i64") if lanes < 64 else bits
        old = self.writer.do("load i64, ptr %flags")
        self.writer.effect(f"store i64 {self.writer.do(f'or i64 {old}, {wide}')}, ptr %flags")

    def body(self) -> None:
        """All steps of one tile."""
        self.inputs()
        for step in self.program.steps:
            if id(step) in self.fused or self._constant(step.out):
                continue
            if isinstance(step, OrderedDot):
                dots.ordered(self, step)
            elif isinstance(step, Dot):
                dots.dot(self, step)
            elif isinstance(step, Map):
                for r in range(len(step.casts)):
                    vectors, width = self.load_row(step.source, int(step.source_row[r]))
                    self._map_row(step, r, vectors, width)
            elif isinstance(step, Binary):
                elementwise.binary(self, step)
            elif isinstance(step, Lookup):
                for r in range(step.out.rows):
                    lookups.lookup_row(self, step, r, *self.load_row(step.source, r))
            elif isinstance(step, ArgMax):
                elementwise.argmax(self, step)
            elif isinstance(step, Trees):
                reason = trees.refusal(step) if self.target.dot_products else "trees need AVX-512"
                if reason:
                    raise NotVectorised(f"{step.node}: {reason}")
                trees.trees(self, step)
            else:
                raise NotVectorised(f"{step.node}: {type(step).__name__}")
            if len(self.writer.lines) > INSTRUCTION_LIMIT:
                raise NotVectorised(f"more than {INSTRUCTION_LIMIT} instructions")


def generate(program: Program, target: Target) -> tuple[str, int]:
    """The module's text and the bytes of scratch one call needs."""
    generator = Generator(program, target)
    generator.body()
    writer = generator.writer
    byte_pointer: list[str] = []
    if generator.bytes:
        words = ", ".join(f"i8 {entry}" for entry in generator.bytes)
        generator.tables.append(
            f"@bytes = internal constant [{len(generator.bytes)} x i8] [{words}], align 64"
        )
        # opaque: the compiler would load the tables before the loop, and spill them
        byte_pointer = [' %bytes = call ptr asm "", "=r,0"(ptr @bytes)']
    text = [
        *generator.tables,
        *sorted(writer.declarations),
        "define i64 @kernel(ptr noalias %inputs, ptr noalias %outputs, ptr noalias %scratch,"
        " i64 %first, i64 %last) {",
        "entry:",
        " %flags = alloca i64",
        " store i64 0, ptr %flags",
        " %some = icmp slt i64 %first, %last",
        " br i1 %some, label %top, label %done",
        "top:",
        " br label %loop",
        "loop:",
        " %tile = phi i64 [ %first, %top ], [ %next, %bottom ]",
        *byte_pointer,
        *writer.lines,
        " br label %bottom",
        "bottom:",
        " %next = add i64 %tile, 1",
        " %more = icmp slt i64 %next, %last",
        " br i1 %more, label %loop, label %done",
        "done:",
        " %bad = load i64, ptr %flags",
        " ret i64 %bad",
        "}",
        "",
    ]
    return "\n".join(text), generator.scratch_bytes
