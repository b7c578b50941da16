"""The events on which a converted network is compared with the trained one, and their labels."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel.lowering import lower
from l1forge.emulator.scoring.arrays import NPZ, PARQUET, UNREADABLE, Array, holds_arrays, open_arrays
from l1forge.emulator.scoring.feeds import event_rows
from l1forge.emulator.scoring.floats import Counts, from_float
from l1forge.firmware.hls.fidelity.naming import LABELS, npz_names, parquet_names, told
from l1forge.firmware.inputs.binding import bind, physical
from l1forge.firmware.inputs.columns import Column


@dataclass(frozen=True)
class Sample:
    """Inputs of a network as physical values.

    ``inputs``: name of each input of the graph to float64 of shape (n, size), in its order. ``labels``:
    integers of shape (n,), the class of each event, or None. ``description`` says what was read and how.
    """

    path: Path
    inputs: dict[str, NDArray[np.float64]]
    labels: NDArray[np.int64] | None
    description: str

    @property
    def n(self) -> int:
        """Number of events."""
        return len(next(iter(self.inputs.values())))

    def part(self, index: NDArray[np.int64]) -> Sample:
        """The events with these numbers."""
        inputs = {name: values[index] for name, values in self.inputs.items()}
        return replace(self, inputs=inputs, labels=None if self.labels is None else self.labels[index])

    def halves(self, seed: int) -> tuple[Sample, Sample]:
        """Two halves of the events, drawn at random: one to choose with, one to report on."""
        order = np.random.default_rng(seed).permutation(self.n)
        return self.part(np.sort(order[: self.n // 2])), self.part(np.sort(order[self.n // 2 :]))

    def integers(self, graph: Graph) -> tuple[dict[str, NDArray[np.int64]], dict[str, Counts]]:
        """The inputs in LSBs of the graph's types, shape (n, *shape), and what the casts changed."""
        made, counts = {}, {}
        for node, values in zip(graph.inputs, self.inputs.values(), strict=True):
            integers, counts[node.name] = from_float(values, node.type, field=f"input {node.name}")
            made[node.name] = integers.reshape(len(values), *node.shape)
        return made, counts


