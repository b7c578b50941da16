"""Types and tables with which hls4ml's softmax is numerically correct.

hls4ml 1.3 subtracts the largest logit in a type that wraps at half their range, looks inverses up in a table
that begins at zero, and indexes its tables by the upper bits of whatever type it has inferred for the logits.
"""

from __future__ import annotations

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding

LOGITS = FixedType(10, 5, True, Rounding.RND, Overflow.SAT)
"""Default type of the logits: all of its bits index the table, and no index is beyond the table's end."""

TABLE_BITS = 12


def softmax_types(kind: FixedType, count: int) -> dict[str, FixedType]:
    """Types by hls4ml's names, for ``count`` logits of a type."""
    total = count.bit_length()
    entry = FixedType(18, 1, False, Rounding.RND, Overflow.SAT)
    return {
        "inp_norm_t": FixedType(kind.width, kind.integer, False),
        "exp_table_t": entry,
        "accum_t": FixedType(17 + total, total, False),
        "inv_inp_t": FixedType(17 + total, total, False),
        "inv_table_t": entry,
    }


def softmax_sizes(kind: FixedType) -> dict[str, int]:
    """Entries of the tables of exponentials and of inverses."""
    return {"exp_table_size": 1 << min(kind.width, TABLE_BITS), "inv_table_size": 1 << TABLE_BITS}
