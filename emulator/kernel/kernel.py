"""A compiled graph: runs on columns of events or on arrays of integers, exactly as the reference does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.graph import Graph
from emulator.kernel.interpreter import Encoded, run_block
from emulator.kernel.intervals import magnitude
from emulator.kernel.lowering import LIMIT, lower
from emulator.kernel.plan import Layer, describe
from emulator.kernel.program import AnyStep, Evaluated, Program, Source, Value
from emulator.reference import EVALUATORS, Tensor, evaluate

Array = NDArray[Any]
BLOCK = 512
"""Events that go through all layers at once: rows of a small network stay in the second-level cache."""

Fetch = Callable[[Source, int, int, Array], None]


class Kernel:
    """The emulator of one graph. Safe to call from several threads.

    Attributes
    ----------
    plan
        What was proven and chosen, one ``Layer`` per step; ``print(kernel.describe())`` shows it.
    columns
        Names of the event columns that are read.
    """

    def __init__(self, graph: Graph, outputs: Iterable[str] | None = None) -> None:
        self.graph = graph.subgraph(graph.outputs if outputs is None else list(outputs))
        self.program: Program = lower(self.graph)
        wide = [v for v in self.program.values if v.rows and magnitude(v.interval) > LIMIT]
        self._wide = bool(wide)
        self._segments = [] if wide else _segments(self.program)
        self.plan: list[Layer] = describe(self.program, self._wide)
        used = [s.columns[r] for s in self.program.sources if s.columns for r in np.flatnonzero(s.used)]
        self.columns = tuple(dict.fromkeys(column[0] for column in used if column is not None))

    def describe(self) -> str:
        """The plan as a table, one line per step."""
        return "\n".join(str(layer) for layer in self.plan)

    def run(self, events: Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on events: ``events["mu.pt"]`` of shape (slots, n); only the columns in use are touched.

        Returns
        -------
        Output name to integers, shape (size, n), or (n,) where the output is one number; int32 where every
        value fits, else int64.

        Raises
        ------
        InputError
            If a column or slot is missing or a value does not fit the type of the graph's input.
        """
        count = _count(events, self.columns)
        for source in self.program.sources:
            if source.columns is None:
                raise InputError(
                    "input has no event columns",
                    field=f"node {source.node.name}: source",
                    remedy="use run_array, or export the graph with its sources",
                )
            for r in np.flatnonzero(source.used):
                column = source.columns[r]
                if column is not None and (column[0] not in events or column[1] >= len(events[column[0]])):
                    raise InputError(
                        "events lack this column",
                        field=f"node {source.node.name}",
                        value=f"{column[0]}[{column[1]}]",
                    )

        def fetch(source: Source, first: int, last: int, rows: Array) -> None:
            assert source.columns is not None
            for r in np.flatnonzero(source.used):
                column = source.columns[r]
                if column is None:
                    rows[r] = 0
                else:
                    rows[r] = events[column[0]][column[1], first:last]

        return self._run(fetch, count, threads)

    def run_array(self, x: Array | Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on integers of shape (n_inputs, n), events along the last axis; results as ``run``."""
        arrays = x if isinstance(x, Mapping) else {self.program.sources[0].node.name: x}
        count = -1
        for source in self.program.sources:
            name = source.node.name
            array = arrays.get(name)
            if array is None:
                raise InputError("input is missing", field=f"node {name}")
            if array.ndim != 2 or len(array) != source.value.rows or array.dtype.kind not in "iuO":
                raise InputError(
                    f"expected integers of shape ({source.value.rows}, n)",
                    field=f"node {name}",
                    value=f"{array.dtype} {array.shape}",
                )
            if count not in (-1, array.shape[1]):
                raise InputError("inputs have different numbers of events", field=f"node {name}")
            count = array.shape[1]

        def fetch(source: Source, first: int, last: int, rows: Array) -> None:
            array = arrays[source.node.name]
            for r in np.flatnonzero(source.used):
                rows[r] = array[r, first:last]

        return self._run(fetch, max(count, 0), threads)

    def run_rows(self, x: Array | Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on integers of shape (n, *shape); equals ``emulator.reference.evaluate`` bit for bit."""
        arrays = x if isinstance(x, Mapping) else {self.program.sources[0].node.name: x}
        if self._wide:
            return evaluate(self.graph, arrays)
        columns = {}
        for source in self.program.sources:
            array = np.asarray(arrays[source.node.name])
            if array.shape[1:] != source.node.shape:
                raise InputError(
                    f"expected integers of shape (n, {', '.join(map(str, source.node.shape))})",
                    field=f"node {source.node.name}",
                    value=f"{array.dtype} {array.shape}",
                )
            columns[source.node.name] = np.ascontiguousarray(array.reshape(len(array), -1).T)
        flat = self.run_array(columns, threads)
        results = {}
        for name, array in flat.items():
            count = array.shape[-1]
            results[name] = (
                array.reshape(-1, count).T.reshape(count, *self.graph[name].shape).astype(np.int64)
            )
        return results

    def _run(self, fetch: Fetch, count: int, threads: int | None) -> dict[str, Array]:
        outputs = self.program.outputs
        results: dict[str, Array] = {
            name: np.empty((value.rows, count), result_dtype(value)) for name, value in outputs.items()
        }
        blocks = [(first, min(first + BLOCK, count)) for first in range(0, count, BLOCK)]
        workers = min(threads or 1, max(len(blocks), 1))
        parts = np.array_split(np.array(blocks, np.int64).reshape(-1, 2), workers)

        def work(part: Array) -> None:
            for first, last in part:
                self._block(fetch, int(first), int(last), results)

        if workers == 1:
            work(parts[0])
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, parts))
        return {name: array[0] if len(array) == 1 else array for name, array in results.items()}

    def _block(self, fetch: Fetch, first: int, last: int, results: dict[str, Array]) -> None:
        held: dict[int, Array] = {}
        for source in self.program.sources:
            rows = np.zeros((source.value.rows, last - first), object if self._wide else np.int64)
            fetch(source, first, last, rows)
            _check(source, rows)
            held[source.value.number] = rows
        if self._wide:
            inputs = {
                s.node.name: held[s.value.number].T.reshape(last - first, *s.node.shape)
                for s in self.program.sources
            }
            for name, array in evaluate(self.graph, inputs).items():
                results[name][:, first:last] = array.reshape(last - first, -1).T
            return
        for segment in self._segments:
            segment(held, last - first)
        for name, value in self.program.outputs.items():
            results[name][:, first:last] = held[value.number]


