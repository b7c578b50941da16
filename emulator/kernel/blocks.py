"""Block after block through the portable interpreter, with the nodes that only the reference has between."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import EVALUATORS, Tensor, evaluate
from l1forge.emulator.kernel.encoding import Encoded
from l1forge.emulator.kernel.inputs import Rows, check_row
from l1forge.emulator.kernel.interpreter import run_block
from l1forge.emulator.kernel.program import AnyStep, Evaluated, Program

Array = NDArray[Any]
Held = dict[int, Array]
BLOCK = 512
"""Events that go through all layers at once: rows of a small network stay in the second-level cache."""


class Blocks:
    """``program`` interpreted, or (``graph`` given) all of it left to the reference."""

    def __init__(self, program: Program, graph: Graph | None = None, block: int = BLOCK) -> None:
        self.program, self.graph, self.block = program, graph, block
        self._segments = [] if graph else _segments(program)

    def __call__(self, rows: list[Rows], count: int, made: Held, workers: int) -> None:
        """Fill ``made`` (value number to (rows, count)) from the rows of every input."""
        edges = [(first, min(first + self.block, count)) for first in range(0, count, self.block)]

        def work(part: Array) -> None:
            for first, last in part:
                held: Held = {}
                for source, value in zip(self.program.sources, rows, strict=True):
                    block = np.zeros((len(value), last - first), object if self.graph else np.int64)
                    for r in np.flatnonzero(source.used):
                        block[r] = value[r][first:last]
                        check_row(source, int(r), block[r])
                    held[source.value.number] = block
                self._run(held, int(last - first))
                for number, array in made.items():
                    array[:, first:last] = held[number]

        workers = min(workers, len(edges))
        parts = np.array_split(np.array(edges, np.int64).reshape(-1, 2), max(workers, 1))
        if workers <= 1:
            work(parts[0])
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, parts))

    def _run(self, held: Held, count: int) -> None:
        if self.graph:
            inputs = {
                s.node.name: held[s.value.number].T.reshape(count, *s.node.shape)
                for s in self.program.sources
            }
            answers = evaluate(self.graph, inputs)
            for name, value in self.program.outputs.items():
                held[value.number] = answers[name].reshape(count, value.rows).T
        for segment in self._segments:
            segment(held, count)


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
