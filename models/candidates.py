"""Candidate samples of the tau and e/gamma classifiers: calorimeter towers around each candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from emulator.fixed import FixedType
from models.classifiers import Sample, require

SCALARS = ("et", "cluster", "em", "had", "ring", "towers", "ntt")
WINDOW = (5, 9)  # eta by phi
RAW = FixedType(12, 12, False)
"""Type of every feature at the input: sums of a few towers of 9 bits."""


def read(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """All columns as integers; windows have shape (n, 5, 9). InputError if the file is missing."""
    table = pq.read_table(require(path, "run `python -m simulation.training_data`"))
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name.endswith("_towers"):
            columns[name] = np.asarray(column.flatten()).reshape(-1, *WINDOW)
        else:
            columns[name] = np.asarray(column)
    return columns


def sample(columns: dict[str, np.ndarray[Any, Any]], features: np.ndarray[Any, Any]) -> Sample:
    """The sample with these features; the cut-based decision is the object's isolation bit."""
    return Sample(
        features.astype(np.int64),
        columns["truth"] == 1,
        columns["iso"] > 0,
        columns["event"].astype(np.int64),
    )
