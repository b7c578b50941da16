"""Inputs of a graph from files of arrays: NumPy's .npy and .npz, or parquet with a column for each element.

Integers are raw, in LSBs of the input's type, and must fit it. Floats are physical values: they are cast with
the input's type, and what saturates, wraps, is rounded or is not finite is counted.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.scoring.floats import from_float

Array = NDArray[Any]
NPY, NPZ, PARQUET = b"\x93NUMPY", b"PK", b"PAR1"
UNREADABLE = (OSError, ValueError, EOFError, MemoryError, KeyError, zipfile.BadZipFile, zlib.error)
"""What numpy.load and numpy.lib.npyio.NpzFile raise for damaged files."""


NonFinite = Literal["error", "zero", "saturate"]
"""What becomes of NaN and infinity: an error; both 0; infinity the end of the type's range and NaN 0."""


@dataclass
class CastCounts:
    """Values of one float input, and how many of them were changed, each for one reason."""

    values: int = 0
    saturated: int = 0
    wrapped: int = 0
    nan: int = 0
    infinite: int = 0
    rounded: int = 0


@dataclass(frozen=True)
class ArraySource:
    """Arrays for every input of a graph; ``arrays[name]`` has shape (n, size), integers or floats.

    ``counts`` has one entry for each input given as floats and fills while ``blocks`` are read.
    """

    path: Path
    graph: Graph
    arrays: Mapping[str, Array]
    non_finite: NonFinite = "error"
    counts: dict[str, CastCounts] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of events."""
        return min((len(array) for array in self.arrays.values()), default=0)

    @property
    def description(self) -> str:
        """What each input holds and how it is read."""
        parts = []
        for node in self.graph.inputs:
            dtype = self.arrays[node.name].dtype
            how = f"cast to {node.type}" if dtype.kind == "f" else f"in LSBs of {node.type}"
            parts.append(f"{node.name}: {dtype} ({self.n}, {node.size}), {how}")
        return "; ".join(parts)

    def blocks(self, size: int) -> Iterator[dict[str, Array]]:
        """Blocks of at most ``size`` events: input name to integers (size of the input, n).

        Raises
        ------
        InputError
            For integers that do not fit, and for NaN and infinity with ``"error"``; names row and element.
        """
        for node in self.graph.inputs:
            if self.arrays[node.name].dtype.kind == "f":
                self.counts[node.name] = CastCounts()
        for first in range(0, self.n, size):
            block = {}
            for node in self.graph.inputs:
                part = self.arrays[node.name][first : first + size]
                values = self._cast(part, node, first) if part.dtype.kind == "f" else part
                outside = (values < node.type.minimum) | (values > node.type.maximum)
                if outside.any():
                    problem = f"value does not fit {node.type}"
                    self._fail(problem, outside, part, node, first, "integers count LSBs of this type")
                block[node.name] = np.ascontiguousarray(values.T)
            yield block

    def _fail(
        self, problem: str, wrong: Array, values: Array, node: Node, first: int, remedy: str
    ) -> NoReturn:
        """Raise InputError for the first event and element where ``wrong`` is true."""
        row, element = np.argwhere(wrong)[0]
        raise InputError(
            problem,
            file=self.path,
            field=f"{node.name}, row {first + row} element {element}",
            value=values[row, element].item(),
            remedy=remedy,
        )

    def _cast(self, part: Array, node: Node, first: int) -> Array:
        counts = self.counts[node.name]
        nan, infinite = np.isnan(part), np.isinf(part)
        strange = nan | infinite
        if strange.any():
            if self.non_finite == "error":
                remedy = "remove it, or allow it with --non-finite zero or saturate"
                self._fail("value is not finite", strange, part, node, first, remedy)
            if self.non_finite == "saturate":
                ends = np.where(part > 0, node.type.maximum, node.type.minimum) * node.type.lsb
                part = np.where(infinite, ends, part)
        integers, found = from_float(part, node.type, not_finite_to=0.0, field=f"node {node.name}")
        counts.values += part.size
        counts.saturated += found.saturated
        counts.wrapped += found.wrapped
        counts.rounded += found.rounded
        counts.nan += int(nan.sum())
        counts.infinite += int(infinite.sum())
        return integers


def holds_arrays(path: str | Path, graph: Graph) -> bool:
    """Whether a file holds arrays for ``graph`` rather than events, by its first bytes.

    Parquet with level-1 columns holds events; a file that cannot be opened is left to the reader of events.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(8)
    except OSError:
        return False
    if head.startswith((NPY, NPZ)):
        return True
    if not head.startswith(PARQUET):
        return False
    try:
        names = set(pq.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return False
    if {name.partition("[")[0] for name in names} & set(COLUMNS):
        return False
    wanted = {name for node in graph.inputs for name in (node.name, *element_names(node, graph))}
    return bool(wanted & names) or not all("source" in node.attributes for node in graph.inputs)


def open_arrays(
    path: str | Path,
    graph: Graph,
    non_finite: NonFinite = "error",
    names: Mapping[str, str | list[str]] | None = None,
) -> ArraySource:
    """Arrays of ``path`` for every input of ``graph``, shape (n, *shape) or (n, size) each.

    Where the graph notes the shape that an input had in its framework (``input_shapes``), that too; where it
    does not and the input is flat, any shape of as many elements: read in row-major order, the last axis
    fastest. Axes of length one do not matter.

    .npy: one array, for graphs of one input. .npz: arrays named after the inputs (any name, if there is one
    of each, or as ``names`` says by input). Parquet: a list column named after the input, or one column per
    element (``element_names``), or the columns that ``names`` gives.

    Raises
    ------
    InputError
        If the file cannot be read, an array is missing, is not of integers or floats, or has another shape.
    """
    path = Path(path)
    inputs = graph.inputs
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(PARQUET):
        found = _parquet(path, graph, names or {})
    else:
        found = _numpy(path, inputs, head.startswith(NPY), names or {})
    return array_source(found, graph, path, non_finite)


def array_source(
    found: Mapping[str, Array], graph: Graph, path: Path, non_finite: NonFinite = "error"
) -> ArraySource:
    """The arrays ``found`` by input name, in the shapes that ``open_arrays`` takes; ``path`` names them.

    Raises
    ------
    InputError
        If an array is not of integers or floats, has another shape, or they are of different lengths.
    """
    inputs = graph.inputs
    shapes = graph.meta.get("input_shapes")
    known = shapes if isinstance(shapes, dict) else {}
    arrays = {node.name: _shaped(found[node.name], node, path, known.get(node.name)) for node in inputs}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InputError("inputs have different numbers of events", file=path, value=lengths)
    return ArraySource(path, graph, arrays, non_finite)


def element_names(node: Node, graph: Graph) -> list[str]:
    """Names of the columns of one input: the model's feature names where the graph notes them, or x[0] ...

    The notes hold a list for a graph of one input, or the list of each input by its name.
    """
    for key in ("feature_names", "features"):
        names = graph.meta.get(key)
        if isinstance(names, dict):
            names = names.get(node.name)
        elif len(graph.inputs) != 1:
            continue
        if isinstance(names, list) and len(names) == node.size:
            return [str(name) for name in names]
    return [f"{node.name}[{i}]" for i in range(node.size)]


def _numpy(
    path: Path, inputs: list[Node], npy: bool, called: Mapping[str, str | list[str]]
) -> dict[str, Array]:
    names = [node.name for node in inputs]
    try:
        if npy:
            if len(inputs) > 1:
                raise InputError(
                    "holds one array, the graph has several inputs",
                    file=path,
                    value=names,
                    remedy="write an .npz with one array for each",
                )
            return {names[0]: np.load(path, mmap_mode="r", allow_pickle=False)}
        with path.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
            if len(names) == len(loaded.files) == 1:
                return {names[0]: loaded[loaded.files[0]]}
            for name in names:
                if called.get(name, name) not in loaded.files:
                    raise InputError(
                        "array is missing",
                        file=path,
                        field=name,
                        value=loaded.files,
                        remedy="name each array after its input",
                    )
            return {name: loaded[str(called.get(name, name))] for name in names}
    except InputError:
        raise
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"not a readable NumPy file: {reason}", file=path, remedy="write it again, without objects"
        ) from error


