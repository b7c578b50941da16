"""Vector instructions on 64 events: a small writer of LLVM IR text.

A row of 64 integers is a list of 512-bit vectors: 1 of bytes, 2 of 16-bit, 4 of 32-bit or 8 of 64-bit
words. All widths share one order of events, chosen so that widening is the processor's unpack-low/high and
narrowing its pack, one instruction each, within 128-bit lanes: 16-bit words 0 .. 31 of the row are the
first 32 events as they lie in memory (see ``natural_order``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TILE = 64
Row = list[str]
"""SSA names of the vectors of one row."""


def vector(width: int) -> str:
    """The 512-bit vector type of ``width``-bit integers."""
    return f"<{512 // width} x i{width}>"


def splat(width: int, value: int) -> str:
    """A constant vector; negative values in two's complement."""
    return f"splat (i{width} {value})" if value else "zeroinitializer"


def _unpack_mask(width: int, high: bool) -> list[int]:
    per_lane, total = 128 // width, 512 // width
    start = per_lane // 2 if high else 0
    return [
        lane * per_lane + start + i + which * total
        for lane in range(4)
        for i in range(per_lane // 2)
        for which in (0, 1)
    ]


def _pack_mask(width: int) -> list[int]:
    """Low halves of the ``2 * width``-bit words of two vectors, lane by lane, as ``width``-bit words."""
    per_lane, total = 128 // width, 512 // width
    return [
        lane * per_lane + 2 * i + which * total
        for lane in range(4)
        for which in (0, 1)
        for i in range(per_lane // 2)
    ]


@dataclass(frozen=True)
class Target:
    """What the generated code may use; ``dot_products``: AVX-512 BW and VNNI, ``permute_bytes``: VBMI."""

    dot_products: bool
    permute_bytes: bool = False


class Writer:
    """Collects the instructions of one function body; every method returns the SSA name of its result."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self._number = 0

    def name(self) -> str:
        """A name that no other instruction has."""
        self._number += 1
        return f"%v{self._number}"

    def do(self, text: str) -> str:
        """Append ``%new = text``."""
        name = self.name()
        self.lines.append(f" {name} = {text}")
        return name

    def effect(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f" {text}")

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{name}:")

    def loop(self, count: int, width: int, starts: Row, turn: Callable[[str, Row], Row]) -> Row:
        """``count`` turns (at least one), which carry vectors of ``width``-bit words from one to the next.

        ``turn`` writes one: from its number (i64) and what is carried, at first ``starts``, to what goes
        on. Returns what the last one made.
        """
        before, top, after = (self.name()[1:] for _ in range(3))
        self.effect(f"br label %{before}")
        self.label(before)
        self.effect(f"br label %{top}")
        self.label(top)
        index, following = self.name(), self.name()
        self.effect(f"{index} = phi i64 [ 0, %{before} ], [ {following}, %{top} ]")
        carried, results = [self.name() for _ in starts], [self.name() for _ in starts]
        kind = vector(width)
        for value, start, result in zip(carried, starts, results, strict=True):
            self.effect(f"{value} = phi {kind} [ {start}, %{before} ], [ {result}, %{top} ]")
        for result, made in zip(results, turn(index, carried), strict=True):
            self.effect(f"{result} = bitcast {kind} {made} to {kind}")
        self.effect(f"{following} = add i64 {index}, 1")
        more = self.do(f"icmp slt i64 {following}, {count}")
        self.effect(f"br i1 {more}, label %{top}, label %{after}")
        self.label(after)
        return results

    def call(self, result: str, function: str, *arguments: tuple[str, str]) -> str:
        """Call an LLVM intrinsic; ``arguments`` are (type, value)."""
        kinds = ", ".join(kind for kind, _ in arguments)
        self.declarations.add(f"declare {result} @{function}({kinds})")
        return self.do(f"call {result} @{function}({', '.join(f'{k} {v}' for k, v in arguments)})")

    def binary(self, operation: str, width: int, a: str, b: str) -> str:
        """An LLVM instruction on two vectors of ``width``-bit words, lane by lane."""
        return self.do(f"{operation} {vector(width)} {a}, {b}")

    def intrinsic(self, operation: str, width: int, a: str, b: str) -> str:
        """``smin``, ``smax``, ``umax``, ``sadd.sat``, ``ssub.sat`` on whole vectors."""
        kind = vector(width)
        return self.call(kind, f"llvm.{operation}.v{512 // width}i{width}", (kind, a), (kind, b))

    def bitcast(self, source: int, a: str, target: int) -> str:
        """The same 512 bits as words of ``target`` bits."""
        return self.do(f"bitcast {vector(source)} {a} to {vector(target)}")

    def shuffle(self, width: int, a: str, b: str, mask: list[int]) -> str:
        """Words chosen from ``a`` (0, 1, ..) and ``b`` (after those of ``a``)."""
        indices = ", ".join(f"i32 {i}" for i in mask)
        kind = vector(width)
        return self.do(f"shufflevector {kind} {a}, {kind} {b}, <{len(mask)} x i32> <{indices}>")

    def unpack(self, width: int, a: str, b: str, high: bool) -> str:
        """Interleave the low or high half of every 128-bit lane."""
        return self.shuffle(width, a, b, _unpack_mask(width, high))

    def address(self, pointer: str, offset: int | str) -> str:
        """``pointer`` moved by ``offset`` bytes."""
        return self.do(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def load(self, width: int, pointer: str, align: int = 1) -> str:
        """One vector; ``align`` in bytes."""
        return self.do(f"load {vector(width)}, ptr {pointer}, align {align}")

    def store(self, width: int, value: str, pointer: str, align: int = 1) -> None:
        """One vector; ``align`` in bytes."""
        self.effect(f"store {vector(width)} {value}, ptr {pointer}, align {align}")

    def widen(self, row: Row, width: int, target: int, signed: bool = True) -> Row:
        """The same integers in wider words; ``signed`` says how to read the narrow ones."""
        while width < target:
            wide = []
            for a in row:
                for high in (False, True):
                    if signed:
                        doubled = self.bitcast(width, self.unpack(width, a, a, high), 2 * width)
                        wide.append(self.binary("ashr", 2 * width, doubled, splat(2 * width, width)))
                    else:
                        doubled = self.unpack(width, a, "zeroinitializer", high)
                        wide.append(self.bitcast(width, doubled, 2 * width))
            row, width = wide, 2 * width
        return row

    def narrow(self, row: Row, width: int, target: int, signed: bool = True) -> Row:
        """Narrower words, saturating to their signed (``signed``: at the last step) or unsigned range."""
        while width > target:
            half = width // 2
            last_signed = signed or half > target
            row = [self._pack(width, a, b, last_signed) for a, b in zip(row[::2], row[1::2], strict=True)]
            width = half
        return row

    def _pack(self, width: int, a: str, b: str, signed: bool) -> str:
        half = width // 2
        if self.target.dot_products and width in (16, 32):
            names = {
                (32, True): "packssdw",
                (32, False): "packusdw",
                (16, True): "packsswb",
                (16, False): "packuswb",
            }
            kind = vector(width)
            return self.call(
                vector(half), f"llvm.x86.avx512.{names[width, signed]}.512", (kind, a), (kind, b)
            )
        low, high = (-(1 << half - 1), (1 << half - 1) - 1) if signed else (0, (1 << half) - 1)
        parts = []
        for value in (a, b):
            if width < 64:
                value = self.intrinsic("smin", width, value, splat(width, high))
                value = self.intrinsic("smax", width, value, splat(width, low))
            parts.append(self.bitcast(width, value, half))
        return self.shuffle(half, parts[0], parts[1], _pack_mask(half))

    def dot_bytes(self, total: str, unsigned: str, signed: str) -> str:
        """``total + Σ`` over groups of four bytes, 32-bit lanes."""
        arguments = ((vector(32), total), (vector(8), unsigned), (vector(8), signed))
        return self.call(vector(32), "llvm.x86.avx512.vpdpbusd.512", *arguments)

    def dot_words(self, total: str, a: str, b: str) -> str:
        """``total + Σ`` over pairs of signed 16-bit words, 32-bit lanes."""
        arguments = ((vector(32), total), (vector(16), a), (vector(16), b))
        return self.call(vector(32), "llvm.x86.avx512.vpdpwssd.512", *arguments)

    def interleave_bytes(self, rows: list[str]) -> Row:
        """Four byte rows to the four vectors whose 32-bit lanes hold the four bytes of one event."""
        pairs = [
            [self.unpack(8, a, b, high) for high in (False, True)]
            for a, b in ((rows[0], rows[1]), (rows[2], rows[3]))
        ]
        words = [[self.bitcast(8, v, 16) for v in pair] for pair in pairs]
        return [
            self.unpack(16, words[0][half], words[1][half], high) for half in (0, 1) for high in (False, True)
        ]

    def interleave_words(self, a: Row, b: Row) -> Row:
        """Two rows of 16-bit words to the four vectors whose 32-bit lanes hold both words of one event."""
        return [self.unpack(16, a[half], b[half], high) for half in (0, 1) for high in (False, True)]

    def natural_order(self, row: Row, width: int) -> Row:
        """A row of 32- or 64-bit words in the order of memory (16-bit words are in that order already)."""
        words = 128 // width
        span = len(row) // 2
        ordered = []
        for half in (row[:span], row[span:]):
            lanes = [(v, lane) for lane in range(4) for v in half]
            for start in range(0, len(lanes), 4):
                ordered.append(self._gather_lanes(lanes[start : start + 4], width, words))
        return ordered

    def kernel_order(self, row: Row, width: int) -> Row:
        """Inverse of ``natural_order``: vectors loaded from memory to a row."""
        words = 128 // width
        span = len(row) // 2
        ordered = []
        for half in (row[:span], row[span:]):
            for v in range(span):
                picks = [divmod(lane * span + v, 4) for lane in range(4)]
                ordered.append(self._gather_lanes([(half[i], lane) for i, lane in picks], width, words))
        return ordered

    def _gather_lanes(self, picks: list[tuple[str, int]], width: int, words: int) -> str:
        """One vector from four (vector, 128-bit lane) picks of at most four vectors."""
        total = 512 // width

        def pair(first: tuple[str, int], second: tuple[str, int]) -> str:
            mask = [first[1] * words + i for i in range(words)]
            mask += [total + second[1] * words + i for i in range(words)]
            return self.shuffle(width, first[0], second[0], mask + mask)

        low, high = pair(picks[0], picks[1]), pair(picks[2], picks[3])
        return self.shuffle(width, low, high, [*range(total // 2), *range(total, total + total // 2)])
