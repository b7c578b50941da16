"""Copies of the input rows for the kernel, where the rows would compete for the same cache sets.

Rows whose addresses differ by a whole number of memory pages fall into the same cache sets. About sixty such
rows, read tile by tile, evict each other before they are used. The kernel copies several tiles of each row to
addresses in different sets and reads the copies: this takes a quarter less time (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.kernel.native.vectors import TILE

STRETCH = 16
"""Tiles copied at once: sixty rows of them fit the second-level cache."""
AHEAD = 2
"""Rows fetched into the cache while one is copied."""
CROWD = 16
"""Rows per cache set above which copying is faster: second-level caches keep 8 to 16 lines per set."""
LINE, PAGE = 64, 4096
TILE_BYTES = TILE * 2


def stage_bytes(used: Sized) -> int:
    """Memory for the copies of ``used`` rows; a line between rows keeps them apart."""
    return len(used) * (STRETCH * TILE_BYTES + LINE)


def crowded(addresses: NDArray[np.int64]) -> bool:
    """Whether rows that begin at ``addresses`` share so few cache sets that copying is faster."""
    return len(addresses) > CROWD and int(np.bincount(addresses % PAGE // LINE).max()) > CROWD


def staged(used: Sequence[int], rows: int, stage: int) -> str:
    """IR of ``@staged``, to follow that of ``@kernel``: same arguments, calls it on copies of int16 rows.

    The kernel adds the offset of its tile to a row's address, so ``%as.if`` subtracts it from the copy's.

    Parameters
    ----------
    used
        The rows that the kernel reads, more than ``CROWD`` among ``rows``.
    stage
        Where in the scratch area the copies lie (a multiple of 64).
    """
    order = ", ".join(f"i64 {row}" for row in [*used, *used[:AHEAD]])
    return f"""
@staged_rows = internal constant [{len(used) + AHEAD} x i64] [{order}]
define i64 @staged(ptr noalias %inputs, ptr noalias %outputs, ptr noalias %scratch, i64 %first, i64 %last) {{
entry:
 %copies = alloca [{rows} x i64]
 %stage = getelementptr i8, ptr %scratch, i64 {stage}
 br label %stretch
stretch:
 %tile = phi i64 [ %first, %entry ], [ %stop, %compute ]
 %bad = phi i64 [ 0, %entry ], [ %worse, %compute ]
 %left = sub i64 %last, %tile
 %short = icmp slt i64 %left, {STRETCH}
 %tiles = select i1 %short, i64 %left, i64 {STRETCH}
 %stop = add i64 %tile, %tiles
 %bytes = mul i64 %tiles, {TILE_BYTES}
 %here = mul i64 %tile, {TILE_BYTES}
 %later = add i64 %here, {STRETCH * TILE_BYTES}
 br label %row
row:
 %k = phi i64 [ 0, %stretch ], [ %k.next, %copied ]
 %number.at = getelementptr i64, ptr @staged_rows, i64 %k
 %number = load i64, ptr %number.at
 %source.at = getelementptr ptr, ptr %inputs, i64 %number
 %source.row = load ptr, ptr %source.at
 %source = getelementptr i8, ptr %source.row, i64 %here
 %k.ahead = add i64 %k, {AHEAD}
 %ahead.number.at = getelementptr i64, ptr @staged_rows, i64 %k.ahead
 %ahead.number = load i64, ptr %ahead.number.at
 %ahead.at = getelementptr ptr, ptr %inputs, i64 %ahead.number
 %ahead.row = load ptr, ptr %ahead.at
 %wraps = icmp sge i64 %k.ahead, {len(used)}
 %ahead.place = select i1 %wraps, i64 %later, i64 %here
 %ahead = getelementptr i8, ptr %ahead.row, i64 %ahead.place
 %copy.offset = mul i64 %k, {STRETCH * TILE_BYTES + LINE}
 %copy = getelementptr i8, ptr %stage, i64 %copy.offset
 br label %line
line:
 %at = phi i64 [ 0, %row ], [ %at.next, %line ]
 %from = getelementptr i8, ptr %source, i64 %at
 %to = getelementptr i8, ptr %copy, i64 %at
 %soon = getelementptr i8, ptr %ahead, i64 %at
 %words = load <16 x i32>, ptr %from, align 1
 store <16 x i32> %words, ptr %to, align {LINE}
 call void @llvm.prefetch.p0(ptr %soon, i32 0, i32 3, i32 1)
 %at.next = add i64 %at, {LINE}
 %line.more = icmp slt i64 %at.next, %bytes
 br i1 %line.more, label %line, label %copied
copied:
 %copy.address = ptrtoint ptr %copy to i64
 %as.if = sub i64 %copy.address, %here
 %entry.at = getelementptr i64, ptr %copies, i64 %number
 store i64 %as.if, ptr %entry.at
 %k.next = add i64 %k, 1
 %row.more = icmp slt i64 %k.next, {len(used)}
 br i1 %row.more, label %row, label %compute
compute:
 %found = call i64 @kernel(ptr %copies, ptr %outputs, ptr %scratch, i64 %tile, i64 %stop)
 %worse = or i64 %bad, %found
 %more = icmp slt i64 %stop, %last
 br i1 %more, label %stretch, label %done
done:
 ret i64 %worse
}}
"""