def result_dtype(value: Value) -> Any:
    """int32 where the proven range fits, int64, or Python integers beyond."""
    bits = magnitude(value.interval) if value.rows else 1
    return np.int32 if bits <= 32 else np.int64 if bits <= 64 else object


def _count(events: Mapping[str, Array], columns: tuple[str, ...]) -> int:
    for name in columns:
        if name in events:
            return int(events[name].shape[-1])
    return int(getattr(events, "n", 0))


def _check(source: Source, rows: Array) -> None:
    type_ = source.node.type
    if not rows.size or (rows.min() >= type_.minimum and rows.max() <= type_.maximum):
        return
    r = int(np.flatnonzero(((rows < type_.minimum) | (rows > type_.maximum)).any(axis=1))[0])
    bad = rows[r][(rows[r] < type_.minimum) | (rows[r] > type_.maximum)][0]
    where = f"node {source.node.name}"
    if source.columns is not None and source.columns[r] is not None:
        where += f": {source.node.attributes['source'][r]}"
    else:
        where += f": element {r}"
    raise InputError(f"value does not fit {type_}", field=where, value=int(bad))


Held = dict[int, Array]


def _segments(program: Program) -> list[Callable[[Held, int], None]]:
    """Runs of interpreted steps, with the evaluated nodes between them."""
    segments: list[Callable[[Held, int], None]] = []
    run: list[AnyStep] = []

    def flush() -> None:
        if run:
            segments.append(_Interpreted(program, list(run)))
            run.clear()

    for step in program.steps:
        if isinstance(step, Evaluated):
            flush()
            segments.append(_Reference(step))
        else:
            run.append(step)
    flush()
    return segments


class _Interpreted:
    def __init__(self, program: Program, steps: list[AnyStep]) -> None:
        self.encoded = Encoded(program, steps)
        made = {step.out.number: step.out for step in steps}
        self.reads = {v.number: v for step in steps for v in step.inputs if v.number not in made}
        self.writes = made

    def __call__(self, held: Held, count: int) -> None:
        encoded = self.encoded
        pool = np.zeros((encoded.rows, count), np.int64)
        for number, value in self.reads.items():
            if number in held:
                base = encoded.base[number]
                pool[base : base + value.rows] = held[number]
        run_block(pool, encoded.code, encoded.words, encoded.widest)
        for number, value in self.writes.items():
            if number in encoded.kept:
                base = encoded.base[number]
                held[number] = pool[base : base + value.rows]


class _Reference:
    def __init__(self, step: Evaluated) -> None:
        self.step = step

    def __call__(self, held: Held, count: int) -> None:
        node = self.step.graph_node
        tensors = [
            Tensor(held[value.number].T.reshape(count, *origin.shape), origin.type)
            for value, origin in zip(self.step.sources, self.step.source_nodes, strict=True)
        ]
        held[self.step.out.number] = EVALUATORS[node.op](node, tensors).reshape(count, -1).T.astype(np.int64)
