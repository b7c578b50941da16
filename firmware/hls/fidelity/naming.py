"""Which array of an .npz, or which columns of a parquet file, feed which input of a graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.scoring.arrays import UNREADABLE, element_names

LABELS = ("y", "labels", "label", "y_true")
"""Arrays of an .npz, or columns of a parquet file, that are taken for labels if they hold integers."""
INPUTS = ("x", "X", "inputs", "data")
"""Arrays of an .npz that are taken for the only input if none has its name."""


def npz_names(path: Path, graph: Graph) -> dict[str, str]:
    """The array of each input: of its own name, x for an only one, else those that are no labels in order."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            shapes = {name: archive[name].shape for name in archive.files}
    except UNREADABLE as error:
        raise InputError(f"not a readable NumPy file: {error}", file=path) from error
    inputs = graph.inputs
    if all(node.name in shapes for node in inputs):
        return {}
    if len(inputs) == 1:
        known = [name for name in INPUTS if name in shapes]
        if known:
            return {inputs[0].name: known[0]}
    left = [name for name in shapes if name not in LABELS]
    if len(left) == len(inputs):
        return {node.name: name for node, name in zip(inputs, left, strict=True)}
    return {}  # open_arrays says what is missing


def parquet_names(path: Path, graph: Graph, labels: str | None) -> dict[str, str | list[str]]:
    """The columns of inputs that are not found by their own names.

    ``x_0``, ``x0`` or ``x.0`` …; of an only input also a list, or all columns of numbers in order
    but for labels, if there are as many as it has elements.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException):
        return {}  # open_arrays says what is wrong
    lists = [field.name for field in schema if pa.types.is_nested(field.type)]
    numbers = [
        field.name
        for field in schema
        if (pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
        and field.name not in (*LABELS, labels)
    ]
    found: dict[str, str | list[str]] = {}
    for node in graph.inputs:
        if node.name in schema.names or set(element_names(node, graph)) <= set(schema.names):
            continue
        forms = [[form.format(node.name, i) for i in range(node.size)] for form in ("{}_{}", "{}{}", "{}.{}")]
        written = next((columns for columns in forms if set(columns) <= set(numbers)), None)
        known = [name for name in INPUTS if name in lists] or lists
        if written is not None:
            found[node.name] = written
        elif len(graph.inputs) == 1 and known:
            found[node.name] = known[0]
        elif len(graph.inputs) == 1 and len(numbers) == node.size:
            found[node.name] = numbers
    return found  # open_arrays says what is missing


def told(columns: str | list[str]) -> str:
    """Names of columns, so that nobody takes them for others."""
    names = [columns] if isinstance(columns, str) else columns
    return ", ".join(names if len(names) <= 6 else [*names[:3], "…", names[-1]])
