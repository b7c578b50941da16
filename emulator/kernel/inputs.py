"""Rows of input integers: the word the kernel reads, and the range of the declared type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.kernel.program import Source

Array = NDArray[Any]


Rows = Array | list[Array]
"""Rows of one input: an array (rows, n), or arrays (n,) from different places."""


def prepared(value: Rows, dtype: np.dtype[Any], source: Source) -> Rows:
    """The rows as the kernel reads them: words of ``dtype``, events contiguous; unused rows as they are."""
    if not isinstance(value, list) and value.dtype == dtype and value.strides[1] == dtype.itemsize:
        return value
    return [
        as_type(row, dtype, source, r) if used else row
        for r, (row, used) in enumerate(zip(value, source.used, strict=True))
    ]


def as_type(row: Array, dtype: np.dtype[Any], source: Source, r: int) -> Array:
    """A contiguous row in the word the kernel reads; values that would not survive are an error."""
    if row.dtype == dtype and row.flags.c_contiguous:
        return row
    if not np.can_cast(row.dtype, dtype):
        check_row(source, r, row)
    return np.ascontiguousarray(row.astype(dtype))


def check_row(source: Source, r: int, row: Array) -> None:
    """Raise InputError if a value of input row ``r`` does not fit the type of its node."""
    type_ = source.node.type
    if not row.size or (row.min() >= type_.minimum and row.max() <= type_.maximum):
        return
    bad = row[(row < type_.minimum) | (row > type_.maximum)][0]
    texts = source.node.attributes.get("source")
    where = texts[r] if texts else f"element {r}"
    raise InputError(f"value does not fit {type_}", field=f"node {source.node.name}: {where}", value=int(bad))
