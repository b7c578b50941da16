"""Features of a tree ensemble from a parquet file, to choose types from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError


def read_features(path: Path, names: Sequence[str]) -> NDArray[np.float64]:
    """The columns ``names`` of a parquet file, shape (rows, features).

    Raises
    ------
    InputError
        If the file cannot be read or has no rows, or a column is missing or holds no numbers.
    """
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot read: {error}", file=path, remedy="give a parquet file") from error
    if not table.num_rows:
        raise InputError("has no rows", file=path, remedy="give the events from which the types are chosen")
    for name in names:
        if name not in table.column_names:
            raise InputError("column is missing", file=path, field=name, remedy="one column per feature")
        kind = table.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise InputError("is neither integer nor float", file=path, field=name, value=str(kind))
    return np.stack([np.asarray(table[name], np.float64) for name in names], axis=1)
