"""A compiled graph: runs on columns of events or on arrays of integers, exactly as the reference does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel.builder import LIMIT
from l1forge.emulator.kernel.inputs import Rows, check_row, prepared
from l1forge.emulator.kernel.intervals import magnitude
from l1forge.emulator.kernel.lowering import lower, needed
from l1forge.emulator.kernel.native.codegen import NotVectorised
from l1forge.emulator.kernel.native.machine import host_target
from l1forge.emulator.kernel.native.runner import Runner
from l1forge.emulator.kernel.native.vectors import Target
from l1forge.emulator.kernel.plan import Plan, describe
from l1forge.emulator.kernel.program import Program, Value

Array = NDArray[Any]
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
        self._blocks: Callable[[list[Rows], int, Held, int], None] | None = None
        if self._runner is None:
            from l1forge.emulator.kernel.blocks import Blocks  # Numba: imported only when it is needed

            self._blocks = Blocks(self.program, self.graph if self.backend == "reference" else None)
        self.plan: Plan = describe(self.program, self.backend, self._runner.target if self._runner else None)
        used = [s.columns[r] for s in self.program.sources if s.columns for r in np.flatnonzero(s.used)]
        self.columns = tuple(dict.fromkeys(column[0] for column in used if column is not None))

    @property
    def cached(self) -> bool:
        """Whether the machine code came from the cache."""
        return self._runner is not None and self._runner.cached

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
        rows: list[Rows] = []
        for source in self.program.sources:
            if source.columns is None:
                raise InputError(
                    "input has no event columns",
                    file=self.graph.file,
                    field=f"node {source.node.name}: source",
                    remedy="import the model with --source, one event column for each input element",
                )
            own: list[Array] = []
            rows.append(own)
            for column, used in zip(source.columns, source.used, strict=True):
                if column is None or not used:
                    own.append(zeros)
                    continue
                name, slot = column
                if name not in events or slot >= len(events[name]):
                    raise InputError(
                        "events lack this column",
                        file=self.graph.file,
                        field=f"node {source.node.name}: source",
                        value=f"{name}[{slot}]",
                    )
                own.append(events[name][slot])
        return self._run(rows, count, threads)

    def run_array(self, x: Array | Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on integers of shape (n_inputs, n), events along the last axis; results as ``run``."""
        arrays = x if isinstance(x, Mapping) else {self.program.sources[0].node.name: x}
        count = -1
        rows: list[Rows] = []
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
            rows.append(array)
        return self._run(rows, max(count, 0), threads)

    def run_rows(self, x: Array | Mapping[str, Array], threads: int | None = None) -> dict[str, Array]:
        """Evaluate on integers of shape (n, *shape); equals ``graph.reference.evaluate`` bit for bit."""
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
            node = self.graph[name]
            shaped = array.reshape(node.size, count).T.reshape(count, *node.shape)
            results[name] = shaped if array.dtype == object else shaped.astype(np.int64)
        return results

    def _run(self, rows: list[Rows], count: int, threads: int | None) -> dict[str, Array]:
        made = {
            value.number: np.empty((value.rows, count), result_dtype(value, self.graph))
            for value in self.program.outputs.values()
        }
        workers = threads or len(os.sched_getaffinity(0))
        if self._runner is not None:
            words = zip(rows, self._runner.input_types, self.program.sources, strict=True)
            given = [prepared(value, dtype, source) for value, dtype, source in words]
            if not self._runner(given, count, list(made.values()), workers):
                for source, value in zip(self.program.sources, rows, strict=True):
                    for r in np.flatnonzero(source.used):
                        check_row(source, int(r), value[r])
        elif self._blocks is not None:
            self._blocks(rows, count, made, workers)
        results = {name: made[value.number] for name, value in self.program.outputs.items()}
        return {name: array[0] if len(array) == 1 else array for name, array in results.items()}


def result_dtype(value: Value, graph: Graph) -> Any:
    """int32 where the proven range fits, int64, or Python integers beyond."""
    bits = magnitude(value.interval) if value.rows else 1
    return np.int32 if bits <= 32 else np.int64 if bits <= LIMIT else object


def _count(events: Mapping[str, Array], columns: tuple[str, ...]) -> int:
    for name in columns:
        if name in events:
            return int(events[name].shape[-1])
    return int(getattr(events, "n", 0))