def _parquet(path: Path, graph: Graph, called: Mapping[str, str | list[str]]) -> dict[str, Array]:
    try:
        names = pq.read_schema(path).names
        found = {}
        for node in graph.inputs:
            given = called.get(node.name, node.name)
            if isinstance(given, str):
                columns = [given] if given in names else element_names(node, graph)
            else:
                columns = given
            for name in columns:
                if names.count(name) != 1:
                    problem = "column is missing" if name not in names else "two columns have this name"
                    raise InputError(
                        problem,
                        file=path,
                        field=name,
                        remedy=f"a list column {node.name}, or the columns {_shortened(columns)}",
                    )
            table = pq.read_table(path, columns=columns)
            parts = [_column(table[name].combine_chunks(), path, name) for name in columns]
            if len({part.dtype.kind == "f" for part in parts}) > 1:
                raise InputError(
                    "some columns are integers, others floats",
                    file=path,
                    field=node.name,
                    remedy="integers count LSBs, floats are physical values: use one of them",
                )
            found[node.name] = parts[0] if columns == [given] else np.stack(parts, axis=1)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"not a readable parquet file: {str(error).splitlines()[0]}", file=path, remedy="write it again"
        ) from error
    return found


def _column(column: pa.Array, path: Path, name: str) -> Array:
    """A column as an array (n,), or (n, length) for lists of one length."""
    rows = len(column)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lengths = set(np.diff(column.offsets.to_numpy()))
        if len(lengths) > 1:
            raise InputError("lists have different lengths", file=path, field=name)
    values = column
    while isinstance(values.type, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        if values.null_count:
            break
        values = values.flatten()
    if values.null_count:
        raise InputError("holds nulls", file=path, field=name, remedy="fill them")
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise InputError("is neither integer nor float", file=path, field=name, value=str(column.type))
    flat = np.asarray(values)
    return flat if values is column else flat.reshape(rows, -1) if rows else flat.reshape(0, 0)


def _shaped(array: Array, node: Node, path: Path, known: object = None) -> Array:
    """``array`` as (n, size); InputError if it is no table of numbers for this input.

    ``known`` is the shape of one event in the framework, a list of integers, or None.
    """
    text = ", ".join(map(str, node.shape))
    framework = tuple(known) if isinstance(known, list) and all(isinstance(n, int) for n in known) else None
    if framework is not None and framework != node.shape:
        text += f") or (n, {', '.join(map(str, framework))}"
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise InputError(
            "integers or floats of at most 64 bits expected",
            file=path,
            field=node.name,
            value=str(array.dtype),
        )
    if array.ndim == 1 and node.size == 1:
        return array[:, None]
    empty = array.ndim > 0 and array.size == 0 and len(array) == 0
    if empty or (array.ndim > 1 and _is_event(array.shape[1:], node, framework)):
        return array.reshape(len(array), node.size)
    turned = array.ndim == 2 and array.shape[0] == node.size
    raise InputError(
        f"shape (n, {text}) expected, one row per event",
        file=path,
        field=node.name,
        value=array.shape,
        remedy="transpose it" if turned else None,
    )


def _is_event(shape: tuple[int, ...], node: Node, framework: tuple[int, ...] | None) -> bool:
    """Whether an array of this shape holds the elements of one event in the order of the input's."""

    def long(axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(n for n in axes if n != 1)

    if long(shape) in (long(node.shape), (node.size,)):
        return True
    if framework is not None:
        return prod(framework) == node.size and long(shape) == long(framework)
    return len(long(node.shape)) <= 1 and prod(shape) == node.size


def _shortened(names: list[str]) -> str:
    return ", ".join(names if len(names) <= 4 else [*names[:2], "...", names[-1]])
