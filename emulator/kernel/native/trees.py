"""Tree ensembles without branches: every node of a tree is compared, 32 events to a vector.

``(limit - 1) - x`` with saturation has its sign bit set where the event goes right. Going down a level is a
bitwise selection between the sign bits of two nodes; the bits of the path make the number of a leaf, whose
value is one permutation of a register away. Idea: QuickScorer (Lucchese et al., SIGIR 2015) and the
branch-free perfect trees of GPU forests; 16-bit saturation makes the comparison one instruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from l1forge.emulator.graph.trees import LEAF
from l1forge.emulator.kernel.native.rows import signed_width
from l1forge.emulator.kernel.native.vectors import Row, splat, vector
from l1forge.emulator.kernel.program import Tree, Trees

if TYPE_CHECKING:
    from l1forge.emulator.kernel.native.codegen import Generator

DEEPEST = 6
"""64 leaves fill the two registers of one permutation."""


def refusal(step: Trees) -> str | None:
    """Why the vector code cannot do these trees, or None."""
    used = sorted({int(f) for tree in step.trees for f in tree.feature if f != LEAF})
    if any(step.source.interval.low[f] < -32768 or step.source.interval.high[f] > 32767 for f in used):
        return "features wider than 16 bits"
    if max(tree.depth for tree in step.trees) > DEEPEST:
        return f"trees deeper than {DEEPEST}"
    if any(abs(int(v)) > 32767 for tree in step.trees for v in tree.value):
        return "leaves wider than 16 bits"
    return None


@dataclass(frozen=True)
class Perfect:
    """A tree padded to full depth: inner nodes level by level, leaves from left to right."""

    features: list[int]
    limits: list[int]
    leaves: list[int]


def perfect(tree: Tree, depth: int, any_feature: int) -> Perfect:
    """``tree`` with ``depth`` full levels; leaves above the last level are repeated."""
    level = [0]
    features: list[int] = []
    limits: list[int] = []
    for _ in range(depth):
        below = []
        for at in level:
            leaf = tree.feature[at] == LEAF
            features.append(any_feature if leaf else int(tree.feature[at]))
            limits.append(0 if leaf else int(tree.below[at]) - 1)
            below += [at, at] if leaf else [int(tree.left[at]), int(tree.right[at])]
        level = below
    return Perfect(features, limits, [int(tree.value[at]) for at in level])


def _groups(step: Trees) -> list[tuple[int, int, list[Tree]]]:
    """(score, depth, trees) such that the leaves of one group always sum to 16 bits."""
    groups: list[tuple[int, int, list[Tree]]] = []
    bound = 0
    for tree in sorted(step.trees, key=lambda tree: (tree.score, tree.depth)):
        largest = max(abs(int(v)) for v in tree.value)
        bound += largest
        if not groups or groups[-1][:2] != (tree.score, tree.depth) or bound > 32767:
            groups.append((tree.score, tree.depth, []))
            bound = largest
        groups[-1][2].append(tree)
    return groups


def trees(generator: Generator, step: Trees) -> None:
    """Emit the scores of ``step``."""
    writer = generator.writer
    used = sorted({int(f) for tree in step.trees for f in tree.feature if f != LEAF})
    area = generator.reserve(128 * max(len(used), 1))
    place = {f: 128 * p for p, f in enumerate(used)}
    for f, offset in place.items():
        vectors, width = generator.load_row(step.source, f, 16)
        for k, v in enumerate(writer.narrow(vectors, width, 16)):
            writer.store(16, v, writer.address(area, offset + 64 * k), 64)
    totals: list[Row] = []
    widths = [
        signed_width(int(step.partial.low[c]), int(step.partial.high[c]), 32) for c in range(step.out.rows)
    ]
    for c, width in enumerate(widths):
        totals.append([splat(width, int(step.start[c]))] * (width // 8))
    for score, depth, members in _groups(step):
        sums = _group(generator, area, place, depth, members)
        wide = writer.widen(sums, 16, widths[score])
        totals[score] = [
            writer.binary("add", widths[score], a, b) for a, b in zip(totals[score], wide, strict=True)
        ]
    for c, total in enumerate(totals):
        if not any(tree.score == c for tree in step.trees):
            total = [writer.binary("add", widths[c], a, "zeroinitializer") for a in total]
        generator.produced(step.out, c, total, widths[c])


def _group(generator: Generator, area: str, place: dict[int, int], depth: int, members: list[Tree]) -> Row:
    """A loop over trees of one depth; returns the sums of their leaves as 16-bit words."""
    writer = generator.writer
    anywhere = next(iter(place), 0)
    ready = [perfect(tree, depth, anywhere) for tree in members]
    inner, leaves = (1 << depth) - 1, 1 << depth
    spread = max(leaves, 32)
    offsets = generator.table(32, [place.get(f, 0) for tree in ready for f in tree.features] or [0])
    limits = generator.table(32, [_twice(limit) for tree in ready for limit in tree.limits] or [0])
    values = generator.table(16, [tree.leaves[i % leaves] for tree in ready for i in range(spread)])

    def tree(index: str, sums: Row) -> Row:
        node_base = writer.do(f"mul i64 {index}, {4 * inner}")
        offset_base, limit_base = writer.address(offsets, node_base), writer.address(limits, node_base)
        signs: list[Row] = []
        for n in range(inner):
            offset = writer.do(f"load i32, ptr {writer.address(offset_base, 4 * n)}")
            x = writer.address(area, writer.do(f"zext i32 {offset} to i64"))
            limit = _broadcast(generator, writer.address(limit_base, 4 * n))
            signs.append(
                [
                    writer.intrinsic("ssub.sat", 16, limit, writer.load(16, writer.address(x, 64 * k), 64))
                    for k in (0, 1)
                ]
            )
        value_base = writer.address(values, writer.do(f"mul i64 {index}, {2 * spread}"))
        tables = [writer.load(16, writer.address(value_base, 64 * k), 2) for k in range(spread // 32)]
        numbers = [_leaf_number(generator, [sign[k] for sign in signs], depth) for k in (0, 1)]
        return [
            writer.binary("add", 16, total, _permute(generator, tables, number))
            for total, number in zip(sums, numbers, strict=True)
        ]

    return writer.loop(len(ready), 16, ["zeroinitializer"] * 2, tree)


def _twice(limit: int) -> int:
    """A 16-bit number in both halves of a 32-bit word, which the processor broadcasts for free."""
    word = limit & 0xFFFF
    return int(np.uint32(word << 16 | word).astype(np.int32))


def _broadcast(generator: Generator, pointer: str) -> str:
    writer = generator.writer
    word = writer.do(f"load i32, ptr {pointer}")
    one = writer.do(f"insertelement {vector(32)} poison, i32 {word}, i64 0")
    same = writer.do(f"shufflevector {vector(32)} {one}, {vector(32)} poison, <16 x i32> zeroinitializer")
    return writer.bitcast(32, same, 16)


def _leaf_number(generator: Generator, signs: list[str], depth: int) -> str:
    """The number of the leaf from the sign bits of all nodes, level by level."""
    writer = generator.writer
    if depth == 0:
        return "zeroinitializer"
    chosen: list[str] = []
    first = 0
    for level in range(depth):
        candidates = signs[first : first + (1 << level)]
        first += 1 << level
        for path in reversed(chosen):  # the deepest decision separates neighbours
            candidates = [
                _select(generator, path, b, a) for a, b in zip(candidates[::2], candidates[1::2], strict=True)
            ]
        chosen.append(candidates[0])
    number = writer.binary("lshr", 16, chosen[0], splat(16, 15))
    for bits in chosen[1:]:
        kind = vector(16)
        number = writer.call(kind, "llvm.fshl.v32i16", (kind, number), (kind, bits), (kind, splat(16, 1)))
    return number


def _select(generator: Generator, sign: str, where_set: str, where_clear: str) -> str:
    """Bitwise ``sign ? where_set : where_clear``; only the sign bits matter."""
    writer = generator.writer
    taken = writer.binary("and", 16, sign, where_set)
    other = writer.binary("and", 16, writer.binary("xor", 16, sign, splat(16, -1)), where_clear)
    return writer.binary("or", 16, taken, other)


def _permute(generator: Generator, tables: list[str], index: str) -> str:
    """Entry ``index`` of a table of 32 or 64 16-bit words."""
    writer, kind = generator.writer, vector(16)
    if len(tables) == 1:
        return writer.call(kind, "llvm.x86.avx512.permvar.hi.512", (kind, tables[0]), (kind, index))
    return writer.call(
        kind, "llvm.x86.avx512.vpermi2var.hi.512", (kind, tables[0]), (kind, index), (kind, tables[1])
    )