def read_sample(
    path: str | Path,
    graph: Graph,
    labels: str | None = None,
    most: int | None = None,
    given: bool = True,
    wiring: Sequence[Column] | None = None,
) -> Sample:
    """Events for ``graph`` from .npy, .npz, parquet, or a file of events whose columns its inputs name.

    Floats are physical values; integers count LSBs of the input's type, as everywhere (docs/formats.md).

    Parameters
    ----------
    labels
        An array of the .npz, a column of the parquet file, or another .npy file with the class of each event;
        None: an array or a column called y, labels, label or y_true, if there is one of integers.
    most
        Read so many events at most, the first ones.
    given
        Whether the types of the inputs are the user's: only then integers mean something.
    wiring
        What each input element reads from a file of events, and what its codes are worth to the network.

    Raises
    ------
    InputError
        If the file cannot be read, holds no event, other inputs, or values that are not finite.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(8)
    arrays = holds_arrays(path, graph)
    if arrays:
        names: dict[str, str | list[str]] = {}
        if head.startswith(NPZ):
            names |= npz_names(path, graph)
        elif head.startswith(PARQUET):
            names |= parquet_names(path, graph, labels)
        source = open_arrays(path, graph, names=names)
        found, described = dict(source.arrays), source.description
        described += "".join(f"; {name} is {told(column)}" for name, column in names.items())
    elif wiring is not None:
        codes = _events(path, bind(graph, wiring)[0], most)
        found, described = dict(physical(graph, wiring, codes)), "event columns, scaled"
    else:
        found, described = _events(path, graph, most), "event columns"
    stop = min((len(array) for array in found.values()), default=0)
    stop = stop if most is None else min(stop, most)
    if stop == 0:
        raise InputError("holds no events", file=path, remedy="give at least one")
    inputs = {}
    for node in graph.inputs:
        array = found[node.name][:stop]
        if array.dtype.kind != "f" and not given:
            raise InputError(
                "holds integers, which count LSBs, and the type of the inputs is not known",
                file=path,
                field=node.name,
                value=str(array.dtype),
                remedy="give the type of the inputs with --input-type, or write floats",
            )
        values = np.asarray(array, np.float64) * (1.0 if array.dtype.kind == "f" else node.type.lsb)
        if not np.isfinite(values).all():
            row, element = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise InputError(
                "value is not finite",
                file=path,
                field=f"{node.name}, row {row} element {element}",
                value=float(values[row, element]),
                remedy="remove the event",
            )
        inputs[node.name] = values
    return Sample(path, inputs, _labels(path, head, labels, stop), described)


def _events(path: Path, graph: Graph, most: int | None) -> dict[str, Array]:
    """Integers of the hardware columns that the graph's inputs name, (n, size) for each input."""
    source = open_events(path)  # says what is wrong with a file that is neither
    bare = [node.name for node in graph.inputs if "source" not in node.attributes]
    if bare:
        raise InputError(
            f"holds events, but the model's input {bare[0]} names no event columns",
            file=path,
            remedy="name one for each element with --source, or give an array of the inputs",
        )
    columns = {slot[0] for inputs in lower(graph).sources for slot in inputs.columns or () if slot}
    parts: dict[str, list[Array]] = {node.name: [] for node in graph.inputs}
    count = 0
    for events in source.blocks(columns=tuple(sorted(columns)), block_size=None):
        rows = event_rows(graph, events, absent=False)
        zeros = np.zeros(events.n, np.int64)
        for node in graph.inputs:
            own = [rows.get(text, zeros) for text in node.attributes["source"]]
            parts[node.name].append(np.stack([np.asarray(row, np.int64) for row in own], axis=1))
        count += events.n
        if most is not None and count >= most:
            break
    return {name: np.concatenate(blocks) if blocks else np.zeros((0, 1)) for name, blocks in parts.items()}


def _labels(path: Path, head: bytes, name: str | None, stop: int) -> NDArray[np.int64] | None:
    found: Any = None
    where = path
    if name is not None and Path(name).suffix == ".npy":
        where = Path(name)
        with where.open("rb"):
            pass
        try:
            found = np.load(where, allow_pickle=False)
        except UNREADABLE as error:
            raise InputError(f"not a readable NumPy file: {error}", file=where) from error
    elif head.startswith(NPZ):
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
            found = _one(archive.files, name, lambda key: archive[key])
    elif head.startswith(PARQUET):
        import pyarrow.parquet as pq

        columns = pq.read_schema(path).names
        found = _one(columns, name, lambda key: pq.read_table(path, columns=[key])[key].to_numpy())
    if found is None:
        if name is not None:
            raise InputError("no such labels", file=path, field="--labels", value=name)
        return None
    return _classes(np.asarray(found)[:stop], where, name, stop)


def _one(names: Sequence[str], name: str | None, read: Callable[[str], Any]) -> Any:
    if name is not None:
        return read(name) if name in names else None
    for key in LABELS:
        if key in names:
            found = np.asarray(read(key))
            if found.dtype.kind in "iub" and (found.ndim == 1 or found.shape[-1] > 0):
                return found
    return None


def _classes(found: NDArray[Any], path: Path, name: str | None, stop: int) -> NDArray[np.int64]:
    """Labels as integers (n,): of one column, or of the column with the 1 (one-hot)."""
    if found.ndim == 2:
        found = found[:, 0] if found.shape[1] == 1 else found.argmax(axis=1)
    whole = found.dtype.kind in "iubf" and found.ndim == 1 and bool((found == np.rint(found)).all())
    if not whole or len(found) != stop:
        raise InputError(
            f"labels are one class (an integer, or one-hot) for each of {stop} events",
            file=path,
            field=name or "labels",
            value=f"{found.dtype} {found.shape}",
        )
    return found.astype(np.int64)
