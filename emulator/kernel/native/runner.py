"""Calling a compiled program on rows of events: pointers, threads, the last incomplete tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.kernel.inputs import Rows
from l1forge.emulator.kernel.native.codegen import generate, input_width
from l1forge.emulator.kernel.native.machine import load_or_compile, signature
from l1forge.emulator.kernel.native.staging import CROWD, LINE, STRETCH, crowded, stage_bytes, staged
from l1forge.emulator.kernel.native.threads import run_together
from l1forge.emulator.kernel.native.vectors import TILE, Target
from l1forge.emulator.kernel.program import Program

Array = NDArray[Any]
MINIMUM_TILES = 64
"""Tiles a thread must have to be worth starting."""


class Runner:
    """One program in machine code. ``cached`` tells whether the object came from disk."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.target = program, target
        text, self.scratch_bytes = generate(program, target)
        self.input_types = [
            np.dtype(f"i{input_width(s.node.type.minimum, s.node.type.maximum) // 8}")
            for s in program.sources
        ]
        self.used = np.flatnonzero(np.concatenate([s.used for s in program.sources]))
        functions = ["kernel"]
        if len(self.used) > CROWD and all(dtype == np.int16 for dtype in self.input_types):
            self.scratch_bytes = -(-self.scratch_bytes // LINE) * LINE
            rows = sum(len(s.used) for s in program.sources)
            text += staged(self.used.tolist(), rows, self.scratch_bytes)
            functions.append("staged")
        self.machine, self.cached = load_or_compile(f"{signature(target)} {text}", lambda: text, functions)
        unique = {value.number: value for value in program.outputs.values()}
        self.output_values = list(unique.values())

    def __call__(self, rows: list[Rows], count: int, results: list[Array], threads: int) -> bool:
        """Compute ``count`` events.

        Parameters
        ----------
        rows
            For every input, its rows of ``count`` integers of ``input_types``.
        results
            For every output, an array (rows, count) that is filled.

        Returns
        -------
        Whether every input value was in the range of its type.
        """
        tiles, rest = divmod(count, TILE)
        good = True
        if tiles:
            good = self._parallel(_addresses(rows), _addresses(results), tiles, threads)
        if rest:
            padded = [
                np.zeros((len(value), TILE), dtype)
                for value, dtype in zip(rows, self.input_types, strict=True)
            ]
            for buffer, value in zip(padded, rows, strict=True):
                if isinstance(value, list):
                    for r, row in enumerate(value):
                        buffer[r, :rest] = row[count - rest : count]
                else:
                    buffer[:, :rest] = value[:, count - rest : count]
            finished = [np.empty((len(array), TILE), array.dtype) for array in results]
            given, taken = _addresses(padded), _addresses(finished)
            good &= not self._call(given, taken, 0, 1)
            for array, buffer in zip(results, finished, strict=True):
                array[:, count - rest :] = buffer[:, :rest]
        return good

    def _call(self, inputs: Array, outputs: Array, first: int, last: int) -> int:
        call, needed = self.machine.call, self.scratch_bytes
        if last - first > STRETCH and "staged" in self.machine.calls and crowded(inputs[self.used]):
            call, needed = self.machine.calls["staged"], needed + stage_bytes(self.used)
        scratch = np.empty(needed + LINE, np.uint8)
        aligned = -(-scratch.ctypes.data // LINE) * LINE
        return int(call(inputs.ctypes.data, outputs.ctypes.data, aligned, first, last))

    def _parallel(self, inputs: Array, outputs: Array, tiles: int, threads: int) -> bool:
        workers = max(1, min(threads, tiles // MINIMUM_TILES))
        edges = np.linspace(0, tiles, workers + 1).astype(int)

        def work(i: int) -> int:
            return self._call(inputs, outputs, int(edges[i]), int(edges[i + 1]))

        return not any(run_together(work, workers))


def _addresses(values: Sequence[Rows]) -> Array:
    """Where every row of every value begins."""
    parts = [
        np.array([row.__array_interface__["data"][0] for row in value], np.int64)
        if isinstance(value, list)
        else value.ctypes.data + np.arange(len(value)) * value.strides[0]
        for value in values
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
