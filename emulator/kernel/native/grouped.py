"""Dot-product instructions: four bytes or two 16-bit words of one event per lane, weights broadcast.

Rows are interleaved in groups, results computed in tiles whose accumulators stay in registers. Zero groups
of a sparse matrix are skipped; sums that share no inputs are treated apart.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.kernel.native.vectors import Row, splat, vector
from l1forge.emulator.kernel.program import Dot

if TYPE_CHECKING:
    from l1forge.emulator.kernel.native.codegen import Generator

TILE_ROWS = 6
"""Results computed together: 6 x 4 accumulators and 4 inputs fit the 32 vector registers."""

SPARSE = 0.8
"""Share of groups with a non-zero weight up to which the zero ones are skipped in straight code."""
MOST_GROUPED = 512
"""Source rows up to which a good grouping is searched."""
SCATTERED = 0.25
"""Share of non-zero weights below which independent sums are looked for."""
UNROLLED = 700
"""Groups of weights in straight code; more would not fit the instruction cache."""


@dataclass(frozen=True)
class Path:
    """How a sum is computed: ``group`` products a lane and instruction, ``width`` of the sums."""

    name: str
    group: int
    width: int
    offset: int = 0  # added to the inputs to make bytes unsigned
    scale: int = 0  # weights are divided by 2**scale


def sums(generator: Generator, step: Dot, path: Path) -> None:
    """Emit all sums of ``step`` with the instructions of ``path``."""
    for targets, part in independent(step):
        _part(generator, part, targets, path)


def independent(step: Dot) -> list[tuple[list[int], Dot]]:
    """Sums that share no inputs with others, such as the positions of a convolution, apart.

    Returns
    -------
    (result rows, the sums of these rows) for each part; one part where sums share most of their inputs.
    """
    count = len(step.start)
    terms = np.split(np.arange(len(step.row)), np.searchsorted(step.target, np.arange(1, count)))
    parts: dict[bytes, list[int]] = {}
    for j, own in enumerate(terms):
        parts.setdefault(step.row[own].tobytes(), []).append(j)
    if len(step.row) > SCATTERED * count * len(np.unique(step.row)) or 2 * len(parts) > count:
        return [(list(range(count)), step)]
    result = []
    for rows in parts.values():
        own = np.concatenate([terms[j] for j in rows])
        target = np.repeat(np.arange(len(rows)), [len(terms[j]) for j in rows])
        partial = step.partial.take(np.array(rows, np.int64))
        part = replace(
            step,
            row=step.row[own],
            target=target,
            weight=step.weight[own],
            start=step.start[rows],
            partial=partial,
        )
        result.append((rows, part))
    return result


def _part(generator: Generator, step: Dot, targets: list[int], path: Path) -> None:
    """Interleave the inputs in groups of ``path.group`` rows, then tiles of result rows."""
    writer, group, count = generator.writer, path.group, len(step.start)
    used = grouping(step, group)
    position = {int(row): p for p, row in enumerate(used)}
    groups = -(-len(used) // group)
    area = generator.reserve(groups * 4 * 64)
    zero = "zeroinitializer"
    for g in range(groups):
        members = [int(row) for row in used[g * group : g * group + group]]
        if group == 4:
            rows = []
            for row in members:
                v = generator.load_row(step.source, row)[0][0]
                rows.append(writer.binary("xor", 8, v, splat(8, -128)) if path.offset else v)
            vectors = [
                writer.bitcast(16, v, 32) for v in writer.interleave_bytes(rows + [zero] * (4 - len(rows)))
            ]
        else:
            pairs = [generator.load_row(step.source, row, 16)[0] for row in members]
            pairs += [[zero, zero]] * (2 - len(pairs))
            vectors = [writer.bitcast(16, v, 32) for v in writer.interleave_words(*pairs)]
        for k, v in enumerate(vectors):
            writer.store(32, v, writer.address(area, (4 * g + k) * 64), 64)
    weights = np.zeros((count, groups * group), np.int64)
    start = np.array([int(s) >> path.scale for s in step.start], dtype=object)
    rest = [int(s) - ((int(s) >> path.scale) << path.scale) for s in step.start]
    for j, i, w in zip(step.target, step.row, step.weight, strict=True):
        weights[int(j), position[int(i)]] += int(w) >> path.scale
    if path.offset:  # the instruction wants unsigned bytes: inputs are shifted by 128, and the sum back
        start = start - path.offset * weights.sum(axis=1).astype(object)
    # the accumulators wrap at 32 bits and the final sum fits, so a start outside that range may wrap, too
    start = np.array([_wrapped(int(s)) for s in start], dtype=object)
    words = _packed(weights, group)
    filled = np.count_nonzero(words)
    sparse = filled <= SPARSE * words.size and filled <= UNROLLED
    tiles = -(-count // TILE_ROWS)
    edges = np.linspace(0, count, tiles + 1).astype(int)
    for first, last in itertools.pairwise(edges):
        rows_here = range(int(first), int(last))
        tile = words[first:last], [int(s) for s in start[first:last]], group
        totals = _sparse_tile(generator, area, *tile) if sparse else _tile(generator, area, *tile)
        for j, total in zip(rows_here, totals, strict=True):
            if path.scale:
                total = [writer.binary("shl", 32, t, splat(32, path.scale)) for t in total]
                if rest[j]:
                    total = [writer.binary("add", 32, t, splat(32, rest[j])) for t in total]
            generator.produced(step.out, targets[j], total, 32)


def grouping(step: Dot, group: int) -> NDArray[np.int64]:
    """The source rows in use, ordered so that rows with zeros in the same sums share a group."""
    used = np.unique(step.row)
    position = np.zeros(step.source.rows, np.int64)
    position[used] = np.arange(len(used))
    pattern = np.zeros((len(used), len(step.start)), np.int32)
    pattern[position[step.row], step.target] = 1
    if not len(used) or len(used) > MOST_GROUPED or pattern.mean() > SPARSE:
        return used
    left = set(range(len(used)))
    order: list[int] = []
    while left:
        first = max(left, key=lambda row: (int(pattern[row].sum()), -row))
        covered = pattern[first].copy()
        left.remove(first)
        order.append(first)
        for _ in range(min(group - 1, len(left))):
            candidates = sorted(left)
            added = (pattern[candidates] & ~covered & 1).sum(axis=1)
            best = candidates[int(np.lexsort((-pattern[candidates].sum(axis=1), added))[0])]
            covered |= pattern[best]
            left.remove(best)
            order.append(best)
    grouped: NDArray[np.int64] = used[order]
    return grouped


def _wrapped(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _packed(weights: NDArray[np.int64], group: int) -> NDArray[np.int32]:
    """(rows, groups) 32-bit words that hold ``group`` weights each."""
    narrow = weights.astype(np.int8 if group == 4 else np.dtype("<i2"))
    packed: NDArray[np.int32] = np.ascontiguousarray(narrow).view(np.dtype("<i4"))
    return packed


def _tile(
    generator: Generator,
    area: str,
    words: NDArray[np.int32],
    start: list[int],
    group: int,
) -> list[Row]:
    """A loop over the groups with one set of accumulators per result row."""
    writer = generator.writer
    rows, groups = words.shape
    table = generator.table(32, [int(w) for w in words.T.reshape(-1)])

    def add(index: str, totals: Row) -> Row:
        inputs = _inputs(generator, writer.address(area, writer.do(f"shl i64 {index}, 8")), group)
        weight_base = writer.address(table, writer.do(f"mul i64 {index}, {4 * rows}"))
        made: Row = []
        for r in range(rows):
            weight = _weight(generator, writer.address(weight_base, 4 * r), group)
            for total, x in zip(totals[4 * r : 4 * r + 4], inputs, strict=True):
                made.append(_multiply_add(generator, total, x, weight, group))
        return made

    made = writer.loop(groups, 32, [splat(32, first) for first in start for _ in range(4)], add)
    return [made[4 * r : 4 * r + 4] for r in range(rows)]


def _sparse_tile(
    generator: Generator,
    area: str,
    words: NDArray[np.int32],
    start: list[int],
    group: int,
) -> list[Row]:
    """Straight code for the groups that have a non-zero weight."""
    writer = generator.writer
    rows, groups = words.shape
    filled = [(g, r) for g in range(groups) for r in range(rows) if words[r, g]]
    table = generator.table(32, [int(words[r, g]) for g, r in filled] or [0])
    # an address the compiler cannot see through: weights stay memory operands instead of spilled registers
    base = writer.do(f'call ptr asm "", "=r,0"(ptr {table})')
    totals = [[splat(32, s)] * 4 for s in start]
    inputs: Row = []
    last = -1
    for number, (g, r) in enumerate(filled):
        if g != last:
            inputs, last = _inputs(generator, writer.address(area, 256 * g), group), g
        weight = _weight(generator, writer.address(base, 4 * number), group)
        totals[r] = [
            _multiply_add(generator, t, x, weight, group) for t, x in zip(totals[r], inputs, strict=True)
        ]
    return [[writer.binary("add", 32, t, "zeroinitializer") for t in total] for total in totals]


def _inputs(generator: Generator, base: str, group: int) -> Row:
    """The four vectors of one group of rows."""
    writer = generator.writer
    loaded = [writer.load(32, writer.address(base, 64 * k), 64) for k in range(4)]
    return [writer.bitcast(32, v, 8 if group == 4 else 16) for v in loaded]


def _weight(generator: Generator, pointer: str, group: int) -> str:
    """One group of weights in every 32-bit lane."""
    writer = generator.writer
    word = writer.do(f"load i32, ptr {pointer}")
    one = writer.do(f"insertelement {vector(32)} poison, i32 {word}, i64 0")
    same = writer.do(f"shufflevector {vector(32)} {one}, {vector(32)} poison, <16 x i32> zeroinitializer")
    return writer.bitcast(32, same, 8 if group == 4 else 16)


def _multiply_add(generator: Generator, total: str, x: str, weight: str, group: int) -> str:
    writer = generator.writer
    return writer.dot_bytes(total, x, weight) if group == 4 else writer.dot_words(total, x, weight)
