"""A compiled graph: runs on columns of events or on arrays of integers, exactly as the reference does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.graph import Graph
from emulator.kernel.interpreter import Encoded, run_block
from emulator.kernel.intervals import magnitude
from emulator.kernel.lowering import LIMIT, lower, needed
from emulator.kernel.native.codegen import NotVectorised
from emulator.kernel.native.machine import host_target
from emulator.kernel.native.runner import Runner
from emulator.kernel.native.vectors import Target
from emulator.kernel.plan import Plan, describe
from emulator.kernel.program import AnyStep, Evaluated, Program, Source, Value
from emulator.reference import EVALUATORS, Tensor, evaluate

Array = NDArray[Any]
BLOCK = 512
"""Events that go through all layers at once: rows of a small network stay in the second-level cache."""

Backend = Literal["vector", "portable", "interpreter", "reference"]
Held = dict[int, Array]


class Kernel:
    """The emulator of one graph. Safe to call from several threads.

    Parameters
    ----------
    backend
        ``vector`` (dot-product instructions where the CPU has them), ``portable`` (generic vectors),
        ``interpreter`` (Numba) or ``reference``; None: the fastest that has every step. All give the same
        integers.

    Attributes
    ----------
    plan
        What was proven and chosen, one ``Layer`` per step; ``print(kernel.describe())`` shows it.
    columns
        Names of the event columns that are read.
    """

    def __init__(
        self, graph: Graph, outputs: Iterable[str] | None = None, backend: Backend | None = None
    ) -> None:
        self.graph = needed(graph, outputs)
        self.program: Program = lower(self.graph)
        wide = [v for v in self.program.values if v.rows and magnitude(v.interval) > LIMIT]
        self.backend, self.note = backend or "vector", ""
        self._runner: Runner | None = None
        if wide or backend == "reference":
            self.backend, self.note = "reference", f"{wide[0].name}: more than {LIMIT} bits" if wide else ""
        elif backend != "interpreter":
            target = Target(False) if backend == "portable" else host_target()
            try:
                self._runner = Runner(self.program, target)
            except NotVectorised as reason:
                self.backend, self.note = "interpreter", str(reason)
        self._segments = _segments(self.program) if self.backend == "interpreter" else []
        self.plan: Plan = describe(self.program, self.backend, self._runner.target if self._runner else None)
        used = [s.columns[r] for s in self.program.sources if s.columns for r in np.flatnonzero(s.used)]
        self.columns = tuple(dict.fromkeys(column[0] for column in used if column is not None))

    def describe(self) -> str:
        """The plan as a table, one line per step."""
        return str(self.plan)

    def run(self, events: Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on events: ``events["mu.pt"]`` of shape (slots, n); only the columns in use are touched.

        ``threads`` defaults to the CPUs this process may use.

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
        zeros = np.zeros(count, np.int16)
        rows: list[list[Array]] = []
        for source in self.program.sources:
            if source.columns is None:
                raise InputError(
                    "input has no event columns",
                    field=f"node {source.node.name}: source",
                    remedy="use run_array, or export the graph with its sources",
                )
            rows.append([])
            for column, used in zip(source.columns, source.used, strict=True):
                if column is None or not used:
                    rows[-1].append(zeros)
                    continue
                name, slot = column
                if name not in events or slot >= len(events[name]):
                    raise InputError(
                        "events lack this column",
                        field=f"node {source.node.name}: source",
                        value=f"{name}[{slot}]",
                    )
                rows[-1].append(events[name][slot])
        return self._run(rows, count, threads)

    def run_array(self, x: Array | Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on integers of shape (n_inputs, n), events along the last axis; results as ``run``."""
        arrays = x if isinstance(x, Mapping) else {self.program.sources[0].node.name: x}
        count = -1
        rows: list[list[Array]] = []
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
            rows.append(list(array))
        return self._run(rows, max(count, 0), threads)

    def run_rows(self, x: Array | Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on integers of shape (n, *shape); equals ``emulator.reference.evaluate`` bit for bit."""
        arrays = x if isinstance(x, Mapping) else {self.program.sources[0].node.name: x}
        columns = {}
        for source in self.program.sources:
            if source.node.name not in arrays:
                raise InputError("input is missing", field=f"node {source.node.name}")
            array = np.asarray(arrays[source.node.name])
            if array.shape[1:] != source.node.shape:
                raise InputError(
                    f"expected integers of shape (n, {', '.join(map(str, source.node.shape))})",
                    field=f"node {source.node.name}",
                    value=f"{array.dtype} {array.shape}",
                )
            columns[source.node.name] = np.ascontiguousarray(array.reshape(len(array), source.value.rows).T)
        results = {}
        for name, array in self.run_array(columns, threads).items():
            count = array.shape[-1]
            shaped = array.reshape(-1, count).T.reshape(count, *self.graph[name].shape)
            results[name] = shaped if array.dtype == object else shaped.astype(np.int64)
        return results

    def _run(self, rows: list[list[Array]], count: int, threads: int | None) -> dict[str, Array]:
        made = {
            value.number: np.empty((value.rows, count), result_dtype(value, self.graph))
            for value in self.program.outputs.values()
        }
        workers = threads or len(os.sched_getaffinity(0))
        if self._runner is not None:
            given = [
                [
                    row if not used else _as_type(row, dtype, source, r)
                    for r, (row, used) in enumerate(zip(value, source.used, strict=True))
                ]
                for value, dtype, source in zip(
                    rows, self._runner.input_types, self.program.sources, strict=True
                )
            ]
            if not self._runner(given, count, list(made.values()), workers):
                for source, value in zip(self.program.sources, rows, strict=True):
                    for r in np.flatnonzero(source.used):
                        check_row(source, int(r), value[r])
        else:
            self._run_blocks(rows, count, made, workers)
        results = {name: made[value.number] for name, value in self.program.outputs.items()}
        return {name: array[0] if len(array) == 1 else array for name, array in results.items()}

    def _run_blocks(self, rows: list[list[Array]], count: int, made: Held, workers: int) -> None:
        blocks = [(first, min(first + BLOCK, count)) for first in range(0, count, BLOCK)]

        def work(part: Array) -> None:
            for first, last in part:
                held: Held = {}
                for source, value in zip(self.program.sources, rows, strict=True):
                    block = np.zeros(
                        (len(value), last - first), object if self.backend == "reference" else np.int64
                    )
                    for r in np.flatnonzero(source.used):
                        block[r] = value[r][first:last]
                        check_row(source, int(r), block[r])
                    held[source.value.number] = block
                self._block(held, int(last - first))
                for number, array in made.items():
                    array[:, first:last] = held[number]

        workers = min(workers, len(blocks))
        parts = np.array_split(np.array(blocks, np.int64).reshape(-1, 2), max(workers, 1))
        if workers <= 1:
            work(parts[0])
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, parts))

    def _block(self, held: Held, count: int) -> None:
        if self.backend == "reference":
            inputs = {
                s.node.name: held[s.value.number].T.reshape(count, *s.node.shape)
                for s in self.program.sources
            }
            answers = evaluate(self.graph, inputs)
            for name, value in self.program.outputs.items():
                held[value.number] = answers[name].reshape(count, value.rows).T
        for segment in self._segments:
            segment(held, count)


def result_dtype(value: Value, graph: Graph) -> Any:
    """int32 where the proven range fits, int64, or Python integers beyond."""
    bits = magnitude(value.interval) if value.rows else 1
    return np.int32 if bits <= 32 else np.int64 if bits <= LIMIT else object


def _as_type(row: Array, dtype: np.dtype[Any], source: Source, r: int) -> Array:
    """A contiguous row in the word the kernel reads; values that would not survive are an error."""
    if row.dtype == dtype and row.flags.c_contiguous:
        return row
    if not np.can_cast(row.dtype, dtype):
        check_row(source, r, row)
    return np.ascontiguousarray(row.astype(dtype))


def _count(events: Mapping[str, Array], columns: tuple[str, ...]) -> int:
    for name in columns:
        if name in events:
            return int(events[name].shape[-1])
    return int(getattr(events, "n", 0))


def check_row(source: Source, r: int, row: Array) -> None:
    """Raise InputError if a value of input row ``r`` does not fit the type of its node."""
    type_ = source.node.type
    if not row.size or (row.min() >= type_.minimum and row.max() <= type_.maximum):
        return
    bad = row[(row < type_.minimum) | (row > type_.maximum)][0]
    texts = source.node.attributes.get("source")
    where = texts[r] if texts else f"element {r}"
    raise InputError(f"value does not fit {type_}", field=f"node {source.node.name}: {where}", value=int(bad))


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
